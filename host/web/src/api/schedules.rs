//! What plugins do at times of their own: when each is due, running one now, and what became of its runs.

use axum::Json;
use axum::extract::State;
use heptad_model::id::ScheduleId;
use heptad_platform::PlatformError;
use heptad_platform::delivery::fate::Fate;
use heptad_platform::delivery::subscription::{SubscriptionState, subscription_state_put};
use heptad_platform::schedule::{Run, Schedule, run_list, schedule_get, schedule_list, schedule_run};
use serde::Serialize;
use utoipa::ToSchema;

use super::shared::{PageOut, moment};
use crate::auth::Staff;
use crate::error::ApiResult;
use crate::extract::{PageQuery, Params, PathOf};
use crate::state::AppState;

/// How many of the times to come are shown.
const UPCOMING: usize = 5;

/// What a plugin does at times of its own.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ScheduleOut {
    /// The id.
    #[schema(example = "sch_01a216219c6f7211a57c10644d9c3041")]
    pub id: String,
    /// The plugin's install.
    #[schema(example = "ins_01a216219c6f7211a57c10644d9c3041")]
    pub install: String,
    /// The plugin's name.
    #[schema(example = "stock-report")]
    pub plugin: String,
    /// The name in the plugin's manifest.
    #[schema(example = "nightly")]
    pub name: String,
    /// What its runs are delivered to: attempts and dead letters are there.
    #[schema(example = "sub_01a216219c6f7211a57c10644d9c3041")]
    pub subscription: String,
    /// The cron expression, of five or six fields.
    #[schema(example = "30 2 * * *")]
    pub cron: String,
    /// The IANA name of the time zone whose clocks count.
    #[schema(example = "Asia/Shanghai")]
    pub time_zone: String,
    /// How many seconds later than its time a run may begin, by chance.
    #[schema(example = 0)]
    pub jitter_seconds: i64,
    /// What becomes of times at which nothing could run: `skip`, `once` or `all`.
    #[schema(example = "once")]
    pub missed: &'static str,
    /// `active`, `paused`, or `off` while its plugin is disabled.
    #[schema(example = "active")]
    pub state: &'static str,
    /// The next times at which it is due, in RFC 3339.
    pub upcoming: Vec<String>,
}

impl From<Schedule> for ScheduleOut {
    fn from(one: Schedule) -> Self {
        Self {
            upcoming: one.upcoming(UPCOMING).into_iter().map(|at| at.rfc3339()).collect(),
            state: if one.is_enabled { one.state.name() } else { "off" },
            id: one.id.to_string(),
            install: one.install.to_string(),
            plugin: one.plugin,
            name: one.name,
            subscription: one.subscription.to_string(),
            cron: one.cron,
            time_zone: one.time_zone,
            jitter_seconds: one.jitter / 1_000,
            missed: one.missed.name(),
        }
    }
}

/// A run of a schedule.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RunOut {
    /// The event that told of it.
    #[schema(example = "evt_01a216219c6f7211a57c10644d9c3041")]
    pub event: String,
    /// The time that the schedule gave, in RFC 3339.
    pub at: String,
    /// When the platform told of it, in RFC 3339.
    pub told_at: String,
    /// How many times were left out before it.
    #[schema(example = 0)]
    pub missed: i64,
    /// Who asked for it; absent where its time had come.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked_by: Option<String>,
    /// How the latest attempt ended: `ok`, `failed`, `dead` or `skipped`. Without one: absent while it waits, `forgotten` when it
    /// was dealt with and the log of that is gone (after seven days), `passed-by` when the plugin did not listen then.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "ok")]
    pub outcome: Option<&'static str>,
    /// How often it was tried.
    #[schema(example = 1)]
    pub attempts: u32,
    /// A stable word for the cause of a failure.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub code: String,
    /// What it said, in English, for developers.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// When the latest attempt ended, in RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<String>,
}

impl From<Run> for RunOut {
    fn from(run: Run) -> Self {
        let latest = run.latest;
        Self {
            event: run.event.to_string(),
            at: run.at.rfc3339(),
            told_at: run.told_at.rfc3339(),
            missed: run.missed,
            asked_by: run.asked_by,
            outcome: match (&latest, run.fate) {
                (Some(latest), _) => Some(latest.outcome.name()),
                (None, Fate::Waiting) => None,
                (None, fate) => Some(fate.name()),
            },
            attempts: latest.as_ref().map_or(0, |one| one.attempt),
            ended_at: moment(latest.as_ref().map(|one| one.at)),
            code: latest.as_ref().map(|one| one.code.clone()).unwrap_or_default(),
            message: latest.map(|one| one.message).unwrap_or_default(),
        }
    }
}

/// Lists what the shop's plugins do at times of their own, by plugin and name.
#[utoipa::path(get, path = "/v1/schedules", tag = "events", responses((status = OK, body = Vec<ScheduleOut>)))]
pub(super) async fn schedule_all(State(state): State<AppState>, staff: Staff) -> ApiResult<Json<Vec<ScheduleOut>>> {
    let all = state.store.read(&staff.ctx, async |mut tx| schedule_list(&mut tx).await).await?;
    Ok(Json(all.into_iter().map(ScheduleOut::from).collect()))
}

/// Shows a schedule with the next times at which it is due.
#[utoipa::path(get, path = "/v1/schedules/{schedule}", tag = "events", responses((status = OK, body = ScheduleOut)))]
pub(super) async fn schedule_read(
    State(state): State<AppState>,
    staff: Staff,
    PathOf(id): PathOf<ScheduleId>,
) -> ApiResult<Json<ScheduleOut>> {
    let schedule = state.store.read(&staff.ctx, async |mut tx| schedule_get(&mut tx, id).await).await?;
    Ok(Json(schedule.into()))
}

/// Lets the plugin run now, behind the runs that wait; the schedule goes on as before.
#[utoipa::path(post, path = "/v1/schedules/{schedule}/run", tag = "events", responses((status = OK, body = ScheduleOut)))]
pub(super) async fn schedule_now(
    State(state): State<AppState>,
    staff: Staff,
    PathOf(id): PathOf<ScheduleId>,
) -> ApiResult<Json<ScheduleOut>> {
    let schedule = state.store.write(&staff.ctx, async |mut tx| schedule_run(&mut tx, id).await).await?;
    Ok(Json(schedule.into()))
}

async fn put(state: &AppState, staff: &Staff, id: ScheduleId, to: SubscriptionState) -> ApiResult<Json<ScheduleOut>> {
    let put = async |mut tx| {
        let schedule = schedule_get(&mut tx, id).await?;
        subscription_state_put(&mut tx, schedule.subscription, to).await?;
        Ok::<_, PlatformError>(Schedule { state: to, ..schedule })
    };
    Ok(Json(state.store.write(&staff.ctx, put).await?.into()))
}

/// Stops a schedule: what is due meanwhile is not run, not later either. Runs that wait are kept.
#[utoipa::path(post, path = "/v1/schedules/{schedule}/pause", tag = "events", responses((status = OK, body = ScheduleOut)))]
pub(super) async fn schedule_pause(
    State(state): State<AppState>,
    staff: Staff,
    PathOf(id): PathOf<ScheduleId>,
) -> ApiResult<Json<ScheduleOut>> {
    put(&state, &staff, id, SubscriptionState::Paused).await
}

/// Lets a schedule go on at the next time at which it is due.
#[utoipa::path(post, path = "/v1/schedules/{schedule}/resume", tag = "events", responses((status = OK, body = ScheduleOut)))]
pub(super) async fn schedule_resume(
    State(state): State<AppState>,
    staff: Staff,
    PathOf(id): PathOf<ScheduleId>,
) -> ApiResult<Json<ScheduleOut>> {
    put(&state, &staff, id, SubscriptionState::Active).await
}

/// Lists the runs of a schedule, the latest first. They are kept for thirty days, their attempts for seven.
#[utoipa::path(get, path = "/v1/schedules/{schedule}/runs", tag = "events", params(PageQuery), responses((status = OK, body = PageOut<RunOut>)))]
pub(super) async fn run_page(
    State(state): State<AppState>,
    staff: Staff,
    PathOf(id): PathOf<ScheduleId>,
    Params(page): Params<PageQuery>,
) -> ApiResult<Json<PageOut<RunOut>>> {
    let asked = page.request()?;
    let found = state.store.read(&staff.ctx, async |mut tx| run_list(&mut tx, id, &asked).await).await?;
    Ok(Json(PageOut::of(found, RunOut::from)))
}
