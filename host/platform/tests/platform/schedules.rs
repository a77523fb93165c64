//! Schedules: each time is told of once, whoever looks; what was missed by the policy; pausing, running now, uninstalling.

use heptad_model::event::PARTITIONS;
use heptad_model::id::{InstallId, ScheduleId};
use heptad_model::{Ctx, Env, Manifest, Millis, PageRequest};
use heptad_platform::PlatformError;
use heptad_platform::delivery::event::{EventQuery, event_list};
use heptad_platform::delivery::lane::{outbox_read, outbox_settle};
use heptad_platform::delivery::subscription::{SubscriptionState, subscription_list, subscription_state_put};
use heptad_platform::install::{InstallIn, OwnData, install_disable, install_enable, install_uninstall};
use heptad_platform::schedule::{
    MAX_WAITING, Schedule, run_list, schedule_get, schedule_list, schedule_run, schedule_turn, schedules_due,
};
use heptad_store::{Store, StoreError, Tx, both_databases};
use serde_json::{Value, json};

use crate::support::*;

/// A shop whose plugin has schedules.
struct Planned {
    store: Store,
    env: Env,
    ctx: Ctx,
    install: InstallId,
}

impl Planned {
    /// At a moment; `schedules` as the manifest has them.
    async fn at(store: Store, at: &str, schedules: Value) -> Self {
        let env = Env::fixed(Millis::parse_rfc3339(at).unwrap().as_millis());
        let by = publisher(&store, &env, "maker").await;
        let mut manifest = manifest_json("maker", "timetable", "1.0.0");
        manifest["points"] = json!(["schedule.run"]);
        manifest["schedules"] = schedules;
        let manifest = Manifest::from_json(manifest.to_string().as_bytes()).unwrap();
        let submitted = submit(&store, &env, &by, &version_in(manifest, 'a')).await.unwrap();
        approve(&store, &env, &submitted).await;
        let ctx = ctx(&store, &env, "shop").await;
        let input: InstallIn = install_in("timetable");
        let install = install(&store, &ctx, &input).await.unwrap().id;
        store.write(&ctx, async |mut tx| install_enable(&mut tx, install).await).await.unwrap();
        Self { store, env, ctx, install }
    }

    /// Takes the turns that have come, and the events as the relay takes them; how many runs were told of.
    async fn look(&self) -> usize {
        let due = async |mut tx| schedules_due(&mut tx, 100).await;
        let due: Result<_, StoreError> = self.store.platform_read(&origin(&self.env), due).await;
        let mut runs = 0;
        for (_, schedule) in due.unwrap() {
            runs += self.turn(schedule).await;
        }
        runs
    }

    async fn turn(&self, schedule: ScheduleId) -> usize {
        let turn = async |mut tx: Tx| schedule_turn(&mut tx, schedule).await;
        until_settled!(self.store.write(&self.ctx, turn)).unwrap()
    }

    /// Takes everything out of the outbox, as the relay would; nobody is told.
    async fn relayed(&self) {
        let partitions: Vec<u32> = (0..PARTITIONS).collect();
        let relay = async |mut tx: Tx| {
            let read = outbox_read(&mut tx, &partitions, 1_000).await?;
            if read.is_empty() { Ok(()) } else { outbox_settle(&mut tx, &read, &[]).await }
        };
        let done: Result<(), StoreError> = self.store.write(&self.ctx, relay).await;
        done.unwrap();
    }

    async fn schedule(&self, name: &str) -> Schedule {
        let all = self.store.read(&self.ctx, async |mut tx| schedule_list(&mut tx).await).await.unwrap();
        all.into_iter().find(|one| one.name == name).unwrap()
    }

    /// Moves the clock in steps of so many minutes up to a moment, looking at each; what was told of, as `name time`, with
    /// `+n` where n times were left out.
    async fn until(&self, moment: &str, minutes: i64) -> Vec<String> {
        let moment = Millis::parse_rfc3339(moment).unwrap();
        while self.env.now() < moment {
            self.env.advance(minutes * 60_000);
            self.look().await;
            self.relayed().await;
        }
        self.told().await
    }

    async fn told(&self) -> Vec<String> {
        let query = EventQuery { kind: "schedule.due".to_owned(), ..EventQuery::default() };
        let page = PageRequest::new(None, Some(200)).unwrap();
        let list = async |mut tx: Tx| event_list(&mut tx, &query, &page).await;
        let found = self.store.read(&self.ctx, list).await.unwrap().items;
        let line = |data: &Value| {
            let at = Millis::new(data["at"].as_i64().unwrap()).rfc3339();
            let missed = data["missed"].as_i64().filter(|missed| *missed > 0);
            let missed = missed.map(|missed| format!("+{missed}")).unwrap_or_default();
            format!("{} {}{missed}", data["name"].as_str().unwrap(), &at[5..16])
        };
        found.iter().rev().map(|event| line(&event.data)).collect()
    }
}

fn one(name: &str, cron: &str, rest: &Value) -> Value {
    let mut wish = json!({"name": name, "cron": cron});
    wish.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    wish
}

both_databases! {
    async fn each_time_is_told_of_once_however_many_look(database: TestDatabase) {
        let schedules = json!([one("minutely", "* * * * *", &json!({}))]);
        let planned = Planned::at(database.open().await, "2026-03-01T00:00:30Z", schedules).await;
        let id = planned.schedule("minutely").await.id;
        for _ in 0..10 {
            planned.env.advance(60_000);
            let (first, second, third) = tokio::join!(planned.turn(id), planned.turn(id), planned.turn(id));
            assert_eq!(first + second + third, 1);
            assert_eq!(planned.look().await, 0);
            planned.relayed().await;
        }
        let expected: Vec<String> = (1..=10).map(|minute| format!("minutely 03-01T00:{minute:02}")).collect();
        assert_eq!(planned.told().await, expected);
    }

    async fn clocks_that_are_put_forward_and_back_are_followed(database: TestDatabase) {
        // In Berlin 02:00 becomes 03:00 on 29 March 2026, at 01:00 UTC. The shop itself is in Shanghai.
        let schedules = json!([
            one("fixed", "30 2 * * *", &json!({"time_zone": "Europe/Berlin"})),
            one("hourly", "0 * * * *", &json!({"time_zone": "America/New_York"})),
            one("shop", "0 9 * * *", &json!({})),
        ]);
        let planned = Planned::at(database.open().await, "2026-03-28T00:00:00Z", schedules).await;
        let told = planned.until("2026-03-30T02:00:00Z", 30).await;
        let of = |name: &str| -> Vec<&str> { told.iter().filter_map(|line| line.strip_prefix(name)).collect() };
        assert_eq!(of("fixed "), ["03-28T01:30", "03-29T01:00", "03-30T00:30"]);
        assert_eq!(of("shop "), ["03-28T01:00", "03-29T01:00", "03-30T01:00"]);
        assert_eq!(of("hourly ").len(), 50);
    }

    async fn what_was_missed_is_caught_up_by_the_policy(database: TestDatabase) {
        let schedules = json!([
            one("all", "0 * * * *", &json!({"missed": "all"})),
            one("once", "0 * * * *", &json!({})),
            one("skip", "0 * * * *", &json!({"missed": "skip"})),
        ]);
        let planned = Planned::at(database.open().await, "2026-03-01T00:30:00Z", schedules).await;
        assert_eq!(planned.until("2026-03-01T01:00:00Z", 30).await.len(), 3);
        // Nobody looks for a long time.
        planned.env.advance(3 * 3_600_000 + 600_000);
        planned.look().await;
        planned.relayed().await;
        planned.env.advance(50 * 60_000);
        let mut told = planned.until("2026-03-01T05:00:30Z", 1).await;
        told.sort();
        assert_eq!(told, [
            "all 03-01T01:00", "all 03-01T02:00", "all 03-01T03:00", "all 03-01T04:00", "all 03-01T05:00",
            "once 03-01T01:00", "once 03-01T04:00+2", "once 03-01T05:00",
            "skip 03-01T01:00", "skip 03-01T05:00+3",
        ]);
    }

    async fn a_run_that_is_not_done_holds_the_next_ones_by_the_policy(database: TestDatabase) {
        let schedules = json!([
            one("all", "* * * * *", &json!({"missed": "all"})),
            one("once", "* * * * *", &json!({})),
            one("skip", "* * * * *", &json!({"missed": "skip"})),
        ]);
        let planned = Planned::at(database.open().await, "2026-03-01T00:00:00Z", schedules).await;
        for _ in 0..30 {
            planned.env.advance(60_000);
            planned.look().await;
        }
        let told = planned.told().await;
        let count = |name: &str| told.iter().filter(|line| line.starts_with(name)).count();
        assert_eq!((count("all "), count("once "), count("skip ")), (10, 2, 1));
        let id = planned.schedule("all").await.id;
        let full = planned.store.write(&planned.ctx, async |mut tx| schedule_run(&mut tx, id).await).await.unwrap_err();
        assert_eq!((full.code(), full.to_string().contains(&MAX_WAITING.to_string())), ("schedule-full", true));
    }

    async fn a_paused_schedule_and_a_disabled_plugin_are_not_told_and_miss_nothing(database: TestDatabase) {
        let schedules = json!([one("hourly", "0 * * * *", &json!({"missed": "all"}))]);
        let planned = Planned::at(database.open().await, "2026-03-01T00:30:00Z", schedules).await;
        let (store, ctx, install) = (&planned.store, &planned.ctx, planned.install);
        let subscription = planned.schedule("hourly").await.subscription;
        let put = async |state| {
            let put = async |mut tx: Tx| subscription_state_put(&mut tx, subscription, state).await;
            store.write(ctx, put).await.unwrap();
        };
        put(SubscriptionState::Paused).await;
        assert_eq!(planned.until("2026-03-01T03:30:00Z", 30).await, [""; 0]);
        let id = planned.schedule("hourly").await.id;
        let run = async || store.write(ctx, async |mut tx| schedule_run(&mut tx, id).await).await;
        assert_eq!(run().await.unwrap_err().code(), "schedule-off");
        put(SubscriptionState::Active).await;
        assert_eq!(planned.until("2026-03-01T04:30:00Z", 30).await, ["hourly 03-01T04:00"]);
        store.write(ctx, async |mut tx| install_disable(&mut tx, install).await).await.unwrap();
        assert_eq!(planned.until("2026-03-01T06:30:00Z", 30).await.len(), 1);
        assert_eq!(run().await.unwrap_err().code(), "schedule-off");
        store.write(ctx, async |mut tx| install_enable(&mut tx, install).await).await.unwrap();
        assert_eq!(planned.until("2026-03-01T07:30:00Z", 30).await.last().unwrap(), "hourly 03-01T07:00");
        let schedule = run().await.unwrap();
        assert_eq!(schedule.next_at.unwrap().rfc3339(), "2026-03-01T08:00:00.000Z");
        let page = PageRequest::first();
        let runs = store.read(ctx, async |mut tx: Tx| run_list(&mut tx, id, &page).await).await.unwrap().items;
        assert_eq!(runs.len(), 3);
        assert_eq!((runs[0].asked_by.as_deref(), &runs[1].asked_by), (Some("system:test"), &None));
        let upcoming: Vec<String> = schedule.upcoming(2).iter().map(|at| at.rfc3339()).collect();
        assert_eq!(upcoming, ["2026-03-01T08:00:00.000Z", "2026-03-01T09:00:00.000Z"]);
    }

    async fn chance_moves_a_run_within_its_bound_and_an_uninstalled_plugin_leaves_nothing(database: TestDatabase) {
        let schedules = json!([one("hourly", "0 * * * *", &json!({"jitter_seconds": 600}))]);
        let planned = Planned::at(database.open().await, "2026-03-01T00:00:00Z", schedules).await;
        let mut late = Vec::new();
        for hour in 1..=8 {
            while planned.look().await == 0 {
                planned.env.advance(10_000);
            }
            planned.relayed().await;
            late.push(planned.env.now().as_millis() - NOW_OF_MARCH - hour * 3_600_000);
        }
        assert!(late.iter().all(|late| (0..=610_000).contains(late)), "{late:?}");
        assert!(late.iter().any(|one| one.abs_diff(late[0]) > 10_000), "{late:?}");
        let id = planned.schedule("hourly").await.id;
        let (store, ctx, install) = (&planned.store, &planned.ctx, planned.install);
        store.write(ctx, async |mut tx| install_uninstall(&mut tx, install, OwnData::Purge).await).await.unwrap();
        let gone: Result<Schedule, PlatformError> = store.read(ctx, async |mut tx| schedule_get(&mut tx, id).await).await;
        assert_eq!(gone.unwrap_err().code(), "not-found");
        let left = store.read(ctx, async |mut tx| subscription_list(&mut tx).await).await.unwrap();
        assert_eq!(left, []);
        planned.env.advance(2 * 3_600_000);
        assert_eq!(planned.look().await, 0);
    }
}

/// Midnight UTC on 1 March 2026.
const NOW_OF_MARCH: i64 = 1_772_323_200_000;
