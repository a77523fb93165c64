//! Dead letters: events that were given up, kept for a person to look at.

use heptad_model::id::{DeadLetterId, DeliveryId, EventId, SubscriptionId};
use heptad_model::{Millis, Page, PageRequest};
use heptad_store::{Row, StoreError, Tx};
use serde_json::json;

use super::lane::{LaneKey, lane_events, lane_get, lane_step_over};
use super::log::{Delivery, DeliveryOutcome, deliveries_put};
use super::replay::{MAX_IDS, Replay, ReplayOf, replay_create};
use super::subscription::{SubscriptionKind, subscription_get};
use crate::PlatformError;
use crate::enqueued::{Fate, enqueued_fate_put};

/// What a person did with a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeadLetterState {
    /// Nothing yet.
    Open,
    /// It was told again.
    Replayed,
    /// It was put aside.
    Discarded,
}

words!(
    DeadLetterState,
    "state of a dead letter: open, replayed or discarded",
    Open = "open",
    Replayed = "replayed",
    Discarded = "discarded"
);

/// An event that was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The id.
    pub id: DeadLetterId,
    /// Who was not told.
    pub subscription: SubscriptionId,
    /// Of what.
    pub event: EventId,
    /// The event's type.
    pub kind: String,
    /// The event's key.
    pub key: String,
    /// The event's number.
    pub seq: i64,
    /// How often it was tried.
    pub attempts: u32,
    /// A stable word for the last failure.
    pub code: String,
    /// A sentence in English.
    pub message: String,
    /// What became of it.
    pub state: DeadLetterState,
    /// When it was given up.
    pub at: Millis,
}

impl DeadLetter {
    fn of(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.parse("id")?,
            subscription: row.parse("subscription_id")?,
            event: row.parse("event_id")?,
            kind: row.text("kind")?,
            key: row.text("key")?,
            seq: row.int("seq")?,
            attempts: row.count("attempts")?,
            code: row.text("code")?,
            message: row.text("message")?,
            state: row.parse("state")?,
            at: row.millis("at")?,
        })
    }
}

/// Puts an event aside, in the transaction that moves its lane on.
pub async fn dead_letter_put(tx: &mut Tx, letter: &DeadLetter) -> Result<(), StoreError> {
    dead_letters_put(tx, std::slice::from_ref(letter)).await?;
    enqueued_fate_put(tx, letter.event, Fate::GivenUp).await
}

/// Puts events aside, each as a letter of its own.
pub(super) async fn dead_letters_put(tx: &mut Tx, letters: &[DeadLetter]) -> Result<(), StoreError> {
    const PUT: &str = "insert into dead_letters (tenant_id, id, subscription_id, event_id, kind, key, seq, attempts, code, \
                       message, state, at) select $1, json_extract(value, '$.id'), json_extract(value, '$.subscription'), \
                       json_extract(value, '$.event'), json_extract(value, '$.kind'), json_extract(value, '$.key'), \
                       cast(json_extract(value, '$.seq') as bigint), cast(json_extract(value, '$.attempts') as bigint), \
                       json_extract(value, '$.code'), json_extract(value, '$.message'), json_extract(value, '$.state'), \
                       cast(json_extract(value, '$.at') as bigint) from json_each($2, '$')";
    let row = |letter: &DeadLetter| {
        json!({
            "id": letter.id, "subscription": letter.subscription, "event": letter.event, "kind": letter.kind,
            "key": letter.key, "seq": letter.seq, "attempts": letter.attempts, "code": letter.code,
            "message": letter.message.chars().take(500).collect::<String>(), "state": letter.state.name(), "at": letter.at,
        })
    };
    let rows: Vec<_> = letters.iter().map(row).collect();
    tx.query(PUT).json(&rows).execute().await.map(drop)
}

/// Skips the event that holds a key up: it goes to the dead letters, and the key goes on with a gap.
///
/// `not-found` where nothing holds the key up.
pub async fn lane_skip(tx: &mut Tx, key: &LaneKey) -> Result<DeadLetter, PlatformError> {
    let ctx = tx.ctx().clone();
    let nothing = || PlatformError::not_found("event that holds up the key", &key.key);
    let subscription = subscription_get(tx, key.subscription).await?;
    let lane = lane_get(tx, key).await?.filter(|lane| lane.due_at.is_some()).ok_or_else(nothing)?;
    let next = lane_events(tx, key, &lane, &subscription.types, 1).await?;
    let (place, event) = next.into_iter().next().ok_or_else(nothing)?;
    if !lane_step_over(tx, key, lane.last_seq, place).await? {
        return Err(nothing());
    }
    let now = ctx.now();
    let letter = DeadLetter {
        id: DeadLetterId::generate(&ctx.env),
        subscription: subscription.id,
        event: event.id,
        kind: event.kind.clone(),
        key: event.key.clone(),
        seq: event.seq,
        attempts: lane.attempts,
        code: "skipped".to_owned(),
        message: format!("skipped by {}", ctx.actor),
        state: DeadLetterState::Open,
        at: now,
    };
    dead_letter_put(tx, &letter).await?;
    let attempt = Delivery {
        id: DeliveryId::generate(&ctx.env),
        subscription: subscription.id,
        event: event.id,
        kind: event.kind,
        key: event.key,
        seq: event.seq,
        attempt: lane.attempts,
        replay: None,
        outcome: DeliveryOutcome::Skipped,
        code: letter.code.clone(),
        message: letter.message.clone(),
        status: None,
        response: String::new(),
        micros: 0,
        at: now,
    };
    deliveries_put(tx, &[attempt]).await?;
    tx.audit("event.skipped", event.id, &json!({"subscription": subscription.id, "key": key.key})).await?;
    Ok(letter)
}

/// The dead letters of a subscription, the latest first; those of one state alone, if so wanted.
pub async fn dead_letter_list(
    tx: &mut Tx,
    subscription: SubscriptionId,
    state: Option<DeadLetterState>,
    page: &PageRequest,
) -> Result<Page<DeadLetter>, PlatformError> {
    const LIST: &str = "select id, subscription_id, event_id, kind, key, seq, attempts, code, message, state, at \
                        from dead_letters where tenant_id = $1 and subscription_id = $2 and ($3 = '' or id < $3) \
                        and ($4 = '' or state = $4) order by id desc limit $5";
    let state = state.map_or("", DeadLetterState::name);
    let statement = tx.query(LIST).text(subscription).bind(page.after()).bind(state).bind(page.fetch());
    let rows = statement.fetch_all(DeadLetter::of).await?;
    Ok(page.page(rows, |letter| letter.id.to_string()))
}

/// How many open dead letters each subscription has.
pub async fn dead_letter_counts(tx: &mut Tx) -> Result<Vec<(SubscriptionId, i64)>, StoreError> {
    const COUNT: &str = "select subscription_id, count(*) as letters from dead_letters \
                         where tenant_id = $1 and state = 'open' group by subscription_id";
    tx.query(COUNT).fetch_all(|row| Ok((row.parse("subscription_id")?, row.int("letters")?))).await
}

async fn dead_letter_get(tx: &mut Tx, id: DeadLetterId) -> Result<DeadLetter, PlatformError> {
    const GET: &str = "select id, subscription_id, event_id, kind, key, seq, attempts, code, message, state, at \
                       from dead_letters where tenant_id = $1 and id = $2";
    let found = tx.query(GET).text(id).fetch_optional(DeadLetter::of).await?;
    found.ok_or_else(|| PlatformError::not_found("dead letter", id))
}

async fn states_put(tx: &mut Tx, ids: &[DeadLetterId], state: DeadLetterState) -> Result<(), PlatformError> {
    const PUT: &str = "update dead_letters set state = $3 where tenant_id = $1 \
                       and id in (select value from json_each($2))";
    tx.query(PUT).json(ids).bind(state.name()).execute().await?;
    Ok(())
}

/// Tells the event again, as a replay of its own.
pub async fn dead_letter_replay(tx: &mut Tx, id: DeadLetterId) -> Result<Replay, PlatformError> {
    let letter = dead_letter_get(tx, id).await?;
    let subscription = subscription_get(tx, letter.subscription).await?;
    let replay = replay_create(tx, &subscription, &ReplayOf::Again(vec![letter.event])).await?;
    enqueued_fate_put(tx, letter.event, Fate::Waits).await?;
    states_put(tx, &[id], DeadLetterState::Replayed).await?;
    Ok(replay)
}

/// Tells the open letters' events of a subscription again as one replay, in the order in which they happened: at most
/// [`MAX_IDS`] of them, the eldest first; then once more for the rest. Those whose events are not kept any more stay.
///
/// `invalid-field` where there are none.
pub async fn dead_letters_replay(tx: &mut Tx, subscription: SubscriptionId) -> Result<Replay, PlatformError> {
    const OPEN: &str = "select l.id, l.event_id from dead_letters l join events e on e.tenant_id = l.tenant_id \
                        and e.id = l.event_id where l.tenant_id = $1 and l.subscription_id = $2 and l.state = 'open' \
                        order by e.at, e.key, e.seq limit $3";
    let subscription = subscription_get(tx, subscription).await?;
    let read = |row: &Row| Ok((row.parse("id")?, row.parse("event_id")?));
    let statement = tx.query(OPEN).text(subscription.id).bind(i64::try_from(MAX_IDS).unwrap_or(i64::MAX));
    let open: Vec<(DeadLetterId, EventId)> = statement.fetch_all(read).await?;
    if open.is_empty() {
        return Err(PlatformError::field("dead_letters", "none is open whose event is still kept"));
    }
    let events = open.iter().map(|(_, event)| *event).collect();
    let replay = replay_create(tx, &subscription, &ReplayOf::Again(events)).await?;
    if subscription.kind == SubscriptionKind::Outbound {
        for (_, event) in &open {
            enqueued_fate_put(tx, *event, Fate::Waits).await?;
        }
    }
    let ids: Vec<DeadLetterId> = open.into_iter().map(|(id, _)| id).collect();
    states_put(tx, &ids, DeadLetterState::Replayed).await?;
    Ok(replay)
}

/// Puts the letter aside for good.
pub async fn dead_letter_discard(tx: &mut Tx, id: DeadLetterId) -> Result<DeadLetter, PlatformError> {
    let letter = dead_letter_get(tx, id).await?;
    enqueued_fate_put(tx, letter.event, Fate::Forgotten).await?;
    states_put(tx, &[id], DeadLetterState::Discarded).await?;
    tx.audit("dead-letter.discarded", id, &json!({"subscription": letter.subscription, "event": letter.event})).await?;
    Ok(DeadLetter { state: DeadLetterState::Discarded, ..letter })
}
