//! Plugins that misbehave: the quote still comes back, without their effect, and the trace says why.

use axum::http::Method;
use heptad_store::both_databases;
use heptad_web::testing::TestHost;
use serde_json::{Value, json};

use crate::stock::{cart, installed, place, quote, sku};

both_databases! {
    async fn a_quote_comes_back_whatever_a_plugin_does(database: TestDatabase) {
        let host = TestHost::start(database).await;
        host.approved(&["misbehaving", "hello-discount"]).await;
        let shop = host.shop("own", "CNY").await;
        sku(&host, &shop, "A", 10_000, &[]).await;
        let bad = installed(&host, &shop, "misbehaving", json!({})).await;
        installed(&host, &shop, "hello-discount", json!({})).await;
        for mode in ["loop", "memory", "recursion", "trap", "panic", "error", "huge-answer"] {
            let settings = json!({"settings": {"mode": mode, "at": "discount.order"}});
            host.call(&shop.staff, Method::PUT, &format!("/v1/installs/{bad}/settings"), &settings).await.expect(200);
            let cart = cart(&host, &shop, None, &[("A", 1)]).await;
            let quote = quote(&host, &shop, &cart).await;
            assert_eq!(quote["total"], 9_900, "{mode}: {quote}");
            let calls = quote["trace"]["calls"].as_array().unwrap();
            let call = calls.iter().find(|call| call["plugin"] == "misbehaving" && call["point"] == "discount.order").unwrap();
            assert_eq!(call["status"], "failed", "{mode}: {call}");
            assert!(!call["code"].as_str().unwrap().is_empty() && !call["message"].as_str().unwrap().is_empty(), "{mode}: {call}");
        }
        for (mode, note, total) in [
            ("negative", "dropped", 9_900),
            ("unknown-line", "dropped", 9_900),
            ("other-currency", "dropped", 9_900),
            ("too-large", "capped", 0),
        ] {
            let settings = json!({"settings": {"mode": mode, "at": "discount.order"}});
            host.call(&shop.staff, Method::PUT, &format!("/v1/installs/{bad}/settings"), &settings).await.expect(200);
            let cart = cart(&host, &shop, None, &[("A", 1)]).await;
            let quote = quote(&host, &shop, &cart).await;
            assert_eq!(quote["total"], total, "{mode}: {quote}");
            let calls = quote["trace"]["calls"].as_array().unwrap();
            let call = calls.iter().find(|call| call["plugin"] == "misbehaving" && call["point"] == "discount.order").unwrap();
            assert_eq!(call["operations"][0]["candidates"][0]["notes"][0]["kind"], note, "{mode}: {call}");
        }
    }

    async fn a_veto_is_told_in_the_readers_language_and_a_silent_one_blocks(database: TestDatabase) {
        let host = TestHost::start(database).await;
        host.approved(&["misbehaving"]).await;
        let shop = host.shop("own", "CNY").await;
        sku(&host, &shop, "A", 10_000, &[]).await;
        let bad = installed(&host, &shop, "misbehaving", json!({"mode": "deny", "at": "cart.validate-complete"})).await;
        let cart = cart(&host, &shop, None, &[("A", 1)]).await;
        let first = quote(&host, &shop, &cart).await["id"].as_str().unwrap().to_owned();
        for (language, sentence) in [("en", "Misbehaving"), ("zh-CN", "捣乱")] {
            let headers = [("idempotency-key", language), ("accept-language", language)];
            let refused = host.call_with(&shop.shop, Method::POST, "/v1/orders", &json!({"quote": first}), &headers).await;
            assert_eq!(refused.problem(409), "cart-denied");
            assert_eq!(refused.json()["detail"], sentence);
        }
        let settings = json!({"settings": {"mode": "trap", "at": "cart.validate-complete"}});
        host.call(&shop.staff, Method::PUT, &format!("/v1/installs/{bad}/settings"), &settings).await.expect(200);
        assert_eq!(place(&host, &shop.shop, &first, "stale").await.problem(409), "quote-stale");
        let second = quote(&host, &shop, &cart).await["id"].as_str().unwrap().to_owned();
        assert_eq!(place(&host, &shop.shop, &second, "silent").await.problem(409), "plugin-unavailable");
        host.post(&shop.staff, &format!("/v1/installs/{bad}/disable"), &Value::Null).await.expect(200);
        let third = quote(&host, &shop, &cart).await["id"].as_str().unwrap().to_owned();
        place(&host, &shop.shop, &third, "fine").await.expect(201);
    }
}
