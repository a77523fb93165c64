//! What plugins do at times of their own: when each is due, its runs, running it now.

use askama::Template;
use axum::extract::State;
use heptad_model::PageRequest;
use heptad_model::id::ScheduleId;
use heptad_platform::PlatformError;
use heptad_platform::delivery::subscription::{SubscriptionState, subscription_state_put};
use heptad_platform::install::{Install, install_list};
use heptad_platform::schedule::{Run, Schedule, run_list, schedule_get, schedule_list, schedule_run};
use heptad_store::Tx;

use super::{catalog, go};
use crate::console::desk::Shop;
use crate::console::failure::{ConsoleResult, Failure};
use crate::console::fields::{Asks, Fields, Listing};
use crate::console::look;
use crate::console::shell::{Shell, page};
use crate::console::telling::{self, Why};
use crate::state::AppState;

/// Runs on a page.
const PER_PAGE: u32 = 50;
/// How many of the times to come are shown.
const UPCOMING: usize = 5;

struct ScheduleRow {
    url: String,
    name: String,
    plugin: String,
    plugin_url: String,
    cron: String,
    zone: String,
    /// `active`, `paused` or `off`, and what it says.
    state: (&'static str, String),
    next: Option<String>,
}

impl ScheduleRow {
    fn of(shop: &Shop, one: &Schedule, installs: &[Install]) -> Self {
        let install = installs.iter().find(|install| install.id == one.install);
        let state = if one.is_enabled { one.state.name() } else { "off" };
        Self {
            url: shop.url(format_args!("/schedules/{}", one.id)),
            name: one.name.clone(),
            plugin: install.map_or_else(|| one.plugin.clone(), |install| catalog::title(shop, &install.manifest).0),
            plugin_url: shop.url(format_args!("/plugins/{}", one.install)),
            cron: one.cron.clone(),
            zone: one.time_zone.clone(),
            state: (state, shop.words().of_code("schedule-state", state)),
            next: one.next_at.filter(|_| one.is_on()).map(|at| shop.look.moment(at)),
        }
    }
}

#[derive(Template)]
#[template(path = "schedules.html")]
struct SchedulesPage {
    shell: Shell,
    rows: Vec<ScheduleRow>,
}

/// `GET …/schedules`.
pub(in crate::console) async fn list(shop: Shop, State(state): State<AppState>) -> ConsoleResult {
    let read = async |mut tx: Tx| {
        let installs = install_list(&mut tx).await?;
        Ok::<_, PlatformError>((schedule_list(&mut tx).await?, installs))
    };
    let (all, installs) = state.store.read(&shop.ctx, read).await?;
    let rows = all.iter().map(|one| ScheduleRow::of(&shop, one, &installs)).collect();
    page(&SchedulesPage { rows, shell: shop.shell })
}

struct RunRow {
    url: String,
    at: String,
    by_hand: bool,
    missed: i64,
    outcome: String,
    tone: &'static str,
    attempts: u32,
    took: String,
    why: Why,
}

impl RunRow {
    fn of(shop: &Shop, run: &Run) -> Self {
        let latest = run.latest.as_ref();
        let outcome = match (latest, run.fate) {
            (Some(one), _) => shop.words().of_code("delivery", one.outcome.name()),
            (None, fate) => shop.words().of_code("fate", fate.name()),
        };
        Self {
            url: shop.url(format_args!("/events/{}", run.event)),
            at: shop.look.moment(run.at),
            by_hand: run.asked_by.is_some(),
            missed: run.missed,
            outcome,
            tone: latest.map_or("", |one| telling::tone(one.outcome)),
            attempts: latest.map_or(0, |one| one.attempt),
            took: latest.map(|one| look::millis(one.micros)).unwrap_or_default(),
            why: latest.map_or_else(|| Why::of(shop, "", ""), |one| Why::of(shop, &one.code, &one.message)),
        }
    }
}

#[derive(Template)]
#[template(path = "schedule.html")]
struct SchedulePage {
    shell: Shell,
    head: ScheduleRow,
    subscription: String,
    missed: String,
    jitter: i64,
    upcoming: Vec<String>,
    rows: Vec<RunRow>,
    next: Option<String>,
}

/// `GET …/schedules/{schedule}`.
pub(in crate::console) async fn show(
    shop: Shop,
    State(state): State<AppState>,
    Asks(listing): Asks<Listing>,
) -> ConsoleResult {
    let id: ScheduleId = shop.id("schedule")?;
    let asked: PageRequest = listing.page(PER_PAGE)?;
    let read = async |mut tx: Tx| {
        let schedule = schedule_get(&mut tx, id).await?;
        let runs = run_list(&mut tx, id, &asked).await?;
        Ok::<_, PlatformError>((schedule, runs, install_list(&mut tx).await?))
    };
    let (schedule, runs, installs) = state.store.read(&shop.ctx, read).await?;
    let upcoming = if schedule.is_on() { schedule.upcoming(UPCOMING) } else { Vec::new() };
    page(&SchedulePage {
        head: ScheduleRow::of(&shop, &schedule, &installs),
        subscription: shop.url(format_args!("/subscriptions/{}", schedule.subscription)),
        missed: shop.words().of_code("schedule-missed", schedule.missed.name()),
        jitter: schedule.jitter / 1_000,
        upcoming: upcoming.into_iter().map(|at| shop.look.moment(at)).collect(),
        rows: runs.items.iter().map(|run| RunRow::of(&shop, run)).collect(),
        next: runs.next,
        shell: shop.shell,
    })
}

/// `POST …/schedules/{schedule}/run`.
pub(in crate::console) async fn run_post(shop: Shop, State(state): State<AppState>, _fields: Fields) -> ConsoleResult {
    let id: ScheduleId = shop.id("schedule")?;
    state.store.write(&shop.ctx, async |mut tx: Tx| schedule_run(&mut tx, id).await).await?;
    Ok(go(shop.url(format_args!("/schedules/{id}?done=schedule-run"))))
}

/// `POST …/schedules/{schedule}/state`.
pub(in crate::console) async fn state_post(shop: Shop, State(state): State<AppState>, fields: Fields) -> ConsoleResult {
    let id: ScheduleId = shop.id("schedule")?;
    let to: SubscriptionState = fields.text("to").parse().map_err(|_| Failure::nowhere())?;
    let put = async |mut tx: Tx| {
        let schedule = schedule_get(&mut tx, id).await?;
        subscription_state_put(&mut tx, schedule.subscription, to).await
    };
    state.store.write(&shop.ctx, put).await?;
    let done = if to == SubscriptionState::Paused { "schedule-paused" } else { "schedule-resumed" };
    Ok(go(shop.url(format_args!("/schedules/{id}?done={done}"))))
}
