//! Schedules: what plugins do at times of their own.
//!
//! A manifest's `[[schedules]]` become rows when the plugin is installed, each with a subscription of its own. When a time
//! has come, one process takes the schedule's turn (`due.rs`) and tells of the run by an event for that subscription alone:
//! from there on a run is delivered like any other event, with its retries, its exactly-once effects, its dead letters and
//! its log. Which times are run after a standstill is a rule (`rule.rs`). A schedule is paused and resumed by its subscription.

mod due;
mod rule;
mod run;

use heptad_model::id::{InstallId, ScheduleId, SubscriptionId};
use heptad_model::manifest::{MissedRuns, ScheduleWish};
use heptad_model::time::span::SECOND;
use heptad_model::{Cron, Ctx, Millis, Tenant, Zone};
use heptad_store::{Row, StoreError, Tx};

use crate::PlatformError;
use crate::delivery::subscription::{SubscriptionKind, SubscriptionState, subscription_create, subscription_delete};

pub use due::{schedule_turn, schedules_due};
pub use rule::MAX_WAITING;
pub use run::{Run, run_list, schedule_run};

/// What a plugin does at times of its own, in one shop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// The id.
    pub id: ScheduleId,
    /// Whose it is.
    pub install: InstallId,
    /// The plugin's name.
    pub plugin: String,
    /// What its runs are delivered to.
    pub subscription: SubscriptionId,
    /// The name in the manifest.
    pub name: String,
    /// The cron expression.
    pub cron: String,
    /// The IANA name of the time zone whose clocks count.
    pub time_zone: String,
    /// How much later than its time a run may begin, by chance, in milliseconds.
    pub jitter: i64,
    /// What becomes of times at which nothing could run.
    pub missed: MissedRuns,
    /// Whether a person has paused it.
    pub state: SubscriptionState,
    /// Whether its plugin is enabled, and its version not stopped.
    pub is_enabled: bool,
    /// When it is due next by its expression; absent where that is beyond the calendar.
    pub next_at: Option<Millis>,
}

impl Schedule {
    fn of(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.parse("id")?,
            install: row.parse("install_id")?,
            plugin: row.text("plugin")?,
            subscription: row.parse("subscription_id")?,
            name: row.text("name")?,
            cron: row.text("cron")?,
            time_zone: row.text("time_zone")?,
            jitter: row.int("jitter_ms")?,
            missed: row.parse("missed")?,
            state: row.parse("state")?,
            is_enabled: row.flag("is_enabled")?,
            next_at: None,
        })
    }

    /// Whether its runs are made: nobody has paused it, and its plugin is enabled.
    pub fn is_on(&self) -> bool {
        self.state == SubscriptionState::Active && self.is_enabled
    }

    /// Expression and zone. They were checked before they were written.
    fn when(&self) -> Result<(Cron, Zone), PlatformError> {
        when(&self.cron, &self.time_zone)
    }

    /// The next times at which it is due, at most so many.
    pub fn upcoming(&self, most: usize) -> Vec<Millis> {
        let Ok((cron, zone)) = self.when() else { return Vec::new() };
        std::iter::successors(self.next_at, |at| cron.next(*at, &zone)).take(most).collect()
    }
}

fn when(cron: &str, zone: &str) -> Result<(Cron, Zone), PlatformError> {
    let cron = Cron::parse(cron).map_err(|error| PlatformError::field("cron", error.to_string()))?;
    let zone = Zone::parse(zone).ok_or_else(|| PlatformError::field("time_zone", "the IANA name of a time zone"))?;
    Ok((cron, zone))
}

/// Makes the schedules that a plugin's manifest asks for, in the transaction that installs it.
pub(crate) async fn schedules_create(
    tx: &mut Tx,
    install: InstallId,
    wishes: &[ScheduleWish],
) -> Result<(), PlatformError> {
    const INSERT: &str = "insert into schedules (tenant_id, id, install_id, subscription_id, name, cron, time_zone, \
                          jitter_ms, missed, created_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    const TURN: &str = "insert into schedule_turns (tenant, schedule_id, planned_at, due_at, missed) \
                        values ($1, $2, $3, $4, 0)";
    let ctx = tx.ctx().clone();
    let (tenant, now) = (ctx.tenant(), ctx.now());
    for wish in wishes {
        let types = [heptad_model::EventType::ScheduleDue.name().to_owned()];
        let owner = install.to_string();
        let subscription = subscription_create(tx, SubscriptionKind::Schedule, &owner, &wish.name, &types, "").await?;
        let id = ScheduleId::generate(&ctx.env);
        let (zone, jitter) = told(wish, tenant);
        tx.query(INSERT)
            .text(id)
            .text(install)
            .text(subscription)
            .bind(&wish.name)
            .bind(&wish.cron)
            .bind(zone)
            .bind(jitter)
            .bind(wish.missed.name())
            .bind(now)
            .execute()
            .await?;
        let (next, due) = turn(&ctx, wish)?;
        let statement = tx.platform_query(TURN).text(tenant.id).text(id).bind(next.unwrap_or(now)).bind(due);
        statement.execute().await?;
    }
    Ok(())
}

/// Removes the schedules of an install that another version's manifest does not ask for.
pub(crate) async fn schedules_end(
    tx: &mut Tx,
    install: InstallId,
    wishes: &[ScheduleWish],
) -> Result<(), PlatformError> {
    const DELETE: &str = "delete from schedules where tenant_id = $1 and subscription_id = $2 returning id";
    const TURN: &str = "delete from schedule_turns where tenant = $1 and schedule_id = $2";
    let tenant = tx.ctx().tenant().id;
    for (name, subscription) in own(tx, install).await? {
        if wishes.iter().any(|wish| wish.name == name) {
            continue;
        }
        for id in tx.query(DELETE).text(subscription).fetch_all(|row| row.text("id")).await? {
            tx.platform_query(TURN).text(tenant).bind(id).execute().await?;
        }
        subscription_delete(tx, subscription).await?;
    }
    Ok(())
}

/// Makes the schedules of an install what another version's manifest asks for. One of the same name goes on, paused or not
/// and with the runs that wait; its next time is reckoned anew where it says something else.
pub(crate) async fn schedules_renew(
    tx: &mut Tx,
    install: InstallId,
    wishes: &[ScheduleWish],
) -> Result<(), PlatformError> {
    const PUT: &str = "update schedules set cron = $3, time_zone = $4, jitter_ms = $5, missed = $6 \
                       where tenant_id = $1 and subscription_id = $2 \
                       and (cron <> $3 or time_zone <> $4 or jitter_ms <> $5 or missed <> $6) returning id";
    const TURN: &str = "update schedule_turns set planned_at = $3, due_at = $4 where tenant = $1 and schedule_id = $2";
    let ctx = tx.ctx().clone();
    let (tenant, now) = (ctx.tenant(), ctx.now());
    let present = own(tx, install).await?;
    let mut new = Vec::new();
    for wish in wishes {
        let Some((_, subscription)) = present.iter().find(|(name, _)| *name == wish.name) else {
            new.push(wish.clone());
            continue;
        };
        let (zone, jitter) = told(wish, tenant);
        let put = tx.query(PUT).text(*subscription).bind(&wish.cron).bind(zone).bind(jitter).bind(wish.missed.name());
        for id in put.fetch_all(|row| row.text("id")).await? {
            let (next, due) = turn(&ctx, wish)?;
            tx.platform_query(TURN).text(tenant.id).bind(id).bind(next.unwrap_or(now)).bind(due).execute().await?;
        }
    }
    schedules_create(tx, install, &new).await
}

/// The zone and the jitter of a wish: the shop's zone where it names none.
fn told<'a>(wish: &'a ScheduleWish, tenant: &'a Tenant) -> (&'a str, i64) {
    (wish.time_zone.as_deref().unwrap_or(&tenant.time_zone), i64::from(wish.jitter_seconds) * SECOND)
}

/// When a wish is due next, without and with its jitter; nothing where that is beyond the calendar.
fn turn(ctx: &Ctx, wish: &ScheduleWish) -> Result<(Option<Millis>, Option<i64>), PlatformError> {
    let (zone, jitter) = told(wish, ctx.tenant());
    let (cron, zone) = when(&wish.cron, zone)?;
    let next = cron.next(ctx.now(), &zone);
    Ok((next, next.map(|next| due::with_jitter(&ctx.env, next, jitter).as_millis())))
}

/// The schedules of an install, by name and subscription.
async fn own(tx: &mut Tx, install: InstallId) -> Result<Vec<(String, SubscriptionId)>, StoreError> {
    const OWN: &str = "select name, subscription_id from schedules where tenant_id = $1 and install_id = $2";
    let read = |row: &Row| Ok((row.text("name")?, row.parse("subscription_id")?));
    tx.query(OWN).text(install).fetch_all(read).await
}

/// Removes the schedules of an install; their subscriptions are removed as all its subscriptions are.
pub(crate) async fn schedules_delete(tx: &mut Tx, install: InstallId) -> Result<(), StoreError> {
    const DELETE: &str = "delete from schedules where tenant_id = $1 and install_id = $2 returning id";
    const TURNS: &str = "delete from schedule_turns where tenant = $1 \
                         and schedule_id in (select value from json_each($2))";
    let ids = tx.query(DELETE).text(install).fetch_all(|row| row.text("id")).await?;
    if !ids.is_empty() {
        let tenant = tx.ctx().tenant().id;
        tx.platform_query(TURNS).text(tenant).json(&ids).execute().await?;
    }
    Ok(())
}

/// All schedules of the tenant, by plugin and name.
///
/// Not paged: manifests bound it.
pub async fn schedule_list(tx: &mut Tx) -> Result<Vec<Schedule>, StoreError> {
    const LIST: &str = "select c.id, c.install_id, i.plugin, c.subscription_id, c.name, c.cron, c.time_zone, c.jitter_ms, \
                        c.missed, s.state, case when i.state = 'enabled' and v.killed_at is null then 1 else 0 end as is_enabled \
                       from schedules c \
                        join installs i on i.tenant_id = c.tenant_id and i.id = c.install_id \
                       join plugin_versions v on v.id = i.version_id \
                        join subscriptions s on s.tenant_id = c.tenant_id and s.id = c.subscription_id \
                        where c.tenant_id = $1 order by i.plugin, c.name";
    const TURNS: &str = "select schedule_id, planned_at from schedule_turns where tenant = $1 and due_at is not null";
    let mut schedules = tx.query(LIST).fetch_all(Schedule::of).await?;
    let tenant = tx.ctx().tenant().id;
    let read = |row: &Row| Ok((row.parse::<ScheduleId>("schedule_id")?, row.millis("planned_at")?));
    let turns = tx.platform_query(TURNS).text(tenant).fetch_all(read).await?;
    for schedule in &mut schedules {
        schedule.next_at = turns.iter().find(|(id, _)| *id == schedule.id).map(|(_, at)| *at);
    }
    Ok(schedules)
}

/// One schedule.
pub async fn schedule_get(tx: &mut Tx, id: ScheduleId) -> Result<Schedule, PlatformError> {
    const GET: &str = "select c.id, c.install_id, i.plugin, c.subscription_id, c.name, c.cron, c.time_zone, c.jitter_ms, \
                       c.missed, s.state, case when i.state = 'enabled' and v.killed_at is null then 1 else 0 end as is_enabled \
                       from schedules c \
                       join installs i on i.tenant_id = c.tenant_id and i.id = c.install_id \
                       join plugin_versions v on v.id = i.version_id \
                       join subscriptions s on s.tenant_id = c.tenant_id and s.id = c.subscription_id \
                       where c.tenant_id = $1 and c.id = $2";
    const TURN: &str = "select planned_at from schedule_turns where tenant = $1 and schedule_id = $2 \
                        and due_at is not null";
    let found = tx.query(GET).text(id).fetch_optional(Schedule::of).await?;
    let schedule = found.ok_or_else(|| PlatformError::not_found("schedule", id))?;
    let tenant = tx.ctx().tenant().id;
    let next_at = tx.platform_query(TURN).text(tenant).text(id).fetch_optional(|row| row.millis("planned_at")).await?;
    Ok(Schedule { next_at, ..schedule })
}
