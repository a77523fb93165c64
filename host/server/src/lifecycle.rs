//! How a server starts and stops.
//!
//! [`Server::start`] checks the schema, opens the database, starts the sandbox and binds the ports; [`Server::run`]
//! serves until a signal, then says that it is not ready, drains, and ends.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use heptad_bus::{Bus, BusOptions};
use heptad_delivery::Delivery;
use heptad_model::{Limits, Origin};
use heptad_platform::publisher::publishers_complete;
use heptad_runtime::components::{Bucket, BucketOptions};
use heptad_runtime::{Runtime, RuntimeOptions};
use heptad_store::Store;
use heptad_web::apps::AppsUrl;
use heptad_web::rate::Limit;
use heptad_web::{AppState, WebOptions};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::base::Base;
use crate::config::Config;
use crate::error::{CliError, Explain as _, Kind, Result};
use crate::{key, listener, retention, telemetry, vitals};

/// How long a stop writes what calls left behind, and how long it closes the connections to the database: after requests have
/// had their `drain_seconds`, and deliveries, beside them, their 15.
const FLUSH: Duration = Duration::from_secs(5);
const CLOSE: Duration = Duration::from_secs(2);

/// A server whose ports are bound and which serves nobody yet.
pub(crate) struct Server {
    /// What the handlers share.
    pub(crate) state: AppState,
    /// Where people and programs reach it.
    pub(crate) public_url: String,
    /// Where metrics are served.
    pub(crate) metrics: Option<SocketAddr>,
    config: Config,
    listener: TcpListener,
    /// For the routes of plugins.
    apps: Option<TcpListener>,
    delivery: Delivery,
    tasks: JoinSet<()>,
}

impl Server {
    /// Starts everything but serving.
    pub(crate) async fn start(base: &Base) -> Result<Self> {
        let config = base.config.clone();
        let store = base.store().await?;
        let origin = Origin::system("start", base.env.clone());
        let completed = store.platform_write(&origin, async |mut tx| publishers_complete(&mut tx).await).await;
        completed.during(|| "cannot complete the publishers".to_owned())?;
        let runtime = start_runtime(base, store.clone()).await?;
        let listener = bind(&config.server.listen, "server.listen").await?;
        let public_url = public_url(&config, listener.local_addr().ok());
        let apps = match config.apps.listen.as_str() {
            "" => None,
            address => Some(bind(address, "apps.listen").await?),
        };
        let bound = apps.as_ref().map(TcpListener::local_addr).transpose()?;
        let apps_url = bound.and_then(|bound| config.apps.url(&config.server, bound));
        let options = web_options(&config, public_url.clone(), apps_url);
        let mut tasks = JoinSet::new();
        let metrics = match config.server.metrics_listen.as_str() {
            "" => None,
            address => {
                let listener = bind(address, "server.metrics_listen").await?;
                let bound = listener.local_addr()?;
                let handle = heptad_web::metrics::install()?;
                tasks.spawn(heptad_web::metrics::upkeep(handle.clone()));
                let app = heptad_web::metrics::metrics_app(handle);
                tasks.spawn(async move {
                    if let Err(error) = axum::serve(listener, app).await {
                        tracing::error!(%error, "metrics are not served any more");
                    }
                });
                Some(bound)
            }
        };
        let bus = start_bus(&config).await?;
        tasks.spawn(bus.clone().run());
        tasks.spawn(tell_changes(runtime.clone(), bus.clone()));
        tasks.spawn(hear_changes(runtime.clone(), bus.clone()));
        tasks.spawn(runtime.clone().watch());
        tasks.spawn(runtime.clone().report());
        tasks.spawn(retention::run(store.clone(), base.env.clone(), config.retention.clone()));
        let address = listener.local_addr().map(|address| address.to_string()).unwrap_or_default();
        let delivery = Delivery::new(store.clone(), runtime.clone(), bus.clone(), base.env.clone(), &address);
        tasks.spawn(delivery.clone().run());
        let state = AppState::new(store, runtime, base.env.clone(), options);
        tasks.spawn(vitals::watch(state.vitals.clone(), bus, config.data.folder.clone()));
        Ok(Self { state, public_url, metrics, config, listener, apps, delivery, tasks })
    }

    /// Serves until `stop` is done, then drains.
    pub(crate) async fn run(self, stop: impl Future<Output = ()>) -> Result {
        let Self { state, config, listener, apps, delivery, mut tasks, .. } = self;
        let draining = Arc::new(AtomicBool::new(false));
        let readiness = axum::middleware::from_fn_with_state(draining.clone(), readiness);
        let mut app: Router = heptad_web::app(state.clone()).layer(readiness);
        let mut pages = heptad_web::apps::app(state.clone());
        if !config.telemetry.otlp_endpoint.is_empty() {
            app = app.layer(axum::middleware::from_fn(telemetry::joined));
            pages = pages.layer(axum::middleware::from_fn(telemetry::joined));
        }
        let limits = listener::Limits {
            connections: config.server.connections,
            header_timeout: seconds(config.server.header_timeout_seconds),
            header_bytes: config.server.header_bytes as usize,
        };
        let unready = async {
            stop.await;
            draining.store(true, Ordering::Release);
            tracing::info!("stopping: not ready any more");
            tokio::time::sleep(seconds(config.server.unready_seconds)).await;
            // They would hold up the drain; whoever follows comes back elsewhere.
            state.end_streams();
        };
        let (stop_apps, stopped) = oneshot::channel::<()>();
        let serving = listener::serve(listener, app, limits, async {
            unready.await;
            drop(stop_apps);
        });
        let serving_apps = async {
            match apps {
                Some(listener) => Some(
                    listener::serve(listener, pages, limits, async {
                        let _ = stopped.await;
                    })
                    .await,
                ),
                None => None,
            }
        };
        let (running, running_apps) = tokio::join!(serving, serving_apps);
        let patience = seconds(config.server.drain_seconds);
        let drain_apps = async {
            match running_apps {
                Some(running) => running.drain(patience).await,
                None => true,
            }
        };
        let (is_drained, are_apps_drained, ()) = tokio::join!(running.drain(patience), drain_apps, delivery.stop());
        let is_drained = is_drained && are_apps_drained;
        // What calls left behind and nobody wrote yet; no call runs any more. Before the tasks end, since one of them may
        // be about to write it.
        if tokio::time::timeout(FLUSH, state.runtime.flush()).await.is_err() {
            tracing::warn!(
                "usage and notices of the last moments are lost: they were not written in {} s",
                FLUSH.as_secs()
            );
        }
        tasks.shutdown().await;
        if is_drained {
            // A database that does not answer any more closes its side when the process is gone.
            let _ = tokio::time::timeout(CLOSE, state.store.close()).await;
            tracing::info!("stopped");
        } else {
            // Requests that still run hold connections; the end of the process rolls back what they began.
            tracing::warn!("stopped with requests unanswered: they took more than {} s", patience.as_secs());
        }
        Ok(())
    }
}

/// Starts the sandbox.
pub(crate) async fn start_runtime(base: &Base, store: Store) -> Result<Arc<Runtime>> {
    let config = &base.config;
    let folder = &config.data.folder;
    std::fs::create_dir_all(folder).during(|| format!("cannot make {}", folder.display())).kind(Kind::Config)?;
    let options = RuntimeOptions {
        components: config.components(),
        bucket: bucket(config)?,
        code: config.code(),
        worker: std::env::current_exe().during(|| "cannot find the binary that runs".to_owned())?,
        key: key::load(&config.data, &base.env)?,
        vault: key::vault(&config.data, &base.env)?,
        outbound: config.outbound()?,
        limits: Limits::default(),
        record_one_in: config.sandbox.record_one_in,
    };
    Runtime::start(options, store, base.env.clone()).await.during(|| "the sandbox does not start".to_owned())
}

/// Where all machines have the components, if there are several.
pub(crate) fn bucket(config: &Config) -> Result<Option<Bucket>> {
    let components = &config.components;
    if components.url.is_empty() {
        return Ok(None);
    }
    let file = &components.secret_access_key_file;
    let secret_access_key = match file.as_os_str().is_empty() {
        true => components.secret_access_key.clone(),
        false => {
            let read = std::fs::read_to_string(file).during(|| format!("cannot read {}", file.display()));
            read.kind(Kind::Config)?.trim().to_owned()
        }
    };
    let options = BucketOptions {
        url: components.url.clone(),
        endpoint: components.endpoint.clone(),
        region: components.region.clone(),
        access_key_id: components.access_key_id.clone(),
        secret_access_key,
    };
    Bucket::open(&options).map(Some).kind(Kind::Config)
}

async fn start_bus(config: &Config) -> Result<Bus> {
    let nats = &config.nats;
    if nats.url.is_empty() {
        return Ok(Bus::default());
    }
    let file = |path: &PathBuf| Some(path.clone()).filter(|path| !path.as_os_str().is_empty());
    let options = BusOptions {
        url: nats.url.clone(),
        credentials: file(&nats.credentials_file),
        ca: file(&nats.ca_file),
        prefix: nats.prefix.clone(),
    };
    Bus::start(&options).await.kind(Kind::Config)
}

/// Tells the other processes of changes that this one makes.
async fn tell_changes(runtime: Arc<Runtime>, bus: Bus) {
    loop {
        runtime.changed().await;
        bus.changed().await;
    }
}

/// Takes note of what the other processes change.
async fn hear_changes(runtime: Arc<Runtime>, bus: Bus) {
    bus.changes(|| runtime.catch_up()).await;
}

async fn bind(address: &str, name: &str) -> Result<TcpListener> {
    let bound = TcpListener::bind(address).await;
    bound
        .during(|| format!("cannot listen on {address}"))
        .or_hint(|| format!("set `{name}` to another port; 0 takes any free one"))
}

fn web_options(config: &Config, public_url: String, apps: Option<AppsUrl>) -> WebOptions {
    let limits = &config.limits;
    WebOptions {
        secure_cookies: public_url.starts_with("https://"),
        public_url,
        apps,
        database_url: config.database.url.clone(),
        trust_forwarded_for: config.server.trust_forwarded_for,
        caller_limit: Limit { per_second: limits.caller_per_second, burst: limits.caller_burst },
        peer_limit: Limit { per_second: limits.peer_per_second, burst: limits.peer_burst },
        body_bytes: config.server.body_bytes as usize,
        header_bytes: config.server.header_bytes as usize,
        request_timeout: seconds(config.server.request_timeout_seconds),
        upload_timeout: seconds(config.server.upload_timeout_seconds),
        ..WebOptions::default()
    }
}

/// Where people reach the server: what the configuration says, else where it listens.
pub(crate) fn public_url(config: &Config, bound: Option<SocketAddr>) -> String {
    match config.server.public_url.as_str() {
        "" => bound.map_or_else(|| format!("http://{}", config.server.listen), |bound| format!("http://{bound}")),
        url => url.to_owned(),
    }
}

fn seconds(seconds: u32) -> Duration {
    Duration::from_secs(seconds.into())
}

/// While the server drains, `/readyz` says so; everything else goes on.
async fn readiness(State(draining): State<Arc<AtomicBool>>, request: Request, next: Next) -> Response {
    if draining.load(Ordering::Acquire) && request.uri().path() == "/readyz" {
        let body = serde_json::json!({
            "type": "urn:heptad:problem:stopping",
            "title": "Service Unavailable",
            "status": 503,
            "detail": "the server is stopping",
            "code": "stopping",
        });
        let head = [(header::CONTENT_TYPE, "application/problem+json")];
        return (StatusCode::SERVICE_UNAVAILABLE, head, body.to_string()).into_response();
    }
    next.run(request).await
}

/// Done at the first SIGTERM or Ctrl-C; the next one ends the process at once.
pub(crate) fn signal() -> Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let what = || "cannot listen for signals".to_owned();
    let (mut terminate, mut interrupt) =
        (signal(SignalKind::terminate()).during(what)?, signal(SignalKind::interrupt()).during(what)?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            CliError::new(Kind::Interrupted, "stopped at once, by a second signal").print();
            std::process::exit(Kind::Interrupted.exit_code().into());
        });
    })
}
