//! Listening on NATS for the partitions that this process holds.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use heptad_bus::BusState;
use tokio::task::{AbortHandle, JoinSet};

use crate::Shared;

/// How often what is listened to is compared with what is held.
const EVERY: Duration = Duration::from_millis(500);

/// Listens until the process stops.
pub(crate) async fn follow(shared: Arc<Shared>) {
    if shared.bus.state() == BusState::Off {
        return;
    }
    // Dropped, the set ends its tasks.
    let mut tasks = JoinSet::new();
    let mut followed: BTreeMap<u32, AbortHandle> = BTreeMap::new();
    while !shared.is_stopping() {
        let held = shared.holdings.partitions();
        followed.retain(|partition, task| {
            let keeps = held.contains(partition);
            if !keeps {
                task.abort();
            }
            keeps
        });
        for partition in held {
            followed.entry(partition).or_insert_with(|| {
                let told = shared.clone();
                let hear = move |tenant, receipt| told.told.by_message(tenant, receipt);
                tasks.spawn(shared.bus.clone().wakes(partition, hear))
            });
        }
        while tasks.try_join_next().is_some() {}
        shared.pause(tokio::time::sleep(EVERY)).await;
    }
}
