//! The share of the database's writing that a shop's plugins get.
//!
//! Whoever keeps a transaction open holds others up: on SQLite all of them, on PostgreSQL those that want the same rows. A
//! call's open transaction is bounded by itself ([`crate::effects::write_time`]); this bounds how often a plugin may use
//! that bound up. What a call keeps open for a few milliseconds is free, so that only those pay who are slow.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use heptad_model::id::{InstallId, TenantId};

/// How much open time may be used up at once.
pub(crate) const BURST: Duration = Duration::from_secs(1);
/// Open time comes back to an install at a tenth of the time that passes.
const INSTALL: u32 = 10;
/// To all plugins of a shop together at a quarter.
const TENANT: u32 = 4;
/// So many that have paid long ago are kept before they are forgotten.
const KEPT: usize = 1_000;

/// Who has paid for what, in this process.
#[derive(Debug)]
pub(crate) struct Ration {
    begun: Instant,
    /// What a call may keep its transaction open for without paying.
    free: Duration,
    paid: Mutex<HashMap<Owner, Duration>>,
}

/// Whose share it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Owner {
    Tenant(TenantId),
    Install(InstallId),
}

impl Owner {
    /// How many seconds bring one second of open time back.
    const fn slowness(self) -> u32 {
        match self {
            Self::Tenant(_) => TENANT,
            Self::Install(_) => INSTALL,
        }
    }
}

impl Ration {
    /// For calls that may keep a transaction open for so long.
    pub(crate) fn new(write_time: Duration) -> Self {
        Self { begun: Instant::now(), free: write_time / 10, paid: Mutex::default() }
    }

    /// How long a call of this install has to wait before it may write; nothing for nearly all.
    pub(crate) fn wait(&self, tenant: TenantId, install: InstallId) -> Option<Duration> {
        self.wait_at(self.begun.elapsed(), tenant, install)
    }

    /// Who pays for a call of this install.
    pub(crate) fn payer(self: &Arc<Self>, tenant: TenantId, install: InstallId) -> Payer {
        Payer { ration: self.clone(), tenant, install }
    }

    /// The generic cell rate algorithm: what is kept is the moment at which everything is paid back.
    fn wait_at(&self, now: Duration, tenant: TenantId, install: InstallId) -> Option<Duration> {
        let paid = self.paid.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = |owner: Owner| {
            let debt = paid.get(&owner)?.checked_sub(now)?;
            debt.checked_sub(BURST * owner.slowness()).filter(|wait| !wait.is_zero())
        };
        wait(Owner::Tenant(tenant)).max(wait(Owner::Install(install)))
    }

    fn charge_at(&self, now: Duration, tenant: TenantId, install: InstallId, open: Duration) {
        let Some(open) = open.checked_sub(self.free).filter(|open| !open.is_zero()) else { return };
        let mut paid = self.paid.lock().unwrap_or_else(PoisonError::into_inner);
        if paid.len() >= KEPT {
            paid.retain(|_, paid| *paid > now);
        }
        for owner in [Owner::Tenant(tenant), Owner::Install(install)] {
            let paid = paid.entry(owner).or_insert(now);
            *paid = (*paid).max(now) + open * owner.slowness();
        }
    }
}

/// Who pays for what a call keeps open.
pub(crate) struct Payer {
    ration: Arc<Ration>,
    tenant: TenantId,
    install: InstallId,
}

impl Payer {
    /// Books that the call kept its transaction open for so long.
    pub(crate) fn pay(&self, open: Duration) {
        self.ration.charge_at(self.ration.begun.elapsed(), self.tenant, self.install, open);
    }
}

#[cfg(test)]
mod tests {
    use heptad_model::Env;

    use super::*;

    #[test]
    fn who_keeps_transactions_open_waits_and_who_is_quick_never_does() {
        let env = Env::fixed(0);
        let (tenant, other) = (TenantId::generate(&env), TenantId::generate(&env));
        let (slow, quick) = (InstallId::generate(&env), InstallId::generate(&env));
        let (ration, at) = (Ration::new(Duration::from_millis(50)), Duration::from_secs);
        for _ in 0..100_000 {
            ration.charge_at(at(0), tenant, quick, Duration::from_millis(5));
        }
        assert_eq!(ration.wait_at(at(0), tenant, quick), None);
        // Twenty calls of fifty milliseconds beyond what is free are a second.
        for _ in 0..20 {
            assert_eq!(ration.wait_at(at(0), tenant, slow), None);
            ration.charge_at(at(0), tenant, slow, Duration::from_millis(55));
        }
        assert_eq!(ration.wait_at(at(0), tenant, slow), None);
        ration.charge_at(at(0), tenant, slow, Duration::from_millis(55));
        assert_eq!(ration.wait_at(at(0), tenant, slow), Some(Duration::from_millis(500)));
        assert_eq!(
            ration.wait_at(at(0), tenant, quick),
            Some(Duration::from_millis(200)),
            "the shop's share is used up"
        );
        assert_eq!(ration.wait_at(at(0), other, slow), Some(Duration::from_millis(500)));
        assert_eq!(ration.wait_at(at(0), other, quick), None);
        assert_eq!(ration.wait_at(at(1), tenant, slow), None);
        ration.charge_at(at(60), tenant, slow, Duration::from_millis(55));
        assert_eq!(ration.wait_at(at(60), tenant, slow), None, "all of it came back");
    }

    #[test]
    fn what_was_paid_back_is_forgotten() {
        let (env, ration) = (Env::system(), Ration::new(Duration::from_millis(50)));
        for _ in 0..2 * KEPT {
            let (tenant, install) = (TenantId::generate(&env), InstallId::generate(&env));
            ration.charge_at(Duration::ZERO, tenant, install, Duration::from_millis(6));
        }
        let now = Duration::from_secs(1);
        ration.charge_at(now, TenantId::generate(&env), InstallId::generate(&env), Duration::from_millis(6));
        assert_eq!(ration.paid.lock().unwrap().len(), 2);
    }
}
