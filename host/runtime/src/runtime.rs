//! The runtime: what the rest of the host sees of the sandbox.

use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use heptad_capabilities::extensions::{
    Answer, CallTrace, CartView, Denial, Extensions, ExtensionsUnavailable, Operation, Outcome, Serving, TooBusy, Turn,
};
use heptad_model::id::{InstallId, TenantId, VersionId};
use heptad_model::{Ctx, Currency, Env, Limits, Locale, Origin, Point, Tenant};
use heptad_outbound::Outbound;
use heptad_platform::quota::Quota;
use heptad_platform::vault::Vault;
use heptad_store::{Store, StoreError};
use tokio::sync::Notify;
use wasmtime::Engine;

use crate::admission::{Admission, Refused, Share};
use crate::asking::Sandbox;
use crate::breaker::Breakers;
use crate::call::Call;
use crate::code::{Code, CodeError, Codes};
use crate::compile::Compiler;
use crate::components::{Bucket, ComponentError, Components};
use crate::effects::{Effects, write_time};
use crate::egress::Egress;
use crate::engine::{self, HANDLERS, POOL_SIZE, ROUTES};
use crate::imports;
use crate::installs::{Installed, Installs, READ_EVERY};
use crate::limits::Budget;
use crate::observe;
use crate::package::{Inspected, Package, PackageError};
use crate::points::cart_validation::Validation;
use crate::points::discount::Discounts;
use crate::points::{Ask, absent};
use crate::quota::Quotas;
use crate::ration::Ration;
use crate::reporter::Reporter;
use crate::tape::Tape;

/// How long the check of an upload may take to instantiate it.
const TRIAL: Duration = Duration::from_secs(2);

/// How many requests that run plugins are under way at once in a process, for each core. Few, so that whoever comes to a
/// loaded process waits for a short queue and not for many that run side by side; enough to share commits.
const TURNS_PER_CORE: u32 = 4;
/// How long a request waits for its turn.
const TURN_WAIT: Duration = Duration::from_secs(2);
/// How long a refusal takes: a client that tries again at once does not keep the process busy with refusing it.
const REFUSED_AFTER: Duration = Duration::from_millis(100);
/// How long reading the generation may take: a database that hangs must not keep the watcher from trying anew.
const READ_WITHIN: Duration = Duration::from_secs(2);
/// When a shop with too many requests may try again, in seconds.
const RETRY_AFTER: u32 = 1;

/// What a runtime is made of.
#[derive(Debug, Clone)]
pub struct RuntimeOptions {
    /// The folder of packed components.
    pub components: PathBuf,
    /// Where all machines have them, if there are several.
    pub bucket: Option<Bucket>,
    /// The folder of compiled code.
    pub code: PathBuf,
    /// The `heptad` binary, started as the compile worker.
    pub worker: PathBuf,
    /// The host's own secret: signs compiled code and seeds the randomness of guests.
    pub key: [u8; 32],
    /// Seals recordings and secrets.
    pub vault: Vault,
    /// The way out, for requests of plugins.
    pub outbound: Outbound,
    /// What plugins may use, where the database holds no profile.
    pub limits: Limits,
    /// One answered call in so many is recorded; none where it is 0. Failed calls always are.
    pub record_one_in: u32,
}

/// Why the runtime does not start, or does not take a component.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// A folder cannot be made or written.
    #[error("a folder of the runtime cannot be used: {0}")]
    Folder(#[from] std::io::Error),
    /// The engine does not start on this machine.
    #[error("the sandbox engine does not start: {0}")]
    Engine(String),
    /// The database does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The upload is refused for what it says.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// The upload is refused for its code.
    #[error(transparent)]
    Code(#[from] CodeError),
    /// The component cannot be stored.
    #[error("the component cannot be stored: {0}")]
    Component(#[from] ComponentError),
    /// The upload is refused because an exported function is not what the contract says, or its start fails.
    #[error("the component cannot serve `{point}`: {reason}")]
    Trial {
        /// The point.
        point: &'static str,
        /// What the trial said.
        reason: String,
    },
}

impl RuntimeError {
    /// The stable word for the cause.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Folder(_) => "folder",
            Self::Component(_) => "components-unavailable",
            Self::Engine(_) => "engine",
            Self::Store(_) => "database",
            Self::Package(error) => error.code(),
            Self::Code(CodeError::Compile(error)) => error.code(),
            Self::Code(_) => "does-not-compile",
            Self::Trial { .. } => "wrong-export",
        }
    }
}

/// The sandbox of a process.
pub struct Runtime {
    pub(crate) engine: Engine,
    pub(crate) store: Store,
    pub(crate) env: Env,
    pub(crate) key: [u8; 32],
    pub(crate) vault: Vault,
    pub(crate) egress: Arc<Egress>,
    limits: Arc<Limits>,
    pub(crate) record_one_in: u64,
    pub(crate) answered: AtomicU64,
    pub(crate) components: Components,
    pub(crate) codes: Arc<Codes>,
    pub(crate) installs: Installs,
    /// Turns of requests, by tenant.
    turns: Admission<TenantId>,
    /// Sandboxes, by install.
    pub(crate) slots: Admission<InstallId>,
    /// Sandboxes of plugins that are told of something, by install: work that waits must not keep shoppers waiting.
    pub(crate) handler_slots: Admission<InstallId>,
    /// Of the writing of handlers and routes.
    pub(crate) ration: Arc<Ration>,
    /// Sandboxes for HTTP requests, by install: they may take long, and neither shoppers nor events wait for them.
    pub(crate) route_slots: Admission<InstallId>,
    pub(crate) breakers: Arc<Breakers>,
    pub(crate) reporter: Arc<Reporter>,
    /// Calls that are sold by the day, and requests to other servers.
    pub(crate) quotas: Arc<Quotas>,
    outbound_quotas: Arc<Quotas>,
    /// This process has made a change that others keep in memory.
    changed: Notify,
    /// Hears of each call.
    pub(crate) listener: OnceLock<Listener>,
}

/// Hears of a call when it has ended, with the budget that it had; `None` where the plugin was not called.
type Listener = Box<dyn Fn(&CallTrace, Option<Budget>) + Send + Sync>;

impl Runtime {
    /// Starts the engine and reads the generation of the installs once.
    pub async fn start(options: RuntimeOptions, store: Store, env: Env) -> Result<Arc<Self>, RuntimeError> {
        let engine = engine::running().map_err(|error| RuntimeError::Engine(format!("{error:#}")))?;
        let linker = imports::linker(&engine).map_err(|error| RuntimeError::Engine(format!("{error:#}")))?;
        let components = Components::open(options.components, options.bucket)?;
        let compiler = Compiler::new(options.worker);
        let codes = Codes::open(engine.clone(), linker, components.clone(), compiler, options.code, options.key)?;
        let (limits, breakers) = (Arc::new(options.limits), Arc::new(Breakers::default()));
        let cores = std::thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(1));
        let ration = Arc::new(Ration::new(write_time(store.dialect())));
        let reporter = Arc::new(Reporter::new(store.clone(), env.clone(), options.vault.clone()));
        let outbound_quotas = Quotas::new(Quota::Outbound, store.clone(), env.clone());
        let egress = Egress::new(
            options.outbound,
            store.clone(),
            options.vault.clone(),
            reporter.clone(),
            outbound_quotas.clone(),
        );
        let runtime = Self {
            engine,
            installs: Installs::new(store.clone(), limits.clone(), breakers.clone()),
            quotas: Quotas::new(Quota::Calls, store.clone(), env.clone()),
            egress: Arc::new(egress),
            outbound_quotas,
            reporter,
            store,
            env,
            key: options.key,
            vault: options.vault,
            limits,
            record_one_in: options.record_one_in.into(),
            answered: AtomicU64::new(0),
            components,
            codes: Arc::new(codes),
            turns: Admission::new(cores * TURNS_PER_CORE),
            slots: Admission::new(POOL_SIZE - HANDLERS - ROUTES),
            handler_slots: Admission::new(HANDLERS),
            ration,
            route_slots: Admission::new(ROUTES),
            breakers,
            changed: Notify::new(),
            listener: OnceLock::new(),
        };
        runtime.installs.refresh(&runtime.env).await?;
        Ok(Arc::new(runtime))
    }

    /// Follows the changes of other processes, for ever; the process runs it as a task.
    pub async fn watch(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(READ_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            observe::admission(self.turns.running(), self.turns.waiting());
            self.catch_up().await;
        }
    }

    /// Writes what calls leave behind (usage, recordings, breakers, notices), for ever; the process runs it as a task.
    pub async fn report(self: Arc<Self>) {
        self.reporter.run().await;
    }

    /// Writes now what waits to be written: the last act of a clean stop.
    pub async fn flush(&self) {
        tokio::join!(self.reporter.flush(), self.quotas.give_back(), self.outbound_quotas.give_back());
    }

    /// Has the listener hear of each call from now on; there is one at most.
    pub fn on_calls(&self, listener: impl Fn(&CallTrace, Option<Budget>) + Send + Sync + 'static) {
        let _ = self.listener.set(Box::new(listener));
    }

    /// Takes note of a change that this process just made, and lets those know who wait for [`Runtime::changed`].
    pub async fn refresh(&self) {
        self.changed.notify_one();
        self.catch_up().await;
    }

    /// Waits until this process has made a change that others keep in memory.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Takes note of what others have changed. A failure is told: the watcher tries again.
    pub async fn catch_up(&self) {
        match tokio::time::timeout(READ_WITHIN, self.installs.refresh(&self.env)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the installs' generation cannot be read"),
            Err(_) => tracing::warn!("the installs' generation was not read in {} s", READ_WITHIN.as_secs()),
        }
    }

    /// What seals and opens the shops' secrets.
    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    /// The way out.
    pub fn outbound(&self) -> &Outbound {
        self.egress.outbound()
    }

    /// Whether plugins can be asked.
    pub fn ready(&self) -> bool {
        self.installs.is_fresh()
    }

    /// Compiles an upload apart, tries it, and stores it. What is refused leaves nothing behind.
    pub async fn admit(&self, package: Package) -> Result<Inspected, RuntimeError> {
        let Package { inspected, bytes } = package;
        let checked = self.codes.check(&inspected.digest, bytes.clone()).await?;
        self.try_out(&inspected, &checked.code).await?;
        self.components.put(&inspected.digest, &bytes).await?;
        self.codes.keep(&inspected.digest, checked).await;
        Ok(inspected)
    }

    /// The tenant's limits; those of the process where they cannot be read now.
    pub async fn limits_of(&self, ctx: &Ctx) -> Arc<Limits> {
        self.installs.limits(ctx).await.unwrap_or_else(|_| self.limits.clone())
    }

    /// The limits of tenants where no default profile is stored.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Instantiates the component under the usual limits for each of its points: wasmtime compares the types of exported
    /// functions only then.
    async fn try_out(&self, inspected: &Inspected, code: &Code) -> Result<(), RuntimeError> {
        let serving = Serving {
            install: InstallId::generate(&self.env),
            version: VersionId::generate(&self.env),
            manifest: Arc::new(inspected.manifest.clone()),
            digest: inspected.digest.clone(),
            revision: "trial".to_owned(),
            failure: std::collections::BTreeMap::new(),
        };
        let tenant = Tenant {
            id: TenantId::generate(&self.env),
            publisher: None,
            currency: Currency::parse("CNY").map_err(|error| RuntimeError::Engine(error.to_string()))?,
            time_zone: "UTC".to_owned(),
            locale: Locale::default(),
        };
        let ctx = Origin::system("trial", self.env.clone()).for_tenant(Arc::new(tenant));
        let installed = Arc::new(Installed::trial(Arc::new(serving), self.limits.clone()));
        for point in &inspected.manifest.points {
            let trial = Trial { point: *point };
            let budget = Budget { wall: TRIAL, ..Budget::new(&self.limits, *point, installed.memory_mib, 0) };
            let (installed, point, at) = (installed.clone(), *point, self.env.now());
            let (tape, effects) = (Tape::counting(), Effects::None);
            let sandbox = Sandbox { installed, code, point, at, budget, tape, effects, visitor: None, delivery: None };
            let reason = match self.run(&ctx, sandbox, Instant::now() + TRIAL, &trial).await {
                Ok((answer, _)) => match answer.trace.outcome {
                    Outcome::Answered => continue,
                    Outcome::Failed { message, .. } | Outcome::Skipped { message, .. } => message,
                },
                Err(no_call) => no_call.to_string(),
            };
            return Err(RuntimeError::Trial { point: point.name(), reason });
        }
        Ok(())
    }
}

impl Extensions for Runtime {
    async fn turn(&self, ctx: &Ctx) -> Result<Turn, TooBusy> {
        // A process that cannot say what the tenant may use will refuse the work itself, in its own words.
        let limits = self.limits_of(ctx).await;
        let share = Share { running: limits.concurrency, waiting: limits.waiting };
        match self.turns.enter(ctx.tenant().id, share, Instant::now() + TURN_WAIT).await {
            Ok(permit) => Ok(Turn::new(Duration::from_millis(limits.quote_ms.into()), permit)),
            Err(refused) => {
                observe::refused(refused);
                if refused == Refused::QueueFull {
                    tokio::time::sleep(REFUSED_AFTER).await;
                }
                Err(TooBusy { retry_after: RETRY_AFTER })
            }
        }
    }

    async fn serving(&self, ctx: &Ctx, point: Point) -> Result<Vec<Arc<Serving>>, ExtensionsUnavailable> {
        self.installs.serving(ctx, point).await
    }

    async fn discounts(
        &self,
        ctx: &Ctx,
        serving: &Serving,
        point: Point,
        cart: &CartView,
        until: Instant,
    ) -> Answer<Vec<Operation>> {
        self.call(ctx, serving, point, cart, until, Discounts { point, cart }).await
    }

    async fn validate(
        &self,
        ctx: &Ctx,
        serving: &Serving,
        point: Point,
        cart: &CartView,
        until: Instant,
    ) -> Answer<Vec<Denial>> {
        self.call(ctx, serving, point, cart, until, Validation { point, cart }).await
    }
}

/// Instantiates for an interface and asks nothing.
struct Trial {
    point: Point,
}

impl Ask for Trial {
    type Reply = ();

    fn bytes(&self) -> usize {
        0
    }

    async fn ask(
        &self,
        code: &Code,
        store: &mut wasmtime::Store<Call>,
    ) -> wasmtime::Result<Result<(), heptad_bindings::host::heptad::types::types::Error>> {
        match self.point {
            Point::DiscountLines | Point::DiscountOrder => {
                code.discount.as_ref().ok_or_else(absent)?.instantiate_async(store).await.map(drop)?;
            }
            Point::CartValidateComplete => {
                code.cart_validation.as_ref().ok_or_else(absent)?.instantiate_async(store).await.map(drop)?;
            }
            Point::EventHandle => {
                code.event_handler.as_ref().ok_or_else(absent)?.instantiate_async(store).await.map(drop)?;
            }
            Point::ScheduleRun => {
                code.schedule_handler.as_ref().ok_or_else(absent)?.instantiate_async(store).await.map(drop)?;
            }
            Point::HttpRoute => {
                code.incoming_handler.as_ref().ok_or_else(absent)?.instantiate_async(store).await.map(drop)?;
            }
        }
        Ok(Ok(()))
    }
}
