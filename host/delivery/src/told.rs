//! Who has told of something that the relay has not looked at yet: in this process, or as a message says.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use heptad_bus::Receipt;
use heptad_model::id::TenantId;
use tokio::sync::Notify;

/// Tenants to be looked at, with the messages that are acknowledged when that is done.
pub(crate) type Tellers = BTreeMap<TenantId, Vec<Receipt>>;

/// Who has told of something.
#[derive(Default)]
pub(crate) struct Told {
    state: Mutex<State>,
    notify: Notify,
}

#[derive(Default)]
struct State {
    tellers: Tellers,
    look: bool,
}

impl Told {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A transaction of this process has.
    pub(crate) fn by(&self, tenant: TenantId) {
        self.lock().tellers.entry(tenant).or_default();
        self.notify.notify_one();
    }

    /// A message says so.
    pub(crate) fn by_message(&self, tenant: TenantId, receipt: Receipt) {
        self.lock().tellers.entry(tenant).or_default().push(receipt);
        self.notify.notify_one();
    }

    /// Somebody may have: the whole outbox is to be looked at.
    pub(crate) fn look(&self) {
        self.lock().look = true;
        self.notify.notify_one();
    }

    /// Moves those who have told into `tellers`; whether the whole outbox is to be looked at.
    pub(crate) fn take(&self, tellers: &mut Tellers) -> bool {
        let State { tellers: taken, look } = std::mem::take(&mut *self.lock());
        for (tenant, mut receipts) in taken {
            tellers.entry(tenant).or_default().append(&mut receipts);
        }
        look
    }

    /// Waits until somebody tells.
    pub(crate) async fn notified(&self) {
        self.notify.notified().await;
    }
}
