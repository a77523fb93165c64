//! What surrounds every route: limits, ids, headers, refusals of addresses and methods.

use axum::body::Body;
use axum::http::{Method, Request};
use heptad_capabilities::extensions::Extensions as _;
use heptad_store::both_databases;
use heptad_web::rate::Limit;
use heptad_web::testing::{TestHost, options};
use serde_json::{Value, json};

use crate::stock::{installed, sku};

both_databases! {
    async fn a_token_that_asks_too_often_waits_and_others_do_not(database: TestDatabase) {
        let mut options = options(&database);
        options.caller_limit = Limit { per_second: 1, burst: 3 };
        options.peer_limit = Limit { per_second: 1, burst: 2 };
        let host = TestHost::start_with(database, options).await;
        let shop = host.shop("own", "CNY").await;
        for _ in 0..3 {
            host.get(&shop.shop, "/v1/me").await.expect(200);
        }
        let refused = host.get(&shop.shop, "/v1/me").await;
        assert_eq!(refused.problem(429), "rate-limit");
        assert!(refused.header("retry-after").parse::<u64>().unwrap() >= 1);
        host.get(&shop.owner, "/v1/me").await.expect(200);
        // Guessing tokens is counted by address.
        let statuses = [0; 3].map(|_| host.get("hpt_guess", "/v1/me"));
        let mut seen = Vec::new();
        for one in statuses {
            seen.push(one.await.status.as_u16());
        }
        assert_eq!(seen, [401, 401, 429]);
        // Whether it lives is not counted.
        host.get("", "/healthz").await.expect(200);
    }

    async fn a_shop_that_floods_gets_429_and_another_has_its_turn(database: TestDatabase) {
        let host = TestHost::start(database).await;
        let (flood, other) = (host.shop("flood", "CNY").await, host.shop("other", "CNY").await);
        for shop in [&flood, &other] {
            sku(&host, shop, "A", 1_000, &[]).await;
        }
        let narrow = json!({"concurrency": 1, "waiting": 0});
        host.call(&host.operator, Method::PUT, "/v1/limit-profiles/narrow", &narrow).await.expect(200);
        let path = format!("/v1/tenants/{}/limit-profile", flood.record.tenant.id);
        host.call(&host.operator, Method::PUT, &path, &json!({"profile": "narrow"})).await.expect(204);
        host.state.runtime.refresh().await;
        let lines = json!({"lines": [{"sku": "A", "quantity": 1}]});
        let held = host.state.runtime.turn(&host.ctx(&flood)).await.unwrap();
        let refused = host.post(&flood.shop, "/v1/quotes", &lines).await;
        assert_eq!(refused.problem(429), "tenant-busy");
        assert_eq!(refused.header("retry-after"), "1");
        host.post(&other.shop, "/v1/quotes", &lines).await.expect(201);
        drop(held);
        host.post(&flood.shop, "/v1/quotes", &lines).await.expect(201);
    }

    async fn a_profile_names_its_wrong_field_and_the_table_says_what_to_do(database: TestDatabase) {
        let host = TestHost::start(database).await;
        let shop = host.shop("own", "CNY").await;
        let wrong = json!({"memory_mib": 65});
        let refused = host.call(&host.operator, Method::PUT, "/v1/limit-profiles/large", &wrong).await;
        assert_eq!(refused.problem(422), "invalid-field");
        assert_eq!(refused.fields(), ["memory_mib"]);
        let unknown = json!({"memory": 1});
        let refused = host.call(&host.operator, Method::PUT, "/v1/limit-profiles/large", &unknown).await;
        assert_eq!(refused.status.as_u16(), 422);
        assert_eq!(host.get(&host.operator, "/v1/limit-profiles/large").await.problem(404), "not-found");
        let table = host.get(&shop.staff, "/v1/limits").await.expect(200);
        assert_eq!(table["limits"][0]["code"], "fuel");
        assert_eq!(table["values"]["fuel"], json!({"base": 50_000_000, "per_line": 50_000}));
    }

    async fn usage_is_told_to_the_shop_that_had_it(database: TestDatabase) {
        let host = TestHost::start(database).await;
        host.approved(&["hello-discount"]).await;
        let (shop, other) = (host.shop("own", "CNY").await, host.shop("other", "CNY").await);
        sku(&host, &shop, "A", 1_000, &[]).await;
        installed(&host, &shop, "hello-discount", json!({})).await;
        for _ in 0..2 {
            host.post(&shop.shop, "/v1/quotes", &json!({"lines": [{"sku": "A", "quantity": 1}]})).await.expect(201);
        }
        host.state.runtime.flush().await;
        for by in ["hour", "day"] {
            let usage = host.get(&shop.staff, &format!("/v1/usage?by={by}")).await.expect(200);
            let rows = usage.as_array().unwrap();
            assert_eq!(rows.len(), 1, "{usage}");
            assert_eq!((&rows[0]["plugin"], &rows[0]["calls"]), (&json!("hello-discount"), &json!(2)));
            assert!(rows[0]["fuel"].as_u64().unwrap() > 0);
        }
        let nothing = host.get(&other.staff, "/v1/usage").await.expect(200);
        assert_eq!(nothing, json!([]));
    }

    async fn recorded_calls_are_listed_for_the_shop_that_made_them(database: TestDatabase) {
        let host = TestHost::start(database).await;
        host.approved(&["hello-discount"]).await;
        let (shop, other) = (host.shop("own", "CNY").await, host.shop("other", "CNY").await);
        sku(&host, &shop, "A", 1_000, &[]).await;
        let install = installed(&host, &shop, "hello-discount", json!({})).await;
        let path = format!("/v1/installs/{install}/recordings");
        assert_eq!(host.get(&shop.staff, &path).await.expect(200), json!([]));
        let lines = json!({"lines": [{"sku": "A", "quantity": 1}]});
        let quote = host.post(&shop.shop, "/v1/quotes?include=trace", &lines).await.expect(201);
        host.state.runtime.flush().await;
        let listed = host.get(&shop.staff, &path).await.expect(200);
        assert_eq!(listed[0]["call"], quote["trace"]["calls"][0]["id"]);
        assert_eq!((&listed[0]["outcome"], &listed[0]["version"]), (&json!("answered"), &json!("0.1.0")));
        assert_eq!(listed[0]["expires_at"], "2026-01-09T03:04:05.678Z");
        assert_eq!(host.get(&other.staff, &path).await.problem(404), "not-found");
    }

    async fn refusals_of_any_kind_are_problems(database: TestDatabase) {
        let host = TestHost::start(database).await;
        let shop = host.shop("own", "CNY").await;
        assert_eq!(host.get(&shop.owner, "/v1/nothing").await.problem(404), "not-found");
        assert_eq!(host.get("", "/nothing").await.problem(404), "not-found");
        let wrong = host.call(&shop.owner, Method::DELETE, "/v1/products", &Value::Null).await;
        assert_eq!(wrong.problem(405), "method-not-allowed");
        assert!(wrong.header("allow").contains("POST"), "{:?}", wrong.headers);
        let post = |kind: &str, body: Body| {
            let request = Request::post("/v1/products").header("authorization", format!("Bearer {}", shop.owner));
            request.header("content-type", kind).body(body).unwrap()
        };
        assert_eq!(host.send(post("text/plain", Body::from("{}"))).await.problem(415), "unsupported-media-type");
        let large = json!({"code": "x".repeat(1 << 20), "name": "x"}).to_string();
        assert_eq!(host.send(post("application/json", Body::from(large))).await.problem(413), "body-too-large");
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        assert_eq!(host.send(post("application/json", Body::from(deep))).await.status.as_u16(), 422);
        let headers = host.call_with("", Method::GET, "/v1/points", &Value::Null, &[("x-large", &"x".repeat(20_000))]).await;
        assert_eq!(headers.problem(431), "headers-too-large");
    }

    async fn every_answer_has_an_id_and_headers_that_protect(database: TestDatabase) {
        let host = TestHost::start(database).await;
        let given = "req_019380c2f2b07d1c8a4b9e5f60718293";
        let answer = host.call_with("", Method::GET, "/v1/points", &Value::Null, &[("x-request-id", given)]).await;
        assert_eq!(answer.header("x-request-id"), given);
        for bad in ["", "req_1", "req_019380c2f2b07d1c8a4b9e5f60718293\"><script>"] {
            let answer = host.call_with("", Method::GET, "/v1/me", &Value::Null, &[("x-request-id", bad)]).await;
            let made = answer.header("x-request-id").to_owned();
            assert!(made.starts_with("req_") && made != bad && made.len() == 36, "{made}");
            assert_eq!(answer.json()["request_id"], made);
        }
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert!(answer.header("content-security-policy").contains("frame-ancestors 'none'"));
        let packed = host.call_with("", Method::GET, "/openapi.json", &Value::Null, &[("accept-encoding", "gzip")]).await;
        assert_eq!(packed.header("content-encoding"), "gzip");
    }
}
