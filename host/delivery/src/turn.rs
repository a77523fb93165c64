//! A lane's turn: its place among those that are worked on, which it leaves while it waits for a server elsewhere.

use std::sync::{Arc, Mutex, PoisonError};

use heptad_model::id::{SubscriptionId, TenantId};
use tokio::sync::OwnedSemaphorePermit;

use crate::Shared;

/// The place of a lane that runs.
pub(crate) struct Turn {
    shared: Arc<Shared>,
    tenant: TenantId,
    receiver: SubscriptionId,
    /// Absent while the lane waits elsewhere.
    place: Mutex<Option<OwnedSemaphorePermit>>,
}

impl Turn {
    pub(crate) fn new(
        shared: Arc<Shared>,
        tenant: TenantId,
        receiver: SubscriptionId,
        place: OwnedSemaphorePermit,
    ) -> Self {
        Self { shared, tenant, receiver, place: Mutex::new(Some(place)) }
    }

    /// Does what waits for a server elsewhere, and lets another lane be worked on meanwhile.
    pub(crate) async fn aside<T>(&self, waits: impl Future<Output = T>) -> T {
        let Shared { queue, aside, running, .. } = &*self.shared;
        let Ok(waiting) = aside.clone().try_acquire_owned() else { return waits.await };
        if !queue.step_aside(self.tenant, self.receiver, aside.available_permits()) {
            drop(waiting);
            return waits.await;
        }
        self.put(None);
        let value = waits.await;
        self.put(running.clone().acquire_owned().await.ok());
        queue.come_back(self.tenant);
        drop(waiting);
        value
    }

    fn put(&self, place: Option<OwnedSemaphorePermit>) {
        *self.place.lock().unwrap_or_else(PoisonError::into_inner) = place;
    }
}
