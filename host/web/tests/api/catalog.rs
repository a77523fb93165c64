//! The catalog as merchants see it, and the review that leads into it.

use axum::http::Method;
use heptad_store::both_databases;
use heptad_web::testing::TestHost;
use serde_json::{Value, json};

both_databases! {
    async fn a_plugins_page_tells_what_it_asks_for_in_the_readers_language(database: TestDatabase) {
        let host = TestHost::start(database).await;
        host.approved(&["member-pricing"]).await;
        let shop = host.shop("own", "CNY").await;
        for (language, title, sentence) in [("zh-CN", "会员价", "查看会员等级"), ("en", "Member pricing", "See members' tiers")] {
            let path = "/v1/plugins/member-pricing";
            let page = host.call_with(&shop.staff, Method::GET, path, &Value::Null, &[("accept-language", language)]).await.expect(200);
            assert_eq!(page["title"], title);
            let wish = page["permissions"].as_array().unwrap().iter().find(|wish| wish["name"] == "members.tier.read").unwrap();
            assert_eq!((&wish["sentence"], &wish["optional"]), (&json!(sentence), &json!(false)));
            assert!(!wish["purpose"].as_str().unwrap().is_empty());
            assert_eq!(page["settings_schema"]["properties"]["tag"]["type"], "string");
        }
        // Who names no language reads the shop's.
        assert_eq!(host.get(&shop.staff, "/v1/plugins/member-pricing").await.expect(200)["title"], "会员价");
        assert_eq!(host.get(&shop.staff, "/v1/plugins/none").await.problem(404), "not-found");
    }

    async fn a_rejected_version_is_not_in_the_catalog_and_a_decision_stands(database: TestDatabase) {
        let host = TestHost::start(database).await;
        let shop = host.shop("own", "CNY").await;
        let version = host.approved(&["hello-discount"]).await.remove(0);
        let path = |decision: &str| format!("/v1/versions/{}/{decision}", version.id);
        host.post(&host.operator, &path("approve"), &json!({"note": "again"})).await.expect(200);
        assert_eq!(host.post(&host.operator, &path("reject"), &json!({"note": "no"})).await.problem(409), "already-reviewed");
        let versions = host.get(&shop.staff, "/v1/plugins/hello-discount/versions").await.expect(200);
        assert_eq!(versions["items"][0]["version"], "0.1.0");
        assert_eq!(host.get(&shop.staff, "/v1/plugins?search=%25").await.expect(200)["items"], json!([]));
    }

    async fn the_registries_are_open_to_all(database: TestDatabase) {
        let host = TestHost::start(database).await;
        let points = host.get("", "/v1/points").await.expect(200);
        assert!(points.as_array().unwrap().iter().any(|point| point["name"] == "cart.validate-complete" && point["kind"] == "veto"));
        let permissions = host.get("", "/v1/permissions").await.expect(200);
        let tiers = permissions.as_array().unwrap().iter().find(|row| row["name"] == "members.tier.read").unwrap().clone();
        assert_eq!((&tiers["class"], &tiers["access"], &tiers["sentence"]), (&json!("business"), &json!("read"), &json!("查看会员等级")));
    }
}
