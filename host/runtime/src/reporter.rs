//! What calls leave behind, written off their path: usage, recordings, breakers, notices.
//!
//! A call puts it here and goes on. Breakers and recordings are written within a second, usage every ten; a clean stop
//! writes all. What is full is dropped and counted, never waited for.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use heptad_capabilities::extensions::LimitReached;
use heptad_model::id::{InstallId, TenantId};
use heptad_model::time::span::HOUR;
use heptad_model::{Env, Limit, Manifest, Origin, Point, Tenant};
use heptad_platform::PlatformError;
use heptad_platform::breaker::{Breaker, BreakerState, breaker_put};
use heptad_platform::metering::{Usage, usage_add};
use heptad_platform::notice::{Audience, NoticeIn, NoticeKind, notice_post};
use heptad_platform::vault::Vault;
use heptad_store::{Store, Tx};
use serde_json::json;
use tokio::sync::Notify;
use tokio::time::{Interval, MissedTickBehavior};

use crate::busiest::Busiest;
use crate::meter::Meter;
use crate::observe;
use crate::recording::{self, Quotas, Recording};

/// How often usage is written: what a kill loses at most.
pub const FLUSH_EVERY: Duration = Duration::from_secs(10);
/// How often the rest is.
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// How often the last flush of a process tries to write usage, and the pause after the first failure.
const FLUSH_ATTEMPTS: u32 = 3;
const FLUSH_PAUSE: Duration = Duration::from_millis(500);
/// How many recordings wait at most.
const RECORDINGS: usize = 256;
/// How many bytes of host calls the recordings that wait hold at most.
const RECORDING_BYTES: usize = 64 << 20;
/// How many notices and breakers wait at most.
const SIGNALS: usize = 4_096;

/// Something that people are to know.
#[derive(Debug)]
pub(crate) enum Signal {
    /// A breaker opened or closed.
    Breaker { breaker: Breaker, epoch: i64, plugin: String, version: String },
    /// A call came near a limit.
    Near { install: InstallId, plugin: String, version: String, point: Point, used: u64, limit: LimitReached },
}

/// What waits to be written.
#[derive(Default)]
struct Pending {
    signals: Vec<(Arc<Tenant>, Signal)>,
    recordings: Vec<(Arc<Tenant>, Recording)>,
    recording_bytes: usize,
    /// Notices of limits that were sent, so that each is sent once an hour and process.
    near: HashMap<(InstallId, Limit), i64>,
    quotas: Quotas,
}

impl Pending {
    /// Whether there was room for it.
    fn signal(&mut self, tenant: &Arc<Tenant>, signal: Signal) -> bool {
        let fits = self.signals.len() < SIGNALS;
        if fits {
            self.signals.push((tenant.clone(), signal));
        } else {
            tracing::warn!("a notice is dropped: too many wait");
        }
        fits
    }
}

fn every(period: Duration) -> Interval {
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// Writes what calls leave behind.
pub(crate) struct Reporter {
    store: Store,
    env: Env,
    vault: Vault,
    pub(crate) meter: Meter,
    pending: Mutex<Pending>,
    urgent: Notify,
    /// Held by whoever writes reports, so that a flush waits for what is being written.
    reporting: tokio::sync::Mutex<()>,
    /// The same for usage; with what metrics call the plugins.
    flushing: tokio::sync::Mutex<Busiest>,
}

impl Reporter {
    pub(crate) fn new(store: Store, env: Env, vault: Vault) -> Self {
        let (meter, pending, urgent) = (Meter::default(), Mutex::default(), Notify::new());
        let (reporting, flushing) = Default::default();
        Self { store, env, vault, meter, pending, urgent, reporting, flushing }
    }

    /// Puts a recording aside to be written, unless too many wait or the plugin has had its share: `make` is called then
    /// only.
    pub(crate) fn record(
        &self,
        tenant: &Arc<Tenant>,
        install: InstallId,
        bytes: usize,
        make: impl FnOnce() -> Recording,
    ) {
        let now = self.env.now();
        let mut pending = self.lock();
        let waiting = pending.recording_bytes + bytes;
        if pending.recordings.len() >= RECORDINGS || waiting > RECORDING_BYTES {
            observe::recording("dropped");
        } else if !pending.quotas.take(install, bytes, now) {
            observe::recording("over-quota");
        } else {
            pending.recording_bytes = waiting;
            pending.recordings.push((tenant.clone(), make()));
        }
    }

    /// Tells that a breaker changed: at once, since a merchant waits for it.
    pub(crate) fn breaker(&self, tenant: &Arc<Tenant>, breaker: Breaker, epoch: i64, manifest: &Manifest) {
        if breaker.state == BreakerState::Open {
            observe::breaker_opened(breaker.point);
        }
        let (plugin, version) = (manifest.name.clone(), manifest.version.clone());
        self.lock().signal(tenant, Signal::Breaker { breaker, epoch, plugin, version });
        self.urgent.notify_one();
    }

    /// Tells that a call used 80 % of a limit or more, once an hour for each install and limit.
    pub(crate) fn near(&self, tenant: &Arc<Tenant>, key: (InstallId, Limit), signal: impl FnOnce() -> Signal) {
        let hour = self.env.now().as_millis() / HOUR;
        let mut pending = self.lock();
        if pending.near.get(&key) == Some(&hour) {
            return;
        }
        if pending.near.len() >= SIGNALS {
            pending.near.retain(|_, sent| *sent == hour);
        }
        if pending.near.len() < SIGNALS && pending.signal(tenant, signal()) {
            pending.near.insert(key, hour);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes again and again, for ever; the process runs it as a task. Usage of many shops does not hold up what people
    /// wait for.
    pub(crate) async fn run(&self) {
        let reports = async {
            let mut ticks = every(REPORT_EVERY);
            loop {
                tokio::select! {
                    () = self.urgent.notified() => {}
                    _ = ticks.tick() => {}
                }
                self.report().await;
            }
        };
        let flushes = async {
            let mut ticks = every(FLUSH_EVERY);
            loop {
                ticks.tick().await;
                self.flush_usage().await;
            }
        };
        let ((), ()) = tokio::join!(reports, flushes);
    }

    /// Writes everything that waits, after what is being written; what fails is tried a few times.
    pub(crate) async fn flush(&self) {
        for attempt in 1..=FLUSH_ATTEMPTS {
            self.report().await;
            if self.flush_usage().await == 0 {
                return;
            }
            tokio::time::sleep(FLUSH_PAUSE * attempt).await;
        }
    }

    async fn report(&self) {
        let _reporting = self.reporting.lock().await;
        let (signals, recordings) = {
            let mut pending = self.lock();
            pending.recording_bytes = 0;
            (std::mem::take(&mut pending.signals), std::mem::take(&mut pending.recordings))
        };
        for (tenant, signals) in by_tenant(signals) {
            let ctx = Origin::system("reporter", self.env.clone()).for_tenant(tenant.clone());
            let write = async |mut tx: Tx| {
                for signal in &signals {
                    match tell(&mut tx, signal).await {
                        // The plugin was uninstalled, changed or re-armed meanwhile: there is nothing to tell any more.
                        Err(PlatformError::NotFound { .. }) => {}
                        told => told?,
                    }
                }
                Ok::<_, PlatformError>(())
            };
            if let Err(error) = self.store.write(&ctx, write).await {
                tracing::error!(tenant = %tenant.id, %error, "what happened to plugins of {} is told later", tenant.id);
                let mut pending = self.lock();
                for signal in signals {
                    pending.signal(&tenant, signal);
                }
            }
        }
        for (tenant, recording) in recordings {
            let ctx = Origin::system("reporter", self.env.clone()).for_tenant(tenant.clone());
            let keep = async |mut tx: Tx| recording::keep(&mut tx, &self.vault, &recording).await;
            match self.store.write(&ctx, keep).await {
                Ok(()) => observe::recording("kept"),
                Err(error) => {
                    observe::recording("dropped");
                    tracing::error!(tenant = %tenant.id, call = %recording.call, %error, "a call is not recorded");
                }
            }
        }
    }

    /// How many shops' usage could not be written.
    async fn flush_usage(&self) -> u64 {
        let mut busiest = self.flushing.lock().await;
        let (begun, mut failures) = (Instant::now(), 0);
        let mut by_plugin: BTreeMap<String, Usage> = BTreeMap::new();
        for usage in self.meter.take() {
            let ctx = Origin::system("metering", self.env.clone()).for_tenant(usage.tenant.clone());
            let write = async |mut tx: Tx| usage_add(&mut tx, &usage.rows).await;
            if let Err(error) = self.store.write(&ctx, write).await {
                tracing::error!(tenant = %usage.tenant.id, %error, "usage is written with the next flush");
                failures += 1;
                self.meter.put_back(usage);
            } else {
                for (key, usage) in usage.rows {
                    by_plugin.entry(key.plugin).or_default().add(&usage);
                }
            }
        }
        observe::usage(&busiest.by_label(by_plugin));
        observe::flushed(begun.elapsed(), failures);
        failures
    }
}

async fn tell(tx: &mut Tx, signal: &Signal) -> Result<(), PlatformError> {
    let (notice, plugin) = match signal {
        Signal::Breaker { breaker, epoch, plugin, version } => {
            breaker_put(tx, breaker, *epoch).await?;
            if breaker.state == BreakerState::Closed {
                return Ok(());
            }
            let detail = json!({
                "plugin": plugin, "version": version, "point": breaker.point.name(),
                "code": breaker.code, "message": breaker.message,
            });
            let dedup = format!("breaker:{}:{}", breaker.install, breaker.point);
            let subject = breaker.install.to_string();
            (NoticeIn { kind: NoticeKind::BreakerOpened, subject, dedup, detail }, plugin)
        }
        Signal::Near { install, plugin, version, point, used, limit } => {
            let detail = json!({
                "plugin": plugin, "version": version, "point": point.name(),
                "limit": limit.limit.code(), "most": limit.most, "used": used,
            });
            let dedup = format!("limit:{install}:{}", limit.limit);
            (NoticeIn { kind: NoticeKind::LimitNear, subject: install.to_string(), dedup, detail }, plugin)
        }
    };
    notice_post(tx, Audience::Merchant, &notice).await?;
    observe::notice(notice.kind);
    // A publisher is told of the plugin, not of each shop that has it, nor in words that may hold the shop's data.
    let matter = notice.detail["code"].as_str().or(notice.detail["limit"].as_str()).unwrap_or_default();
    let dedup = format!("{}:{plugin}:{matter}", notice.kind.name());
    let mut of_plugin = NoticeIn { subject: plugin.clone(), dedup, ..notice };
    if let Some(detail) = of_plugin.detail.as_object_mut() {
        detail.remove("message");
    }
    notice_post(tx, Audience::PublisherOf(plugin), &of_plugin).await?;
    if of_plugin.kind == NoticeKind::BreakerOpened {
        notice_post(tx, Audience::Operators, &of_plugin).await?;
    }
    Ok(())
}

fn by_tenant<T>(all: Vec<(Arc<Tenant>, T)>) -> Vec<(Arc<Tenant>, Vec<T>)> {
    let mut tenants: HashMap<TenantId, (Arc<Tenant>, Vec<T>)> = HashMap::new();
    for (tenant, one) in all {
        tenants.entry(tenant.id).or_insert_with(|| (tenant, Vec::new())).1.push(one);
    }
    tenants.into_values().collect()
}
