//! Replays: events that are told to a subscription once more, in a lane of their own. A replay is marked as one and does
//! not move the lanes of its events' keys.

use heptad_model::event::partition;
use heptad_model::id::{DeliveryId, EventId, ReplayId, SubscriptionId};
use heptad_model::{Millis, Page, PageRequest};
use heptad_store::{REPLAY_PREFIX, Row, StoreError, Tx, by_keys};
use serde_json::json;

use super::event::event;
use super::subscription::{Subscription, subscription_get};
use crate::PlatformError;

/// The most events of a replay.
pub const MAX_EVENTS: u32 = 100_000;
/// The most ids that a replay names.
pub const MAX_IDS: usize = 1_000;
/// How many events of a range are held against the filter at a time.
const LOOK: u32 = 200;

/// Which events are told again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplayOf {
    /// These, of which the subscription is told as it is now.
    Events(Vec<EventId>),
    /// These, of which it was told before, whatever it wants now.
    Again(Vec<EventId>),
    /// Those of its types that happened in this time, the end not included, and that its filter lets through.
    Range(Millis, Millis),
}

/// A replay, and how far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replay {
    /// The id.
    pub id: ReplayId,
    /// Who is told.
    pub subscription: SubscriptionId,
    /// Of how many events.
    pub events: i64,
    /// How many of them were dealt with.
    pub done: i64,
    /// `running`, `done` or `cancelled`.
    pub state: &'static str,
    /// When it was asked for.
    pub created_at: Millis,
    /// By whom.
    pub created_by: String,
}

fn lane(id: &str) -> String {
    format!("{REPLAY_PREFIX}{id}")
}

/// Begins to tell events again, in the order in which they happened.
///
/// `invalid-field` for more than 1,000 ids, for an event that is not kept or not for the subscription, for a range with more
/// than 100,000 events of its types, and where there is nothing to tell.
pub async fn replay_create(tx: &mut Tx, subscription: &Subscription, of: &ReplayOf) -> Result<Replay, PlatformError> {
    const REPLAY: &str = "insert into replays (tenant_id, id, subscription_id, events, state, created_at, created_by) \
                          values ($1, $2, $3, 0, 'running', $4, $5)";
    const NAMED: &str = "insert into replay_items (tenant_id, replay_id, seq, event_id) \
                         select $1, $2, row_number() over (order by at, key, seq), id from events \
                         where tenant_id = $1 and id in (select value from json_each($3))";
    const BETWEEN: &str = "insert into replay_items (tenant_id, replay_id, seq, event_id) \
                           select $1, $2, row_number() over (order by at, key, seq), id from events \
                           where tenant_id = $1 and id >= $3 and id < $4 and target is null \
                           and kind in (select value from json_each($5)) limit $6";
    const COUNT: &str = "update replays set events = $3 where tenant_id = $1 and id = $2";
    const LANE: &str = "insert into lanes (tenant, subscription_id, key, partition, last_seq, wanted, gap, due_at, attempts) \
                        values ($1, $2, $3, $4, 0, $5, 0, $6, 0)";
    let ctx = tx.ctx().clone();
    let (tenant, now, by) = (ctx.tenant().id, ctx.now(), ctx.actor.to_string());
    let id = ReplayId::generate(&ctx.env);
    tx.query(REPLAY).text(id).text(subscription.id).bind(now).bind(&by).execute().await?;
    let events = match of {
        ReplayOf::Events(ids) if ids.is_empty() || ids.len() > MAX_IDS => {
            return Err(PlatformError::field("events", format!("1 to {MAX_IDS} ids of events")));
        }
        ReplayOf::Events(ids) => {
            check(tx, subscription, ids).await?;
            tx.query(NAMED).text(id).json(ids).execute().await?
        }
        ReplayOf::Again(ids) => tx.query(NAMED).text(id).json(ids).execute().await?,
        ReplayOf::Range(from, until) if !subscription.filter.is_empty() => {
            let ids = let_through(tx, subscription, *from, *until).await?;
            tx.query(NAMED).text(id).json(&ids).execute().await?
        }
        ReplayOf::Range(from, until) => {
            let statement = tx.query(BETWEEN).text(id).bind(EventId::floor(*from)).bind(EventId::floor(*until));
            statement.json(&subscription.types).bind(MAX_EVENTS + 1).execute().await?
        }
    };
    if events == 0 || events > MAX_EVENTS.into() {
        return Err(not_so_many(events));
    }
    let (key, events) = (lane(&id.to_string()), i64::try_from(events).unwrap_or(i64::MAX));
    tx.query(COUNT).text(id).bind(events).execute().await?;
    let statement = tx.platform_query(LANE).text(tenant).text(subscription.id).bind(&key);
    statement.bind(partition(&tenant.to_string(), &key)).bind(events).bind(now).execute().await?;
    tx.audit("replay.created", id, &json!({"subscription": subscription.id, "events": events})).await?;
    Ok(Replay { id, subscription: subscription.id, events, done: 0, state: "running", created_at: now, created_by: by })
}

fn not_so_many(events: u64) -> PlatformError {
    let problem = format!("1 to {MAX_EVENTS} events that the subscription is told of, not {events}");
    PlatformError::field("events", problem)
}

/// Whether these events are kept, and for the subscription.
async fn check(tx: &mut Tx, subscription: &Subscription, ids: &[EventId]) -> Result<(), PlatformError> {
    const GET: (&str, &str) = by_keys!(
        "select id, kind, schema_version, key, seq, at, actor, causation, correlation, depth, traceparent, target, data \
         from events where tenant_id = $1 and id",
        "$2"
    );
    let filter = subscription.wants();
    let kept = tx.query_of(GET).json(ids).fetch_all(event).await?;
    match ids
        .iter()
        .find(|id| !kept.iter().any(|kept| kept.id == **id && subscription.is_told_of(kept, filter.as_ref())))
    {
        Some(id) => {
            Err(PlatformError::field("events", format!("{id} is not kept, or none that the subscription is told of")))
        }
        None => Ok(()),
    }
}

/// Those events of a range that the subscription's filter lets through.
async fn let_through(
    tx: &mut Tx,
    subscription: &Subscription,
    from: Millis,
    until: Millis,
) -> Result<Vec<EventId>, PlatformError> {
    const NEXT: &str = "select id, kind, schema_version, key, seq, at, actor, causation, correlation, depth, traceparent, \
                        target, data from events where tenant_id = $1 and id > $2 and id < $3 and target is null \
                        and kind in (select value from json_each($4)) order by id limit $5";
    let filter = subscription.wants();
    let (mut ids, mut looked, mut after) = (Vec::new(), 0, EventId::floor(from));
    loop {
        let next = tx.query(NEXT).bind(&after).bind(EventId::floor(until)).json(&subscription.types).bind(LOOK);
        let next = next.fetch_all(event).await?;
        looked += next.len() as u64;
        if looked > MAX_EVENTS.into() {
            return Err(not_so_many(looked));
        }
        ids.extend(next.iter().filter(|event| subscription.is_told_of(event, filter.as_ref())).map(|event| event.id));
        match next.last() {
            Some(last) if next.len() == LOOK as usize => after = last.id.to_string(),
            _ => return Ok(ids),
        }
    }
}

/// Sends what one attempt was about once more, to the same receiver.
pub async fn delivery_redeliver(tx: &mut Tx, id: DeliveryId) -> Result<Replay, PlatformError> {
    const GET: &str = "select subscription_id, event_id from deliveries where tenant_id = $1 and id = $2";
    let read = |row: &Row| Ok((row.parse("subscription_id")?, row.parse("event_id")?));
    let found = tx.query(GET).text(id).fetch_optional(read).await?;
    let (subscription, event) = found.ok_or_else(|| PlatformError::not_found("delivery", id))?;
    let subscription = subscription_get(tx, subscription).await?;
    replay_create(tx, &subscription, &ReplayOf::Again(vec![event])).await
}

/// The replays of a subscription, the latest first.
pub async fn replay_list(
    tx: &mut Tx,
    subscription: SubscriptionId,
    page: &PageRequest,
) -> Result<Page<Replay>, PlatformError> {
    const LIST: &str = "select r.id, r.subscription_id, r.events, r.state, r.created_at, r.created_by, \
                        coalesce(l.last_seq, r.done) as done from replays r left join lanes l on l.tenant = r.tenant_id \
                        and l.subscription_id = r.subscription_id and l.key = $5 || r.id \
                        where r.tenant_id = $1 and r.subscription_id = $2 and ($3 = '' or r.id < $3) \
                        order by r.id desc limit $4";
    let statement = tx.query(LIST).text(subscription).bind(page.after()).bind(page.fetch()).bind(REPLAY_PREFIX);
    let rows = statement.fetch_all(replay).await?;
    Ok(page.page(rows, |replay| replay.id.to_string()))
}

fn replay(row: &Row) -> Result<Replay, StoreError> {
    let (events, cancelled) = (row.int("events")?, row.text("state")? == "cancelled");
    // A lane that is gone was done.
    let done = row.opt_int("done")?.unwrap_or(if cancelled { 0 } else { events });
    Ok(Replay {
        id: row.parse("id")?,
        subscription: row.parse("subscription_id")?,
        events,
        done,
        state: match done {
            _ if cancelled => "cancelled",
            done if done >= events => "done",
            _ => "running",
        },
        created_at: row.millis("created_at")?,
        created_by: row.text("created_by")?,
    })
}

/// Ends a replay before all is told. What was told stays told; one that is over stays as it is.
pub async fn replay_cancel(tx: &mut Tx, id: ReplayId) -> Result<(), PlatformError> {
    const GET: &str = "select subscription_id, events from replays where tenant_id = $1 and id = $2";
    const LANE: &str = "delete from lanes where tenant = $1 and subscription_id = $2 and key = $3 and last_seq < $4 \
                        returning last_seq";
    const CANCEL: &str = "update replays set state = 'cancelled', done = $3 where tenant_id = $1 and id = $2";
    let read = |row: &Row| Ok((row.text("subscription_id")?, row.int("events")?));
    let found = tx.query(GET).text(id).fetch_optional(read).await?;
    let (subscription, events) = found.ok_or_else(|| PlatformError::not_found("replay", id))?;
    let tenant = tx.ctx().tenant().id;
    let statement = tx.platform_query(LANE).text(tenant).bind(&subscription).bind(lane(&id.to_string())).bind(events);
    if let Some(done) = statement.fetch_optional(|row| row.int("last_seq")).await? {
        tx.query(CANCEL).text(id).bind(done).execute().await?;
        tx.audit("replay.cancelled", id, &json!({"subscription": subscription, "done": done})).await?;
    }
    Ok(())
}
