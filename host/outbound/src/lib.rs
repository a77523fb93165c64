//! The one way out: every request of the host to somebody else's server goes through [`Outbound`].
//!
//! It resolves the name itself, refuses addresses that are not of the public internet ([`address`]) unless the operator
//! allows their range, and connects to the very address that it has checked, so that a name which answers otherwise a
//! moment later leads nowhere. It follows no redirect: whoever asked sees it, and a next request is checked like the first.
//! Each request has a connection of its own, which ends with its answer: none is ever shared, between tenants or at all.
//! Time, heads and bodies are bounded ([`Bounds`]), both ways.
//!
//! It knows no tenant, plugin or database. Who may send what to whom is decided before. Start with [`Outbound::stream`];
//! [`Outbound::send`] is the same for small bodies. To add a range that is refused: a row in [`address`].

pub mod address;
mod body;
mod connect;
mod error;
mod resolve;
mod stage;

use std::sync::Arc;
use std::time::{Duration, Instant};

use heptad_model::metric;
use http::header::{self, HeaderName, HeaderValue};
use http::{Request, Response, Uri, Version};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Body, Bytes};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use metrics::{counter, histogram};
use tokio::time::{Instant as Deadline, timeout_at};
use tokio_rustls::TlsConnector;

pub use address::{Range, Ranges, Refused};
pub use body::AnswerBody;
pub use error::{RootsError, SendError};
pub use resolve::{Resolve, Resolving, SystemResolver};
pub use stage::Stage;

use body::Driver;
use connect::{Io, Target};

/// An error of a body that is sent.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// Headers that belong to one connection, or that say where the body ends: the connection's own code sets them.
const OF_THE_CONNECTION: [HeaderName; 9] = [
    header::CONNECTION,
    header::HOST,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
];
/// The most headers of an answer.
const HEADERS: usize = 100;
/// The least that hyper reads a head into.
const LEAST_HEAD: usize = 8 * 1_024;

/// On whose behalf a request is sent; a label of metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// A webhook.
    Webhook,
    /// A plugin, while it runs.
    Plugin,
    /// A plugin, after what it did was committed.
    Enqueued,
    /// A command of a person.
    Command,
}

impl By {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Plugin => "plugin",
            Self::Enqueued => "enqueued",
            Self::Command => "command",
        }
    }
}

/// The one way to write the host of an address: in lower case, with its port where that is not the scheme's own. An address
/// of IPv6 is in brackets and in its short form.
pub fn host_of(uri: &Uri) -> Result<String, SendError> {
    Ok(Target::of(uri)?.name())
}

/// How much one request may take.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// For name, connection and TLS together.
    pub connect: Duration,
    /// From the connection to the head of the answer.
    pub head: Duration,
    /// From the beginning to the last byte of the answer.
    pub total: Duration,
    /// Bytes of method, address and headers of the request, and of the answer's head; at least 8 KiB for the latter.
    pub head_bytes: usize,
    /// Bytes of the request's body.
    pub request_bytes: usize,
    /// Bytes of the answer's body.
    pub answer_bytes: usize,
}

impl Default for Bounds {
    /// For small messages: 5 s to connect, 15 s in all, 16 KiB of head, 1 MiB out, 256 KiB back.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            head: Duration::from_secs(15),
            total: Duration::from_secs(15),
            head_bytes: 16 << 10,
            request_bytes: 1 << 20,
            answer_bytes: 256 << 10,
        }
    }
}

/// The way out. Cheap to clone.
#[derive(Clone)]
pub struct Outbound {
    allowed: Arc<Ranges>,
    resolver: Arc<dyn Resolve>,
    tls: TlsConnector,
    /// Stands in for the network, where nothing leaves this machine.
    stage: Option<Arc<dyn Stage>>,
}

impl std::fmt::Debug for Outbound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbound").field("allowed", &self.allowed).finish_non_exhaustive()
    }
}

impl Outbound {
    /// With the operator's allowed ranges, and the roots of Mozilla and those of `roots`, certificates in PEM, which may be
    /// empty.
    pub fn new(allowed: Ranges, roots: &[u8]) -> Result<Self, RootsError> {
        Self::with_resolver(allowed, roots, Arc::new(SystemResolver))
    }

    /// The same, with names resolved by another one than the system.
    pub fn with_resolver(allowed: Ranges, roots: &[u8], resolver: Arc<dyn Resolve>) -> Result<Self, RootsError> {
        Ok(Self { allowed: Arc::new(allowed), resolver, tls: connect::tls(roots)?, stage: None })
    }

    /// No network at all: every connection, whatever its host, goes to the stage.
    pub fn staged(stage: Arc<dyn Stage>) -> Result<Self, RootsError> {
        Ok(Self { stage: Some(stage), ..Self::new(Ranges::NONE, b"")? })
    }

    /// Whether a request could go to this address at all, as far as its text tells: its form, and the address where the
    /// host is one. Names are resolved when a request is sent.
    pub fn check(&self, uri: &Uri) -> Result<(), SendError> {
        let target = Target::of(uri)?;
        match target.literal() {
            Some(address) => self.allowed.check(address).map_err(SendError::Refused),
            None => Ok(()),
        }
    }

    /// The same, and that nobody on the way reads along: `https`, or `http` to an address that is not of the public internet
    /// and that the operator allows, for tests and development.
    pub fn check_private(&self, uri: &Uri) -> Result<(), SendError> {
        self.check(uri)?;
        let target = Target::of(uri)?;
        let is_here = |address| Ranges::NONE.check(address).is_err();
        match target.is_tls() || target.literal().is_some_and(is_here) {
            true => Ok(()),
            false => Err(SendError::Address("it does not begin with https://")),
        }
    }

    /// Sends a request with a small body, and reads the whole answer.
    pub async fn send(
        &self,
        by: By,
        mut request: Request<Bytes>,
        bounds: &Bounds,
    ) -> Result<Response<Bytes>, SendError> {
        request.headers_mut().remove(header::CONTENT_LENGTH);
        let answer = self.stream(by, request.map(Full::new), bounds).await?;
        let (head, body) = answer.into_parts();
        Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
    }

    /// Sends a request whose body comes as it is made, and gives the answer's head as soon as it is there. The connection
    /// ends when the body is read or dropped.
    pub async fn stream<B>(
        &self,
        by: By,
        request: Request<B>,
        bounds: &Bounds,
    ) -> Result<Response<AnswerBody>, SendError>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BodyError>,
    {
        let begun = Instant::now();
        let answer = self.exchange(request, bounds).await;
        let outcome = answer.as_ref().err().map_or("answered", SendError::code);
        counter!(metric::OUTBOUND_REQUESTS_TOTAL.name, "by" => by.name(), "outcome" => outcome).increment(1);
        histogram!(metric::OUTBOUND_SECONDS.name, "by" => by.name()).record(begun.elapsed());
        answer
    }

    async fn exchange<B>(&self, mut request: Request<B>, bounds: &Bounds) -> Result<Response<AnswerBody>, SendError>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BodyError>,
    {
        let begun = Deadline::now();
        let until = begun + bounds.total;
        let target = Target::of(request.uri())?;
        prepare(&mut request, &target, bounds.head_bytes)?;
        let connecting = async {
            match &self.stage {
                Some(stage) => stage.connect(&target.name()).map(Io::Staged).map_err(SendError::Connect),
                None => target.connect(&*self.resolver, &self.allowed, &self.tls, bounds.connect).await,
            }
        };
        let io = within(until.min(begun + bounds.connect), "to connect", connecting).await??;
        let handshake = http1::Builder::new()
            .max_headers(HEADERS)
            .max_buf_size(bounds.head_bytes.max(LEAST_HEAD))
            .handshake(TokioIo::new(io));
        let exchanging = async {
            let (mut sender, connection) = handshake.await.map_err(SendError::of)?;
            // Without somebody who drives it, a connection does nothing; dropped, it ends it.
            let driver = Driver::start(connection);
            let request = request.map(|body| Limited::new(Box::pin(body), bounds.request_bytes));
            let answer = sender.send_request(request).await.map_err(SendError::of)?;
            Ok(answer.map(|body| AnswerBody::new(body, bounds, until, driver)))
        };
        within(until.min(Deadline::now() + bounds.head), "to answer", exchanging).await?
    }
}

/// The request as the connection sends it: the path instead of the whole address, the host as a header, and no header that
/// is the connection's business.
fn prepare<B>(request: &mut Request<B>, target: &Target, head_bytes: usize) -> Result<(), SendError> {
    for name in OF_THE_CONNECTION {
        request.headers_mut().remove(name);
    }
    let host =
        HeaderValue::try_from(target.authority()).map_err(|_| SendError::Address("its host is no text of a header"))?;
    request.headers_mut().insert(header::HOST, host);
    *request.version_mut() = Version::HTTP_11;
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let lines = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
    if request.method().as_str().len() + path.len() + lines.sum::<usize>() > head_bytes {
        return Err(SendError::TooLarge { part: "head of the request" });
    }
    *request.uri_mut() = path.parse().map_err(|_| SendError::Address("its path is malformed"))?;
    Ok(())
}

/// What is done before the moment.
async fn within<T>(until: Deadline, what: &'static str, work: impl Future<Output = T>) -> Result<T, SendError> {
    timeout_at(until, work).await.map_err(|_| SendError::TimedOut(what))
}
