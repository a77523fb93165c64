//! The runs of a schedule: making one now, and what became of those before.

use std::collections::HashMap;

use heptad_model::id::{EventId, ScheduleId};
use heptad_model::{Event, EventType, Millis, Page, PageRequest};
use heptad_store::Tx;
use serde_json::{Value, json};

use super::due::{Because, due, waiting};
use super::{MAX_WAITING, Schedule, schedule_get};
use crate::PlatformError;
use crate::delivery::event::{EventQuery, event_list};
use crate::delivery::fate::{Fate, event_fates_in};
use crate::delivery::lane::LaneKey;
use crate::delivery::log::{Delivery, deliveries_latest};

/// A run of a schedule, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The event that told of it.
    pub event: EventId,
    /// The time that the schedule gave.
    pub at: Millis,
    /// When the platform told of it.
    pub told_at: Millis,
    /// How many times were left out before it.
    pub missed: i64,
    /// Who asked for it; absent where its time had come.
    pub asked_by: Option<String>,
    /// What became of it.
    pub fate: Fate,
    /// The latest attempt; absent while it waits for its turn, and when the log has forgotten it, after seven days.
    pub latest: Option<Delivery>,
}

impl Run {
    fn new(event: Event, fate: Fate, latest: Option<Delivery>) -> Self {
        let number = |name: &str| event.data.get(name).and_then(Value::as_i64);
        let is_asked = event.data["cause"] == Because::Person.name();
        Self {
            event: event.id,
            at: number("at").map_or(event.at, Millis::new),
            told_at: event.at,
            missed: number("missed").unwrap_or_default(),
            asked_by: is_asked.then_some(event.actor),
            fate,
            latest,
        }
    }
}

/// Lets the plugin run now, behind the runs that wait; the schedule itself goes on as before.
///
/// `schedule-off` while it is paused or its plugin is disabled, `schedule-full` while ten runs wait.
pub async fn schedule_run(tx: &mut Tx, id: ScheduleId) -> Result<Schedule, PlatformError> {
    let schedule = schedule_get(tx, id).await?;
    if !schedule.is_on() {
        return Err(PlatformError::ScheduleOff);
    }
    if waiting(tx, &schedule).await? >= MAX_WAITING {
        return Err(PlatformError::ScheduleFull(MAX_WAITING));
    }
    let now = tx.ctx().now();
    tx.emit(due(&schedule, now, 0, Because::Person));
    tx.audit("schedule.run", id, &json!({"install": schedule.install, "name": schedule.name})).await?;
    Ok(schedule)
}

/// The runs of a schedule, the latest first. They are kept as long as events are.
pub async fn run_list(tx: &mut Tx, id: ScheduleId, page: &PageRequest) -> Result<Page<Run>, PlatformError> {
    let schedule = schedule_get(tx, id).await?;
    let (kind, key) = (EventType::ScheduleDue.name().to_owned(), id.to_string());
    let lane = LaneKey { subscription: schedule.subscription, key: key.clone() };
    let query = EventQuery { kind, key, ..EventQuery::default() };
    let events = event_list(tx, &query, page).await?;
    let ids: Vec<EventId> = events.items.iter().map(|event| event.id).collect();
    let attempts = deliveries_latest(tx, schedule.subscription, &ids).await?;
    let mut latest: HashMap<EventId, Delivery> = attempts.into_iter().map(|one| (one.event, one)).collect();
    let mut fates = event_fates_in(tx, &lane, &events.items, &latest).await?.into_iter();
    Ok(events.map(|event| {
        let latest = latest.remove(&event.id);
        Run::new(event, fates.next().unwrap_or(Fate::Waiting), latest)
    }))
}
