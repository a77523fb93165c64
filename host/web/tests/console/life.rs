//! A plugin's life on the pages: a merchant upgrades with consent and goes back, an operator stops a version in all shops.

use heptad_platform::user::HeldRole;
use heptad_platform::{Role, Scope};
use heptad_store::both_databases;
use heptad_web::testing::repacked;

use crate::browser::Browser;
use crate::fixture::World;

both_databases! {
    async fn a_merchant_upgrades_and_goes_back_and_an_operator_stops_a_version(database: TestDatabase) {
        let world = World::start(database).await;
        let mut browser = Browser::new(&world.host, "en");
        browser.sign_in(&world.owner.login).await.expect(200);
        world.host.approved(&["hello-discount"]).await;
        let page = browser.open(&world.at("/catalog/hello-discount")).await.expect(200);
        page.shows("How much it may do: 1 of 6");
        let consent = browser.follow(&page, "Install…").await.expect(200);
        browser.send(&consent.form("/install")).await.expect(200);
        let install = browser.open(&world.at("/plugins")).await.expect(200).link("Hello discount");
        browser.open(&install).await.expect(200).lacks("Upgrade to");

        world.host.publish(repacked("hello-discount", |manifest| manifest.version = "0.2.0".to_owned())).await;
        let page = browser.open(&install).await.expect(200);
        let upgrade = browser.follow(&page, "Upgrade to 0.2.0").await.expect(200);
        upgrade.shows("Nothing more than before");
        let page = browser.send(&upgrade.form("/upgrade")).await.expect(200);
        page.shows("The plugin is upgraded").lacks("Upgrade to");
        let back = browser.follow(&page, "Go back to 0.1.0").await.expect(200);
        back.shows("Nothing that the plugin has written");
        let page = browser.send(&back.form("/rollback")).await.expect(200);
        page.shows("what it was before the upgrade").shows("Upgrade to 0.2.0");

        let operator = world.host.person(&[HeldRole { role: Role::Operator, scope: Scope::Platform }]).await;
        let mut reviewer = Browser::new(&world.host, "en");
        reviewer.sign_in(&operator.login).await.expect(200);
        let version = world.host.approved(&["hello-event"]).await.remove(0);
        let at = format!("/console/operator/versions/{}", version.id);
        let page = reviewer.open(&at).await.expect(200);
        page.shows("The first version").shows("How much it may do: 4 of 6");
        let kill = || page.form("/life").set("decision", "kill");
        reviewer.send(&kill().set("reason", "")).await.expect(422).shows("Say why");
        reviewer.send(&kill().set("reason", "it misbehaves")).await.expect(200).shows("This version runs in no shop");
        let page = reviewer.open(&at).await.expect(200);
        reviewer.send(&page.form("/life").set("decision", "withdrawn")).await.expect(200).shows("Withdrawn");
    }
}
