//! Requests that a plugin left to be sent after what it wrote was committed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use heptad_capabilities::extensions::Serving;
use heptad_model::id::CallId;
use heptad_model::{Actor, Ctx, Origin, Point};
use heptad_outbound::{By, host_of};
use heptad_platform::enqueued::EnqueuedRequest;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use wasmtime_wasi_http::WasiBody;

use super::{Egress, Refusal, Sender};
use crate::installs::Installed;
use crate::runtime::Runtime;

/// Longer than any request may take: the shop's limit ends it.
const NEVER: Duration = Duration::from_secs(120);
/// How much of the answer is kept for the log of deliveries.
const KEPT: usize = 1_024;

/// What the other server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The status.
    pub status: u16,
    /// The beginning of the body, as text.
    pub text: String,
}

/// Why a request that was left was not sent, or has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct NotSent {
    /// The stable word.
    pub code: &'static str,
    /// In words for the log.
    pub message: String,
    /// Whether another attempt cannot succeed.
    pub is_final: bool,
}

impl From<Refusal> for NotSent {
    fn from(refusal: Refusal) -> Self {
        Self { code: refusal.code(), message: refusal.to_string(), is_final: refusal.is_final() }
    }
}

impl Runtime {
    /// Sends what the plugin left. `key` names it to the other side, the same at each attempt.
    pub async fn send_left(
        &self,
        ctx: &Ctx,
        serving: &Serving,
        request: EnqueuedRequest,
        key: String,
    ) -> Result<Sent, NotSent> {
        let gone = || NotSent {
            code: "changed",
            message: "the plugin was changed or switched off meanwhile".to_owned(),
            is_final: false,
        };
        let installed = self.installs.find(ctx, serving).await.ok().flatten().ok_or_else(gone)?;
        let actor = Actor::Plugin(serving.install);
        let sender = Sender {
            egress: self.egress.clone(),
            ctx: Origin { actor, ..ctx.origin().clone() }.for_tenant(ctx.tenant().clone()),
            installed,
            call: CallId::generate(&self.env),
            point: Point::EventHandle,
            by: By::Enqueued,
            until: Instant::now() + NEVER,
            key: Some(key),
        };
        let answer = sender.send(made(request)?, None).await?;
        let (head, mut body) = answer.into_parts();
        let mut start = Vec::new();
        while start.len() < KEPT
            && let Some(Ok(frame)) = body.frame().await
        {
            if let Some(data) = frame.data_ref() {
                start.extend_from_slice(&data[..data.len().min(KEPT - start.len())]);
            }
        }
        Ok(Sent { status: head.status.as_u16(), text: String::from_utf8_lossy(&start).into_owned() })
    }
}

/// Whether a request may be left at all: as far as can be told before it is sent.
pub(crate) fn may_leave(egress: &Egress, installed: &Arc<Installed>, request: &EnqueuedRequest) -> Result<(), Refusal> {
    let made = made(request.clone())?;
    let host = host_of(made.uri())?;
    egress.admit(installed, &host, &made)?;
    egress.look_through(installed, &host, made.headers(), made.uri(), &request.body)
}

fn made(request: EnqueuedRequest) -> Result<Request<WasiBody>, Refusal> {
    let EnqueuedRequest { method, url, headers, body } = request;
    let mut made = Request::builder().method(method.as_str()).uri(url);
    for (name, value) in &headers {
        made = made.header(name, value);
    }
    let body = Full::new(Bytes::from(body)).map_err(|never| match never {}).boxed_unsync();
    made.body(body).map_err(|error| Refusal::Malformed(error.to_string()))
}
