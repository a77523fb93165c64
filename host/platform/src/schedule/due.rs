//! Telling that it is time: every process looks, and one conditional update decides who tells.

use heptad_model::event::partition;
use heptad_model::id::{ScheduleId, TenantId};
use heptad_model::{Ctx, Env, EventType, Millis, NewEvent};
use heptad_store::{PlatformTx, Row, StoreError, Tx};
use serde_json::json;

use super::rule::{Chosen, choose, come};
use super::{Schedule, schedule_get};
use crate::PlatformError;

/// Why a run is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Because {
    /// Its time has come.
    Time,
    /// A person wants it.
    Person,
}

impl Because {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Person => "person",
        }
    }
}

/// The event that lets the plugin run.
pub(super) fn due(schedule: &Schedule, at: Millis, missed: i64, because: Because) -> NewEvent {
    let data = json!({
        "schedule": schedule.id, "name": schedule.name, "at": at, "missed": missed, "cause": because.name(),
    });
    EventType::ScheduleDue.about(schedule.id, data).only_for(schedule.subscription)
}

/// A time with what is left to chance.
pub(super) fn with_jitter(env: &Env, at: Millis, jitter: i64) -> Millis {
    let mut random = [0; 4];
    env.fill(&mut random);
    at.plus(i64::from(u32::from_le_bytes(random)) * jitter / i64::from(u32::MAX))
}

/// The schedules that are due, those that wait longest first; at most so many.
pub async fn schedules_due(tx: &mut PlatformTx, most: u32) -> Result<Vec<(TenantId, ScheduleId)>, StoreError> {
    const DUE: &str = "select tenant, schedule_id from schedule_turns where due_at is not null and due_at <= $1 \
                       order by due_at limit $2";
    let now = tx.origin().now();
    let read = |row: &Row| Ok((row.parse("tenant")?, row.parse("schedule_id")?));
    tx.query(DUE).bind(now).bind(most).fetch_all(read).await
}

/// Takes the turn of a schedule that is due, and tells of the runs that the policy wants, in this transaction. How many runs
/// there are; none where another process was faster, or where nobody listens.
pub async fn schedule_turn(tx: &mut Tx, id: ScheduleId) -> Result<usize, PlatformError> {
    const TURN: &str = "select planned_at, missed from schedule_turns where tenant = $1 and schedule_id = $2 \
                        and due_at is not null and due_at <= $3";
    const TAKE: &str = "update schedule_turns set planned_at = $4, due_at = $5, missed = $6 \
                        where tenant = $1 and schedule_id = $2 and planned_at = $3";
    let ctx: Ctx = tx.ctx().clone();
    let (tenant, now) = (ctx.tenant().id, ctx.now());
    let turn = tx.platform_query(TURN).text(tenant).text(id).bind(now);
    let turn = turn.fetch_optional(|row| Ok((row.millis("planned_at")?, row.int("missed")?))).await?;
    let Some((planned, missed)) = turn else { return Ok(0) };
    let schedule = match schedule_get(tx, id).await {
        Ok(schedule) => schedule,
        // Uninstalled since.
        Err(PlatformError::NotFound { .. }) => return Ok(0),
        Err(error) => return Err(error),
    };
    let (cron, zone) = schedule.when()?;
    let come = come(&cron, &zone, planned, now);
    let Chosen { run, missed: left_out } = if schedule.is_on() {
        let waiting = waiting(tx, &schedule).await?;
        choose(&come, schedule.missed, waiting, schedule.jitter, now)
    } else {
        // Whoever switched it off does not want these, not later either.
        Chosen { run: Vec::new(), missed: 0 }
    };
    let missed = missed + left_out;
    let next = come.next.map(|next| with_jitter(&ctx.env, next, schedule.jitter));
    let kept = if run.is_empty() { missed } else { 0 };
    let take = tx.platform_query(TAKE).text(tenant).text(id).bind(planned).bind(come.next.unwrap_or(planned));
    if take.bind(next.map(Millis::as_millis)).bind(kept).execute().await? != 1 {
        return Ok(0);
    }
    for (index, at) in run.iter().enumerate() {
        tx.emit(due(&schedule, *at, if index == 0 { missed } else { 0 }, Because::Time));
    }
    Ok(run.len())
}

/// How many runs were told of and are not done.
pub(super) async fn waiting(tx: &mut Tx, schedule: &Schedule) -> Result<i64, StoreError> {
    const UNSENT: &str = "select count(*) as runs from outbox where tenant = $1 and partition = $2 and key = $3";
    const BEHIND: &str = "select wanted - last_seq as runs from lanes where tenant = $1 and subscription_id = $2 \
                          and key = $3 and due_at is not null";
    let (tenant, key) = (tx.ctx().tenant().id.to_string(), schedule.id.to_string());
    let statement = tx.platform_query(UNSENT).bind(&tenant).bind(partition(&tenant, &key)).bind(&key);
    let unsent = statement.fetch_one(|row| row.int("runs")).await?;
    let statement = tx.platform_query(BEHIND).bind(&tenant).text(schedule.subscription).bind(&key);
    let behind = statement.fetch_optional(|row| row.int("runs")).await?;
    Ok(unsent + behind.unwrap_or_default())
}
