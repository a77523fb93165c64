//! Inboxes with their count, one click to acknowledge; breakers, re-arming and the choice of what a failure does.

use heptad_model::id::InstallId;
use heptad_model::{Millis, Point};
use heptad_platform::breaker::{Breaker, BreakerState, breaker_put};
use heptad_platform::install::install_get;
use heptad_platform::notice::{Audience, NoticeIn, NoticeKind, notice_post};
use heptad_platform::user::HeldRole;
use heptad_platform::{PlatformError, Role, Scope};
use heptad_store::both_databases;
use heptad_web::testing::NOW;
use serde_json::json;

use crate::browser::Browser;
use crate::fixture::{World, role};

/// Tells of a breaker that opened, twice.
async fn opened(world: &World, audience: Audience<'_>) {
    let notice = NoticeIn {
        kind: NoticeKind::BreakerOpened,
        subject: "purchase-limits".to_owned(),
        dedup: "breaker purchase-limits".to_owned(),
        detail: json!({"plugin": "purchase-limits", "point": "cart.validate-complete", "code": "fuel"}),
    };
    for _ in 0..2 {
        let write = async |mut tx| notice_post(&mut tx, audience, &notice).await;
        let posted: Result<(), PlatformError> = world.host.state.store.write(&world.host.ctx(&world.shop), write).await;
        posted.unwrap();
    }
}

both_databases! {
    async fn each_place_has_an_inbox_with_its_count(database: TestDatabase) {
        let world = World::start(database).await;
        world.host.approved(&["purchase-limits"]).await;
        let publisher = world.host.publisher("heptad").await.id;
        let staff = world.host.person(&[role(Role::Staff, &world.shop)]).await;
        let maker = world.host.person(&[HeldRole { role: Role::Publisher, scope: Scope::Publisher(publisher) }]).await;
        let operator = world.host.person(&[HeldRole { role: Role::Operator, scope: Scope::Platform }]).await;
        for audience in [Audience::Tenant, Audience::PublisherOf("purchase-limits"), Audience::Operators] {
            opened(&world, audience).await;
        }
        for person in [staff, maker, operator] {
            let mut browser = Browser::new(&world.host, "en");
            let page = browser.sign_in(&person.login).await.expect(200);
            page.shows("Notices 1 unread");
            let page = browser.follow(&page, "Notices").await.expect(200);
            page.shows("Critical").shows("purchase-limits failed so often").shows("2 times since").shows("It computed too much");
            let form = page.forms().into_iter().find(|form| form.action.contains("/notices/ntc_")).unwrap();
            browser.rest();
            let page = browser.send(&form).await.expect(200);
            assert_eq!(browser.clicks, 1);
            page.shows("Nothing unread").shows("If it happens again").lacks("1 unread");
            browser.follow(&page, "Show read ones").await.expect(200).shows("acknowledged 2 Jan 2026").shows("purchase-limits");
        }
    }

    async fn a_plugin_that_is_not_asked_says_why_and_is_re_armed_by_one_click(database: TestDatabase) {
        let world = World::start(database).await;
        world.host.approved(&["purchase-limits"]).await;
        let mut browser = Browser::new(&world.host, "en");
        browser.sign_in(&world.owner.login).await.expect(200);
        let page = browser.open(&world.at("/catalog/purchase-limits/install")).await.expect(200);
        let page = browser.send(&page.form("/install")).await.expect(200);
        page.lacks("Re-arm");
        let path = page.path.split('?').next().unwrap().to_owned();
        let breaker = Breaker {
            install: InstallId::parse(path.rsplit('/').next().unwrap()).unwrap(),
            point: Point::CartValidateComplete,
            state: BreakerState::Open,
            code: "host-call-rate".to_owned(),
            message: "<b>too often</b>".to_owned(),
            openings: 0,
            changed_at: Millis::new(NOW),
            retry_at: Millis::new(NOW + 60_000),
        };
        let put = async |mut tx| {
            let install = install_get(&mut tx, breaker.install).await?;
            breaker_put(&mut tx, &breaker, install.epoch()).await
        };
        let reported: Result<(), PlatformError> = world.host.state.store.write(&world.host.ctx(&world.shop), put).await;
        reported.unwrap();
        let page = browser.open(&path).await.expect(200);
        page.shows("failed so often that it is not asked").shows("Not asked").shows("No order is placed until it is asked");
        page.shows("It reached a limit: questions to the shop in a second.").shows("<b>too often</b>");
        // 03:04 UTC in Shanghai; tried again a minute later.
        page.shows("2 Jan 2026, 11:04").shows("2 Jan 2026, 11:05, with one call");
        assert!(!page.html.contains("<b>too often"), "{}", page.html);
        world.host.advance(60_000);
        let page = browser.open(&path).await.expect(200);
        page.shows("with the next call");
        browser.rest();
        let page = browser.send(&page.form("/rearm")).await.expect(200);
        assert_eq!(browser.clicks, 1);
        page.shows("Re-armed.").shows("Times it was not asked 1").lacks("Not asked");
        assert!(!page.forms().iter().any(|form| form.action.ends_with("/rearm")));
    }

    async fn the_owner_chooses_whether_orders_wait_for_the_plugin(database: TestDatabase) {
        let world = World::start(database).await;
        world.host.approved(&["purchase-limits", "hello-discount"]).await;
        let mut browser = Browser::new(&world.host, "en");
        browser.sign_in(&world.owner.login).await.expect(200);
        let page = browser.open(&world.at("/catalog/purchase-limits/install")).await.expect(200);
        let page = browser.send(&page.form("/install")).await.expect(200);
        let path = page.path.split('?').next().unwrap().to_owned();
        let form = page.form("/failure");
        assert_eq!((form.get("policy"), form.get("point")), ("closed", "cart.validate-complete"));
        page.shows("Refuse orders").shows("orders are placed without its check");
        let page = browser.send(&form.set("policy", "open")).await.expect(200);
        page.shows("It holds from the next order");
        let form = page.form("/failure");
        assert_eq!(form.get("policy"), "open");
        for (name, value) in [("policy", "maybe"), ("point", "nowhere")] {
            browser.send(&form.clone().set(name, value)).await.expect(404);
        }
        let page = browser.send(&form.set("policy", "closed")).await.expect(200);
        assert_eq!(page.form("/failure").get("policy"), "closed");
        // Staff reads it, and has no form.
        let staff = world.host.person(&[role(Role::Staff, &world.shop)]).await;
        let mut other = Browser::new(&world.host, "en");
        other.sign_in(&staff.login).await.expect(200);
        let page = other.open(&path).await.expect(200);
        page.shows("no order is placed until it answers again");
        assert!(!page.forms().iter().any(|form| form.action.ends_with("/failure")));
        // A plugin that only prices has no choice.
        let page = browser.open(&world.at("/catalog/hello-discount/install")).await.expect(200);
        let page = browser.send(&page.form("/install")).await.expect(200);
        page.lacks("Refuse orders").shows("the price is computed without it");
    }
}
