//! Webhooks and schedules in the console: made, tried, changed, run by hand.

use heptad_platform::user::HeldRole;
use heptad_platform::{Role, Scope};
use heptad_store::both_databases;

use crate::browser::Browser;
use crate::fixture::World;

both_databases! {
    async fn a_webhook_is_made_with_its_secret_shown_once_tried_and_removed(database: TestDatabase) {
        let world = World::start(database).await;
        let mut browser = Browser::new(&world.host, "en");
        browser.sign_in(&world.owner.login).await.expect(200);
        browser.open(&world.at("/webhooks")).await.expect(200).shows("No webhooks");
        let page = browser.open(&world.at("/webhooks/new")).await.expect(200);
        let form = page.form("/webhooks").set("url", "https://10.0.0.1/").set("types", "order.paid");
        browser.send(&form).await.expect(422).shows("An address that messages can be sent to");
        // Nobody listens there: the test says so, and nothing else happens.
        let form = page.form("/webhooks").set("url", "http://127.0.0.1:9/hooks").set("types", "order.paid");
        let made = browser.send(&form).await.expect(200);
        made.shows("Copy the secret now");
        assert_eq!(made.html.matches("whsec_").count(), 1);
        let tried = browser.send(&made.form("/test")).await.expect(200);
        tried.shows("It did not take the test message");
        tried.lacks("whsec_");
        let page = browser.send(&made.form("/state")).await.expect(200);
        page.shows("Paused. Its events are kept");
        let rotated = browser.send(&page.form("/rotate")).await.expect(200);
        assert_eq!(rotated.html.matches("whsec_").count(), 1);
        browser.send(&rotated.form("/retire")).await.expect(200).shows("It signs no more");
        let page = browser.open(&world.at("/subscriptions")).await.expect(200);
        page.shows("127.0.0.1:9");
        browser.send(&rotated.form("/delete")).await.expect(200).shows("No webhooks");
    }

    async fn a_schedule_shows_when_it_is_due_and_runs_by_hand(database: TestDatabase) {
        let world = World::start(database).await;
        world.host.approved(&["timetable"]).await;
        let mut browser = Browser::new(&world.host, "en");
        browser.sign_in(&world.owner.login).await.expect(200);
        browser.open(&world.at("/schedules")).await.expect(200).shows("No schedules");
        let page = browser.open(&world.at("/catalog/timetable/install")).await.expect(200);
        let install = browser.send(&page.form("/install")).await.expect(200);
        let list = browser.open(&world.at("/schedules")).await.expect(200);
        list.shows("Plugin is off");
        browser.send(&install.form("/enable")).await.expect(200);
        let list = browser.open(&world.at("/schedules")).await.expect(200);
        let page = browser.open(&list.link("nightly")).await.expect(200);
        page.shows("30 2 * * *");
        page.shows("Europe/Berlin");
        let page = browser.send(&page.form("/run")).await.expect(200);
        page.shows("By hand");
        let page = browser.send(&page.form("/state")).await.expect(200);
        page.shows("it is not run, and nothing is made up for later");
        browser.send(&page.form("/state")).await.expect(200).shows("It runs at its next time");
    }

    async fn a_publisher_has_webhooks_and_sees_its_events(database: TestDatabase) {
        let world = World::start(database).await;
        world.host.approved(&["hello-discount"]).await;
        let publisher = Scope::Publisher(world.host.publisher("heptad").await.id);
        let person = world.host.person(&[HeldRole { role: Role::Publisher, scope: publisher }]).await;
        let mut browser = Browser::new(&world.host, "en");
        browser.sign_in(&person.login).await.expect(200);
        let at = |end: &str| format!("/console/publishers/heptad{end}");
        browser.open(&at("/webhooks")).await.expect(200).shows("reviews, installs and notices");
        let page = browser.open(&at("/webhooks/new")).await.expect(200);
        page.shows("A version of a plugin was approved or rejected").shows("A plugin was installed");
        assert!(!page.text().contains("An order was placed") && !page.html.contains("name=\"personal\""), "{}", page.text());
        let form = page.form("/webhooks").set("url", "http://127.0.0.1:9/hooks").set("types", "version.reviewed");
        browser.send(&form).await.expect(200).shows("whsec_");
        let page = browser.open(&at("/events")).await.expect(200);
        page.shows("What became of your plugins").shows("A version of a plugin was submitted for review");
        let event = page.link("A version of a plugin was approved or rejected");
        browser.open(&event).await.expect(200).shows("hello-discount");
        // The plugin that an event is about has its page here.
        browser.open(&page.link("hello-discount")).await.expect(200).shows("Hello discount");
    }
}
