//! What a handler hears of, and that what it writes happens once.

use heptad_capabilities::members::{CustomerIn, customer_create};
use heptad_model::id::EventId;
use heptad_model::time::span::{DAY, HOUR};
use heptad_model::{Env, EventType, Limits, Millis, PageRequest};
use heptad_platform::delivery::backlog::lanes_waiting;
use heptad_platform::delivery::replay::{ReplayOf, replay_cancel, replay_create, replay_list};
use heptad_platform::delivery::subscription::{Subscription, SubscriptionState, subscription_state_put};
use heptad_platform::quota::{Quota, quota_lease};
use heptad_store::{Tx, both_databases};
use serde_json::json;

use crate::shop::{Host, all_grants, grants, until};

both_databases! {
    async fn events_of_a_key_are_written_down_in_their_order_each_once(database: TestDatabase) {
        let host = Host::start(&database).await;
        host.publish("diary").await;
        let shop = host.shop("first").await;
        let install = shop.diary(grants(), "write", "").await;
        tokio::join!(shop.stock("A", 20), shop.stock("B", 3));
        // The first event of a SKU is that it was made.
        let expected: Vec<String> = (2..=21).map(|seq| seq.to_string()).collect();
        shop.reads(install, "A", &expected.join(" ")).await;
        shop.reads(install, "B", "2 3 4").await;
        let subscription = shop.subscription("stock").await;
        let log = until(async || {
            let log = shop.log(subscription.id).await;
            if log.len() == 23 { Ok(log) } else { Err(format!("{} attempts", log.len())) }
        }).await;
        assert!(log.iter().all(|line| line.ends_with(" 1 ok")), "{log:?}");
    }

    async fn a_handler_hears_what_it_asked_for_and_was_granted(database: TestDatabase) {
        let host = Host::start(&database).await;
        host.publish("diary").await;
        let (shop, other) = (host.shop("first").await, host.shop("other").await);
        let install = shop.diary(all_grants(), "write", "").await;
        let without = other.diary(grants(), "write", "").await;
        for shop in [&shop, &other] {
            shop.price("A", 9_999).await;
            shop.price("A", 10_000).await;
        }
        // Made; updated and priced twice; then the stock. What costs less than 10,000 is filtered.
        shop.reads(install, "A", "5").await;
        shop.stock("A", 1).await;
        shop.reads(install, "A", "5 6").await;
        other.stock("A", 1).await;
        other.reads(without, "A", "6").await;
    }

    async fn personal_fields_are_filled_in_under_the_grant_alone(database: TestDatabase) {
        let host = Host::start(&database).await;
        host.publish("diary").await;
        let (shop, other) = (host.shop("first").await, host.shop("other").await);
        let install = shop.diary(all_grants(), "write", "").await;
        let without = other.diary(grants(), "write", "").await;
        for shop in [&shop, &other] {
            let input = CustomerIn { name: Some("Lin".to_owned()), phone: Some("13800138000".to_owned()), ..CustomerIn::default() };
            let create = async |mut tx: Tx| customer_create(&mut tx, input.clone()).await;
            let id = shop.host.store.write(&shop.ctx, create).await.unwrap().id.to_string();
            shop.stock("A", 1).await;
            if shop.ctx.tenant().id == other.ctx.tenant().id {
                shop.reads(without, "A", "2").await;
                assert_eq!(shop.page(without, &id).await, "");
            } else {
                shop.reads(install, &id, "1").await;
                let filled = shop.entry(install, &format!("profile/{id}")).await;
                let filled: serde_json::Value = serde_json::from_str(&filled).unwrap();
                assert_eq!(filled["profile"], json!({"name": "Lin", "phone": "13800138000"}));
            }
        }
        // What is kept has none of it.
        const KEPT: &str = "select count(*) as many from events where tenant_id = $1 and data like '%13800138000%'";
        let kept = async |mut tx: Tx| tx.query(KEPT).fetch_one(|row| row.int("many")).await;
        assert_eq!(host.store.read(&shop.ctx, kept).await.unwrap(), 0);
    }

    async fn a_paused_subscription_keeps_its_events_and_gets_them_in_order(database: TestDatabase) {
        let host = Host::start(&database).await;
        host.publish("diary").await;
        let shop = host.shop("first").await;
        let install = shop.diary(grants(), "write", "").await;
        let subscription = shop.subscription("stock").await;
        let put = async |state| {
            let put = async |mut tx: Tx| subscription_state_put(&mut tx, subscription.id, state).await;
            host.store.write(&shop.ctx, put).await.unwrap();
        };
        put(SubscriptionState::Paused).await;
        shop.stock("A", 3).await;
        let waiting = async |mut tx: Tx| lanes_waiting(&mut tx, &subscription, 10).await;
        until(async || {
            let found = host.store.read(&shop.ctx, waiting).await.unwrap();
            match found.as_slice() {
                [one] if one.behind == 3 && one.attempts == 0 => Ok(()),
                other => Err(format!("{other:?}")),
            }
        }).await;
        assert_eq!(shop.page(install, "A").await, "");
        put(SubscriptionState::Active).await;
        shop.reads(install, "A", "2 3 4").await;
    }

    async fn events_wait_for_the_next_day_where_the_days_calls_are_used_up(database: TestDatabase) {
        let env = Env::fixed(2 * DAY + 6 * HOUR);
        let host = Host::start_at(&database, env.clone()).await;
        host.publish("diary").await;
        let shop = host.shop("first").await;
        shop.limited(Limits { calls_per_day: Some(1_000), ..Limits::default() }).await;
        let install = shop.diary(grants(), "write", "").await;
        let most = async |leased: i64| {
            let lease = async |mut tx: Tx| quota_lease(&mut tx, Quota::Calls, 2, leased, 1_000).await;
            host.store.write(&shop.ctx, lease).await.unwrap();
        };
        most(799).await;
        assert_eq!(shop.notices().await, [""; 0]);
        most(196).await;
        assert_eq!(shop.notices().await, ["day-limit-near 1"]);
        // Five are left, and a process goes beyond them by a lot of ten at most.
        shop.stock("A", 20).await;
        until(async || {
            let notices = shop.notices().await;
            (notices == ["day-limit 1", "day-limit-near 1"]).then_some(()).ok_or(format!("{notices:?}"))
        }).await;
        let written = shop.page(install, "A").await;
        assert!(written.split(' ').count() <= 15, "{written}");
        let subscription = shop.subscription("stock").await;
        let waiting = async |mut tx: Tx| lanes_waiting(&mut tx, &subscription, 10).await;
        // It comes no nearer to the dead letters.
        until(async || {
            let found = host.store.read(&shop.ctx, waiting).await.unwrap();
            let waits = matches!(&found[..], [one] if one.due_at == Millis::new(3 * DAY) && one.attempts == 0);
            waits.then_some(()).ok_or(format!("{found:?}"))
        }).await;
        env.advance(DAY);
        let expected: Vec<String> = (2..=21).map(|seq| seq.to_string()).collect();
        shop.reads(install, "A", &expected.join(" ")).await;
    }

    async fn events_are_told_again_by_range_and_by_id_marked_and_without_moving_the_key(database: TestDatabase) {
        let host = Host::start(&database).await;
        host.publish("diary").await;
        let shop = host.shop("first").await;
        let install = shop.diary(grants(), "write", "").await;
        let from = host.env.now();
        shop.stock("A", 2).await;
        shop.reads(install, "A", "2 3").await;
        let subscription = shop.subscription("stock").await;
        let range = ReplayOf::Range(from, Millis::new(host.env.now().as_millis() + 1));
        let create = async |mut tx: Tx| replay_create(&mut tx, &subscription, &range).await;
        let replay = host.store.write(&shop.ctx, create).await.unwrap();
        assert_eq!(replay.events, 2);
        shop.reads(install, "A", "2 3 2r 3r").await;
        shop.stock("A", 1).await;
        shop.reads(install, "A", "2 3 2r 3r 4").await;
        let page = PageRequest::first();
        let list = async |mut tx: Tx| replay_list(&mut tx, subscription.id, &page).await;
        let replays = host.store.read(&shop.ctx, list).await.unwrap().items;
        assert_eq!((replays[0].state, replays[0].done), ("done", 2));
        // One that is over stays as it is.
        host.store.write(&shop.ctx, async |mut tx| replay_cancel(&mut tx, replay.id).await).await.unwrap();
        let replays = host.store.read(&shop.ctx, list).await.unwrap().items;
        assert_eq!((replays[0].state, replays[0].done), ("done", 2));
        let none = ReplayOf::Range(Millis::new(0), Millis::new(1));
        let create = async |mut tx: Tx| replay_create(&mut tx, &subscription, &none).await;
        assert_eq!(host.store.write(&shop.ctx, create).await.unwrap_err().code(), "invalid-field");
    }

    async fn a_replay_tells_what_the_subscription_is_told_of_and_knows_how_far_it_came(database: TestDatabase) {
        let host = Host::start(&database).await;
        host.publish("diary").await;
        let shop = host.shop("first").await;
        let install = shop.diary(grants(), "write", "").await;
        let from = host.env.now();
        for sku in ["A", "B"] {
            shop.stock(sku, 2).await;
            shop.reads(install, sku, "2 3").await;
        }
        let filtered = Subscription { filter: "data.sku == \"B\"".to_owned(), ..shop.subscription("stock").await };
        let create = async |of: ReplayOf| {
            let create = async |mut tx: Tx| replay_create(&mut tx, &filtered, &of).await;
            host.store.write(&shop.ctx, create).await
        };
        let range = ReplayOf::Range(from, Millis::new(host.env.now().as_millis() + 1));
        assert_eq!(create(range).await.unwrap().events, 2);
        shop.reads(install, "B", "2 3 2r 3r").await;
        shop.reads(install, "A", "2 3").await;
        const OF_A: &str = "select id from events where tenant_id = $1 and key = 'A' order by seq";
        let of_a = async |mut tx: Tx| tx.query(OF_A).fetch_all(|row| row.parse("id")).await;
        let ids: Vec<EventId> = host.store.read(&shop.ctx, of_a).await.unwrap();
        assert_eq!(create(ReplayOf::Events(ids.clone())).await.unwrap_err().code(), "invalid-field");
        // What it was told once is told again, whatever it wants now; paused, the replay waits and may be cancelled.
        let put = async |state| {
            let put = async |mut tx: Tx| subscription_state_put(&mut tx, filtered.id, state).await;
            host.store.write(&shop.ctx, put).await.unwrap();
        };
        put(SubscriptionState::Paused).await;
        let replay = create(ReplayOf::Again(ids)).await.unwrap();
        host.store.write(&shop.ctx, async |mut tx| replay_cancel(&mut tx, replay.id).await).await.unwrap();
        let page = PageRequest::first();
        let list = async |mut tx: Tx| replay_list(&mut tx, filtered.id, &page).await;
        let replays = host.store.read(&shop.ctx, list).await.unwrap().items;
        assert_eq!((replays[0].state, replays[0].done, replays[0].events), ("cancelled", 0, replay.events));
    }

    async fn one_shops_backlog_leaves_anothers_event_handled_within_a_second(database: TestDatabase) {
        let host = Host::start(&database).await;
        host.publish("diary").await;
        let (busy, quiet) = (host.shop("busy").await, host.shop("quiet").await);
        busy.diary(grants(), "write", "").await;
        let install = quiet.diary(grants(), "write", "").await;
        let backlog: i64 = if std::env::var_os("HEPTAD_TEST_FULL").is_some() { 100_000 } else { 20_000 };
        let flood = async |mut tx: Tx| {
            for number in 0..backlog {
                let key = format!("K{}", number % 2_000);
                let data = json!({"sku": key, "location": "HQ", "on_hand": number});
                tx.emit(EventType::InventoryChanged.about(&key, data));
            }
            Ok::<_, heptad_store::StoreError>(())
        };
        host.store.write(&busy.ctx, flood).await.unwrap();
        // It has begun.
        let subscription = busy.subscription("stock").await;
        until(async || {
            let log = busy.log(subscription.id).await;
            if log.is_empty() { Err("nothing was handled".to_owned()) } else { Ok(()) }
        }).await;
        let begun = std::time::Instant::now();
        quiet.stock("A", 1).await;
        quiet.reads(install, "A", "2").await;
        let took = begun.elapsed();
        assert!(took.as_millis() < 1_000, "{took:?}");
        let waiting = async |mut tx: Tx| lanes_waiting(&mut tx, &subscription, 10).await;
        let left = host.store.read(&busy.ctx, waiting).await.unwrap();
        assert!(!left.is_empty(), "the backlog was over before: the test shows nothing");
    }
}
