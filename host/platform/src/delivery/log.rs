//! The log of deliveries: what became of every attempt, for seven days.

use heptad_model::id::{DeliveryId, EventId, ReplayId, SubscriptionId};
use heptad_model::{Millis, Page, PageRequest};
use heptad_store::{Row, StoreError, Tx};
use serde_json::json;

use crate::PlatformError;

/// The most characters of a message that is kept.
const MAX_MESSAGE: usize = 500;
/// The most characters of an answer that are kept.
const MAX_RESPONSE: usize = 1_024;

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// The receiver took it.
    Ok,
    /// It is tried again.
    Failed,
    /// It was given up: it lies in the dead letters.
    Dead,
    /// A person skipped it.
    Skipped,
}

words!(
    DeliveryOutcome,
    "outcome of a delivery: ok, failed, dead or skipped",
    Ok = "ok",
    Failed = "failed",
    Dead = "dead",
    Skipped = "skipped"
);

/// One attempt to deliver an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The id.
    pub id: DeliveryId,
    /// To whom.
    pub subscription: SubscriptionId,
    /// What.
    pub event: EventId,
    /// The event's type.
    pub kind: String,
    /// The event's key.
    pub key: String,
    /// The event's number.
    pub seq: i64,
    /// Which attempt, from 1.
    pub attempt: u32,
    /// The replay that it belongs to.
    pub replay: Option<ReplayId>,
    /// How it ended.
    pub outcome: DeliveryOutcome,
    /// A stable word for the cause of a failure; empty when there is none.
    pub code: String,
    /// A sentence in English.
    pub message: String,
    /// The HTTP status that an endpoint answered.
    pub status: Option<u16>,
    /// The first bytes of its answer, as text.
    pub response: String,
    /// How long it took, in microseconds.
    pub micros: u64,
    /// When.
    pub at: Millis,
}

impl Delivery {
    fn of(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.parse("id")?,
            subscription: row.parse("subscription_id")?,
            event: row.parse("event_id")?,
            kind: row.text("kind")?,
            key: row.text("key")?,
            seq: row.int("seq")?,
            attempt: row.count("attempt")?,
            replay: row.opt_parse("replay_id")?,
            outcome: row.parse("outcome")?,
            code: row.text("code")?,
            message: row.text("message")?,
            status: row.opt_int("status")?.and_then(|status| u16::try_from(status).ok()),
            response: row.text("response")?,
            micros: u64::try_from(row.int("micros")?).unwrap_or_default(),
            at: row.millis("at")?,
        })
    }
}

/// Writes attempts down.
pub async fn deliveries_put(tx: &mut Tx, deliveries: &[Delivery]) -> Result<(), StoreError> {
    const PUT: &str = "insert into deliveries (tenant_id, id, subscription_id, event_id, kind, key, seq, attempt, replay_id, \
                       outcome, code, message, status, response, micros, at) select $1, json_extract(value, '$.id'), \
                       json_extract(value, '$.subscription'), json_extract(value, '$.event'), json_extract(value, '$.kind'), \
                       json_extract(value, '$.key'), cast(json_extract(value, '$.seq') as bigint), \
                       cast(json_extract(value, '$.attempt') as bigint), json_extract(value, '$.replay'), \
                       json_extract(value, '$.outcome'), json_extract(value, '$.code'), json_extract(value, '$.message'), \
                       cast(json_extract(value, '$.status') as bigint), json_extract(value, '$.response'), \
                       cast(json_extract(value, '$.micros') as bigint), cast(json_extract(value, '$.at') as bigint) \
                       from json_each($2, '$')";
    let row = |one: &Delivery| {
        json!({
            "id": one.id, "subscription": one.subscription, "event": one.event, "kind": one.kind, "key": one.key,
            "seq": one.seq, "attempt": one.attempt, "replay": one.replay, "outcome": one.outcome.name(),
            "code": one.code, "message": one.message.chars().take(MAX_MESSAGE).collect::<String>(),
            "status": one.status, "response": one.response.chars().take(MAX_RESPONSE).collect::<String>(),
            "micros": one.micros, "at": one.at,
        })
    };
    let rows: Vec<_> = deliveries.iter().map(row).collect();
    tx.query(PUT).json(&rows).execute().await.map(drop)
}

/// The attempts of a subscription, the latest first; of one outcome alone, if so wanted.
pub async fn delivery_list(
    tx: &mut Tx,
    subscription: SubscriptionId,
    outcome: Option<DeliveryOutcome>,
    page: &PageRequest,
) -> Result<Page<Delivery>, PlatformError> {
    const LIST: &str = "select id, subscription_id, event_id, kind, key, seq, attempt, replay_id, outcome, code, message, \
                        status, response, micros, at from deliveries where tenant_id = $1 and subscription_id = $2 and ($3 = '' or id < $3) \
                        and ($4 = '' or outcome = $4) order by id desc limit $5";
    let outcome = outcome.map_or("", DeliveryOutcome::name);
    let statement = tx.query(LIST).text(subscription).bind(page.after()).bind(outcome).bind(page.fetch());
    let rows = statement.fetch_all(Delivery::of).await?;
    Ok(page.page(rows, |one| one.id.to_string()))
}

/// The latest attempt at each of these events to a subscription, where there was one; replays aside.
pub async fn deliveries_latest(
    tx: &mut Tx,
    subscription: SubscriptionId,
    events: &[EventId],
) -> Result<Vec<Delivery>, StoreError> {
    const LIST: &str = "select d.id, d.subscription_id, d.event_id, d.kind, d.key, d.seq, d.attempt, d.replay_id, d.outcome, \
                        d.code, d.message, d.status, d.response, d.micros, d.at from deliveries d where d.tenant_id = $1 \
                        and d.subscription_id = $2 and d.id in (select max(l.id) from deliveries l \
                        where l.tenant_id = $1 and l.subscription_id = $2 and l.replay_id is null \
                        and l.event_id in (select value from json_each($3)) group by l.event_id)";
    tx.query(LIST).text(subscription).json(events).fetch_all(Delivery::of).await
}

/// What became of an event, the latest attempt first; at most two hundred attempts.
pub async fn delivery_of_event(tx: &mut Tx, event: EventId) -> Result<Vec<Delivery>, StoreError> {
    const LIST: &str = "select id, subscription_id, event_id, kind, key, seq, attempt, replay_id, outcome, code, message, \
                        status, response, micros, at from deliveries where tenant_id = $1 and event_id = $2 order by id desc limit 200";
    tx.query(LIST).text(event).fetch_all(Delivery::of).await
}
