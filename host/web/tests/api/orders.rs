//! Orders: idempotency keys, quotes that no longer hold, the list.

use axum::body::Body;
use axum::http::{Method, Request};
use heptad_model::time::span::MINUTE;
use heptad_store::both_databases;
use heptad_web::testing::TestHost;
use serde_json::{Value, json};

use crate::stock::{cart, id, place, quote, sku, stocked};

both_databases! {
    async fn a_key_is_required_and_belongs_to_one_request(database: TestDatabase) {
        let host = TestHost::start(database).await;
        let own = stocked(&host, "own", "A").await;
        let body = json!({"quote": own.quote});
        let missing = host.post(&own.shop.shop, "/v1/orders", &body).await;
        assert_eq!(missing.problem(400), "idempotency-key-required");
        for key in ["", "a b", &"x".repeat(256)] {
            let refused = place(&host, &own.shop.shop, &own.quote, key).await;
            assert_eq!((refused.problem(422).as_str(), refused.fields()), ("invalid", vec!["Idempotency-Key".to_owned()]));
        }
        let first = place(&host, &own.shop.shop, &own.quote, "key").await.expect(201);
        // Another caller's key of the same name is another key.
        assert_eq!(place(&host, &own.shop.owner, &own.quote, "key").await.problem(409), "already-ordered");
        // The answer is kept although the quote has expired meanwhile.
        host.advance(16 * MINUTE);
        let again = place(&host, &own.shop.shop, &own.quote, "key").await;
        assert_eq!((again.header("idempotent-replay"), again.expect(201)), ("true", first));
        let other = id(&quote(&host, &own.shop, &cart(&host, &own.shop, None, &[("A", 1)]).await).await);
        assert_eq!(place(&host, &own.shop.shop, &other, "key").await.problem(422), "idempotency-mismatch");
    }

    async fn parallel_requests_with_one_key_make_one_order(database: TestDatabase) {
        let host = TestHost::start(database).await;
        let own = stocked(&host, "own", "A").await;
        let tries = (0..8).map(|_| {
            let (app, token, quote) = (host.app.clone(), own.shop.shop.clone(), own.quote.clone());
            tokio::spawn(async move {
                use tower::ServiceExt as _;
                let request = Request::post("/v1/orders")
                    .header("authorization", format!("Bearer {token}"))
                    .header("content-type", "application/json")
                    .header("idempotency-key", "one")
                    .body(Body::from(json!({"quote": quote}).to_string()));
                app.oneshot(request.unwrap()).await.unwrap().status().as_u16()
            })
        });
        for one in tries.collect::<Vec<_>>() {
            // 409 while the first is running, 503 where the database gives up; a client repeats both.
            assert!(matches!(one.await.unwrap(), 201 | 409 | 503));
        }
        place(&host, &own.shop.shop, &own.quote, "one").await.expect(201);
        let orders = host.get(&own.shop.shop, "/v1/orders").await.expect(200);
        assert_eq!(orders["items"].as_array().unwrap().iter().filter(|order| order["quote"] == own.quote).count(), 1);
    }

    async fn a_quote_that_no_longer_holds_is_refused_with_what_changed(database: TestDatabase) {
        let host = TestHost::start(database).await;
        let shop = host.shop("own", "CNY").await;
        sku(&host, &shop, "A", 10_000, &[]).await;
        let fresh = async || id(&quote(&host, &shop, &cart(&host, &shop, None, &[("A", 1)]).await).await);
        let first = fresh().await;
        host.call(&shop.staff, Method::PATCH, "/v1/skus/A", &json!({"price": {"amount": 12_000, "currency": "CNY"}})).await.expect(200);
        let refused = place(&host, &shop.shop, &first, "1").await;
        assert_eq!(refused.problem(409), "quote-stale");
        assert!(refused.json()["detail"].as_str().unwrap().contains("skus") && refused.json()["hint"].is_string());
        let second = fresh().await;
        host.advance(15 * MINUTE);
        assert_eq!(place(&host, &shop.shop, &second, "2").await.problem(409), "quote-expired");
        assert_eq!(host.get(&shop.shop, &format!("/v1/quotes/{second}")).await.expect(200)["total"], 12_000);
    }

    async fn orders_are_listed_from_the_last_one(database: TestDatabase) {
        let host = TestHost::start(database).await;
        let shop = host.shop("own", "CNY").await;
        sku(&host, &shop, "A", 10_000, &[]).await;
        let mut placed = Vec::new();
        for number in 0..3 {
            host.advance(1_000);
            let quote = id(&quote(&host, &shop, &cart(&host, &shop, None, &[("A", 1)]).await).await);
            placed.insert(0, id(&place(&host, &shop.shop, &quote, &number.to_string()).await.expect(201)));
        }
        let page = host.get(&shop.shop, "/v1/orders?limit=2").await.expect(200);
        let rest = format!("/v1/orders?limit=2&cursor={}", page["next"].as_str().unwrap());
        let rest = host.get(&shop.shop, &rest).await.expect(200);
        let ids: Vec<String> = page["items"].as_array().unwrap().iter().chain(rest["items"].as_array().unwrap()).map(id).collect();
        assert_eq!((ids, rest.get("next")), (placed, None::<&Value>));
    }
}
