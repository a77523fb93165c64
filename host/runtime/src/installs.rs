//! The tenants' plugins in memory: which serve a point, in the tenant's order, with what was granted and set.
//!
//! A process reads the generation of all installs every 250 ms and at once after a change of its own; a tenant's entry
//! that is older is read anew when it is next asked for. A process that could not read the generation for 5 s runs no
//! plugins, since somebody may have been switched off meanwhile.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

use heptad_capabilities::extensions::{ExtensionsUnavailable, Serving};
use heptad_model::id::{InstallId, TenantId};
use heptad_model::{Ctx, Env, Limits, Origin, PermissionSet, Point};
use heptad_platform::breaker::breaker_list;
use heptad_platform::install::OpenSecret;
use heptad_platform::limit_profile::limits_of_tenant;
use heptad_platform::{Install, PlatformError, generation, install_list};
use heptad_store::{Store, StoreError};
use rustc_hash::FxHashMap;
use tokio::sync::OnceCell;

use crate::breaker::Breakers;
use crate::code::Code;
use crate::egress::Share;
use crate::observe;
use crate::rate::Rate;

/// How often the generation is read.
pub const READ_EVERY: Duration = Duration::from_millis(250);
/// How old the last reading may be.
pub const STALE_AFTER: Duration = Duration::from_secs(5);
/// How long a call may still begin on a version that was replaced: a cart that is being priced is priced by one version.
const REPLACED_FOR: Duration = Duration::from_secs(1);
/// How many tenants' plugins stay in memory.
const TENANTS: usize = 20_000;

/// A plugin as a tenant has it, ready to be called.
pub struct Installed {
    /// What the capabilities know of it.
    pub(crate) serving: Arc<Serving>,
    /// What it asks for and was granted.
    pub(crate) allowed: PermissionSet,
    /// The settings as JSON, defaults filled in.
    pub(crate) settings: Arc<str>,
    /// Memory of a call in MiB, as the manifest asks.
    pub(crate) memory_mib: u32,
    /// The tenant's limits.
    pub(crate) limits: Arc<Limits>,
    /// Its code, once it was asked for.
    pub(crate) code: OnceLock<Arc<Code>>,
    /// The rate of its host calls; a change of the install does not refill it.
    pub(crate) rate: Arc<Rate>,
    /// The hosts that it names and may call.
    pub(crate) hosts: Vec<String>,
    /// What it may send to them; a change of the install does not refill it.
    pub(crate) share: Arc<Share>,
    /// What the merchant gave for requests to them, once it was asked for.
    pub(crate) secrets: OnceCell<Vec<OpenSecret>>,
    /// The install's epoch, for its breakers.
    pub(crate) epoch: i64,
}

/// One tenant's plugins, as of a generation.
struct Plugins {
    generation: i64,
    limits: Arc<Limits>,
    enabled: Vec<Arc<Installed>>,
    /// Those whose version was changed a moment ago: who has begun with one goes on with it.
    replaced: Vec<(Instant, Arc<Installed>)>,
}

/// All tenants' plugins.
pub(crate) struct Installs {
    store: Store,
    tenants: RwLock<FxHashMap<TenantId, Arc<Plugins>>>,
    generation: AtomicI64,
    started: Instant,
    read_millis: AtomicU64,
    /// For tenants whose profile the database does not hold.
    defaults: Arc<Limits>,
    /// Takes over what other processes opened, and this one before it was started anew.
    breakers: Arc<Breakers>,
}

impl Installs {
    pub(crate) fn new(store: Store, defaults: Arc<Limits>, breakers: Arc<Breakers>) -> Self {
        Self {
            store,
            defaults,
            breakers,
            tenants: RwLock::default(),
            generation: AtomicI64::new(0),
            started: Instant::now(),
            read_millis: AtomicU64::new(0),
        }
    }

    /// Reads the generation.
    pub(crate) async fn refresh(&self, env: &Env) -> Result<(), StoreError> {
        let origin = Origin::system("installs", env.clone());
        let begun = self.started.elapsed();
        let at = env.now();
        let read = self.store.platform_read(&origin, async |mut tx| generation(&mut tx).await).await;
        observe::installs_read(at, read.is_ok());
        let now: i64 = read?;
        self.generation.fetch_max(now, Ordering::AcqRel);
        self.read_millis.fetch_max(u64::try_from(begun.as_millis()).unwrap_or(u64::MAX), Ordering::AcqRel);
        Ok(())
    }

    /// Whether the generation was read lately enough.
    pub(crate) fn is_fresh(&self) -> bool {
        let read = Duration::from_millis(self.read_millis.load(Ordering::Acquire));
        self.generation.load(Ordering::Acquire) > 0 && self.started.elapsed().saturating_sub(read) < STALE_AFTER
    }

    /// The enabled plugins that serve the point, in the tenant's order.
    pub(crate) async fn serving(&self, ctx: &Ctx, point: Point) -> Result<Vec<Arc<Serving>>, ExtensionsUnavailable> {
        let plugins = self.plugins(ctx).await?;
        let serves = |installed: &&Arc<Installed>| installed.serving.manifest.points.contains(&point);
        Ok(plugins.enabled.iter().filter(serves).map(|installed| installed.serving.clone()).collect())
    }

    /// The enabled plugin of this install.
    pub(crate) async fn enabled(
        &self,
        ctx: &Ctx,
        install: InstallId,
    ) -> Result<Option<Arc<Serving>>, ExtensionsUnavailable> {
        let plugins = self.plugins(ctx).await?;
        let found = plugins.enabled.iter().find(|installed| installed.serving.install == install);
        Ok(found.map(|installed| installed.serving.clone()))
    }

    /// The plugin of a serving, if it still is what it was then.
    pub(crate) async fn find(
        &self,
        ctx: &Ctx,
        serving: &Serving,
    ) -> Result<Option<Arc<Installed>>, ExtensionsUnavailable> {
        let plugins = self.plugins(ctx).await?;
        let same = |installed: &&Arc<Installed>| {
            installed.serving.install == serving.install && installed.serving.revision == serving.revision
        };
        let replaced = || plugins.replaced.iter().filter(|(at, _)| at.elapsed() < REPLACED_FOR).map(|(_, known)| known);
        Ok(plugins.enabled.iter().find(same).or_else(|| replaced().find(same)).cloned())
    }

    /// The tenant's limits.
    pub(crate) async fn limits(&self, ctx: &Ctx) -> Result<Arc<Limits>, ExtensionsUnavailable> {
        Ok(self.plugins(ctx).await?.limits.clone())
    }

    /// The tenant's limits as they were last read; those of the process where they were not.
    pub(crate) fn known_limits(&self, tenant: TenantId) -> Arc<Limits> {
        self.known(tenant).map_or_else(|| self.defaults.clone(), |plugins| plugins.limits.clone())
    }

    fn known(&self, tenant: TenantId) -> Option<Arc<Plugins>> {
        self.tenants.read().unwrap_or_else(PoisonError::into_inner).get(&tenant).cloned()
    }

    async fn plugins(&self, ctx: &Ctx) -> Result<Arc<Plugins>, ExtensionsUnavailable> {
        if !self.is_fresh() {
            return Err(ExtensionsUnavailable("the installs were not read for 5 s".to_owned()));
        }
        let wanted = self.generation.load(Ordering::Acquire);
        let known = match self.known(ctx.tenant().id) {
            Some(plugins) if plugins.generation >= wanted => return Ok(plugins),
            known => known,
        };
        // The generation was read before the installs: what is read now is at least as new.
        let read = async |mut tx| {
            let breakers = if known.is_none() { breaker_list(&mut tx).await? } else { Vec::new() };
            Ok::<_, PlatformError>((install_list(&mut tx).await?, limits_of_tenant(&mut tx).await?, breakers))
        };
        let read = self.store.read(ctx, read).await;
        let (installs, limits, breakers) = read.map_err(|error| ExtensionsUnavailable(error.to_string()))?;
        for breaker in breakers.iter().filter(|breaker| breaker.is_open()) {
            if let Some(install) = installs.iter().find(|install| install.id == breaker.install) {
                self.breakers.adopt(install.id, breaker.point, install.epoch(), breaker.retry_at);
            }
        }
        let limits = limits.map_or_else(|| self.defaults.clone(), Arc::new);
        let enabled = installs.into_iter().filter(Install::runs);
        let before = known;
        let known = before.as_deref().map_or(&[][..], |plugins| &plugins.enabled);
        let enabled = enabled.map(|install| {
            let known = known.iter().find(|known| known.serving.install == install.id);
            match known {
                Some(known) if known.is(&install, &limits) => known.clone(),
                _ => Arc::new(Installed::of(install, limits.clone(), known.map(Arc::as_ref))),
            }
        });
        let enabled: Vec<Arc<Installed>> = enabled.collect();
        let replaced = before.as_deref().map(|before| before.replaced_by(&enabled)).unwrap_or_default();
        let plugins = Arc::new(Plugins { generation: wanted, limits, enabled, replaced });
        self.keep(ctx.tenant().id, plugins.clone());
        Ok(plugins)
    }

    /// Where there are too many, those of old generations go, and if none is old, a part of the others: they are read
    /// again when they are next asked for.
    fn keep(&self, tenant: TenantId, plugins: Arc<Plugins>) {
        let mut tenants = self.tenants.write().unwrap_or_else(PoisonError::into_inner);
        if tenants.len() >= TENANTS {
            tenants.retain(|_, known| known.generation >= plugins.generation);
        }
        if tenants.len() >= TENANTS {
            let some: Vec<TenantId> = tenants.keys().take(TENANTS / 16).copied().collect();
            for tenant in some {
                tenants.remove(&tenant);
            }
        }
        tenants.insert(tenant, plugins);
    }
}

impl Plugins {
    /// The plugins that have another version now, and those replaced a moment before; not those that were switched off.
    fn replaced_by(&self, now: &[Arc<Installed>]) -> Vec<(Instant, Arc<Installed>)> {
        let is_replaced = |old: &&Arc<Installed>| {
            let new = now.iter().find(|new| new.serving.install == old.serving.install);
            new.is_some_and(|new| new.serving.version != old.serving.version)
        };
        let still = |(at, old): &&(Instant, Arc<Installed>)| {
            at.elapsed() < REPLACED_FOR && now.iter().any(|new| new.serving.install == old.serving.install)
        };
        let fresh = self.enabled.iter().filter(is_replaced).map(|old| (Instant::now(), old.clone()));
        self.replaced.iter().filter(still).cloned().chain(fresh).collect()
    }
}

impl Installed {
    /// A plugin for the check of an upload: nothing granted, no settings, no tenant's install behind it.
    pub(crate) fn trial(serving: Arc<Serving>, limits: Arc<Limits>) -> Self {
        Self {
            serving,
            allowed: PermissionSet::default(),
            settings: "{}".into(),
            memory_mib: *heptad_model::manifest::MEMORY_MIB.end(),
            code: OnceLock::new(),
            rate: Arc::new(Rate::per_second(limits.host_calls_per_second)),
            hosts: Vec::new(),
            share: Arc::new(Share::new(limits.outbound_concurrency, limits.outbound_per_minute)),
            secrets: OnceCell::new(),
            limits,
            epoch: 0,
        }
    }

    /// Whether it is the install as it is now.
    fn is(&self, install: &Install, limits: &Limits) -> bool {
        self.epoch == install.epoch()
            && self.serving.revision == revision(install.id, install.revision)
            && *self.limits == *limits
    }

    fn of(install: Install, limits: Arc<Limits>, known: Option<&Self>) -> Self {
        let per_second = limits.host_calls_per_second;
        let rate = known.map(|known| known.rate.clone()).filter(|rate| rate.count() == per_second);
        let (concurrency, per_minute) = (limits.outbound_concurrency, limits.outbound_per_minute);
        let share = known.map(|known| known.share.clone()).filter(|share| share.is(concurrency, per_minute));
        let hosts = install.hosts.iter().filter(|host| install.manifest.wishes_host(host)).cloned().collect();
        Self {
            code: OnceLock::new(),
            hosts,
            rate: rate.unwrap_or_else(|| Arc::new(Rate::per_second(per_second))),
            secrets: OnceCell::new(),
            share: share.unwrap_or_else(|| Arc::new(Share::new(concurrency, per_minute))),
            limits,
            epoch: install.epoch(),
            allowed: install.manifest.wishes().both(install.granted),
            settings: install.settings.to_string().into(),
            memory_mib: install.manifest.memory_mib.unwrap_or(*heptad_model::manifest::MEMORY_MIB.start()),
            serving: Arc::new(Serving {
                install: install.id,
                version: install.version_id,
                manifest: install.manifest,
                digest: install.digest,
                revision: revision(install.id, install.revision),
                failure: install.failure,
            }),
        }
    }
}

fn revision(id: InstallId, revision: i64) -> String {
    format!("{id}:{revision}")
}
