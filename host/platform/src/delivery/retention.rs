//! What is kept of events, and for how long.

use heptad_model::id::{DeadLetterId, DeliveryId, EventId};
use heptad_model::time::span::DAY;
use heptad_store::{StoreError, Tx};

/// How long events and dead letters are kept.
const EVENTS_KEPT_FOR: i64 = 30 * DAY;
/// How long the log of deliveries is kept.
pub(super) const DELIVERIES_KEPT_FOR: i64 = 7 * DAY;

/// Removes up to `most` events that are older than 30 days; how many there were. One that is still in
/// the outbox stays.
pub async fn event_purge(tx: &mut Tx, most: u32) -> Result<u64, StoreError> {
    const PURGE: &str = "delete from events where tenant_id = $1 and id in (select e.id from events e \
                         where e.tenant_id = $1 and e.id < $2 and not exists (select 1 from outbox o \
                         where o.tenant = $1 and o.event_id = e.id) order by e.id limit $3)";
    let before = EventId::floor(tx.ctx().now().plus(-EVENTS_KEPT_FOR));
    tx.query(PURGE).bind(before).bind(most).execute().await
}

/// Removes up to `most` attempts that are older than 7 days; how many there were.
pub async fn delivery_purge(tx: &mut Tx, most: u32) -> Result<u64, StoreError> {
    const PURGE: &str = "delete from deliveries where tenant_id = $1 and id in (select id from deliveries \
                         where tenant_id = $1 and id < $2 order by id limit $3)";
    let before = DeliveryId::floor(tx.ctx().now().plus(-DELIVERIES_KEPT_FOR));
    tx.query(PURGE).bind(before).bind(most).execute().await
}

/// Removes up to `most` dead letters that are older than 30 days: their events are gone. How many there were.
pub async fn dead_letter_purge(tx: &mut Tx, most: u32) -> Result<u64, StoreError> {
    const PURGE: &str = "delete from dead_letters where tenant_id = $1 and id in (select id from dead_letters \
                         where tenant_id = $1 and id < $2 order by id limit $3)";
    let before = DeadLetterId::floor(tx.ctx().now().plus(-EVENTS_KEPT_FOR));
    tx.query(PURGE).bind(before).bind(most).execute().await
}
