//! What every handler shares: the database, the sandbox, the clock, the options.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use heptad_model::id::{InstallId, TenantId};
use heptad_model::{Env, Origin, Tenant};
use heptad_platform::PlatformError;
use heptad_platform::tenant::tenant_get;
use heptad_runtime::Runtime;
use heptad_store::Store;
use moka::future::Cache;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::apps::AppsUrl;
use crate::bearers::Bearers;
use crate::error::{ApiError, ApiResult};
use crate::live::Live;
use crate::rate::{Limit, RateLimits};
use crate::vitals::Vitals;

/// What the web may use, as the configuration says.
#[derive(Debug, Clone)]
pub struct WebOptions {
    /// Where people and programs reach this server, without a slash at the end: `https://heptad.example`.
    pub public_url: String,
    /// Where plugins' routes are reached; `None` where they are not served.
    pub apps: Option<AppsUrl>,
    /// The database's URL, for the check of the schema in `/readyz`.
    pub database_url: String,
    /// Whether cookies are for HTTPS alone. Off only for a machine of one's own.
    pub secure_cookies: bool,
    /// Whether the last address of `X-Forwarded-For` is the peer's: only behind a proxy that writes it.
    pub trust_forwarded_for: bool,
    /// How often one token or session may ask.
    pub caller_limit: Limit,
    /// How often one address may ask without a valid token.
    pub peer_limit: Limit,
    /// The most bytes of a JSON body.
    pub body_bytes: usize,
    /// The most bytes of all request headers together.
    pub header_bytes: usize,
    /// How long a request may take.
    pub request_timeout: Duration,
    /// How long an upload with its compilation may take.
    pub upload_timeout: Duration,
    /// How long a stream of events waits for a reader that takes nothing.
    pub stream_stall: Duration,
}

impl Default for WebOptions {
    fn default() -> Self {
        Self {
            public_url: "http://localhost:8080".to_owned(),
            apps: None,
            database_url: String::new(),
            secure_cookies: true,
            trust_forwarded_for: false,
            caller_limit: Limit { per_second: 100, burst: 200 },
            peer_limit: Limit { per_second: 20, burst: 100 },
            body_bytes: 1 << 20,
            header_bytes: 16 << 10,
            request_timeout: Duration::from_secs(30),
            upload_timeout: Duration::from_secs(180),
            stream_stall: Duration::from_secs(20),
        }
    }
}

/// How many uploads are in memory at once, from their first byte on: each has up to 32 MiB.
const UPLOADS: usize = 8;

/// What every handler shares. Cheap to clone.
#[derive(Clone)]
pub struct AppState(Arc<Shared>);

/// The parts of [`AppState`].
pub struct Shared {
    /// The database.
    pub store: Store,
    /// The sandbox.
    pub runtime: Arc<Runtime>,
    /// The clock and the randomness.
    pub env: Env,
    /// What the configuration says.
    pub options: WebOptions,
    /// How the process is, besides database and sandbox.
    pub vitals: Vitals,
    pub(crate) rates: RateLimits,
    pub(crate) bearers: Bearers,
    pub(crate) live: Live,
    uploads: Arc<Semaphore>,
    tenants: Cache<TenantId, Arc<Tenant>>,
    /// Whose the installs with routes are.
    pub(crate) app_tenants: Cache<InstallId, TenantId>,
}

impl AppState {
    /// Puts the parts together.
    pub fn new(store: Store, runtime: Arc<Runtime>, env: Env, options: WebOptions) -> Self {
        let rates = RateLimits::new(options.caller_limit, options.peer_limit);
        // What a context holds of a tenant is fixed from its creation, so nothing here grows old.
        let (tenants, app_tenants) = (Cache::new(10_000), Cache::new(10_000));
        let uploads = Arc::new(Semaphore::new(UPLOADS));
        Self(Arc::new(Shared {
            store,
            runtime,
            env,
            options,
            vitals: Vitals::default(),
            rates,
            bearers: Bearers::new(),
            live: Live::new(),
            uploads,
            tenants,
            app_tenants,
        }))
    }
}

impl Deref for AppState {
    type Target = Shared;
    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl Shared {
    /// Ends the answers that go on for as long as their readers like: the process stops, and they come back elsewhere.
    pub fn end_streams(&self) {
        self.live.stop();
    }

    /// A place for an upload, before any of it is read; 503 when all are taken.
    pub(crate) fn upload_place(&self) -> ApiResult<OwnedSemaphorePermit> {
        self.uploads.clone().try_acquire_owned().map_err(|_| {
            let detail = "as many uploads as can be taken are under way: try again in a minute";
            ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "compiler-busy", detail).with_retry_after(60)
        })
    }

    /// What is fixed about a tenant; 404 for an unknown one.
    pub async fn tenant(&self, origin: &Origin, id: TenantId) -> ApiResult<Arc<Tenant>> {
        if let Some(known) = self.tenants.get(&id).await {
            return Ok(known);
        }
        let record = self.store.platform_read(origin, async |mut tx| tenant_get(&mut tx, id).await).await;
        let tenant = record.map_err(|error: PlatformError| error)?.tenant;
        self.tenants.insert(id, tenant.clone()).await;
        Ok(tenant)
    }
}
