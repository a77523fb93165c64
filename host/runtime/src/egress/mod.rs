//! Requests that plugins send to other servers while they run.
//!
//! Here is decided who may send what to whom: only to hosts that the manifest names and the merchant granted, within the
//! limits of the shop, never while the call's transaction is open, and nothing personal without the grant ([`personal`]).
//! How it is sent, and to which addresses never, is the business of `heptad_outbound`. Each request is in the audit log,
//! within a second ([`journey`]).

mod journey;
pub(crate) mod left;
pub(crate) mod personal;
mod refusal;
mod secrets;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use heptad_model::id::CallId;
use heptad_model::{Ctx, Limit, Permission};
use heptad_outbound::{AnswerBody, Bounds, By, Outbound, host_of};
use heptad_platform::install::{OpenSecret, install_secrets_open};
use heptad_platform::vault::Vault;
use heptad_store::{Store, Tx};
use http::header::{CONTENT_ENCODING, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use tokio::sync::Semaphore;
use wasmtime_wasi_http::{RequestOptions, WasiBody};

use crate::installs::Installed;
use crate::observe;
use crate::quota::{Quotas, Taken};
use crate::rate::Rate;
use crate::reporter::{Reporter, Signal};

pub(crate) use journey::Departure;
use journey::{Arriving, Departing, Journey};
use personal::Finding;
pub(crate) use refusal::Refusal;
use secrets::Secrets;

/// The header that lets the other side see that it has had a request before.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);
/// The most bytes of method, address and headers, and of the answer's head.
const HEAD_BYTES: usize = 16 << 10;

/// The way out of a process's plugins.
pub(crate) struct Egress {
    outbound: Outbound,
    store: Store,
    /// Opens secrets.
    vault: Vault,
    reporter: Arc<Reporter>,
    /// Requests that are sold by the day.
    quotas: Arc<Quotas>,
}

/// What an install may send, in this process.
pub(crate) struct Share {
    slots: Arc<Semaphore>,
    concurrency: u32,
    rate: Rate,
}

impl Share {
    pub(crate) fn new(concurrency: u32, per_minute: u32) -> Self {
        let slots = Arc::new(Semaphore::new(concurrency as usize));
        Self { slots, concurrency, rate: Rate::per(per_minute, Duration::from_secs(60)) }
    }

    /// Whether it is the share of such limits.
    pub(crate) const fn is(&self, concurrency: u32, per_minute: u32) -> bool {
        self.concurrency == concurrency && self.rate.count() == per_minute
    }
}

impl Egress {
    pub(crate) const fn new(
        outbound: Outbound,
        store: Store,
        vault: Vault,
        reporter: Arc<Reporter>,
        quotas: Arc<Quotas>,
    ) -> Self {
        Self { outbound, store, vault, reporter, quotas }
    }

    pub(crate) const fn outbound(&self) -> &Outbound {
        &self.outbound
    }

    /// Whether the plugin may send to this host at all, and to such an address.
    fn admit(&self, installed: &Installed, host: &str, uri: &Uri) -> Result<(), Refusal> {
        if !installed.serving.manifest.wishes_host(host) {
            return Err(Refusal::NotNamed(host.to_owned()));
        }
        if !installed.hosts.iter().any(|granted| granted == host) {
            return Err(Refusal::NotGranted(host.to_owned()));
        }
        if !self.reporter.takes_departures() {
            return Err(Refusal::Unaudited);
        }
        Ok(self.outbound.check_private(uri)?)
    }

    /// Whether nothing in a request is to stay here, unless the merchant lets personal data go.
    fn look_through(
        &self,
        installed: &Installed,
        host: &str,
        Parts { method, uri, headers, .. }: &Parts,
        body: &[u8],
    ) -> Result<(), Refusal> {
        if installed.allowed.contains(Permission::PiiExport) {
            return Ok(());
        }
        let address = uri.path_and_query().map_or("", |path| path.as_str());
        let mut names = headers.keys().map(HeaderName::as_str).chain([method.as_str(), address]);
        let mut values = headers.values().map(|value| String::from_utf8_lossy(value.as_bytes()));
        if names.any(personal::has_phone) || values.any(|value| personal::has_phone(&value)) {
            return Err(Refusal::Personal(host.to_owned()));
        }
        let coding = headers.get(CONTENT_ENCODING).map_or(Ok(""), HeaderValue::to_str).unwrap_or("?");
        match personal::look(body, coding) {
            Some(Finding::Phone) => Err(Refusal::Personal(host.to_owned())),
            Some(Finding::Unreadable) => Err(Refusal::Unreadable(host.to_owned())),
            None => Ok(()),
        }
    }
}

/// Who sends a request.
pub(crate) struct Sender {
    pub(crate) egress: Arc<Egress>,
    pub(crate) ctx: Ctx,
    pub(crate) installed: Arc<Installed>,
    /// The call that sends it; absent where the plugin has left it.
    pub(crate) call: Option<CallId>,
    /// On whose behalf: of the running plugin, or of what it left.
    pub(crate) by: By,
    /// When the call ends.
    pub(crate) until: Instant,
    /// The key that makes it the same request when the delivery is tried again.
    pub(crate) key: Option<String>,
}

impl Sender {
    /// Sends the request, and gives the answer's head as soon as it is there.
    pub(crate) async fn send(
        self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
    ) -> Result<Response<WasiBody>, Refusal> {
        let host = host_of(request.uri())?;
        self.within_rate()?;
        let mut journey = Journey::begin(&self, host.clone(), request.method());
        let sent = match self.egress.admit(&self.installed, &host, request.uri()) {
            Ok(()) => self.exchange(&host, request, options, &mut journey).await,
            Err(refusal) => Err(refusal),
        };
        match sent {
            Ok(answer) => {
                let (mut answer, secrets) = answer;
                journey.answered(answer.status());
                secrets.mask_head(&mut answer);
                Ok(answer.map(|body| Arriving::new(body, secrets, journey).boxed_unsync()))
            }
            Err(refusal) => {
                journey.refused(&refusal);
                if refusal.is_block() {
                    self.tell_blocked(&host, &refusal);
                }
                Err(refusal)
            }
        }
    }

    fn within_rate(&self) -> Result<(), Refusal> {
        let rate = &self.installed.share.rate;
        rate.take_at(rate.now()).map_err(|most| Refusal::Limit(Limit::OutboundRate, most.into()))
    }

    async fn exchange(
        &self,
        host: &str,
        mut request: Request<WasiBody>,
        options: Option<RequestOptions>,
        journey: &mut Journey,
    ) -> Result<(Response<AnswerBody>, Secrets), Refusal> {
        let (share, limits) = (&self.installed.share, &self.installed.limits);
        let slot = share.slots.clone().try_acquire_owned();
        let busy = || Refusal::Limit(Limit::OutboundConcurrency, share.concurrency.into());
        journey.holds(slot.map_err(|_| busy())?);
        self.take_of_the_day().await?;
        if let Some(key) = self.key.as_deref().and_then(|key| HeaderValue::try_from(key).ok()) {
            request.headers_mut().entry(IDEMPOTENCY_KEY).or_insert(key);
        }
        let most = limits.outbound_request_bytes;
        let mut request = if self.installed.allowed.contains(Permission::PiiExport) {
            request
        } else {
            self.looked_through(host, request, most).await?
        };
        let secrets = self.add_secrets(host, &mut request).await?;
        let total =
            Duration::from_millis(limits.outbound_ms.into()).min(self.until.saturating_duration_since(Instant::now()));
        let wanted = |of: fn(&RequestOptions) -> Option<Duration>| options.as_ref().and_then(of).unwrap_or(total);
        let bounds = Bounds {
            connect: CONNECT.min(wanted(|options| options.connect_timeout)),
            head: wanted(|options| options.first_byte_timeout).min(total),
            total,
            head_bytes: HEAD_BYTES,
            request_bytes: size(most),
            answer_bytes: size(limits.outbound_response_bytes),
        };
        let sent: Arc<AtomicU64> = journey.sent();
        let request = request.map(|body| Departing::new(body, sent));
        let answer = self.egress.outbound.stream(self.by, request, &bounds).await?;
        match answer.headers().get(CONTENT_ENCODING) {
            Some(coding) if !secrets.is_empty() && coding != "identity" => Err(Refusal::Packed),
            _ => Ok((answer, secrets)),
        }
    }

    /// Puts the secrets that the merchant gave for this host into the request.
    async fn add_secrets(&self, host: &str, request: &mut Request<WasiBody>) -> Result<Secrets, Refusal> {
        let wishes = &self.installed.serving.manifest.secrets;
        if wishes.is_empty() {
            return Ok(Secrets::default());
        }
        let (install, vault) = (self.installed.serving.install, &self.egress.vault);
        let open = async || {
            let read = async |mut tx: Tx| install_secrets_open(&mut tx, vault, install).await;
            self.egress.store.read(&self.ctx, read).await
        };
        let given: &Vec<OpenSecret> = self.installed.secrets.get_or_try_init(open).await.map_err(|error| {
            tracing::error!(%error, %install, "the secrets of {install} cannot be opened: {error}");
            Refusal::Sealed
        })?;
        Ok(Secrets::put(wishes, given, host, request.headers_mut()))
    }

    /// The request, if nothing in it is to stay here: its body is read whole before the first byte leaves.
    async fn looked_through(
        &self,
        host: &str,
        request: Request<WasiBody>,
        most: u64,
    ) -> Result<Request<WasiBody>, Refusal> {
        let (head, body) = request.into_parts();
        let most = size(most);
        let body = match Limited::new(body, most.min(personal::MOST)).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<http_body_util::LengthLimitError>() && most <= personal::MOST => {
                return Err(Refusal::TooLarge(most as u64));
            }
            Err(error) if error.is::<http_body_util::LengthLimitError>() => {
                return Err(Refusal::Unreadable(host.to_owned()));
            }
            Err(_) => return Err(Refusal::Unfinished),
        };
        self.egress.look_through(&self.installed, host, &head, &body)?;
        let body = Full::new(body).map_err(|never| match never {}).boxed_unsync();
        Ok(Request::from_parts(head, body))
    }

    /// Takes a request of those that the shop has for a day, if they are counted.
    async fn take_of_the_day(&self) -> Result<(), Refusal> {
        let Some(most) = self.installed.limits.outbound_per_day else { return Ok(()) };
        match self.egress.quotas.take(self.ctx.tenant(), most, self.until).await {
            Taken::Spent => Err(Refusal::Limit(Limit::OutboundPerDay, most)),
            Taken::Granted => Ok(()),
        }
    }

    fn tell_blocked(&self, host: &str, refusal: &Refusal) {
        observe::outbound_blocked(refusal.code());
        let serving = &self.installed.serving;
        self.egress.reporter.blocked(
            self.ctx.tenant(),
            Signal::Blocked {
                install: serving.install,
                plugin: serving.manifest.name.clone(),
                version: serving.manifest.version.clone(),
                host: host.to_owned(),
                code: refusal.code(),
            },
        );
    }
}

fn size(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}
