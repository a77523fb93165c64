//! What calls leave behind, written off their path: usage, recordings, breakers, notices.
//!
//! A call puts it here and goes on. Breakers and recordings are written within a second, usage every ten; a clean stop
//! writes all. What is full is dropped and counted, never waited for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use heptad_capabilities::extensions::LimitReached;
use heptad_model::id::{InstallId, TenantId};
use heptad_model::{Env, Limit, Origin, Point, Tenant};
use heptad_platform::PlatformError;
use heptad_platform::breaker::{Breaker, BreakerState, breaker_put};
use heptad_platform::metering::usage_add;
use heptad_platform::notice::{Audience, NoticeIn, NoticeKind, notice_post};
use heptad_store::{Store, Tx};
use serde_json::json;
use tokio::sync::Notify;

use crate::meter::Meter;
use crate::observe;
use crate::recording::{self, Recording, RecordingError};

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
    Breaker { breaker: Breaker, plugin: String, version: String },
    /// A call came near a limit.
    Near { install: InstallId, plugin: String, version: String, point: Point, used: u64, limit: LimitReached },
}

#[derive(Default)]
struct Pending {
    signals: Vec<(Arc<Tenant>, Signal)>,
    recordings: Vec<(Arc<Tenant>, Recording)>,
    recording_bytes: usize,
    /// Notices of limits that were sent, so that each is sent once an hour and process.
    near: HashMap<(InstallId, Limit), i64>,
}

/// Writes what calls leave behind.
pub(crate) struct Reporter {
    store: Store,
    env: Env,
    key: [u8; 32],
    pub(crate) meter: Meter,
    pending: Mutex<Pending>,
    urgent: Notify,
    /// Held by whoever writes, so that a flush waits for what is being written.
    writing: tokio::sync::Mutex<()>,
}

impl Reporter {
    pub(crate) fn new(store: Store, env: Env, key: [u8; 32]) -> Self {
        let (meter, pending, urgent) = (Meter::default(), Mutex::default(), Notify::new());
        Self { store, env, key, meter, pending, urgent, writing: tokio::sync::Mutex::default() }
    }

    /// Puts a recording aside to be written.
    pub(crate) fn record(&self, tenant: &Arc<Tenant>, recording: Recording) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = pending.recording_bytes + recording.bytes();
        let is_kept = pending.recordings.len() < RECORDINGS && bytes <= RECORDING_BYTES;
        if is_kept {
            pending.recording_bytes = bytes;
            pending.recordings.push((tenant.clone(), recording));
        }
        observe::recording(is_kept);
    }

    /// Tells that a breaker changed: at once, since a merchant waits for it.
    pub(crate) fn breaker(&self, tenant: &Arc<Tenant>, breaker: Breaker, plugin: &str, version: &str) {
        if breaker.state == BreakerState::Open {
            observe::breaker_opened(breaker.point);
        }
        self.signal(tenant, Signal::Breaker { breaker, plugin: plugin.to_owned(), version: version.to_owned() });
        self.urgent.notify_one();
    }

    /// Tells that a call used 80 % of a limit or more, once an hour for each install and limit.
    pub(crate) fn near(&self, tenant: &Arc<Tenant>, key: (InstallId, Limit), signal: impl FnOnce() -> Signal) {
        let hour = self.env.now().as_millis() / heptad_model::time::span::HOUR;
        {
            let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
            if pending.near.len() >= SIGNALS {
                pending.near.retain(|_, sent| *sent == hour);
            }
            if pending.near.insert(key, hour) == Some(hour) {
                return;
            }
        }
        self.signal(tenant, signal());
    }

    fn signal(&self, tenant: &Arc<Tenant>, signal: Signal) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        if pending.signals.len() < SIGNALS {
            pending.signals.push((tenant.clone(), signal));
        } else {
            tracing::warn!("a notice is dropped: too many wait");
        }
    }

    /// Writes again and again, for ever; the process runs it as a task.
    pub(crate) async fn run(&self) {
        let mut reports = tokio::time::interval(REPORT_EVERY);
        let mut flushes = tokio::time::interval(FLUSH_EVERY);
        for ticks in [&mut reports, &mut flushes] {
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        }
        loop {
            tokio::select! {
                _ = self.urgent.notified() => self.report().await,
                _ = reports.tick() => self.report().await,
                _ = flushes.tick() => {
                    self.flush_usage().await;
                }
            }
        }
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
        let _writing = self.writing.lock().await;
        let (signals, recordings) = {
            let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
            pending.recording_bytes = 0;
            (std::mem::take(&mut pending.signals), std::mem::take(&mut pending.recordings))
        };
        for (tenant, signals) in by_tenant(signals) {
            let ctx = Origin::system("reporter", self.env.clone()).for_tenant(tenant.clone());
            let write = async |mut tx: Tx| {
                for signal in &signals {
                    match tell(&mut tx, signal).await {
                        // The plugin was uninstalled meanwhile: nobody is left to tell.
                        Err(PlatformError::NotFound { .. }) => {}
                        told => told?,
                    }
                }
                Ok::<_, PlatformError>(())
            };
            if let Err(error) = self.store.write(&ctx, write).await {
                tracing::error!(tenant = %tenant.id, %error, "what happened to plugins of {} is told later", tenant.id);
                signals.into_iter().for_each(|signal| self.signal(&tenant, signal));
            }
        }
        for (tenant, recordings) in by_tenant(recordings) {
            let ctx = Origin::system("reporter", self.env.clone()).for_tenant(tenant.clone());
            let write = async |mut tx: Tx| {
                for recording in &recordings {
                    recording::keep(&mut tx, &self.key, recording).await?;
                }
                Ok::<_, RecordingError>(())
            };
            if let Err(error) = self.store.write(&ctx, write).await {
                tracing::error!(tenant = %tenant.id, %error, "calls of {} are not recorded", tenant.id);
            }
        }
    }

    /// How many shops' usage could not be written.
    async fn flush_usage(&self) -> u64 {
        let _writing = self.writing.lock().await;
        let (begun, mut failures) = (Instant::now(), 0);
        for usage in self.meter.take() {
            let ctx = Origin::system("metering", self.env.clone()).for_tenant(usage.tenant.clone());
            let write = async |mut tx: Tx| usage_add(&mut tx, &usage.rows).await;
            if let Err(error) = self.store.write(&ctx, write).await {
                tracing::error!(tenant = %usage.tenant.id, %error, "usage is written with the next flush");
                failures += 1;
                self.meter.put_back(usage);
            }
        }
        observe::flushed(begun.elapsed(), failures);
        failures
    }
}

async fn tell(tx: &mut Tx, signal: &Signal) -> Result<(), PlatformError> {
    let (notice, plugin) = match signal {
        Signal::Breaker { breaker, plugin, version } => {
            breaker_put(tx, breaker).await?;
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
