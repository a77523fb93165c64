//! How far behind a subscription is, as people see it: how much waits, since when, and what holds its keys up.

use heptad_model::Millis;
use heptad_model::id::{EventId, SubscriptionId};
use heptad_store::{Row, StoreError, Tx};

use super::subscription::Subscription;

/// How many lanes are looked at to find the event that waits longest: those that were due first.
const LOOKED_AT: u32 = 1_000;

/// What waits for a subscription. Replays are not counted: they have a progress of their own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Of how many keys.
    pub keys: i64,
    /// How many numbers it is behind in all; some may be of types that nobody asked for.
    pub events: i64,
    /// How many keys are held up by an event that fails.
    pub failing: i64,
    /// When the event happened that waits longest.
    pub oldest: Option<Millis>,
}

/// What waits for each of these subscriptions, in their order.
pub async fn backlogs(tx: &mut Tx, of: &[Subscription]) -> Result<Vec<Backlog>, StoreError> {
    const COUNT: &str = "select subscription_id, count(*) as keys, cast(sum(wanted - last_seq) as bigint) as events, \
                         cast(sum(case when attempts > 0 then 1 else 0 end) as bigint) as failing from lanes \
                         where tenant = $1 and due_at is not null and key not like 'replay:%' group by subscription_id";
    let tenant = tx.ctx().tenant().id;
    let read = |row: &Row| {
        let backlog =
            Backlog { keys: row.int("keys")?, events: row.int("events")?, failing: row.int("failing")?, oldest: None };
        Ok((row.parse::<SubscriptionId>("subscription_id")?, backlog))
    };
    let counted = tx.platform_query(COUNT).text(tenant).fetch_all(read).await?;
    let mut backlogs = Vec::new();
    for subscription in of {
        let found = counted.iter().find(|(id, _)| *id == subscription.id);
        let mut backlog = found.map(|(_, backlog)| *backlog).unwrap_or_default();
        if backlog.keys > 0 {
            backlog.oldest = oldest(tx, subscription).await?;
        }
        backlogs.push(backlog);
    }
    Ok(backlogs)
}

async fn oldest(tx: &mut Tx, subscription: &Subscription) -> Result<Option<Millis>, StoreError> {
    const OLDEST: &str = "select min(e.at) as oldest from (select key, last_seq from lanes where tenant = $1 \
                          and subscription_id = $2 and due_at is not null and key not like 'replay:%' \
                          order by due_at limit $4) as l \
                          join events e on e.tenant_id = $1 and e.key = l.key and e.seq = (select min(n.seq) from events n \
                          where n.tenant_id = $1 and n.key = l.key and n.seq > l.last_seq \
                          and ((n.target is null and n.kind in (select value from json_each($3))) or n.target = $2))";
    let statement = tx.query(OLDEST).text(subscription.id).json(&subscription.types).bind(LOOKED_AT);
    statement.fetch_one(|row| Ok(row.opt_int("oldest")?.map(Millis::new))).await
}

/// A key that a subscription is behind with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// What the events are about; `replay:` and an id for a replay.
    pub key: String,
    /// How many numbers it is behind; some may be of types that nobody asked for.
    pub behind: i64,
    /// How often the next one was tried.
    pub attempts: u32,
    /// Since when it fails.
    pub failing_since: Option<Millis>,
    /// When it is tried next.
    pub due_at: Millis,
    /// The next event with its type; `None` where what waited was purged.
    pub next: Option<(EventId, String)>,
    /// Why its last attempt failed: a stable word and a sentence in English; empty where none did.
    pub code: String,
    /// The sentence.
    pub message: String,
}

/// The keys that a subscription is behind with, those that fail most often first; at most so many.
pub async fn lanes_waiting(tx: &mut Tx, subscription: &Subscription, most: u32) -> Result<Vec<Waiting>, StoreError> {
    const LIST: &str = "select l.key, l.last_seq, l.wanted, l.attempts, l.failing_since, l.due_at, e.id as next, e.kind, \
                        d.code, d.message from (select key, last_seq, wanted, attempts, failing_since, due_at from lanes \
                        where tenant = $1 and subscription_id = $2 and due_at is not null \
                        order by attempts desc, due_at, key limit $4) as l \
                        left join events e on e.tenant_id = $1 and e.id = case when l.key like 'replay:%' \
                        then (select i.event_id from replay_items i where i.tenant_id = $1 \
                        and i.replay_id = substr(l.key, 8) and i.seq = l.last_seq + 1) \
                        else (select n.id from events n where n.tenant_id = $1 and n.key = l.key and n.seq > l.last_seq \
                        and ((n.target is null and n.kind in (select value from json_each($3))) or n.target = $2) \
                        order by n.seq limit 1) end \
                        left join deliveries d on d.tenant_id = $1 and l.attempts > 0 and d.id = (select max(a.id) \
                        from deliveries a where a.tenant_id = $1 and a.event_id = e.id and a.subscription_id = $2 \
                        and a.outcome = 'failed') \
                        order by l.attempts desc, l.due_at, l.key";
    let read = |row: &Row| {
        let next: Option<EventId> = row.opt_parse("next")?;
        Ok(Waiting {
            key: row.text("key")?,
            behind: row.int("wanted")? - row.int("last_seq")?,
            attempts: row.count("attempts")?,
            failing_since: row.opt_int("failing_since")?.map(Millis::new),
            due_at: row.millis("due_at")?,
            next: next.zip(row.opt_text("kind")?),
            code: row.opt_text("code")?.unwrap_or_default(),
            message: row.opt_text("message")?.unwrap_or_default(),
        })
    };
    let statement = tx.query(LIST).text(subscription.id).json(&subscription.types).bind(most);
    statement.fetch_all(read).await
}
