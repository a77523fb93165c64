//! The runtime: what the rest of the host sees of the sandbox.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use std::sync::atomic::{AtomicU64, Ordering};

use heptad_capabilities::extensions::{
    Answer, CartView, Denial, Extensions, ExtensionsUnavailable, LimitReached, Operation, Outcome, Serving, TooBusy,
    Turn,
};
use heptad_model::id::{CallId, InstallId, TenantId, VersionId};
use heptad_model::{Actor, Ctx, Currency, Env, Limit, Limits, Locale, Millis, Origin, Point, Tenant};
use heptad_platform::breaker::{Breaker, BreakerState};
use heptad_store::{Store, StoreError};
use wasmtime::Engine;

use crate::admission::{Admission, Refused, Share};
use crate::breaker::{Breakers, Change};
use crate::call::{Call, Sources};
use crate::code::{Code, CodeError, Codes};
use crate::compile::Compiler;
use crate::components::Components;
use crate::engine::{self, POOL_SIZE};
use crate::imports::wasi::Seed;
use crate::installs::{Installed, Installs, READ_EVERY};
use crate::limits::Budget;
use crate::observe;
use crate::package::{Inspected, Package, PackageError};
use crate::points::Ask;
use crate::points::cart_validation::Validation;
use crate::points::discount::Discounts;
use crate::recording::{ENGINE, RecordedResult, Recording};
use crate::reporter::{Reporter, Signal};
use crate::tape::Tape;
use crate::{imports, sandbox, span};

/// How long the check of an upload may take to instantiate it.
const TRIAL: Duration = Duration::from_secs(2);

/// How many requests that run plugins are under way at once in a process, for each core. Few, so that whoever comes to a
/// loaded process waits for a short queue and not for many that run side by side; enough to share commits.
const TURNS_PER_CORE: u32 = 4;
/// How long a request waits for its turn.
const TURN_WAIT: Duration = Duration::from_secs(2);
/// How long a refusal takes: a client that tries again at once does not keep the process busy with refusing it.
const REFUSED_AFTER: Duration = Duration::from_millis(100);
/// When a shop with too many requests may try again, in seconds.
const RETRY_AFTER: u32 = 1;

/// What a runtime is made of.
#[derive(Debug, Clone)]
pub struct RuntimeOptions {
    /// The folder of packed components.
    pub components: PathBuf,
    /// The folder of compiled code.
    pub code: PathBuf,
    /// The `heptad` binary, started as the compile worker.
    pub worker: PathBuf,
    /// The host's own secret: signs compiled code and seeds the randomness of guests.
    pub key: [u8; 32],
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
    limits: Arc<Limits>,
    record_one_in: u64,
    answered: AtomicU64,
    pub(crate) components: Components,
    pub(crate) codes: Codes,
    installs: Installs,
    /// Turns of requests, by tenant.
    turns: Admission<TenantId>,
    /// Sandboxes, by install.
    slots: Admission<InstallId>,
    breakers: Breakers,
    reporter: Reporter,
}

impl Runtime {
    /// Starts the engine and reads the generation of the installs once.
    pub async fn start(options: RuntimeOptions, store: Store, env: Env) -> Result<Arc<Self>, RuntimeError> {
        let engine = engine::running().map_err(|error| RuntimeError::Engine(format!("{error:#}")))?;
        let linker = imports::linker(&engine).map_err(|error| RuntimeError::Engine(format!("{error:#}")))?;
        let components = Components::open(options.components)?;
        let compiler = Compiler::new(options.worker);
        let codes = Codes::open(engine.clone(), linker, components.clone(), compiler, options.code, options.key)?;
        let limits = Arc::new(options.limits);
        let cores = std::thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(1));
        let runtime = Self {
            engine,
            installs: Installs::new(store.clone(), limits.clone()),
            reporter: Reporter::new(store.clone(), env.clone(), options.key),
            store,
            env,
            key: options.key,
            limits,
            record_one_in: options.record_one_in.into(),
            answered: AtomicU64::new(0),
            components,
            codes,
            turns: Admission::new(cores * TURNS_PER_CORE),
            slots: Admission::new(POOL_SIZE),
            breakers: Breakers::default(),
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
            if let Err(error) = self.installs.refresh(&self.env).await {
                tracing::warn!(%error, "the installs' generation cannot be read");
            }
        }
    }

    /// Writes what calls leave behind (usage, recordings, breakers, notices), for ever; the process runs it as a task.
    pub async fn report(self: Arc<Self>) {
        self.reporter.run().await;
    }

    /// Writes now what waits to be written: the last act of a clean stop.
    pub async fn flush(&self) {
        self.reporter.flush().await;
    }

    /// Takes note of a change that this process just made. A failure is told: the watcher catches up.
    pub async fn refresh(&self) {
        if let Err(error) = self.installs.refresh(&self.env).await {
            tracing::warn!(%error, "the installs' generation cannot be read");
        }
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
            currency: Currency::parse("CNY").map_err(|error| RuntimeError::Engine(error.to_string()))?,
            time_zone: "UTC".to_owned(),
            locale: Locale::default(),
        };
        let ctx = Origin::system("trial", self.env.clone()).for_tenant(Arc::new(tenant));
        let installed = Arc::new(Installed::trial(Arc::new(serving), self.limits.clone()));
        for point in &inspected.manifest.points {
            let trial = Trial { interface: point.row().interface };
            let budget = Budget { wall: TRIAL, ..Budget::new(&self.limits, *point, installed.memory_mib, 0) };
            let sandbox = Sandbox { installed: installed.clone(), code, point: *point, at: self.env.now(), budget };
            let (answer, _) = self.run(&ctx, sandbox, Instant::now() + TRIAL, &trial).await;
            if let Outcome::Failed { message, .. } | Outcome::Skipped { message, .. } = answer.trace.outcome {
                return Err(RuntimeError::Trial { point: point.name(), reason: message });
            }
        }
        Ok(())
    }

    /// Finds plugin and code, waits for a sandbox, and runs the call. Whatever goes wrong is an outcome.
    async fn call<A: Ask>(
        &self,
        ctx: &Ctx,
        serving: &Serving,
        point: Point,
        cart: &CartView,
        until: Instant,
        ask: A,
    ) -> Answer<A::Reply> {
        let skipped = |code: &str, message: &str| {
            let outcome = Outcome::Skipped { code: code.to_owned(), message: message.to_owned() };
            sandbox::not_called(CallId::generate(&self.env), serving, point, outcome)
        };
        if Instant::now() >= until {
            return skipped("quote-budget", "the plugins before it used up the time of the quote");
        }
        let installed = match self.installs.find(ctx, serving).await {
            Ok(Some(installed)) => installed,
            Ok(None) => return skipped("changed", "the plugin was changed or switched off meanwhile"),
            Err(error) => return skipped("unavailable", &error.to_string()),
        };
        let now = self.env.now();
        if self.breakers.allow(serving.install, point, installed.epoch, now).is_err() {
            return skipped(
                "breaker-open",
                "the plugin failed too often and is not asked for a while: see its breaker",
            );
        }
        let code = match installed.code.get() {
            Some(code) => Ok(code),
            None => self.codes.get(&serving.digest).await.map(|code| installed.code.get_or_init(|| code)),
        };
        let code = match code {
            Ok(code) => code,
            Err(error) => {
                let outcome = Outcome::Failed { code: "code".to_owned(), message: error.to_string() };
                return sandbox::not_called(CallId::generate(&self.env), serving, point, outcome);
            }
        };
        let budget = Budget::new(&installed.limits, point, installed.memory_mib, cart.lines.len());
        let sandbox = Sandbox { installed: installed.clone(), code, point, at: cart.at, budget };
        let (answer, call) = self.run(ctx, sandbox, until, &ask).await;
        self.note(ctx, &installed, &answer, budget, now);
        if let Some(call) = call
            && self.is_recorded(&answer.trace.outcome)
        {
            self.reporter.record(ctx.tenant(), self.recording(&call, cart, &answer));
        }
        answer
    }

    async fn run<A: Ask>(
        &self,
        ctx: &Ctx,
        sandbox: Sandbox<'_>,
        until: Instant,
        ask: &A,
    ) -> (Answer<A::Reply>, Option<Call>) {
        let id = CallId::generate(&self.env);
        let Sandbox { installed, code, point, at, budget } = sandbox;
        let limits = &installed.limits;
        let share = Share { running: limits.plugin_concurrency, waiting: limits.waiting };
        let Ok(_slot) = self.slots.enter(installed.serving.install, share, until).await else {
            let reached = LimitReached { limit: Limit::PluginConcurrency, most: share.running.into() };
            return (sandbox::kept_out(id, &installed.serving, point, reached), None);
        };
        let actor = Actor::Plugin(installed.serving.install);
        let origin = Origin { actor, request: ctx.request, locale: ctx.locale, env: ctx.env.clone() };
        let ctx = origin.for_tenant(ctx.tenant().clone());
        let seed = Seed::Derived(self.key, id);
        let sources = Sources { store: self.store.clone(), seed, tape: Tape::recording() };
        let call = Call::new(id, ctx, installed.clone(), at, budget, sources);
        let running = sandbox::run(&self.engine, code, call, budget, point, until, ask);
        let (answer, call) = span::around(id, &installed.serving, point, running).await;
        (answer, Some(call))
    }

    /// Meters the call, tells its breaker, and tells people where it came near a limit.
    fn note<T>(&self, ctx: &Ctx, installed: &Installed, answer: &Answer<T>, budget: Budget, now: Millis) {
        let (serving, trace) = (&installed.serving, &answer.trace);
        let (install, point) = (serving.install, trace.point);
        let (plugin, version) = (&serving.manifest.name, &serving.manifest.version);
        self.reporter.meter.add(ctx.tenant(), serving.version, &serving.manifest, now, trace);
        let (failed, code, message) = match &trace.outcome {
            Outcome::Answered => (Some(false), "", ""),
            Outcome::Failed { code, message } if !is_hosts(code) => (Some(true), code.as_str(), message.as_str()),
            Outcome::Failed { .. } | Outcome::Skipped { .. } => (None, "", ""),
        };
        if let Some(change) = self.breakers.note(install, point, installed.epoch, now, failed) {
            let (state, retry_at) = match change {
                Change::Opened { retry_at } => (BreakerState::Open, retry_at),
                Change::Closed => (BreakerState::Closed, now),
            };
            tracing::warn!(%install, %point, ?state, code, "the breaker of {install} at {point} is {}", state.name());
            let (code, message) = (code.to_owned(), message.to_owned());
            let breaker = Breaker { install, point, state, code, message, openings: 0, changed_at: now, retry_at };
            self.reporter.breaker(ctx.tenant(), breaker, plugin, version);
        }
        for (limit, used, most) in [
            (Limit::Fuel, trace.fuel, budget.fuel),
            (Limit::Memory, trace.peak_memory, budget.memory as u64),
            (Limit::HostCalls, trace.host_calls.into(), budget.host_calls.into()),
            (Limit::BytesIn, trace.bytes_in, budget.bytes_in),
            (Limit::BytesOut, trace.bytes_out, budget.bytes_out),
            (Limit::WallClock, trace.micros / 1_000, u64::try_from(budget.wall.as_millis()).unwrap_or(u64::MAX)),
        ] {
            if used.saturating_mul(10) >= most.saturating_mul(8) {
                self.reporter.near(ctx.tenant(), (install, limit), || Signal::Near {
                    install,
                    plugin: plugin.clone(),
                    version: version.clone(),
                    point,
                    // The call that goes beyond is counted with what it was refused.
                    used: used.min(most),
                    limit: LimitReached { limit, most },
                });
            }
        }
    }

    /// Always when it failed, by sample otherwise.
    fn is_recorded(&self, outcome: &Outcome) -> bool {
        match outcome {
            Outcome::Failed { .. } => true,
            Outcome::Skipped { .. } => false,
            Outcome::Answered if self.record_one_in == 0 => false,
            Outcome::Answered => {
                self.answered.fetch_add(1, Ordering::Relaxed).checked_rem(self.record_one_in) == Some(0)
            }
        }
    }

    fn recording<T: serde::Serialize>(&self, call: &Call, cart: &CartView, answer: &Answer<T>) -> Recording {
        let (installed, trace) = (&call.installed, &answer.trace);
        Recording {
            call: trace.call,
            install: trace.install,
            plugin: trace.plugin.clone(),
            version: trace.version.clone(),
            digest: trace.digest.clone(),
            engine: ENGINE.to_owned(),
            point: trace.point,
            cart: cart.clone(),
            reader: call.ctx.locale,
            settings: installed.settings.to_string(),
            allowed: installed.allowed,
            limits: installed.limits.as_ref().clone(),
            memory_mib: installed.memory_mib,
            seed: Seed::Derived(self.key, trace.call).bytes(),
            at: self.env.now(),
            entries: call.tape.entries(),
            result: RecordedResult::of(answer),
        }
    }
}

/// Whether a failure says nothing about the plugin.
fn is_hosts(code: &str) -> bool {
    matches!(code, "busy" | "code" | "quote-budget" | "plugin-busy")
}

impl Extensions for Runtime {
    async fn turn(&self, ctx: &Ctx) -> Result<Turn, TooBusy> {
        // A process that cannot say what the tenant may use will refuse the work itself, in its own words.
        let limits = self.installs.limits(ctx).await.unwrap_or_else(|_| self.limits.clone());
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

/// What a call runs, and within which limits.
struct Sandbox<'a> {
    installed: Arc<Installed>,
    code: &'a Code,
    point: Point,
    at: Millis,
    budget: Budget,
}

/// Instantiates for an interface and asks nothing.
struct Trial {
    interface: &'static str,
}

impl Ask for Trial {
    type Reply = ();

    fn cart(&self) -> Option<&CartView> {
        None
    }

    async fn ask(
        &self,
        code: &Code,
        store: &mut wasmtime::Store<Call>,
    ) -> wasmtime::Result<Result<(), heptad_bindings::host::heptad::types::types::Error>> {
        if self.interface == Point::DiscountOrder.row().interface {
            if let Some(plugin) = &code.discount {
                plugin.instantiate_async(store).await?;
            }
        } else if let Some(plugin) = &code.cart_validation {
            plugin.instantiate_async(store).await?;
        }
        Ok(Ok(()))
    }
}
