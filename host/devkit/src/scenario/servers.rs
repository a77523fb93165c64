//! Servers elsewhere, as a scenario says that they answer.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use heptad_outbound::Stage;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde_json::Value;
use tokio::io::{DuplexStream, duplex};

use super::file::ServerIn;

/// Bytes under way on a connection.
const BUFFER: usize = 64 << 10;

/// A request that a plugin has sent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct SentRequest {
    host: String,
    method: String,
    path: String,
    headers: BTreeMap<String, String>,
    /// JSON where it is JSON, else a text.
    body: Value,
}

/// The servers, and what was sent to them since somebody looked.
#[derive(Clone)]
pub(super) struct Servers {
    answers: Arc<Vec<ServerIn>>,
    sent: Arc<Mutex<Vec<SentRequest>>>,
}

impl Servers {
    pub(super) fn new(answers: Vec<ServerIn>) -> Self {
        Self { answers: Arc::new(answers), sent: Arc::default() }
    }

    /// What was sent since the last time.
    pub(super) fn take(&self) -> Vec<SentRequest> {
        std::mem::take(&mut self.sent.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn answer(&self, host: &str, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let headers = head.headers.iter().map(|(name, value)| (name.to_string(), text(value.as_bytes()))).collect();
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let sent = SentRequest {
            host: host.to_owned(),
            method: head.method.to_string(),
            path: path.clone(),
            headers,
            body: serde_json::from_slice(&body).unwrap_or_else(|_| Value::String(text(&body))),
        };
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).push(sent);
        let answers = |one: &&ServerIn| {
            one.host == host
                && one.path.as_ref().is_none_or(|wanted| *wanted == path)
                && one.method.as_ref().is_none_or(|wanted| *wanted == head.method.as_str())
        };
        let (status, body) = match self.answers.iter().find(answers) {
            Some(answer) => (answer.status, body_of(&answer.body)),
            None => (404, "the scenario has no [[servers]] entry for this request".to_owned()),
        };
        let mut response = Response::new(Full::from(body));
        *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::BAD_GATEWAY);
        response
    }
}

/// A body as a scenario writes it: a text as it is, anything else as JSON.
pub(super) fn body_of(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

impl Stage for Servers {
    fn connect(&self, host: &str) -> io::Result<DuplexStream> {
        if !self.answers.iter().any(|answer| answer.host == host) {
            return Err(io::Error::new(io::ErrorKind::NotFound, format!("the scenario has no server {host}")));
        }
        let (ours, theirs) = duplex(BUFFER);
        let (servers, host) = (self.clone(), host.to_owned());
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let (servers, host) = (servers.clone(), host.clone());
                async move { Ok::<_, Infallible>(servers.answer(&host, request).await) }
            });
            // The plugin sees a broken connection as what it is.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(theirs), service).await;
        });
        Ok(ours)
    }
}
