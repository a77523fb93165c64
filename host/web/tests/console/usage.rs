//! What plugins used, as charts and sums; the operator's limit profiles and which shop has which.

use std::collections::BTreeMap;

use heptad_model::Point;
use heptad_model::time::span::{DAY, HOUR};
use heptad_platform::limit_profile::limit_profile_get;
use heptad_platform::metering::{Usage, UsageKey, usage_add};
use heptad_platform::tenant::tenant_get;
use heptad_platform::user::HeldRole;
use heptad_platform::{PlatformError, Role, Scope};
use heptad_store::both_databases;
use heptad_web::testing::NOW;

use crate::browser::Browser;
use crate::fixture::World;

/// Calls of a plugin at a moment, half of which failed by fuel.
async fn used(world: &World, at: i64, plugin: &str, calls: u64) {
    let key = UsageKey {
        hour: at.div_euclid(HOUR),
        plugin: plugin.to_owned(),
        version: "1.0.0".to_owned(),
        point: Point::DiscountLines,
    };
    let usage = Usage {
        calls,
        failures: BTreeMap::from([("fuel".to_owned(), calls / 2)]),
        fuel: calls * 2_000,
        micros: calls * 1_500,
        peak_memory: 1_500_000,
        host_calls: calls * 3,
        bytes_in: 4_000,
        bytes_out: 5_000,
        write_micros: 0,
    };
    let rows = [(key, usage)];
    let write = async |mut tx| usage_add(&mut tx, &rows).await;
    let written: Result<(), PlatformError> = world.host.state.store.write(&world.host.ctx(&world.shop), write).await;
    written.unwrap();
}

both_databases! {
    async fn usage_is_charted_by_hour_and_by_day(database: TestDatabase) {
        let world = World::start(database).await;
        let mut browser = Browser::new(&world.host, "en");
        browser.sign_in(&world.owner.login).await.expect(200);
        browser.open(&world.at("/usage")).await.expect(200).shows("No calls in this period");
        used(&world, NOW, "hello-discount", 10).await;
        used(&world, NOW - HOUR, "<b>gone", 4).await;
        used(&world, NOW - 2 * DAY, "hello-discount", 100).await;
        let page = browser.open(&world.at("/usage")).await.expect(200);
        page.shows("14 Calls").shows("50% Failed").shows("1.50 ms").shows("5 × It computed too much").shows("1.5 MB").shows("<b>gone");
        assert!(!page.html.contains("<b>gone"));
        // 24 hours of the shop's zone, the last of them this one; three charts of them.
        assert_eq!(page.html.matches("<svg ").count(), 3);
        assert_eq!(page.html.matches(r#"class="hover""#).count(), 3 * 24);
        page.shows("2 Jan 2026, 11:00: 10 calls, 5 failed, 1.50 ms and 2,000 steps per call");
        page.shows("2 Jan 2026, 10:00: 4 calls, 2 failed").shows("1 Jan 2026, 12:00: 0 calls").lacks("1 Jan 2026, 11:00");
        let page = browser.open(&world.at("/usage?by=day")).await.expect(200);
        page.shows("114 Calls").shows("31 Dec 2025: 100 calls").shows("4 Dec 2025: 0 calls").lacks("call 3 Dec 2025");
        assert_eq!(page.html.matches(r#"class="hover""#).count(), 3 * 30);
        let page = browser.open(&world.at("/usage?by=day&plugin=hello-discount")).await.expect(200);
        page.shows("110 Calls").shows("2 Jan 2026: 10 calls");
        browser.open(&world.at("/usage?plugin=none")).await.expect(200).shows("No calls in this period");
    }

    async fn an_operator_makes_a_profile_and_gives_it_to_a_shop(database: TestDatabase) {
        let world = World::start(database).await;
        let operator = world.host.person(&[HeldRole { role: Role::Operator, scope: Scope::Platform }]).await;
        let mut browser = Browser::new(&world.host, "en");
        let page = browser.sign_in(&operator.login).await.expect(200);
        let page = browser.follow(&page, "Limits").await.expect(200);
        page.shows("for shops without a profile of their own");
        let create = page.form("/limits");
        for (name, problem) in [("Large!", "The short name has"), ("default", "This name is taken")] {
            browser.send(&create.clone().set("name", name)).await.expect(422).shows(problem);
        }
        let page = browser.send(&create.set("name", "large")).await.expect(200);
        page.shows("Limits: large").shows("Published: 50,000,000");
        let form = page.form("/limits/large");
        let refused = browser.send(&form.clone().set("fuel.base", "70000000").set("memory_mib", "65")).await.expect(422);
        refused.shows("A whole number from 1 to 64.");
        assert_eq!(refused.form("/limits/large").get("fuel.base"), "70000000", "what was typed stays");
        let page = browser.send(&form.set("fuel.base", "70000000").set("wall_ms", "30")).await.expect(200);
        page.shows("Computing steps of a call (fuel): 70,000,000").shows("Time of a call, ms: 30");
        let page = browser.open("/console/operator/tenants").await.expect(200);
        let given = page.form("/limits").set("profile", "large");
        let page = browser.send(&given).await.expect(200);
        page.shows("The shop has these limits");
        let tenant = world.shop.record.tenant.id;
        let read = async |mut tx| Ok::<_, PlatformError>((tenant_get(&mut tx, tenant).await?, limit_profile_get(&mut tx, "large").await?));
        let (record, profile) = world.host.state.store.platform_read(&world.host.origin(), read).await.unwrap();
        assert_eq!(record.limit_profile.as_deref(), Some("large"));
        assert_eq!((profile.limits.fuel.base, profile.limits.wall_ms, profile.limits.memory_mib), (70_000_000, Some(30), 64));
        let page = browser.send(&page.form("/limits").set("profile", "default")).await.expect(200);
        assert_eq!(page.form("/limits").get("profile"), "default");
        browser.open("/console/operator/limits/none").await.expect(404);
    }
}
