//! A request on its way: what it weighs, how long it takes, and how it ends, for the audit log. It ends with the last byte
//! of the answer, or when the guest lets go of it.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use heptad_model::Tenant;
use heptad_model::id::{CallId, InstallId};
use heptad_outbound::AnswerBody;
use http::{Method, StatusCode};
use hyper::body::{Body, Bytes, Frame, SizeHint};
use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;
use wasmtime_wasi_http::{Error, WasiBody};

use super::refusal::of_sending;
use super::secrets::{Mask, Secrets};
use super::{Egress, Refusal, Sender};

/// A request that was sent, or was not: a row of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Departure {
    #[serde(skip)]
    pub(crate) install: InstallId,
    /// Whether it was held back for what is in it.
    #[serde(skip)]
    pub(crate) is_blocked: bool,
    pub(crate) plugin: String,
    /// `plugin`, or `enqueued` for what it left.
    pub(crate) by: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) call: Option<CallId>,
    pub(crate) method: String,
    pub(crate) host: String,
    /// The status of the answer, if there was one.
    pub(crate) status: Option<u16>,
    /// Bytes of the body that went out, and of the one that came back.
    pub(crate) bytes_out: u64,
    pub(crate) bytes_in: u64,
    pub(crate) micros: u64,
    /// `answered`, `cancelled`, or the code of what went wrong.
    pub(crate) outcome: &'static str,
}

impl Departure {
    /// The audit log's word for it.
    pub(crate) const fn action(&self) -> &'static str {
        if self.is_blocked { "outbound.blocked" } else { "outbound.sent" }
    }
}

/// A request on its way; dropped, it is put down as it is then.
pub(super) struct Journey {
    egress: Arc<Egress>,
    tenant: Arc<Tenant>,
    departure: Departure,
    begun: Instant,
    sent: Arc<AtomicU64>,
    _slot: Option<OwnedSemaphorePermit>,
}

impl Journey {
    pub(super) fn begin(sender: &Sender, host: String, method: &Method) -> Self {
        let serving = &sender.installed.serving;
        let departure = Departure {
            install: serving.install,
            is_blocked: false,
            plugin: serving.manifest.name.clone(),
            by: sender.by.name(),
            call: sender.call,
            method: method.as_str().to_owned(),
            host,
            status: None,
            bytes_out: 0,
            bytes_in: 0,
            micros: 0,
            outcome: "cancelled",
        };
        let (egress, tenant) = (sender.egress.clone(), sender.ctx.tenant().clone());
        Self { egress, tenant, departure, begun: Instant::now(), sent: Arc::default(), _slot: None }
    }

    /// Takes one of the plugin's places, until the end.
    pub(super) fn holds(&mut self, slot: OwnedSemaphorePermit) {
        self._slot = Some(slot);
    }

    /// Where the bytes of the request's body are counted.
    pub(super) fn sent(&self) -> Arc<AtomicU64> {
        self.sent.clone()
    }

    pub(super) fn answered(&mut self, status: StatusCode) {
        self.departure.status = Some(status.as_u16());
        self.departure.outcome = "answered";
    }

    pub(super) fn failed(&mut self, code: &'static str) {
        self.departure.outcome = code;
    }

    pub(super) fn refused(&mut self, refusal: &Refusal) {
        self.failed(refusal.code());
        self.departure.is_blocked = refusal.is_block();
    }
}

impl Drop for Journey {
    fn drop(&mut self) {
        let mut departure = self.departure.clone();
        departure.bytes_out = self.sent.load(Ordering::Acquire);
        departure.micros = u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.egress.reporter.departed(&self.tenant, departure);
    }
}

/// The body of a request, counted on its way out.
pub(super) struct Departing {
    body: WasiBody,
    sent: Arc<AtomicU64>,
}

impl Departing {
    pub(super) const fn new(body: WasiBody, sent: Arc<AtomicU64>) -> Self {
        Self { body, sent }
    }
}

impl Body for Departing {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let Some(bytes) = frame.as_ref().and_then(|frame| frame.as_ref().ok()).and_then(Frame::data_ref) {
            self.sent.fetch_add(bytes.len() as u64, Ordering::AcqRel);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The body of an answer, counted on its way in.
pub(super) struct Arriving {
    body: AnswerBody,
    /// Takes secrets out, if some went along.
    mask: Option<Mask>,
    journey: Journey,
}

impl Arriving {
    pub(super) fn new(body: AnswerBody, secrets: Secrets, journey: Journey) -> Self {
        let mask = (!secrets.is_empty()).then(|| Mask::new(secrets));
        Self { body, mask, journey }
    }
}

impl Body for Arriving {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        Poll::Ready(match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
            None => {
                let rest = self.mask.take().map(|mut mask| mask.rest());
                rest.filter(|rest| !rest.is_empty()).map(|rest| Ok(Frame::data(rest)))
            }
            Some(Ok(frame)) => {
                self.journey.departure.bytes_in += frame.data_ref().map_or(0, |data| data.len() as u64);
                match &mut self.mask {
                    // A secret may stand in trailers, too; nothing is held back any more where they come.
                    Some(mask) if frame.is_trailers() => {
                        let rest = mask.rest();
                        self.mask = None;
                        Some(Ok(Frame::data(rest)))
                    }
                    Some(mask) => Some(Ok(frame.map_data(|data| mask.pass(&data)))),
                    None => Some(Ok(frame)),
                }
            }
            Some(Err(error)) => {
                self.journey.failed(error.code());
                Some(Err(of_sending(&error)))
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.mask.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        if self.mask.is_some() { SizeHint::default() } else { self.body.size_hint() }
    }
}
