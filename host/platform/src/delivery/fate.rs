//! What became of an event at each of those who asked for its type.

use std::collections::HashMap;

use heptad_model::event::partition;
use heptad_model::id::EventId;
use heptad_model::retention::DELIVERIES;
use heptad_model::{Event, Millis};
use heptad_store::{Row, StoreError, Tx};

use super::lane::{LaneKey, lane_get};
use super::log::{Delivery, DeliveryOutcome};
use super::subscription::Subscription;

/// What became of an event at a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It waits for its turn.
    Waiting,
    /// It failed, and is tried again.
    Failing,
    /// It was taken.
    Told,
    /// It was given up: it lies in the dead letters.
    Dead,
    /// A person skipped it.
    Skipped,
    /// It was not told: the filter or the permissions leave it out, or the subscription did not listen then.
    PassedBy,
    /// It was dealt with, and the log of that is gone.
    Forgotten,
}

words!(
    Fate,
    "fate of an event",
    Waiting = "waiting",
    Failing = "failing",
    Told = "ok",
    Dead = "dead",
    Skipped = "skipped",
    PassedBy = "passed-by",
    Forgotten = "forgotten"
);

/// An event at a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Who asked for it.
    pub subscription: Subscription,
    /// What became of it there.
    pub fate: Fate,
    /// When it is tried next, if it waits or fails.
    pub due_at: Option<Millis>,
}

/// How far a lane is.
#[derive(Debug, Clone, Copy)]
struct Place {
    last_seq: i64,
    wanted: i64,
    due_at: Option<Millis>,
}

/// What became of the event at each subscription that asks for its type, by owner and name. `deliveries` are the
/// attempts to deliver it.
pub async fn event_fates(tx: &mut Tx, event: &Event, deliveries: &[Delivery]) -> Result<Vec<Received>, StoreError> {
    const PLACES: &str = "select s.id, s.kind, s.owner, s.name, s.types, s.filter, s.state, s.created_at, s.updated_at, \
                          l.last_seq, l.wanted, l.due_at from subscriptions s left join lanes l on l.tenant = $1 \
                          and l.subscription_id = s.id and l.key = $2 where s.tenant_id = $1 order by s.owner, s.name";
    let read = |row: &Row| {
        let place = match row.opt_int("last_seq")? {
            None => None,
            Some(last_seq) => {
                let due_at = row.opt_int("due_at")?.map(Millis::new);
                Some(Place { last_seq, wanted: row.int("wanted")?, due_at })
            }
        };
        Ok((Subscription::of(row)?, place))
    };
    let found = tx.query(PLACES).bind(&event.key).fetch_all(read).await?;
    let is_outgoing = is_outgoing(tx, event).await?;
    let asked = found.into_iter().filter(|(subscription, _)| match event.target {
        Some(target) => subscription.id == target,
        None => subscription.types.contains(&event.kind),
    });
    let received = asked.map(|(subscription, place)| {
        let own = deliveries.iter().filter(|one| one.subscription == subscription.id && one.replay.is_none());
        // However many failed, one ended it; which is later, their ids do not tell where both are of one millisecond.
        let own = own.max_by_key(|one| one.outcome != DeliveryOutcome::Failed);
        // The log is kept for a shorter time than the event: nothing in it may mean either.
        let is_old = event.at < tx.ctx().now().plus(-DELIVERIES.millis);
        let fate = fate(event.seq, place, own.map(|one| one.outcome), is_outgoing, is_old);
        let due_at = place.and_then(|place| place.due_at).filter(|_| matches!(fate, Fate::Waiting | Fate::Failing));
        Received { subscription, fate, due_at }
    });
    Ok(received.collect())
}

/// What became of events of one key at its lane, in their order; `latest` has the latest attempt of those that have one.
pub(crate) async fn event_fates_in(
    tx: &mut Tx,
    lane: &LaneKey,
    events: &[Event],
    latest: &HashMap<EventId, Delivery>,
) -> Result<Vec<Fate>, StoreError> {
    // Those that the lanes do not know of yet are the last ones of the key.
    const FIRST: &str = "select min(seq) as first from outbox where tenant = $1 and partition = $2 and key = $3";
    let place = lane_get(tx, lane).await?;
    let place = place.map(|lane| Place { last_seq: lane.last_seq, wanted: lane.wanted, due_at: lane.due_at });
    let tenant = tx.ctx().tenant().id.to_string();
    let statement = tx.platform_query(FIRST).bind(&tenant).bind(partition(&tenant, &lane.key)).bind(&lane.key);
    let outgoing = statement.fetch_one(|row| row.opt_int("first")).await?;
    let forgets = tx.ctx().now().plus(-DELIVERIES.millis);
    let fate = |event: &Event| {
        let is_outgoing = outgoing.is_some_and(|first| event.seq >= first);
        fate(event.seq, place, latest.get(&event.id).map(|one| one.outcome), is_outgoing, event.at < forgets)
    };
    Ok(events.iter().map(fate).collect())
}

/// Whether the lanes do not know of the event yet.
async fn is_outgoing(tx: &mut Tx, event: &Event) -> Result<bool, StoreError> {
    const FIND: &str =
        "select count(*) as found from outbox where tenant = $1 and partition = $2 and key = $3 and seq = $4";
    let tenant = tx.ctx().tenant().id.to_string();
    let place = partition(&tenant, &event.key);
    let statement = tx.platform_query(FIND).bind(&tenant).bind(place).bind(&event.key).bind(event.seq);
    Ok(statement.fetch_one(|row| row.int("found")).await? > 0)
}

fn fate(seq: i64, place: Option<Place>, last: Option<DeliveryOutcome>, is_outgoing: bool, is_old: bool) -> Fate {
    let waits = is_outgoing || place.is_some_and(|place| place.last_seq < seq && seq <= place.wanted);
    match last {
        Some(DeliveryOutcome::Ok) => Fate::Told,
        Some(DeliveryOutcome::Dead) => Fate::Dead,
        Some(DeliveryOutcome::Skipped) => Fate::Skipped,
        Some(DeliveryOutcome::Failed) if waits => Fate::Failing,
        _ if waits => Fate::Waiting,
        _ if is_old && place.is_some_and(|place| seq <= place.last_seq) => Fate::Forgotten,
        _ => Fate::PassedBy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fate_follows_from_the_lane_and_the_log() {
        let at = |last_seq, wanted| Some(Place { last_seq, wanted, due_at: None });
        use DeliveryOutcome as Outcome;
        for (place, last, is_outgoing, is_old, expected) in [
            (None, None, true, false, Fate::Waiting),
            (None, None, false, false, Fate::PassedBy),
            (at(4, 5), None, false, false, Fate::Waiting),
            (at(4, 5), Some(Outcome::Failed), false, false, Fate::Failing),
            (at(5, 5), Some(Outcome::Ok), false, false, Fate::Told),
            (at(7, 9), Some(Outcome::Dead), false, true, Fate::Dead),
            (at(5, 5), Some(Outcome::Skipped), false, false, Fate::Skipped),
            (at(5, 5), None, false, false, Fate::PassedBy),
            (at(5, 5), None, false, true, Fate::Forgotten),
            // The filter wanted none since.
            (at(2, 3), None, false, true, Fate::PassedBy),
        ] {
            assert_eq!(fate(5, place, last, is_outgoing, is_old), expected, "{place:?} {last:?}");
        }
    }
}
