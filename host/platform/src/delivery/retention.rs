//! What is kept of events, and for how long: the times are in [`heptad_model::retention`].
//!
//! An event that somebody still waits for when its time is over does not vanish: it lies with the dead letters as
//! `expired`, and the key goes on with a gap.

use std::collections::BTreeSet;

use heptad_model::id::{DeadLetterId, DeliveryId, EventId, ReplayId};
use heptad_model::{Event, retention};
use heptad_store::{Row, StoreError, Tx};

use super::dead_letter::{DeadLetter, DeadLetterState, dead_letters_put};
use super::event::event;
use super::stream;
use super::subscription::subscription_list;

/// The code of a dead letter whose event was kept as long as events are, and never told.
pub const EXPIRED: &str = "expired";

/// Removes up to `most` events whose time is over; how many there were. One that is still in the outbox stays.
///
/// Keys of which none is left then are marked: a while later their numbers go, too ([`key_purge`]).
pub async fn event_purge(tx: &mut Tx, most: u32) -> Result<u64, StoreError> {
    const OLD: &str = "select e.id, e.kind, e.schema_version, e.key, e.seq, e.at, e.actor, e.causation, e.correlation, \
                       e.depth, e.traceparent, e.target, e.data from events e where e.tenant_id = $1 and e.id < $2 \
                       and not exists (select 1 from outbox o where o.tenant = $1 and o.event_id = e.id) \
                       order by e.id limit $3";
    const PURGE: &str = "delete from events where tenant_id = $1 and id in (select value from json_each($2))";
    const IDLE: &str = "update event_keys set idle_at = $3 where tenant_id = $1 \
                        and key in (select value from json_each($2)) and key <> '' and not exists (select 1 from events e \
                        where e.tenant_id = $1 and e.key = event_keys.key) returning seq";
    let now = tx.ctx().now();
    let before = EventId::floor(now.plus(-retention::EVENTS.millis));
    let old = tx.query(OLD).bind(before).bind(most).fetch_all(event).await?;
    if old.is_empty() {
        return Ok(0);
    }
    give_up(tx, &old).await?;
    let ids: Vec<EventId> = old.iter().map(|event| event.id).collect();
    let removed = tx.query(PURGE).json(&ids).execute().await?;
    let keys: BTreeSet<&str> = old.iter().map(|event| event.key.as_str()).collect();
    let idle = tx.query(IDLE).json(&keys).bind(now).fetch_all(|row| row.int("seq")).await?;
    if let Some(highest) = idle.into_iter().max() {
        heptad_store::key_floor_raise(tx, highest).await?;
    }
    Ok(removed)
}

/// Leaves a dead letter for each of these events that somebody waits for, and a gap in its key.
async fn give_up(tx: &mut Tx, old: &[Event]) -> Result<(), StoreError> {
    const WAITING: &str = "select l.subscription_id, l.key, l.last_seq, l.wanted, l.attempts from subscriptions s \
                           join lanes l on l.tenant = $1 and l.subscription_id = s.id and l.due_at is not null \
                           and l.key in (select value from json_each($2)) where s.tenant_id = $1";
    const GAP: &str = "update lanes set gap = 1, attempts = 0, failing_since = null where tenant = $1 \
                       and subscription_id = $2 and key in (select value from json_each($3))";
    let keys: BTreeSet<&str> = old.iter().map(|event| event.key.as_str()).collect();
    let read = |row: &Row| {
        Ok((
            row.parse("subscription_id")?,
            row.text("key")?,
            row.int("last_seq")?,
            row.int("wanted")?,
            row.count("attempts")?,
        ))
    };
    let waiting: Vec<(heptad_model::id::SubscriptionId, String, i64, i64, u32)> =
        tx.query(WAITING).json(&keys).fetch_all(read).await?;
    if waiting.is_empty() {
        return Ok(());
    }
    let ctx = tx.ctx().clone();
    for subscription in subscription_list(tx).await? {
        let filter = subscription.wants();
        let mut letters = Vec::new();
        for (_, key, last, wanted, attempts) in waiting.iter().filter(|(id, ..)| *id == subscription.id) {
            let is_waited_for = |event: &&Event| {
                event.key == *key
                    && (last + 1..=*wanted).contains(&event.seq)
                    && subscription.is_told_of(event, filter.as_ref())
            };
            letters.extend(old.iter().filter(is_waited_for).map(|event| DeadLetter {
                id: DeadLetterId::generate(&ctx.env),
                subscription: subscription.id,
                event: event.id,
                kind: event.kind.clone(),
                key: event.key.clone(),
                seq: event.seq,
                attempts: *attempts,
                code: EXPIRED.to_owned(),
                message: format!("kept for {} days, and not told in that time", retention::EVENTS.days()),
                state: DeadLetterState::Open,
                at: ctx.now(),
            }));
        }
        if letters.is_empty() {
            continue;
        }
        dead_letters_put(tx, &letters).await?;
        let keys: BTreeSet<&str> = letters.iter().map(|letter| letter.key.as_str()).collect();
        let statement = tx.platform_query(GAP).text(ctx.tenant().id).text(subscription.id);
        statement.json(&keys).execute().await?;
    }
    Ok(())
}

/// Removes up to `most` keys of which no event has been kept for a while, with the lanes that were even with them; how many
/// there were.
///
/// The numbers of such a key go on above those of every key that was ever removed (see the store's outbox), so that nobody
/// who remembers a number of it takes a new event for an old one. The while is longer than any transaction, so that
/// whoever tells of the key at the same moment knows of that number.
pub async fn key_purge(tx: &mut Tx, most: u32) -> Result<u64, StoreError> {
    const PURGE: &str = "delete from event_keys where tenant_id = $1 and idle_at <= $2 and key in (select k.key \
                         from event_keys k where k.tenant_id = $1 and k.idle_at <= $2 order by k.idle_at limit $3) \
                         returning key";
    const LANES: &str = "delete from lanes where tenant = $1 and due_at is null \
                         and subscription_id in (select s.id from subscriptions s where s.tenant_id = $1) \
                         and key in (select value from json_each($2))";
    let before = tx.ctx().now().plus(-retention::EVENT_KEYS.millis);
    let keys = tx.query(PURGE).bind(before).bind(most).fetch_all(|row| row.text("key")).await?;
    if !keys.is_empty() {
        tx.query(LANES).json(&keys).execute().await?;
    }
    Ok(keys.len() as u64)
}

/// Removes up to `most` places of events in the stream whose time is over; how many there were.
pub async fn position_purge(tx: &mut Tx, most: u32) -> Result<u64, StoreError> {
    let before = tx.ctx().now().plus(-retention::EVENT_POSITIONS.millis);
    stream::position_purge(tx, before, most).await
}

/// Removes up to `most` attempts whose time is over; how many there were.
pub async fn delivery_purge(tx: &mut Tx, most: u32) -> Result<u64, StoreError> {
    const PURGE: &str = "delete from deliveries where tenant_id = $1 and id in (select id from deliveries \
                         where tenant_id = $1 and id < $2 order by id limit $3)";
    let before = DeliveryId::floor(tx.ctx().now().plus(-retention::DELIVERIES.millis));
    tx.query(PURGE).bind(before).bind(most).execute().await
}

/// Removes up to `most` dead letters whose time is over; how many there were.
pub async fn dead_letter_purge(tx: &mut Tx, most: u32) -> Result<u64, StoreError> {
    const PURGE: &str = "delete from dead_letters where tenant_id = $1 and id in (select id from dead_letters \
                         where tenant_id = $1 and id < $2 order by id limit $3)";
    let before = DeadLetterId::floor(tx.ctx().now().plus(-retention::DEAD_LETTERS.millis));
    tx.query(PURGE).bind(before).bind(most).execute().await
}

/// Removes up to `most` items of the oldest replay whose time is over, then the replay; how many rows there were.
pub async fn replay_purge(tx: &mut Tx, most: u32) -> Result<u64, StoreError> {
    const OLD: &str = "select r.id, r.subscription_id from replays r where r.tenant_id = $1 and r.id < $2 \
                       order by r.id limit 1";
    const ITEMS: &str = "delete from replay_items where tenant_id = $1 and replay_id = $2 and seq in (select i.seq \
                         from replay_items i where i.tenant_id = $1 and i.replay_id = $2 order by i.seq limit $3)";
    const REPLAY: &str = "delete from replays where tenant_id = $1 and id = $2";
    const LANE: &str = "delete from lanes where tenant = $1 and subscription_id = $2 and key = $3";
    let before = ReplayId::floor(tx.ctx().now().plus(-retention::REPLAYS.millis));
    let old =
        tx.query(OLD).bind(before).fetch_optional(|row| Ok((row.text("id")?, row.text("subscription_id")?))).await?;
    let Some((id, subscription)) = old else { return Ok(0) };
    let items = tx.query(ITEMS).bind(&id).bind(most).execute().await?;
    if items >= u64::from(most) {
        return Ok(items);
    }
    tx.query(REPLAY).bind(&id).execute().await?;
    let (tenant, lane) = (tx.ctx().tenant().id, format!("{}{id}", heptad_store::REPLAY_PREFIX));
    tx.platform_query(LANE).text(tenant).bind(&subscription).bind(lane).execute().await?;
    Ok(items + 1)
}
