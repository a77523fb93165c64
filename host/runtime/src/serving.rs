//! How a plugin answers an HTTP request: the body streams in and out while it runs, what it wrote is committed before the
//! head goes out, and when whoever asked goes away, the call ends.

use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use heptad_capabilities::extensions::{ExtensionsUnavailable, Outcome, Serving};
use heptad_model::id::InstallId;
use heptad_model::{Audience, Ctx, Millis, Point};
use http_body_util::BodyExt as _;
use hyper::body::{Body, Bytes, Frame};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tracing::Instrument as _;
use wasmtime_wasi_http::WasiBody;

use crate::asking::{Request, Terms, Unanswered};
use crate::effects::{Deadline, Effects};
use crate::no_call::NoCall;
use crate::points::incoming_handler::{Exchange, Respond};
use crate::runtime::Runtime;
use crate::sandbox;
use crate::tape::Tape;

/// How long a request waits for a sandbox and for its code.
const PATIENCE: Duration = Duration::from_secs(2);
/// Longer than any call: the sandbox's own time ends it.
const NEVER: Duration = Duration::from_secs(3_600);

/// Who sent a request, as the host found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visitor {
    /// The path of the route that fits, as in the manifest.
    pub route: String,
    /// For whom the route is.
    pub audience: Audience,
    /// `anonymous`, `customer`, `staff` or `owner`.
    pub role: &'static str,
    /// The id of the customer, person or token.
    pub user: Option<String>,
}

/// Why a request has no answer of the plugin's.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NoAnswer {
    /// The request's body has more bytes than this.
    #[error("the body has more than {0} bytes")]
    TooLarge(u64),
    /// The plugin was not asked, or failed.
    #[error("the call ended without an answer")]
    Ended {
        /// How the call ended.
        outcome: Outcome,
        /// When it may be asked again, where that is known.
        retry_at: Option<Millis>,
    },
}

/// How a call ended.
struct Ended {
    outcome: Outcome,
    retry_at: Option<Millis>,
}

impl Runtime {
    /// The tenant's plugin of this install, if it is enabled and has routes.
    pub async fn routed(&self, ctx: &Ctx, install: InstallId) -> Result<Option<Arc<Serving>>, ExtensionsUnavailable> {
        let serving = self.installs.serving(ctx, Point::HttpRoute).await?;
        Ok(serving.into_iter().find(|serving| serving.install == install))
    }

    /// Has the plugin answer the request. The response's body ends well only when the call does.
    pub async fn respond<B>(
        self: &Arc<Self>,
        ctx: Ctx,
        serving: Arc<Serving>,
        visitor: Visitor,
        request: http::Request<B>,
    ) -> Result<http::Response<RouteBody>, NoAnswer>
    where
        B: Body<Data = Bytes> + Send + Unpin + 'static,
    {
        let limits = self.installs.known_limits(ctx.tenant().id);
        let most = match visitor.audience {
            Audience::Webhook => limits.webhook_request_bytes,
            Audience::Public | Audience::Customer | Audience::Staff => limits.route_request_bytes,
        };
        if request.body().size_hint().lower() > most {
            return Err(NoAnswer::TooLarge(most));
        }
        let is_head = request.method() == http::Method::HEAD;
        let deadline = Arc::new(Deadline::new(Instant::now() + NEVER));
        let exchange = Arc::new(Exchange::new(most, limits.route_response_bytes, deadline.clone()));
        let request = request.map(|body| RequestBody { body, exchange: exchange.clone() }.boxed_unsync());
        let (send_head, head) = oneshot::channel();
        let (send_end, end) = oneshot::channel();
        let respond = Respond::new(request, send_head, exchange.clone());
        let terms = Terms {
            lines: 0,
            at: self.env.now(),
            tape: Tape::counting(),
            effects: Effects::writing(deadline, self.ration.payer(ctx.tenant().id, serving.install)),
            visitor: Some(Arc::new(visitor)),
            delivery: None,
        };
        let runtime = self.clone();
        let running = async move {
            let ended = runtime.run_route(&ctx, &serving, terms, respond).await;
            // Nobody waits for it any more where the other side has gone.
            let _ = send_end.send(ended);
        };
        let call = Running(Some(tokio::spawn(running.instrument(tracing::Span::current()))));
        match head.await {
            Ok(_) if exchange.is_too_large() => Err(NoAnswer::TooLarge(most)),
            Ok(response) => {
                let is_bare = is_head || matches!(response.status().as_u16(), 204 | 304);
                let response =
                    response.map(|body| RouteBody { body: Some(body), end: Some(end), exchange, call: Some(call) });
                Ok(if is_bare { response.map(RouteBody::drained) } else { response })
            }
            Err(_) => match end.await {
                _ if exchange.is_too_large() => Err(NoAnswer::TooLarge(most)),
                Ok(Ended { outcome, retry_at }) => Err(NoAnswer::Ended { outcome, retry_at }),
                Err(_) => {
                    let (outcome, _) = NoCall::Cancelled.told();
                    Err(NoAnswer::Ended { outcome, retry_at: None })
                }
            },
        }
    }

    async fn run_route(&self, ctx: &Ctx, serving: &Serving, terms: Terms, respond: Respond) -> Ended {
        let (point, now, begun) = (Point::HttpRoute, self.env.now(), Instant::now());
        let request = Request { ctx, serving, point, until: begun + PATIENCE, now, begun, is_retry: false };
        let unanswered = Unanswered { runtime: self, request: &request };
        let asked = self.ask(&request, terms, respond).await;
        let _answered = ManuallyDrop::new(unanswered);
        match asked {
            Ok((answer, ran)) => {
                self.note(&request, &answer.trace, Some(ran));
                Ended { outcome: answer.trace.outcome, retry_at: None }
            }
            Err(no_call) => {
                let trace = sandbox::not_called(&self.env, serving, point, &no_call);
                self.note(&request, &trace, None);
                Ended { outcome: trace.outcome, retry_at: no_call.retry_at(now) }
            }
        }
    }
}

/// A call that runs as a task of its own; dropped, it ends.
struct Running(Option<JoinHandle<()>>);

impl Running {
    /// Lets the call come to its end by itself.
    fn leave(&mut self) {
        self.0 = None;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

/// The body of a request on its way to the plugin, bounded. Trailers stay behind.
struct RequestBody<B> {
    body: B,
    exchange: Arc<Exchange>,
}

impl<B: Body<Data = Bytes> + Unpin> Body for RequestBody<B> {
    type Data = Bytes;
    type Error = wasmtime_wasi_http::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(context));
        Poll::Ready(match frame.map(|frame| frame.map(Frame::into_data)) {
            None | Some(Ok(Err(_))) => None,
            Some(Ok(Ok(bytes))) => match self.exchange.read(bytes.len()) {
                Ok(()) => Some(Ok(Frame::data(bytes))),
                Err(most) => Some(Err(wasmtime_wasi_http::Error::HttpRequestBodySize(Some(most)))),
            },
            Some(Err(_)) => Some(Err(wasmtime_wasi_http::Error::ConnectionTerminated)),
        })
    }
}

/// A response's body breaks off.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BrokenOff {
    /// It is larger than it may be.
    #[error("the response's body has more than {0} bytes")]
    TooLarge(u64),
    /// The plugin did not finish it.
    #[error("the plugin did not finish the response: {0}")]
    Unfinished(String),
}

/// The body of a plugin's response: bounded, without trailers, and broken off where the call fails. Dropped before its end,
/// it ends the call.
pub struct RouteBody {
    body: Option<WasiBody>,
    end: Option<oneshot::Receiver<Ended>>,
    exchange: Arc<Exchange>,
    call: Option<Running>,
}

impl RouteBody {
    /// No body at all, where HTTP has none: what the plugin sends is read and left away.
    fn drained(self) -> Self {
        let exchange = self.exchange.clone();
        tokio::spawn(self.collect());
        Self { body: None, end: None, exchange, call: None }
    }

    fn broken(&mut self, why: BrokenOff) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        (self.body, self.end) = (None, None);
        Poll::Ready(Some(Err(why)))
    }
}

impl Body for RouteBody {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        while let Some(body) = &mut self.body {
            match std::task::ready!(Pin::new(body).poll_frame(context)) {
                Some(Ok(frame)) => {
                    let Ok(bytes) = frame.into_data() else { continue };
                    if let Err(most) = self.exchange.sent(bytes.len()) {
                        // The call goes on for a moment and learns why it ends.
                        if let Some(call) = &mut self.call {
                            call.leave();
                        }
                        return self.broken(BrokenOff::TooLarge(most));
                    }
                    return Poll::Ready(Some(Ok(Frame::data(bytes))));
                }
                Some(Err(error)) => return self.broken(BrokenOff::Unfinished(format!("{error:?}"))),
                None => self.body = None,
            }
        }
        let Some(end) = &mut self.end else { return Poll::Ready(None) };
        match std::task::ready!(Pin::new(end).poll(context)) {
            Ok(Ended { outcome: Outcome::Answered, .. }) => {
                self.end = None;
                Poll::Ready(None)
            }
            Ok(Ended { outcome: Outcome::Failed { code, .. } | Outcome::Skipped { code, .. }, .. }) => {
                self.broken(BrokenOff::Unfinished(code))
            }
            Err(_) => self.broken(BrokenOff::Unfinished("cancelled".to_owned())),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_none() && self.end.is_none()
    }
}
