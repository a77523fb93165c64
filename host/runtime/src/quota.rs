//! What is sold by the day (calls of plugins, their requests to other servers): this process's lots of it.
//!
//! A call takes one from memory. When a lot is used up the next one is leased apart, and meanwhile calls go on for another
//! lot and no further: so all processes together go beyond the limit by at most a lot each, and a database that does not
//! answer stops them there.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use heptad_model::id::TenantId;
use heptad_model::time::span::DAY;
use heptad_model::{Env, Millis, Origin, Tenant};
use heptad_platform::PlatformError;
use heptad_platform::quota::{Lot, Quota, day_of, quota_give_back, quota_lease};
use heptad_store::{Store, StoreError, Tx};
use rustc_hash::FxHashMap;
use tokio::sync::Notify;

/// The day's are so many lots; a lot is at most so large.
const LOTS: i64 = 100;
const LARGEST: i64 = 1_000;
/// How long a process that got nothing waits before it asks again: others may have given some back.
const AGAIN: Duration = Duration::from_secs(10);
/// How long it waits after the database failed.
const FAILED: Duration = Duration::from_secs(1);
/// How long a stop waits for lots that are on their way.
const STOP: Duration = Duration::from_secs(3);
/// How many tenants are counted at most; then those of past days go.
const TENANTS: usize = 20_000;

/// What came of taking one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It may be used.
    Granted,
    /// The day's are spent.
    Spent,
}

/// The lots of a process, of one quota.
pub struct Quotas {
    quota: Quota,
    store: Store,
    env: Env,
    counted: Mutex<FxHashMap<TenantId, Counted>>,
    /// A lot has come, or none.
    leased: Notify,
}

struct Counted {
    tenant: Arc<Tenant>,
    day: i64,
    /// Less than none while the next lot is asked for.
    left: i64,
    is_leasing: bool,
    /// Since when there is nothing to be had.
    spent: Option<Instant>,
}

/// The day (UTC) of a moment, and when the next one begins.
pub fn day(now: Millis) -> (i64, Millis) {
    let begun = day_of(now);
    (begun.as_millis() / DAY, begun.plus(DAY))
}

/// How much is leased at a time.
pub fn lot(most: u64) -> i64 {
    (i64::try_from(most).unwrap_or(i64::MAX) / LOTS).clamp(1, LARGEST)
}

impl Quotas {
    /// None leased yet.
    pub fn new(quota: Quota, store: Store, env: Env) -> Arc<Self> {
        Arc::new(Self { quota, store, env, counted: Mutex::default(), leased: Notify::new() })
    }

    fn lock(&self) -> MutexGuard<'_, FxHashMap<TenantId, Counted>> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes one call of the tenant's day, of which there are `most`. Where this process has used up what it may without
    /// the database, it waits for the next lot until `until`.
    pub async fn take(self: &Arc<Self>, tenant: &Arc<Tenant>, most: u64, until: Instant) -> Taken {
        loop {
            // Before it is looked, so that a lot that comes meanwhile is not missed.
            let leased = self.leased.notified();
            match self.try_take(tenant, most) {
                Some(taken) => return taken,
                None if tokio::time::timeout_at(until.into(), leased).await.is_err() => return Taken::Spent,
                None => {}
            }
        }
    }

    /// The same at once; `None` while the next lot is on its way.
    fn try_take(self: &Arc<Self>, tenant: &Arc<Tenant>, most: u64) -> Option<Taken> {
        let ((day, _), lot) = (day(self.env.now()), lot(most));
        let mut all = self.lock();
        if all.len() >= TENANTS && !all.contains_key(&tenant.id) {
            all.retain(|_, counted| counted.day == day);
        }
        let fresh = || Counted { tenant: tenant.clone(), day, left: 0, is_leasing: false, spent: None };
        let counted = all.entry(tenant.id).or_insert_with(fresh);
        if counted.day != day {
            *counted = fresh();
        }
        let may_ask = counted.spent.is_none_or(|since| since.elapsed() >= AGAIN);
        if counted.left <= 0 && !counted.is_leasing && may_ask {
            counted.is_leasing = true;
            let (quotas, tenant) = (self.clone(), tenant.clone());
            tokio::spawn(async move { quotas.lease(tenant, day, lot, most).await });
        }
        if counted.left <= 0 && counted.spent.is_some() {
            return Some(Taken::Spent);
        }
        if counted.left <= -lot {
            return None;
        }
        counted.left -= 1;
        Some(Taken::Granted)
    }

    async fn lease(&self, tenant: Arc<Tenant>, day: i64, lot: i64, most: u64) {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let ctx = Origin::system("quotas", self.env.clone()).for_tenant(tenant.clone());
        let lease = async |mut tx: Tx| quota_lease(&mut tx, self.quota, day, lot, most).await;
        let leased: Result<Lot, PlatformError> = self.store.write(&ctx, lease).await;
        if let Err(error) = &leased {
            tracing::warn!(%error, tenant = %tenant.id, "nothing of {} can be leased: {error}", self.quota.name());
            tokio::time::sleep(FAILED).await;
        }
        let mut all = self.lock();
        let Some(counted) = all.get_mut(&tenant.id).filter(|counted| counted.day == day) else { return };
        counted.is_leasing = false;
        if let Ok(Lot { granted, .. }) = leased {
            counted.left += granted;
            counted.spent = (granted == 0).then(Instant::now);
        }
        drop(all);
        self.leased.notify_waiters();
    }

    /// Gives back what was leased and not used, also what is on its way here: a clean stop.
    pub async fn give_back(&self) {
        let until = Instant::now() + STOP;
        loop {
            let leased = self.leased.notified();
            let is_leasing = self.lock().values().any(|counted| counted.is_leasing);
            if !is_leasing || tokio::time::timeout_at(until.into(), leased).await.is_err() {
                break;
            }
        }
        let unused: Vec<Counted> = self.lock().drain().map(|(_, counted)| counted).collect();
        for Counted { tenant, day, left, .. } in unused.into_iter().filter(|counted| counted.left > 0) {
            let ctx = Origin::system("quotas", self.env.clone()).for_tenant(tenant);
            let give_back = async |mut tx: Tx| quota_give_back(&mut tx, self.quota, day, left).await;
            let done: Result<(), StoreError> = self.store.write(&ctx, give_back).await;
            if let Err(error) = done {
                tracing::warn!(%error, "what was not used of {} is not given back: {error}", self.quota.name());
            }
        }
    }
}
