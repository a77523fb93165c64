//! `wasi:http/incoming-handler`: a request with its body goes in, and the response comes out while the handler runs.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use heptad_bindings::host::heptad::types::types::{Error, ErrorKind};
use heptad_capabilities::extensions::LimitReached;
use heptad_model::Limit;
use tokio::sync::oneshot;
use wasmtime::Store;
use wasmtime_wasi_http::WasiBody;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;

use super::{Ask, absent, bad};
use crate::call::Call;
use crate::code::Code;
use crate::effects::Deadline;

/// What the bodies of a request and its response tell of each other, and the call of both.
pub(crate) struct Exchange {
    read: AtomicU64,
    most_read: u64,
    is_too_large: AtomicBool,
    sent: AtomicU64,
    most_sent: u64,
    over: OnceLock<LimitReached>,
    deadline: Arc<Deadline>,
    /// Whether there was a head.
    is_answered: AtomicBool,
    /// What the plugin said in place of a response.
    refusal: OnceLock<String>,
}

impl Exchange {
    pub(crate) fn new(most_read: u64, most_sent: u64, deadline: Arc<Deadline>) -> Self {
        Self {
            read: AtomicU64::new(0),
            most_read,
            is_too_large: AtomicBool::new(false),
            sent: AtomicU64::new(0),
            most_sent,
            over: OnceLock::new(),
            deadline,
            is_answered: AtomicBool::new(false),
            refusal: OnceLock::new(),
        }
    }

    /// Counts bytes of the request's body; the most that there may be where they are more.
    pub(crate) fn read(&self, bytes: usize) -> Result<(), u64> {
        let read = self.read.fetch_add(bytes as u64, Ordering::AcqRel) + bytes as u64;
        if read <= self.most_read {
            return Ok(());
        }
        self.is_too_large.store(true, Ordering::Release);
        Err(self.most_read)
    }

    /// Counts bytes of the response's body; where they are more than there may be, the call ends.
    pub(crate) fn sent(&self, bytes: usize) -> Result<(), u64> {
        let sent = self.sent.fetch_add(bytes as u64, Ordering::AcqRel) + bytes as u64;
        if sent <= self.most_sent {
            return Ok(());
        }
        let _ = self.over.set(LimitReached { limit: Limit::ResponseBody, most: self.most_sent });
        self.deadline.lower(Instant::now());
        Err(self.most_sent)
    }

    /// Whether the request's body is larger than it may be.
    pub(crate) fn is_too_large(&self) -> bool {
        self.is_too_large.load(Ordering::Acquire)
    }
}

type Head = oneshot::Sender<http::Response<WasiBody>>;

/// Asks a plugin to answer a request.
pub(crate) struct Respond {
    /// Taken by the call.
    asked: Mutex<Option<(http::Request<WasiBody>, Head)>>,
    bytes: usize,
    exchange: Arc<Exchange>,
}

impl Respond {
    pub(crate) fn new(request: http::Request<WasiBody>, head: Head, exchange: Arc<Exchange>) -> Self {
        let headers = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len());
        let bytes = headers.sum::<usize>() + request.uri().to_string().len();
        Self { asked: Mutex::new(Some((request, head))), bytes, exchange }
    }
}

impl Ask for Respond {
    type Reply = ();

    fn bytes(&self) -> usize {
        self.bytes
    }

    fn streamed(&self) -> (u64, u64) {
        (self.exchange.read.load(Ordering::Acquire), self.exchange.sent.load(Ordering::Acquire))
    }

    fn beyond(&self) -> Option<LimitReached> {
        self.exchange.over.get().cloned()
    }

    async fn ask(&self, code: &Code, store: &mut Store<Call>) -> wasmtime::Result<Result<(), Error>> {
        let plugin = code.incoming_handler.as_ref().ok_or_else(absent)?.instantiate_async(&mut *store).await?;
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (request, head) = asked.ok_or_else(|| bad("the request was taken before"))?;
        let scheme = match request.uri().scheme_str() {
            Some("https") => Scheme::Https,
            _ => Scheme::Http,
        };
        let mut http = store.data_mut().wasi.http();
        let request = http.new_incoming_request(scheme, request)?;
        let exchange = self.exchange.clone();
        let out = http.new_response_outparam_from_callback(move |answer| {
            exchange.is_answered.store(true, Ordering::Release);
            match answer {
                // Who asked may have gone away just now.
                Ok(response) => drop(head.send(response)),
                Err(code) => drop(exchange.refusal.set(format!("{code:?}"))),
            }
        })?;
        let handled = plugin.wasi_http_incoming_handler().call_handle(store, request, out).await;
        if let Some(said) = self.exchange.refusal.get() {
            let said = said.chars().take(200).collect();
            return Ok(Err(Error { kind: ErrorKind::Other, code: "http-error".to_owned(), message: said }));
        }
        match handled {
            // That the request was too large is not the plugin's doing.
            Err(_) if self.exchange.is_too_large() => {
                Err(LimitReached { limit: Limit::RequestBody, most: self.exchange.most_read }.into())
            }
            Err(error) => Err(error),
            Ok(()) if self.exchange.is_answered.load(Ordering::Acquire) => Ok(Ok(())),
            Ok(()) => Err(bad("the handler came to its end without a response")),
        }
    }
}
