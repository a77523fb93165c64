//! A plugin's life in a shop: upgraded while carts are priced, rolled back in under a second, stopped in all shops.

use std::time::{Duration, Instant};

use axum::http::Method;
use heptad_store::both_databases;
use heptad_web::testing::{TestHost, TestShop, repacked};
use serde_json::{Value, json};

use crate::stock::{installed, stocked};

const SECOND: Duration = Duration::from_secs(1);

/// Puts a second version of the example into the catalog, under the same name.
async fn second(host: &TestHost) {
    let bytes = repacked("hello-discount", |manifest| manifest.version = "0.2.0".to_owned());
    host.publish(bytes).await;
}

/// The version that a quote of the cart was priced by; empty where no plugin was asked.
async fn priced_by(host: &TestHost, shop: &TestShop, cart: &str) -> String {
    let quote = host.post(&shop.shop, "/v1/quotes?include=trace", &json!({"cart": cart})).await.expect(201);
    quote["trace"]["calls"][0]["version"].as_str().unwrap_or_default().to_owned()
}

both_databases! {
    async fn i04_carts_are_priced_through_an_upgrade_and_a_rollback_takes_under_a_second(database: TestDatabase) {
        let host = TestHost::start(database).await;
        host.approved(&["hello-discount"]).await;
        let stock = stocked(&host, "tea", "TEA").await;
        let shop = &stock.shop;
        let install = installed(&host, shop, "hello-discount", json!({})).await;
        second(&host).await;
        let at = |end: &str| format!("/v1/installs/{install}/{end}");
        let plan = host.get(&shop.staff, &at("upgrade")).await.expect(200);
        assert_eq!((&plan["from"], &plan["to"]), (&json!("0.1.0"), &json!("0.2.0")));
        assert_eq!(host.post(&shop.staff, &at("upgrade"), &json!({"granted": []})).await.problem(403), "forbidden");
        assert_eq!(host.get(&shop.staff, &at("rollback")).await.problem(409), "no-rollback");

        // Shoppers go on meanwhile: every cart is priced by one version or the other, and by none is none.
        let shoppers = async {
            let mut versions = Vec::new();
            for _ in 0..40 {
                versions.push(priced_by(&host, shop, &stock.cart).await);
            }
            versions
        };
        let upgraded = async {
            host.post(&shop.owner, &at("upgrade"), &json!({"granted": []})).await.expect(200)
        };
        let (versions, upgraded) = tokio::join!(shoppers, upgraded);
        assert_eq!(upgraded["version"], "0.2.0");
        assert!(versions.iter().all(|version| matches!(version.as_str(), "0.1.0" | "0.2.0")), "{versions:?}");
        assert_eq!(priced_by(&host, shop, &stock.cart).await, "0.2.0");

        let begun = Instant::now();
        let back = host.post(&shop.owner, &at("rollback"), &Value::Null).await.expect(200);
        assert_eq!(priced_by(&host, shop, &stock.cart).await, "0.1.0");
        assert!(begun.elapsed() < SECOND, "{:?}", begun.elapsed());
        assert_eq!((&back["install"]["version"], &back["lost"]["keys"]), (&json!("0.1.0"), &json!(0)));
    }

    async fn i07_the_operator_stops_a_version_in_all_shops_within_a_second(database: TestDatabase) {
        let host = TestHost::start(database).await;
        let approved = host.approved(&["hello-discount"]).await;
        let stock = stocked(&host, "tea", "TEA").await;
        let shop = &stock.shop;
        let install = installed(&host, shop, "hello-discount", json!({})).await;
        assert_eq!(priced_by(&host, shop, &stock.cart).await, "0.1.0");
        let at = |end: &str| format!("/v1/versions/{}/{end}", approved[0].id);
        let maker = host.publisher("heptad").await;
        assert_eq!(host.post(&maker.token, &at("kill"), &json!({"reason": "x"})).await.problem(403), "forbidden");
        assert_eq!(host.post(&host.operator, &at("kill"), &json!({"reason": " "})).await.problem(422), "invalid");
        let begun = Instant::now();
        let killed = host.post(&host.operator, &at("kill"), &json!({"reason": "it misbehaves"})).await.expect(200);
        assert_eq!(priced_by(&host, shop, &stock.cart).await, "");
        assert!(begun.elapsed() < SECOND, "{:?}", begun.elapsed());
        assert_eq!(killed["shops"], 1);
        let seen = host.get(&shop.staff, &format!("/v1/installs/{install}")).await.expect(200);
        assert!(seen["stopped_at"].is_string() && seen["state"] == "enabled");
        let notices = host.get(&shop.owner, "/v1/notices").await.expect(200);
        assert!(notices["items"].as_array().unwrap().iter().any(|notice| notice["code"] == "plugin-stopped"));
        host.post(&host.operator, &at("revive"), &Value::Null).await.expect(200);
        assert_eq!(priced_by(&host, shop, &stock.cart).await, "0.1.0");
    }

    async fn publishers_withdraw_and_the_catalog_says_how_much_a_plugin_may_do(database: TestDatabase) {
        let host = TestHost::start(database).await;
        let approved = host.approved(&["member-pricing"]).await;
        let (maker, other) = (host.publisher("heptad").await, host.publisher("somebody").await);
        let shop = host.shop("tea", "CNY").await;
        let page = host.get(&shop.owner, "/v1/plugins/member-pricing").await.expect(200);
        assert_eq!((&page["reach"], &page["state"]), (&json!(2), &json!("approved")));
        let facets = host.get(&shop.owner, "/v1/plugin-facets").await.expect(200);
        assert!(facets["items"].as_array().unwrap().iter().any(|one| one["value"] == "members" && one["plugins"] == 1));
        let at = |end: &str| format!("/v1/versions/{}/{end}", approved[0].id);
        assert_eq!(host.call(&other.token, Method::PUT, &at("state"), &json!({"state": "withdrawn"})).await.problem(404), "not-found");
        assert_eq!(host.call(&maker.token, Method::PUT, &at("state"), &json!({"state": "gone"})).await.problem(422), "invalid");
        host.call(&maker.token, Method::PUT, &at("state"), &json!({"state": "withdrawn"})).await.expect(200);
        assert_eq!(host.get(&shop.owner, "/v1/plugins/member-pricing").await.problem(404), "not-found");
        host.call(&host.operator, Method::PUT, &at("state"), &json!({"state": "approved"})).await.expect(200);
        host.get(&shop.owner, "/v1/plugins/member-pricing").await.expect(200);
        let changes = host.get(&maker.token, &at("changes")).await.expect(200);
        assert!(changes.get("from").is_none() && !changes["permissions_added"].as_array().unwrap().is_empty());
    }
}
