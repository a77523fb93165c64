//! Schedules from the due time to the plugin: once in the cluster, in order, tried again, run by hand.

use heptad_model::Env;
use heptad_model::time::span::DAY;
use heptad_platform::delivery::fate::Fate;
use heptad_platform::delivery::retention::delivery_purge;
use heptad_platform::schedule::{Schedule, schedule_list, schedule_run};
use heptad_store::{Tx, both_databases};
use serde_json::json;

use crate::shop::{Host, Shop, runs, until};

/// 02:00 UTC on 2 March 2026, a Monday, in milliseconds since 1970: 120 minutes since midnight.
const START: i64 = 1_772_416_800_000;

impl Shop<'_> {
    async fn schedule(&self, name: &str) -> Schedule {
        let all = self.host.store.read(&self.ctx, async |mut tx| schedule_list(&mut tx).await).await.unwrap();
        all.into_iter().find(|one| one.name == name).unwrap()
    }
}

both_databases! {
    async fn several_processes_run_each_due_time_once_and_in_order(database: TestDatabase) {
        let env = Env::fixed(START + 30_000);
        let host = Host::start_at(&database, env.clone()).await;
        host.publish("timetable").await;
        let shop = host.shop("first").await;
        let install = shop.timetable("write", "").await;
        let others = [host.another(&database).await, host.another(&database).await];
        let mut expected = String::new();
        for minute in 121..=128 {
            env.advance(60_000);
            expected.push_str(&format!(" {minute}"));
            shop.reads(install, "minutely", expected.trim()).await;
        }
        // All at once, after nobody could run: the policy of this schedule is to run them all.
        env.advance(3 * 60_000);
        shop.reads(install, "minutely", "121 122 123 124 125 126 127 128 129 130 131").await;
        for one in others {
            one.delivery.stop().await;
        }
    }

    async fn a_run_that_fails_is_tried_again_and_holds_those_behind_it(database: TestDatabase) {
        let env = Env::fixed(START + 30_000);
        let host = Host::start_at(&database, env.clone()).await;
        host.publish("timetable").await;
        let shop = host.shop("first").await;
        let install = shop.timetable("fail", "minutely").await;
        let schedule = shop.schedule("minutely").await;
        env.advance(60_000);
        until(async || {
            let log = shop.log(schedule.subscription).await;
            log.first().is_some_and(|line| line.ends_with("1 failed plugin-error")).then_some(()).ok_or(format!("{log:?}"))
        }).await;
        env.advance(60_000);
        shop.set(install, json!({"mode": "write", "at": ""})).await;
        shop.reads(install, "minutely", "121 122").await;
        let found = runs(&shop, schedule.id).await;
        let outcomes: Vec<_> = found.iter().filter_map(|run| run.latest.as_ref().map(|one| (one.outcome.name(), one.attempt > 1))).collect();
        assert_eq!(outcomes, [("ok", false), ("ok", true)]);
    }

    async fn what_cannot_succeed_goes_to_the_dead_letters_and_a_person_may_run_it_now(database: TestDatabase) {
        let env = Env::fixed(START + 30_000);
        let host = Host::start_at(&database, env.clone()).await;
        host.publish("timetable").await;
        let shop = host.shop("first").await;
        let install = shop.timetable("refuse", "nightly").await;
        let schedule = shop.schedule("nightly").await;
        let run = async || {
            let run = async |mut tx: Tx| schedule_run(&mut tx, schedule.id).await;
            host.store.write(&shop.ctx, run).await.unwrap();
        };
        run().await;
        until(async || {
            let found = runs(&shop, schedule.id).await;
            let latest = found.first().and_then(|run| run.latest.as_ref());
            let is_dead = latest.is_some_and(|one| (one.outcome.name(), one.code.as_str()) == ("dead", "event-refused"));
            is_dead.then_some(()).ok_or(format!("{found:?}"))
        }).await;
        shop.set(install, json!({"mode": "write", "at": ""})).await;
        run().await;
        shop.reads(install, "nightly", "120h").await;
        // Attempts are kept for seven days, and runs for thirty.
        env.advance(8 * DAY);
        let purge = async |mut tx: Tx| delivery_purge(&mut tx, 1_000).await;
        host.store.write(&shop.ctx, purge).await.unwrap();
        let first = runs(&shop, schedule.id).await.pop().unwrap();
        assert_eq!((first.fate, first.latest), (Fate::Forgotten, None));
    }
}
