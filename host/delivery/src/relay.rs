//! The relay: takes events out of the outbox and puts them into the lanes of those who asked for them.
//!
//! It goes round the tenants that have something in the outbox, some events of each at a time, so that one that tells much
//! keeps nobody waiting. Doing it twice does no harm: lanes only learn that there is something to tell.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use heptad_bus::Receipt;
use heptad_model::id::TenantId;
use heptad_model::{Filter, Origin};
use heptad_platform::PlatformError;
use heptad_platform::delivery::lane::{DueLane, LaneKey, Outgoing, Wanted, outbox_read, outbox_settle, outbox_tenants};
use heptad_platform::delivery::subscription::{Subscription, subscription_hearing_list};

use crate::told::Tellers;
use crate::{Shared, observe, steps};

/// How often the outbox is looked at when nobody says that there is something in it.
const EVERY: Duration = Duration::from_millis(250);
/// How long after one round the next one begins at the earliest, unless there is more to take: those who tell one after the
/// other share a transaction, and whoever tells after a pause is relayed at once.
const APART: Duration = Duration::from_millis(10);
/// The most events of a tenant at a time.
const BATCH: u32 = 256;
/// The most tenants in a round.
const TENANTS: u32 = 1_000;

/// Relays until the process stops.
pub(crate) async fn run(shared: Arc<Shared>) {
    let mut tellers = Tellers::new();
    let (mut look_at, mut next_at) = (Instant::now(), Instant::now());
    while !shared.is_stopping() {
        let look = shared.told.take(&mut tellers);
        let partitions = shared.holdings.partitions();
        let worked = async {
            if look || Instant::now() >= look_at {
                look_at = Instant::now() + EVERY;
                let found = if partitions.is_empty() { Vec::new() } else { outbox(&shared).await? };
                found.into_iter().for_each(|tenant| _ = tellers.entry(tenant).or_default());
            }
            next_at = Instant::now() + APART;
            round(&shared, &partitions, &mut tellers).await
        };
        if let Err(error) = worked.await {
            tracing::warn!(%error, "events cannot be relayed: {error}");
            shared.pause(tokio::time::sleep(EVERY)).await;
        } else if tellers.is_empty() {
            let told = async {
                let _ = tokio::time::timeout_at(look_at.into(), shared.told.notified()).await;
                tokio::time::sleep_until(next_at.into()).await;
            };
            shared.pause(told).await;
        }
    }
}

/// Those who have something in the outbox.
async fn outbox(shared: &Shared) -> Result<Vec<TenantId>, PlatformError> {
    let origin = Origin::system("delivery", shared.env.clone());
    let tenants = async |mut tx| outbox_tenants(&mut tx, TENANTS).await;
    Ok(shared.store.platform_read(&origin, tenants).await?)
}

/// One round through those who have told; those stay of whom there is more. Where one fails, the others have their turn
/// all the same.
async fn round(shared: &Shared, partitions: &[u32], tellers: &mut Tellers) -> Result<(), PlatformError> {
    let mut failed = None;
    for tenant in tellers.keys().copied().collect::<Vec<_>>() {
        match relay(shared, tenant, partitions).await {
            // The lanes know, and that is committed: whoever sent a message about it need not send it again.
            Ok(relayed) if relayed < BATCH as usize => {
                tellers.remove(&tenant).into_iter().flatten().for_each(Receipt::done);
            }
            Ok(_) => {}
            Err(error) => failed = Some(error),
        }
    }
    failed.map_or(Ok(()), Err)
}

/// Relays some events of a tenant; how many.
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
        let subscriptions = subscription_hearing_list(&mut tx).await?;
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
fn wanted(read: &[Outgoing], subscriptions: &[(Subscription, bool)]) -> Vec<Wanted> {
    let filters: Vec<Option<Filter>> = subscriptions.iter().map(|(subscription, _)| subscription.wants()).collect();
    let mut lanes: BTreeMap<LaneKey, Wanted> = BTreeMap::new();
    for Outgoing { partition, event } in read {
        for ((subscription, hears), filter) in subscriptions.iter().zip(&filters) {
            let hears = *hears || event.target.is_some();
            if !hears || !subscription.is_told_of(event, filter.as_ref()) {
                continue;
            }
            let lane = LaneKey { subscription: subscription.id, key: event.key.clone() };
            let fresh = Wanted { lane: lane.clone(), partition: *partition, first: event.seq, last: event.seq };
            lanes.entry(lane).or_insert(fresh).last = event.seq;
        }
    }
    lanes.into_values().collect()
}
