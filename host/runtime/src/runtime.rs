//! The runtime: what the rest of the host sees of the sandbox.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use heptad_capabilities::extensions::{
    Answer, CartView, Denial, Extensions, ExtensionsUnavailable, Operation, Outcome, Serving,
};
use heptad_model::id::{CallId, InstallId, TenantId, VersionId};
use heptad_model::{Actor, Ctx, Currency, Env, Locale, Millis, Origin, Point, Tenant};
use heptad_store::{Store, StoreError};
use tokio::sync::Semaphore;
use wasmtime::Engine;

use crate::call::Call;
use crate::code::{Code, CodeError, Codes};
use crate::compile::Compiler;
use crate::components::Components;
use crate::engine::{self, POOL_SIZE};
use crate::installs::{Installed, Installs, READ_EVERY};
use crate::limits::{Budget, Profile};
use crate::package::{Inspected, PackageError, inspect};
use crate::points::Ask;
use crate::points::cart_validation::Validation;
use crate::points::discount::Discounts;
use crate::{imports, sandbox, span};

/// How long the check of an upload may take to instantiate it.
const TRIAL: Duration = Duration::from_secs(2);

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
    /// What a call may use.
    pub profile: Profile,
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
            Self::Code(_) => "does-not-compile",
            Self::Trial { .. } => "wrong-export",
        }
    }
}

/// The sandbox of a process.
pub struct Runtime {
    engine: Engine,
    store: Store,
    env: Env,
    key: [u8; 32],
    profile: Profile,
    components: Components,
    codes: Codes,
    installs: Installs,
    slots: Semaphore,
}

impl Runtime {
    /// Starts the engine and reads the generation of the installs once.
    pub async fn start(options: RuntimeOptions, store: Store, env: Env) -> Result<Arc<Self>, RuntimeError> {
        let engine = engine::running().map_err(|error| RuntimeError::Engine(format!("{error:#}")))?;
        let linker = imports::linker(&engine).map_err(|error| RuntimeError::Engine(format!("{error:#}")))?;
        let components = Components::open(options.components)?;
        let compiler = Compiler::new(options.worker);
        let codes = Codes::open(engine.clone(), linker, components.clone(), compiler, options.code, options.key)?;
        let runtime = Self {
            engine,
            installs: Installs::new(store.clone()),
            store,
            env,
            key: options.key,
            profile: options.profile,
            components,
            codes,
            slots: Semaphore::new(POOL_SIZE as usize),
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
            if let Err(error) = self.installs.refresh(&self.env).await {
                tracing::warn!(%error, "the installs' generation cannot be read");
            }
        }
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

    /// Checks an upload, compiles it apart, tries it, and stores it. What is refused leaves nothing behind.
    pub async fn admit(&self, bytes: Vec<u8>) -> Result<Inspected, RuntimeError> {
        let (inspected, bytes) =
            tokio::task::spawn_blocking(move || inspect(&bytes).map(|inspected| (inspected, bytes)))
                .await
                .map_err(|error| RuntimeError::Engine(error.to_string()))??;
        let code = self.codes.admit(&inspected.digest, bytes.clone()).await?;
        self.try_out(&inspected, &code).await?;
        self.components.put(&inspected.digest, &bytes).await?;
        Ok(inspected)
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
        };
        let tenant = Tenant {
            id: TenantId::generate(&self.env),
            currency: Currency::parse("CNY").map_err(|error| RuntimeError::Engine(error.to_string()))?,
            time_zone: "UTC".to_owned(),
            locale: Locale::default(),
        };
        let ctx = Origin::system("trial", self.env.clone()).for_tenant(Arc::new(tenant));
        let installed = Arc::new(Installed::trial(serving));
        for point in &inspected.manifest.points {
            let trial = Trial { interface: point.row().interface };
            let budget = Budget { wall: TRIAL, ..self.profile.budget(*point, installed.memory_mib, 0) };
            let sandbox = Sandbox { installed: installed.clone(), code, point: *point, at: self.env.now(), budget };
            let answer = self.run(&ctx, sandbox, Instant::now() + TRIAL, &trial).await;
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
        let code = match self.codes.get(&serving.digest).await {
            Ok(code) => code,
            Err(error) => {
                let outcome = Outcome::Failed { code: "code".to_owned(), message: error.to_string() };
                return sandbox::not_called(CallId::generate(&self.env), serving, point, outcome);
            }
        };
        let budget = self.profile.budget(point, installed.memory_mib, cart.lines.len());
        self.run(ctx, Sandbox { installed, code: &code, point, at: cart.at, budget }, until, &ask).await
    }

    async fn run<A: Ask>(&self, ctx: &Ctx, sandbox: Sandbox<'_>, until: Instant, ask: &A) -> Answer<A::Reply> {
        let id = CallId::generate(&self.env);
        let Sandbox { installed, code, point, at, budget } = sandbox;
        let slot = tokio::time::timeout_at(until.into(), self.slots.acquire()).await;
        let Ok(Ok(_slot)) = slot else {
            let message = "all sandboxes of this process are in use".to_owned();
            let outcome = Outcome::Skipped { code: "busy".to_owned(), message };
            return sandbox::not_called(id, &installed.serving, point, outcome);
        };
        let actor = Actor::Plugin(installed.serving.install);
        let ctx = Origin { actor, ..ctx.origin().clone() }.for_tenant(ctx.tenant().clone());
        let asked = installed.clone();
        let call = Call::new(id, ctx, installed, at, budget, self.store.clone(), self.key);
        let running = sandbox::run(&self.engine, code, call, budget, point, until, ask);
        span::around(id, &asked.serving, point, running).await
    }
}

impl Extensions for Runtime {
    async fn serving(&self, ctx: &Ctx, point: Point) -> Result<Vec<Serving>, ExtensionsUnavailable> {
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
