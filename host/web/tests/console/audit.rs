//! The audit logs of a shop and of the platform, as people read them.

use heptad_platform::user::HeldRole;
use heptad_platform::{Role, Scope};
use heptad_store::both_databases;

use serde_json::{Value, json};

use crate::browser::Browser;
use crate::fixture::{World, role};

/// Installs and enables a plugin by a program of the owner's; the install's id.
async fn installed(world: &World, plugin: &str) -> String {
    let body = json!({"plugin": plugin, "granted": []});
    let made = world.host.post(&world.shop.owner, "/v1/installs", &body).await.expect(201);
    let install = made["id"].as_str().unwrap().to_owned();
    world.host.post(&world.shop.owner, &format!("/v1/installs/{install}/enable"), &Value::Null).await.expect(200);
    install
}

both_databases! {
    async fn an_owner_sees_what_was_done_and_by_whom_and_a_plugins_page_leads_there(database: TestDatabase) {
        let world = World::start(database).await;
        world.host.approved(&["hello-discount"]).await;
        let install = installed(&world, "hello-discount").await;
        let mut browser = Browser::new(&world.host, "en");
        let page = browser.sign_in(&world.owner.login).await.expect(200);
        let page = browser.follow(&page, "Audit log").await.expect(200);
        page.shows("kept for 3 years").shows("A plugin was enabled").shows("install.enabled").shows("A program with a token");
        let page = browser.open(&world.at(&format!("/audit?subject={install}&action=install.created"))).await.expect(200);
        page.shows("A plugin was installed").shows("Show all");
        assert!(!page.html.contains(r#"<span class="muted small code">install.enabled"#));
        let page = browser.open(&world.at(&format!("/plugins/{install}"))).await.expect(200);
        let page = browser.follow(&page, "What it did").await.expect(200);
        page.shows("Nothing was written down");
        assert!(page.html.contains(&format!(r#"value="{install}""#)));
        // What cannot be looked for is looked for by nobody, and what is typed is shown as text.
        let page = browser.open(&world.at("/audit?action=%3Cb%3E&subject=%3Cb%3E&from=never")).await.expect(200);
        assert!(!page.html.contains("<b>"));
        let staff = world.host.person(&[role(Role::Staff, &world.shop)]).await;
        let mut browser = Browser::new(&world.host, "en");
        let page = browser.sign_in(&staff.login).await.expect(200);
        page.lacks("Audit log");
        browser.open(&world.at(&format!("/plugins/{install}"))).await.expect(200).lacks("What it did");
    }

    async fn an_operator_sees_what_was_done_on_the_platform(database: TestDatabase) {
        let world = World::start(database).await;
        world.host.approved(&["hello-discount"]).await;
        let operator = world.host.person(&[HeldRole { role: Role::Operator, scope: Scope::Platform }]).await;
        let mut browser = Browser::new(&world.host, "zh-CN");
        let page = browser.sign_in(&operator.login).await.expect(200);
        let page = browser.follow(&page, "审计日志").await.expect(200);
        page.shows("通过版本").shows("version.approved").shows("保留 3 年");
        let versions = page.html.matches(r#"href="/console/operator/versions/ver_"#).count();
        assert_eq!(versions, 2, "submitted and approved");
    }
}
