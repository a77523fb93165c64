//! Events and who is told of them: lists with filters, what became of each, and what a person may do about it.

use heptad_capabilities::CapabilityError;
use heptad_capabilities::mall::inventory::level_set;
use heptad_model::Event;
use heptad_model::id::{DeliveryId, SubscriptionId};
use heptad_platform::PlatformError;
use heptad_platform::delivery::lane::{Fence, LaneKey, Wanted, lane_put_off, outbox_read, outbox_settle};
use heptad_platform::delivery::log::{Delivery, DeliveryOutcome, deliveries_put};
use heptad_platform::delivery::subscription::subscription_list;
use heptad_platform::lease::leases_take;
use heptad_platform::notice::{Audience, NoticeIn, NoticeKind, notice_post};
use heptad_store::{PlatformTx, StoreError, Tx, both_databases};
use serde_json::json;

use crate::browser::{Browser, Page};
use crate::fixture::World;

/// The shop with the diary, which hears of stock, and a SKU whose stock changed so many times; the subscription and the
/// events, of which the first has failed once.
pub(crate) async fn told(world: &World, browser: &mut Browser<'_>, times: i64) -> (SubscriptionId, Vec<Event>) {
    world.host.approved(&["diary"]).await;
    let page = browser.open(&world.at("/catalog/diary/install")).await.expect(200);
    browser.send(&page.form("/install")).await.expect(200);
    let (store, ctx) = (&world.host.state.store, world.host.ctx(&world.shop));
    let change = async |mut tx: Tx| {
        for on_hand in 0..times {
            level_set(&mut tx, "T1", "HQ", on_hand).await?;
        }
        Ok::<_, CapabilityError>(())
    };
    store.write(&ctx, change).await.unwrap();
    let lease = ["test".to_owned()];
    let take = async |mut tx: PlatformTx| leases_take(&mut tx, &lease, "test", ctx.now().plus(60_000), true).await;
    let held: Result<_, StoreError> = store.platform_write(ctx.origin(), take).await;
    let fence = held.map(|held| Fence { lease: held[0].name.clone(), fence: held[0].fence }).unwrap();
    let relay = async |mut tx: Tx| {
        let all = subscription_list(&mut tx).await?;
        let subscription = all.iter().find(|one| one.name == "stock").unwrap().id;
        let partitions: Vec<u32> = (0..heptad_model::event::PARTITIONS).collect();
        let read = outbox_read(&mut tx, &partitions, 1_000).await?;
        let own: Vec<_> = read.iter().filter(|one| one.event.kind == "inventory.changed").cloned().collect();
        let lane = LaneKey { subscription, key: "T1".to_owned() };
        let (first, last) = (&own[0], own.last().unwrap());
        let wanted =
            Wanted { lane: lane.clone(), partition: first.partition, first: first.event.seq, last: last.event.seq };
        outbox_settle(&mut tx, &read, &[wanted]).await?;
        let now = tx.ctx().now();
        assert!(lane_put_off(&mut tx, &lane, first.event.seq - 1, now.plus(60_000), true, &fence).await?);
        let attempt = Delivery {
            id: DeliveryId::generate(&tx.ctx().env),
            subscription,
            event: first.event.id,
            kind: first.event.kind.clone(),
            key: first.event.key.clone(),
            seq: first.event.seq,
            attempt: 1,
            replay: None,
            outcome: DeliveryOutcome::Failed,
            code: "fuel".to_owned(),
            message: "<i>too much</i>".to_owned(),
            status: None,
            response: String::new(),
            micros: 1_500,
            at: now,
        };
        deliveries_put(&mut tx, &[attempt]).await?;
        Ok::<_, PlatformError>((subscription, own.into_iter().map(|one| one.event).collect()))
    };
    store.write(&ctx, relay).await.unwrap()
}

fn rows(page: &Page) -> usize {
    page.html.matches("/events/evt_").count()
}

both_databases! {
    async fn events_are_found_by_type_thing_and_time(database: TestDatabase) {
        let world = World::start(database).await;
        let mut browser = Browser::new(&world.host, "en");
        browser.sign_in(&world.owner.login).await.expect(200);
        let (_, events) = told(&world, &mut browser, 60).await;
        let page = browser.open(&world.at("/events")).await.expect(200);
        page.shows("Stock at a location changed").shows("inventory.changed").shows("2 Jan 2026, 11:04:05").shows("Anything");
        assert_eq!(rows(&page), 50);
        let page = browser.follow(&page, "Next page").await.expect(200);
        assert_eq!(rows(&page), 18);
        browser.open(&world.at("/events?type=plugin.installed")).await.expect(200).shows("Diary ins_");
        // Of one thing, in the order of its numbers, page by page with the filter kept.
        let form = page.form("/events").set("key", "T1").set("type", "inventory.changed");
        let asked = form_urlencoded::Serializer::new(String::new()).extend_pairs(&form.fields).finish();
        let page = browser.open(&world.at(&format!("/events?{asked}"))).await.expect(200);
        assert_eq!(rows(&page), 50);
        assert!(page.html.find(&events[59].id.to_string()) < page.html.find(&events[58].id.to_string()));
        let page = browser.follow(&page, "Next page").await.expect(200);
        assert_eq!(rows(&page), 10);
        for (asked, found) in [
            ("key=T2&type=inventory.changed", 0),
            ("type=sku.created", 3),
            ("type=nonsense", 50),
            ("from=2026-01-02T11:05", 0),
            ("until=2026-01-02T11:04", 0),
            ("type=sku.created&from=2026-01-02T11:04&until=2026-01-02T11:05", 3),
        ] {
            let page = browser.open(&world.at(&format!("/events?{asked}"))).await.expect(200);
            assert_eq!(rows(&page), found, "{asked}");
            page.shows("Show all");
        }
        browser.open(&world.at("/events?key=T2&type=order.paid")).await.expect(200).shows("of this kind");
        // A thing and its events are one click apart.
        let page = browser.open(&world.at("/products?q=T1")).await.expect(200);
        let product = browser.follow(&page, "龙井").await.expect(200);
        let about = browser.follow(&product, "What happened to it").await.expect(200);
        about.shows("A product was made");
        browser.follow(&about, "prd_").await.expect(200).shows("龙井");
    }

    async fn an_event_says_what_became_of_it_and_a_person_acts_on_it(database: TestDatabase) {
        let world = World::start(database).await;
        let mut browser = Browser::new(&world.host, "en");
        browser.sign_in(&world.owner.login).await.expect(200);
        let (subscription, events) = told(&world, &mut browser, 2).await;
        let event = browser.open(&world.at(&format!("/events/{}", events[0].id))).await.expect(200);
        event.shows("Diary stock Failed, is tried again").shows("It computed too much").shows("fuel: <i>too much</i>");
        event.shows("\"sku\": \"T1\"");
        let second = browser.open(&world.at(&format!("/events/{}", events[1].id))).await.expect(200);
        second.shows("Waits for its turn");
        // From the install to its subscription, to what holds it up.
        let page = browser.open(&world.at("/plugins")).await.expect(200);
        let page = browser.follow(&page, "Diary").await.expect(200);
        page.shows("What it hears of").shows("1 held up");
        let page = browser.follow(&page, "stock").await.expect(200);
        page.shows("Waiting events").shows("failed once").shows("It computed too much").shows("2 Jan 2026, 11:05:05");
        let log = browser.follow(&page, "Deliveries").await.expect(200);
        log.shows("Failed").shows("1.50 ms").shows("It computed too much");
        browser.open(&format!("{}?outcome=ok", log.path)).await.expect(200).shows("No such attempts");
        // Paused and resumed.
        let page = browser.send(&page.form("/pause")).await.expect(200);
        page.shows("Paused. Its events are kept").shows("Nothing is told while it is paused");
        let page = browser.send(&page.form("/resume")).await.expect(200);
        page.lacks("Nothing is told while it is paused");
        // Skipped: it lies with the dead letters, is told again, then put aside.
        let page = browser.send(&page.form("/skip")).await.expect(200);
        page.shows("Skipped. The event lies here").shows("A person skipped it").shows("Dead letters 1 open");
        let letter = page.forms().into_iter().find(|form| form.action.contains("/dead-letters/ded_")).unwrap();
        let page = browser.send(&letter.clone().by("Tell again")).await.expect(200);
        page.shows("It is told once more").shows("Running").shows("0 of 1").lacks("1 open");
        let page = browser.send(&page.forms().into_iter().find(|form| form.action.contains("/replays/rpl_")).unwrap()).await;
        page.expect(200).shows("Ended. What was told stays told");
        browser.send(&letter.by("Put aside")).await.expect(200).shows("Put aside for good");
        let all = browser.open(&world.at(&format!("/subscriptions/{subscription}/dead-letters?all=1"))).await.expect(200);
        all.shows("put aside");
        let event = browser.open(&world.at(&format!("/events/{}", events[0].id))).await.expect(200);
        event.shows("Skipped by a person");
    }

    async fn events_are_told_again_by_time_or_by_id(database: TestDatabase) {
        let world = World::start(database).await;
        let mut browser = Browser::new(&world.host, "en");
        browser.sign_in(&world.owner.login).await.expect(200);
        let (subscription, events) = told(&world, &mut browser, 3).await;
        let page = browser.open(&world.at(&format!("/subscriptions/{subscription}/replays"))).await.expect(200);
        page.shows("No events were told again").shows("at most 100,000");
        let form = page.form("/replays");
        let now = form.clone().set("from", "2026-01-02T11:04").set("until", "2026-01-02T11:05");
        browser.send(&now).await.expect(200).shows("0 of 3").shows("Running");
        let ids = format!("{}, {}", events[0].id, events[2].id);
        browser.send(&form.clone().set("events", &ids)).await.expect(200).shows("0 of 2");
        for (name, value) in [("from", "2026-01-03T00:00"), ("from", "soon"), ("events", "evt_1"), ("from", "")] {
            let page = browser.send(&form.clone().set(name, value)).await.expect(422);
            page.shows("Nothing was told");
            assert_eq!(page.form("/replays").get(name), value);
        }
    }

    async fn a_notice_of_dead_events_leads_to_them(database: TestDatabase) {
        let world = World::start(database).await;
        let mut browser = Browser::new(&world.host, "en");
        browser.sign_in(&world.owner.login).await.expect(200);
        let (subscription, _) = told(&world, &mut browser, 1).await;
        let notice = NoticeIn {
            kind: NoticeKind::EventDead,
            subject: subscription.to_string(),
            dedup: "x".to_owned(),
            detail: json!({"subscription": "stock", "event": "inventory.changed", "code": "fuel"}),
        };
        let post = async |mut tx: Tx| notice_post(&mut tx, Audience::Tenant, &notice).await;
        world.host.state.store.write(&world.host.ctx(&world.shop), post).await.unwrap();
        let page = browser.open(&world.at("/notices")).await.expect(200);
        let page = browser.follow(&page, "See the dead letters").await.expect(200);
        assert_eq!(page.path, world.at(&format!("/subscriptions/{subscription}/dead-letters")));
        page.shows("Nothing was given up");
    }
}
