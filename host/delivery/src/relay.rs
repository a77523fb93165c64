//! The relay: takes events out of the outbox and puts them into the lanes of those who asked for them.
//!
//! It goes round the tenants that have something in the outbox, some events of each at a time, so that one that tells much
//! keeps nobody waiting. Doing it twice does no harm: lanes only learn that there is something to tell.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use heptad_model::event::MAX_DEPTH;
use heptad_model::id::TenantId;
use heptad_model::{Event, EventType, Filter, Origin};
use heptad_platform::PlatformError;
use heptad_platform::delivery::lane::{DueLane, LaneKey, Outgoing, Wanted, outbox_read, outbox_settle, outbox_tenants};
use heptad_platform::delivery::subscription::{Subscription, subscription_open_list};

use crate::{Shared, observe, steps};

/// How often the outbox is looked at when nobody says that there is something in it.
const EVERY: Duration = Duration::from_millis(250);
/// The most events of a tenant at a time.
const BATCH: u32 = 256;
/// The most tenants in a round.
const TENANTS: u32 = 1_000;

/// Relays until the process stops.
pub(crate) async fn run(shared: Arc<Shared>) {
    while !shared.is_stopping() {
        match round(&shared).await {
            Ok(0) => {
                let told = async {
                    let _ = tokio::time::timeout(EVERY, shared.told.notified()).await;
                };
                shared.pause(told).await;
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, "events cannot be relayed: {error}");
                shared.pause(tokio::time::sleep(EVERY)).await;
            }
        }
    }
}

/// One round through the tenants; how many events it relayed.
async fn round(shared: &Shared) -> Result<usize, PlatformError> {
    let partitions = shared.holdings.partitions();
    if partitions.is_empty() {
        return Ok(0);
    }
    let origin = Origin::system("delivery", shared.env.clone());
    let tenants = async |mut tx| outbox_tenants(&mut tx, TENANTS).await;
    let tenants = shared.store.platform_read(&origin, tenants).await?;
    let mut relayed = 0;
    for tenant in tenants {
        relayed += relay(shared, tenant, &partitions).await?;
    }
    Ok(relayed)
}

async fn relay(shared: &Shared, tenant: TenantId, partitions: &[u32]) -> Result<usize, PlatformError> {
    let ctx = match shared.tenants.ctx(tenant).await {
        Ok(ctx) => ctx,
        // Removed meanwhile.
        Err(PlatformError::NotFound { .. }) => return Ok(0),
        Err(error) => return Err(error),
    };
    let relay = async |mut tx| {
        let read = outbox_read(&mut tx, partitions, BATCH).await?;
        if read.is_empty() {
            return Ok((0, Vec::new()));
        }
        let subscriptions = subscription_open_list(&mut tx).await?;
        let wanted = wanted(&read, &subscriptions);
        outbox_settle(&mut tx, &read, &wanted).await?;
        steps::reached("relayed-uncommitted");
        Ok::<_, PlatformError>((read.len(), wanted))
    };
    let (events, wanted) = shared.store.write(&ctx, relay).await?;
    if events > 0 {
        steps::reached("relayed");
        observe::relayed(events);
        let lanes = wanted.into_iter().map(|one| DueLane { lane: one.lane, partition: one.partition });
        shared.queue.add(tenant, lanes);
    }
    Ok(events)
}

/// Which lanes are to be told of which events.
fn wanted(read: &[Outgoing], subscriptions: &[Subscription]) -> Vec<Wanted> {
    let filters: Vec<Option<Filter>> = subscriptions.iter().map(Subscription::wants).collect();
    let mut lanes: BTreeMap<LaneKey, Wanted> = BTreeMap::new();
    for Outgoing { partition, event } in read {
        for (subscription, filter) in subscriptions.iter().zip(&filters) {
            if !is_for(event, subscription, filter.as_ref()) {
                continue;
            }
            let lane = LaneKey { subscription: subscription.id, key: event.key.clone() };
            let fresh = Wanted { lane: lane.clone(), partition: *partition, first: event.seq, last: event.seq };
            lanes.entry(lane).or_insert(fresh).last = event.seq;
        }
    }
    lanes.into_values().collect()
}

/// Whether a subscription is told of an event.
pub(crate) fn is_for(event: &Event, subscription: &Subscription, filter: Option<&Filter>) -> bool {
    match event.target {
        Some(target) => target == subscription.id,
        None => {
            // One too deep is told to nobody, and lies with the dead letters of those who would have been told.
            subscription.types.contains(&event.kind)
                && (event.depth >= MAX_DEPTH || filter.is_some_and(|filter| filter.matches(event)))
        }
    }
}

/// The type of an event, if the platform knows it.
pub(crate) fn known(event: &Event) -> Option<EventType> {
    EventType::parse(&event.kind)
}
