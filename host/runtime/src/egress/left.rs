//! Requests that a plugin left to be sent after what it wrote was committed.

use std::time::{Duration, Instant};

use heptad_capabilities::extensions::Serving;
use heptad_model::time::span::SECOND;
use heptad_model::{Actor, Ctx, Limit, Millis, Origin};
use heptad_outbound::{By, host_of};
use heptad_platform::enqueued::EnqueuedRequest;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;

use super::{Egress, Refusal, Sender};
use crate::installs::Installed;
use crate::quota::day;
use crate::runtime::Runtime;

/// Longer than any request may take: the shop's limit ends it.
const NEVER: Duration = Duration::from_secs(120);
/// When a request is tried again that met a limit of this moment.
const SOON: i64 = SECOND;

/// What the other server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The status.
    pub status: u16,
    /// The beginning of the body, as it came.
    pub start: Vec<u8>,
}

/// Why a request that was left was not sent, or has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct NotSent {
    /// The stable word.
    pub code: &'static str,
    /// In words for the log.
    pub message: String,
    /// What another attempt would meet.
    pub then: Again,
}

/// What another attempt at a request would meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// The same.
    Never,
    /// Perhaps another answer.
    Retry,
    /// Another moment: that it was not sent now says nothing about the request.
    NotBefore(Millis),
}

impl NotSent {
    fn of(refusal: &Refusal, now: Millis) -> Self {
        let then = match refusal {
            Refusal::Limit(Limit::OutboundPerDay, _) => Again::NotBefore(day(now).1),
            Refusal::Limit(..) | Refusal::Unaudited => Again::NotBefore(now.plus(SOON)),
            refusal if refusal.is_final() => Again::Never,
            _ => Again::Retry,
        };
        Self { code: refusal.code(), message: refusal.to_string(), then }
    }
}

impl Runtime {
    /// Sends what the plugin left, and reads at most so many bytes of the answer. `key` names it to the other side, the same
    /// at each attempt.
    pub async fn send_left(
        &self,
        ctx: &Ctx,
        serving: &Serving,
        request: EnqueuedRequest,
        key: String,
        most: usize,
    ) -> Result<Sent, NotSent> {
        let now = self.env.now();
        let gone = || NotSent {
            code: "changed",
            message: "the plugin was changed or switched off meanwhile".to_owned(),
            then: Again::NotBefore(now.plus(SOON)),
        };
        let installed = self.installs.find(ctx, serving).await.ok().flatten().ok_or_else(gone)?;
        let actor = Actor::Plugin(serving.install);
        let sender = Sender {
            egress: self.egress.clone(),
            ctx: Origin { actor, ..ctx.origin().clone() }.for_tenant(ctx.tenant().clone()),
            installed,
            call: None,
            by: By::Enqueued,
            until: Instant::now() + NEVER,
            key: Some(key),
        };
        let not_sent = |refusal: Refusal| NotSent::of(&refusal, now);
        let head = head(&request).map_err(not_sent)?;
        let body = Full::new(Bytes::from(request.body)).map_err(|never| match never {}).boxed_unsync();
        let answer = sender.send(head.map(|()| body), None).await.map_err(not_sent)?;
        let (head, mut body) = answer.into_parts();
        let mut start = Vec::new();
        while start.len() < most
            && let Some(Ok(frame)) = body.frame().await
        {
            if let Some(data) = frame.data_ref() {
                start.extend_from_slice(&data[..data.len().min(most - start.len())]);
            }
        }
        Ok(Sent { status: head.status.as_u16(), start })
    }
}

/// Whether a request may be left at all: as far as can be told before it is sent.
pub(crate) fn may_leave(egress: &Egress, installed: &Installed, request: &EnqueuedRequest) -> Result<(), Refusal> {
    let head = head(request)?;
    let host = host_of(head.uri())?;
    egress.admit(installed, &host, head.uri())?;
    egress.look_through(installed, &host, &head.into_parts().0, &request.body)
}

/// The request without its body.
fn head(request: &EnqueuedRequest) -> Result<Request<()>, Refusal> {
    let mut head = Request::builder().method(request.method.as_str()).uri(&request.url);
    for (name, value) in &request.headers {
        head = head.header(name, value);
    }
    head.body(()).map_err(|error| Refusal::Malformed(error.to_string()))
}
