//! The audit logs: what was done, found by action, actor, thing and time.

use heptad_store::both_databases;
use heptad_web::testing::TestHost;
use serde_json::{Value, json};

use crate::stock::{id, installed, sku};

both_databases! {
    async fn the_log_is_found_by_action_actor_thing_and_time(database: TestDatabase) {
        let host = TestHost::start(database).await;
        host.approved(&["hello-discount"]).await;
        let (shop, other) = (host.shop("own", "CNY").await, host.shop("other", "CNY").await);
        for shop in [&shop, &other] {
            sku(&host, shop, "A", 10_000, &[]).await;
        }
        let install = installed(&host, &shop, "hello-discount", json!({})).await;
        host.post(&shop.staff, &format!("/v1/installs/{install}/disable"), &Value::Null).await.expect(200);
        let rows = async |asked: &str| {
            let found = host.get(&shop.owner, &format!("/v1/audit?{asked}")).await.expect(200);
            let rows = found["items"].as_array().unwrap().clone();
            (rows, found["next"].as_str().map(str::to_owned))
        };
        let actions = async |asked: &str| {
            let (rows, _) = rows(asked).await;
            let mut actions: Vec<_> = rows.iter().map(|row| row["action"].as_str().unwrap().to_owned()).collect();
            // Rows of one moment are in no order.
            actions.sort();
            actions
        };
        let of_install = format!("subject={install}");
        assert_eq!(actions(&of_install).await, ["install.created", "install.disabled", "install.enabled"]);
        let (enabled, _) = rows(&format!("{of_install}&action=install.enabled")).await;
        assert_eq!((enabled.len(), &enabled[0]["sentence"]), (1, &json!("启用插件")));
        let (disabled, _) = rows("action=install.disabled").await;
        let staff = disabled[0]["actor"].as_str().unwrap().to_owned();
        assert_eq!((disabled.len(), &disabled[0]["subject"]), (1, &json!(install)));
        let by_staff = actions(&format!("actor={staff}")).await;
        assert!(by_staff.contains(&"install.disabled".to_owned()), "{by_staff:?}");
        assert_eq!(actions(&format!("actor={staff}&action=install.disabled")).await, ["install.disabled"]);
        assert_eq!(actions(&format!("subject=A&actor={staff}&action=install.disabled")).await, [""; 0]);
        // Pages go on behind what was seen, within the filter.
        let mut seen = Vec::new();
        let mut next = Some(String::new());
        while let Some(cursor) = next {
            let (rows, more) = rows(&format!("{of_install}&limit=1&cursor={cursor}")).await;
            seen.extend(rows.iter().map(id));
            next = more;
        }
        assert_eq!(seen.len(), 3);
        let at = disabled[0]["at"].as_str().unwrap();
        assert_eq!(actions(&format!("{of_install}&until={at}")).await, [""; 0]);
        assert_eq!(actions(&format!("{of_install}&from={at}")).await.len(), 3);
        let refused = host.get(&shop.owner, "/v1/audit?action=tenant.created").await;
        assert_eq!((refused.problem(422).as_str(), refused.fields()), ("invalid", vec!["action".to_owned()]));
    }

    async fn operators_find_what_was_done_on_the_platform(database: TestDatabase) {
        let host = TestHost::start(database).await;
        host.approved(&["hello-discount"]).await;
        let found = host.get(&host.operator, "/v1/platform-audit?action=version.approved").await.expect(200);
        let row = &found["items"][0];
        assert_eq!((found["items"].as_array().unwrap().len(), &row["sentence"]), (1, &json!("通过版本")));
        let version = row["subject"].as_str().unwrap();
        let of_version = host.get(&host.operator, &format!("/v1/platform-audit?subject={version}")).await.expect(200);
        let mut actions: Vec<_> = of_version["items"].as_array().unwrap().iter().map(|row| row["action"].as_str()).collect();
        actions.sort();
        assert_eq!(actions, [Some("version.approved"), Some("version.submitted")]);
        let refused = host.get(&host.operator, "/v1/platform-audit?action=order.placed").await;
        assert_eq!(refused.problem(422), "invalid");
    }
}
