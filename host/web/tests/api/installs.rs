//! Installing, setting up, switching on and off, reordering, uninstalling.

use axum::http::Method;
use heptad_store::both_databases;
use heptad_web::testing::TestHost;
use serde_json::{Value, json};

use crate::stock::{cart, id, installed, quote, sku};

both_databases! {
    async fn an_install_needs_what_the_manifest_requires_and_settings_that_hold(database: TestDatabase) {
        let host = TestHost::start(database).await;
        host.approved(&["member-pricing"]).await;
        let shop = host.shop("own", "CNY").await;
        let install = async |body: Value| host.post(&shop.owner, "/v1/installs", &body).await;
        let all = json!(["members.tier.read", "mall.catalog.read"]);
        assert_eq!(install(json!({"plugin": "none", "granted": []})).await.problem(404), "not-found");
        let refused = install(json!({"plugin": "member-pricing", "granted": ["mall.catalog.read"]})).await;
        assert_eq!(refused.problem(422), "permission-required");
        assert!(refused.text().contains("members.tier.read") && refused.text().contains("heptad:members/"), "{}", refused.text());
        let refused = install(json!({"plugin": "member-pricing", "granted": ["platform.kv.write", "mall.catalog.read", "members.tier.read"]})).await;
        assert_eq!(refused.problem(422), "permission-not-asked");
        let refused = install(json!({"plugin": "member-pricing", "granted": ["everything"]})).await;
        assert_eq!((refused.problem(422).as_str(), refused.fields()), ("invalid", vec!["granted.0".to_owned()]));
        let settings = json!({"tiers": [{"tier": "gold", "percent": 101}]});
        let refused = install(json!({"plugin": "member-pricing", "granted": all, "settings": settings})).await;
        assert_eq!((refused.problem(422).as_str(), refused.fields()), ("settings-invalid", vec!["settings.tiers.0.percent".to_owned()]));
        assert_eq!(host.get(&shop.owner, "/v1/installs").await.expect(200)["items"], json!([]));

        let made = install(json!({"plugin": "member-pricing", "granted": all})).await.expect(201);
        assert_eq!(made["settings"]["tag"], "member-price");
        assert_eq!(install(json!({"plugin": "member-pricing", "granted": all})).await.problem(409), "already-installed");
        let path = format!("/v1/installs/{}/settings", id(&made));
        let refused = host.call(&shop.staff, Method::PUT, &path, &json!({"settings": {"surprise": 1}})).await;
        assert_eq!((refused.problem(422).as_str(), refused.fields()), ("settings-invalid", vec!["settings.surprise".to_owned()]));
    }

    async fn changes_take_effect_at_the_next_quote(database: TestDatabase) {
        let host = TestHost::start(database).await;
        host.approved(&["hello-discount", "quantity-breaks"]).await;
        let shop = host.shop("own", "CNY").await;
        sku(&host, &shop, "A", 10_000, &[]).await;
        let total = async || {
            let cart = cart(&host, &shop, None, &[("A", 2)]).await;
            let quote = quote(&host, &shop, &cart).await;
            let plugins = quote["trace"]["calls"].as_array().unwrap().iter().map(|call| call["plugin"].as_str().unwrap().to_owned());
            (quote["total"].as_i64().unwrap(), plugins.collect::<Vec<_>>())
        };
        assert_eq!(total().await, (20_000, vec![]));
        let hello = installed(&host, &shop, "hello-discount", json!({})).await;
        let breaks = installed(&host, &shop, "quantity-breaks", json!({})).await;
        // One yuan off 200, then 10 % of 199; in the other order 10 % of 200, then one yuan.
        assert_eq!(total().await, (17_910, vec!["hello-discount".to_owned(), "quantity-breaks".to_owned()]));
        host.call(&shop.staff, Method::PUT, "/v1/install-order", &json!({"order": [breaks, hello]})).await.expect(200);
        assert_eq!(total().await, (17_900, vec!["quantity-breaks".to_owned(), "hello-discount".to_owned()]));
        let refused = host.call(&shop.staff, Method::PUT, "/v1/install-order", &json!({"order": [hello]})).await;
        assert_eq!(refused.problem(422), "not-a-permutation");
        let settings = json!({"settings": {"pieces": [{"pieces": 2, "percent": 50}]}});
        host.call(&shop.staff, Method::PUT, &format!("/v1/installs/{breaks}/settings"), &settings).await.expect(200);
        assert_eq!(total().await.0, 9_900);
        host.post(&shop.staff, &format!("/v1/installs/{breaks}/disable"), &Value::Null).await.expect(200);
        assert_eq!(total().await, (19_900, vec!["hello-discount".to_owned()]));
        host.call(&shop.owner, Method::DELETE, &format!("/v1/installs/{hello}"), &Value::Null).await.expect(200);
        assert_eq!(total().await, (20_000, vec![]));
        assert_eq!(host.get(&shop.owner, &format!("/v1/installs/{hello}")).await.problem(404), "not-found");
        let actions = host.get(&shop.owner, "/v1/audit?limit=200").await.expect(200);
        let actions: Vec<&str> = actions["items"].as_array().unwrap().iter().filter_map(|row| row["action"].as_str()).collect();
        for action in ["install.created", "install.enabled", "install.reordered", "install.settings-changed", "install.disabled", "install.deleted"] {
            assert!(actions.contains(&action), "{action} is not in {actions:?}");
        }
    }

    async fn hosts_are_granted_like_permissions_and_secrets_are_never_shown(database: TestDatabase) {
        let host = TestHost::start(database).await;
        host.approved(&["courier"]).await;
        let shop = host.shop("own", "CNY").await;
        let shown = host.get(&shop.owner, "/v1/plugins/courier").await.expect(200);
        assert_eq!(shown["hosts"][1]["name"], "backup.example");
        assert_eq!(shown["hosts"][1]["data"], json!(["mall.inventory.read"]));
        assert_eq!((&shown["hosts"][1]["keeps_days"], &shown["hosts"][0]["optional"]), (&json!(30), &json!(false)));
        let granted = json!(["mall.inventory.read", "platform.kv.write", "platform.outbound.enqueue"]);
        let install = async |hosts: Value| {
            host.post(&shop.owner, "/v1/installs", &json!({"plugin": "courier", "granted": granted, "hosts": hosts})).await
        };
        let refused = install(json!([])).await;
        assert_eq!((refused.problem(422).as_str(), refused.fields()), ("host-required", vec!["hosts".to_owned()]));
        assert_eq!(install(json!(["carrier.example", "elsewhere.example"])).await.problem(422), "host-not-asked");
        assert_eq!(install(json!(["carrier.example", "carrier.example"])).await.problem(422), "host-not-asked");
        let made = install(json!(["carrier.example"])).await.expect(201);
        assert_eq!(made["hosts"], json!(["carrier.example"]));
        let path = format!("/v1/installs/{}", id(&made));
        let grants = json!({"granted": granted, "hosts": ["carrier.example", "backup.example"]});
        let changed = host.call(&shop.owner, Method::PUT, &format!("{path}/grants"), &grants).await.expect(200);
        assert_eq!(changed["hosts"], json!(["carrier.example", "backup.example"]));

        let secret = format!("{path}/secrets/carrier-key");
        let put = async |value: &str| host.call(&shop.owner, Method::PUT, &secret, &json!({"value": value})).await;
        assert_eq!(put("short").await.fields(), ["value"]);
        assert_eq!(put("with a space in it").await.fields(), ["value"]);
        put("open-sesame-42").await.expect(204);
        let all = host.get(&shop.staff, &format!("{path}/secrets")).await;
        let listed = all.expect(200);
        assert_eq!((&listed[0]["name"], &listed[0]["hosts"]), (&json!("carrier-key"), &json!(["carrier.example"])));
        assert!(listed[0]["set_at"].is_string() && !all.text().contains("sesame"), "{}", all.text());
        let log = host.get(&shop.owner, "/v1/audit").await.text();
        assert!(log.contains("install.secret-set") && !log.contains("sesame"), "{log}");
        let unknown = format!("{path}/secrets/other");
        let answer = host.call(&shop.owner, Method::PUT, &unknown, &json!({"value": "open-sesame-42"})).await;
        assert_eq!(answer.problem(404), "not-found");
        host.call(&shop.owner, Method::DELETE, &secret, &Value::Null).await.expect(204);
        host.call(&shop.owner, Method::DELETE, &secret, &Value::Null).await.expect(204);
        assert!(host.get(&shop.staff, &format!("{path}/secrets")).await.expect(200)[0]["set_at"].is_null());
    }
}
