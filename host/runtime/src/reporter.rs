//! What calls leave behind, written off their path: usage, recordings, breakers, notices, and the audit rows of what they
//! sent to other servers.
//!
//! A call puts it here and goes on. Usage is written every ten seconds, the rest within one; a clean stop writes all. What
//! is full is dropped and counted, never waited for; but while audit rows are behind, nothing is sent.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use heptad_capabilities::extensions::{CallTrace, LimitReached, Serving};
use heptad_model::id::{InstallId, TenantId};
use heptad_model::time::span::{HOUR, MINUTE};
use heptad_model::{Actor, Env, Limit, Manifest, Origin, Point, Tenant};
use heptad_platform::PlatformError;
use heptad_platform::breaker::{Breaker, BreakerState, breaker_put};
use heptad_platform::metering::{Usage, usage_add};
use heptad_platform::notice::{Audience, NoticeIn, NoticeKind, notice_post};
use heptad_platform::plugin_log::{PluginLog, plugin_logs_put};
use heptad_platform::vault::Vault;
use heptad_store::{Store, Tx};
use serde_json::json;
use tokio::sync::Notify;
use tokio::time::{Interval, MissedTickBehavior};

use crate::busiest::Busiest;
use crate::egress::Departure;
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
/// How many calls' logs wait at most, how many of an install are taken in a minute, and how many bytes of each.
const LOGS: usize = 1_024;
const LOGS_PER_MINUTE: u32 = 120;
const LOG_BYTES: usize = 8 << 10;
/// While so many audit rows wait, nothing more is sent.
const DEPARTURES: usize = 16_384;
/// How many of them are written in a transaction.
const DEPARTURES_AT_ONCE: usize = 500;

/// Something that people are to know.
#[derive(Debug)]
pub(crate) enum Signal {
    /// A breaker opened or closed.
    Breaker { breaker: Breaker, epoch: i64, plugin: String, version: String },
    /// A call came near a limit.
    Near { install: InstallId, plugin: String, version: String, point: Point, used: u64, limit: LimitReached },
    /// What a call wanted to send was held back for what is in it.
    Blocked { install: InstallId, plugin: String, version: String, host: String, code: &'static str },
}

/// What waits to be written.
#[derive(Default)]
struct Pending {
    signals: Vec<(Arc<Tenant>, Signal)>,
    recordings: Vec<(Arc<Tenant>, Recording)>,
    recording_bytes: usize,
    departures: Vec<(Arc<Tenant>, Departure)>,
    logs: Vec<(Arc<Tenant>, PluginLog)>,
    /// How many logs of an install were taken in a minute.
    logged: HashMap<InstallId, (i64, u32)>,
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
    pub(crate) fn near(&self, tenant: &Arc<Tenant>, serving: &Serving, point: Point, used: u64, limit: LimitReached) {
        let key = (serving.install, limit.limit);
        let hour = self.env.now().as_millis() / HOUR;
        let mut pending = self.lock();
        if pending.near.get(&key) == Some(&hour) {
            return;
        }
        if pending.near.len() >= SIGNALS {
            pending.near.retain(|_, sent| *sent == hour);
        }
        let signal = || Signal::Near {
            install: serving.install,
            plugin: serving.manifest.name.clone(),
            version: serving.manifest.version.clone(),
            point,
            used,
            limit,
        };
        if pending.near.len() < SIGNALS && pending.signal(tenant, signal()) {
            pending.near.insert(key, hour);
        }
    }

    /// Keeps what a call logged, as far as there is room and the install has not had its share of this minute.
    pub(crate) fn logged(&self, tenant: &Arc<Tenant>, trace: &CallTrace) {
        let minute = self.env.now().as_millis() / MINUTE;
        let mut pending = self.lock();
        if pending.logged.len() >= SIGNALS {
            pending.logged.retain(|_, (of, _)| *of == minute);
        }
        let (of, taken) = pending.logged.entry(trace.install).or_insert((minute, 0));
        if *of != minute {
            (*of, *taken) = (minute, 0);
        }
        *taken += 1;
        if *taken > LOGS_PER_MINUTE || pending.logs.len() >= LOGS {
            return observe::log("dropped");
        }
        let mut left = LOG_BYTES;
        let lines = trace.log.iter().map_while(|line| {
            let end = (0..=line.len().min(left)).rev().find(|end| line.is_char_boundary(*end)).unwrap_or_default();
            left -= end;
            (end > 0 || line.is_empty()).then(|| line[..end].to_owned())
        });
        let log = PluginLog {
            install: trace.install,
            plugin: trace.plugin.clone(),
            version: trace.version.clone(),
            point: trace.point,
            call: trace.call,
            outcome: observe::word(&trace.outcome).to_owned(),
            lines: lines.collect(),
        };
        pending.logs.push((tenant.clone(), log));
        observe::log("kept");
    }

    /// Whether there is room for the audit rows of more requests.
    pub(crate) fn takes_departures(&self) -> bool {
        self.lock().departures.len() < DEPARTURES
    }

    /// Puts down a request to another server; those that are on their way when there is no more room are taken, too.
    pub(crate) fn departed(&self, tenant: &Arc<Tenant>, departure: Departure) {
        self.lock().departures.push((tenant.clone(), departure));
    }

    /// Tells that something was held back: at once, since people wait for it.
    pub(crate) fn blocked(&self, tenant: &Arc<Tenant>, signal: Signal) {
        self.lock().signal(tenant, signal);
        self.urgent.notify_one();
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
        let (signals, recordings, departures, logs) = {
            let mut pending = self.lock();
            pending.recording_bytes = 0;
            let Pending { signals, recordings, departures, logs, .. } = &mut *pending;
            (std::mem::take(signals), std::mem::take(recordings), std::mem::take(departures), std::mem::take(logs))
        };
        self.keep_logs(logs).await;
        self.put_down(departures).await;
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

    /// Writes the audit rows of what was sent, each in its plugin's name; what cannot be written is written later.
    async fn put_down(&self, departures: Vec<(Arc<Tenant>, Departure)>) {
        for (tenant, departures) in by_tenant(departures) {
            let mut by_install: BTreeMap<InstallId, Vec<Departure>> = BTreeMap::new();
            for departure in departures {
                by_install.entry(departure.install).or_default().push(departure);
            }
            for (install, departures) in by_install {
                for batch in departures.chunks(DEPARTURES_AT_ONCE) {
                    self.put_down_batch(&tenant, install, batch).await;
                }
            }
        }
    }

    async fn keep_logs(&self, logs: Vec<(Arc<Tenant>, PluginLog)>) {
        for (tenant, logs) in by_tenant(logs) {
            let ctx = Origin::system("reporter", self.env.clone()).for_tenant(tenant.clone());
            let keep = async |mut tx: Tx| plugin_logs_put(&mut tx, &logs).await;
            if let Err(error) = self.store.write(&ctx, keep).await {
                tracing::error!(tenant = %tenant.id, %error, "what plugins of {} logged is lost", tenant.id);
            }
        }
    }

    async fn put_down_batch(&self, tenant: &Arc<Tenant>, install: InstallId, batch: &[Departure]) {
        let origin = Origin { actor: Actor::Plugin(install), ..Origin::system("reporter", self.env.clone()) };
        let write = async |mut tx: Tx| {
            for departure in batch {
                tx.audit(departure.action(), install, departure).await?;
            }
            Ok::<_, PlatformError>(())
        };
        if let Err(error) = self.store.write(&origin.for_tenant(tenant.clone()), write).await {
            tracing::error!(tenant = %tenant.id, %error, "what plugins of {} sent is put down later", tenant.id);
            self.lock().departures.extend(batch.iter().map(|one| (tenant.clone(), one.clone())));
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
        Signal::Blocked { install, plugin, version, host, code } => {
            let detail = json!({"plugin": plugin, "version": version, "host": host, "code": code});
            let dedup = format!("outbound:{install}:{host}");
            (NoticeIn { kind: NoticeKind::OutboundBlocked, subject: install.to_string(), dedup, detail }, plugin)
        }
    };
    notice_post(tx, Audience::Tenant, &notice).await?;
    observe::notice(notice.kind);
    // A publisher is told of the plugin, not of each shop that has it, nor in words that may hold the shop's data.
    let matter = notice.detail["code"].as_str().or(notice.detail["limit"].as_str()).unwrap_or_default();
    let dedup = format!("{}:{plugin}:{matter}", notice.kind.name());
    let mut of_plugin = NoticeIn { subject: plugin.clone(), dedup, ..notice };
    if let Some(detail) = of_plugin.detail.as_object_mut() {
        detail.remove("message");
    }
    notice_post(tx, Audience::PublisherOf(plugin), &of_plugin).await?;
    if matches!(of_plugin.kind, NoticeKind::BreakerOpened | NoticeKind::OutboundBlocked) {
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
