//! Bad input: malformed JSON, unknown fields, numbers out of range, a currency that does not match. Each names its field.

use axum::body::Body;
use axum::http::{Method, Request};
use heptad_store::both_databases;
use heptad_web::testing::TestHost;
use serde_json::{Value, json};

use crate::stock::stocked;

both_databases! {
    async fn bad_bodies_are_refused_with_the_fields_name(database: TestDatabase) {
        let host = TestHost::start(database).await;
        let own = stocked(&host, "own", "A").await;
        let payments = format!("/v1/orders/{}/payments", own.order);
        let money = |amount: Value, currency: &str| json!({"amount": amount, "currency": currency});
        let sku = |price: Value| json!({"code": "X", "product": own.product, "name": "X", "price": price});
        let pay = |amount: Value| json!({"amount": amount, "method": "cash", "reference": "1"});
        let safe = 9_007_199_254_740_991_i64;
        for (path, body, status, code, fields) in [
            ("/v1/carts", "{".to_owned(), 400, "malformed-json", vec![]),
            ("/v1/carts", "{\"lines\":[}".to_owned(), 400, "malformed-json", vec![]),
            ("/v1/carts", "[]".to_owned(), 422, "invalid", vec![]),
            ("/v1/carts", json!({"lines": [], "coupon": "X"}).to_string(), 422, "invalid", vec!["coupon"]),
            ("/v1/carts", json!({"lines": [{"sku": "A", "quantity": 1, "price": 1}]}).to_string(), 422, "invalid", vec!["lines.0.price"]),
            ("/v1/carts", json!({"lines": [{"sku": "A", "quantity": -1}]}).to_string(), 422, "invalid", vec!["lines.0.quantity"]),
            ("/v1/carts", json!({"lines": [{"sku": "A", "quantity": 0}]}).to_string(), 422, "invalid", vec!["lines.0.quantity"]),
            ("/v1/carts", json!({"lines": [{"sku": "A", "quantity": 1_000_001}]}).to_string(), 422, "invalid", vec!["lines.0.quantity"]),
            ("/v1/carts", json!({"lines": [{"sku": "A", "quantity": 1.5}]}).to_string(), 422, "invalid", vec!["lines.0.quantity"]),
            ("/v1/carts", json!({"lines": [{"sku": "A"}]}).to_string(), 422, "invalid", vec!["lines.0.quantity"]),
            ("/v1/carts", json!({"lines": [{"sku": "A", "quantity": 1}, {"sku": "none", "quantity": 1}]}).to_string(), 422, "invalid", vec!["lines.1.sku"]),
            ("/v1/carts", json!({"customer": "crt_0"}).to_string(), 422, "invalid", vec!["customer"]),
            ("/v1/quotes", json!({}).to_string(), 422, "invalid", vec!["cart"]),
            ("/v1/quotes", json!({"cart": own.cart, "lines": []}).to_string(), 422, "invalid", vec!["lines"]),
            ("/v1/quotes", json!({"lines": []}).to_string(), 422, "invalid", vec!["lines"]),
            ("/v1/skus", sku(money(json!(100), "USD")).to_string(), 422, "currency-mismatch", vec!["price.currency"]),
            ("/v1/skus", sku(money(json!(100), "cny")).to_string(), 422, "invalid", vec!["price.currency"]),
            ("/v1/skus", sku(money(json!(-1), "CNY")).to_string(), 422, "invalid", vec!["price.amount"]),
            ("/v1/skus", sku(money(json!(safe + 1), "CNY")).to_string(), 422, "invalid", vec!["price.amount"]),
            ("/v1/skus", sku(money(json!(1e30), "CNY")).to_string(), 422, "invalid", vec!["price.amount"]),
            ("/v1/skus", sku(money(json!("100"), "CNY")).to_string(), 422, "invalid", vec!["price.amount"]),
            (&payments, pay(money(json!(100), "USD")).to_string(), 422, "currency-mismatch", vec!["amount.currency"]),
            (&payments, pay(money(json!(0), "CNY")).to_string(), 422, "invalid", vec!["amount.amount"]),
            (&payments, pay(money(json!(19_901), "CNY")).to_string(), 409, "overpaid", vec!["amount.amount"]),
            ("/v1/products", json!({"code": "a b", "name": "x"}).to_string(), 422, "invalid", vec!["code"]),
            ("/v1/products", json!({"code": "ab", "name": "x", "tags": ["OK"]}).to_string(), 422, "invalid", vec!["tags.0"]),
            ("/v1/tokens", json!({"name": "x", "role": "king"}).to_string(), 422, "invalid", vec!["role"]),
            ("/v1/tokens", json!({"name": "x", "role": "shop", "lifetime_seconds": 4_000_000_000_u32}).to_string(), 422, "invalid-field", vec!["lifetime_seconds"]),
        ] {
            let request = Request::post(path)
                .header("authorization", format!("Bearer {}", own.shop.owner))
                .header("content-type", "application/json")
                .header("idempotency-key", "bad");
            let answer = host.send(request.body(Body::from(body.clone())).unwrap()).await;
            assert_eq!(answer.problem(status), code, "{path} {body}: {}", answer.text());
            assert_eq!(answer.fields(), fields, "{path} {body}: {}", answer.text());
            assert!(answer.json()["request_id"].as_str().unwrap().starts_with("req_"));
        }
    }

    async fn bad_pages_and_parameters_are_refused_with_the_parameters_name(database: TestDatabase) {
        let host = TestHost::start(database).await;
        let shop = host.shop("own", "CNY").await;
        for (path, code, fields) in [
            ("/v1/products?limit=0", "invalid-page", vec!["limit"]),
            ("/v1/products?limit=201", "invalid-page", vec!["limit"]),
            ("/v1/products?limit=-1", "invalid", vec!["limit"]),
            ("/v1/products?limit=99999999999", "invalid", vec!["limit"]),
            ("/v1/products?cursor=zz", "invalid-page", vec!["cursor"]),
            ("/v1/orders?cursor=61", "invalid-page", vec!["cursor"]),
            ("/v1/products?surprise=1", "invalid", vec!["surprise"]),
            ("/v1/inventory-levels", "invalid", vec!["skus"]),
        ] {
            let answer = host.get(&shop.owner, path).await;
            assert_eq!(answer.problem(422), code, "{path}");
            assert_eq!(answer.fields(), fields, "{path}: {}", answer.text());
        }
        for path in ["/v1/products/prd_1", "/v1/carts/x", "/v1/orders/prd_00000000000000000000000000000000"] {
            assert_eq!(host.get(&shop.owner, path).await.problem(404), "not-found", "{path}");
        }
    }

    async fn pages_meet_without_gap_or_repetition(database: TestDatabase) {
        let host = TestHost::start(database).await;
        let shop = host.shop("own", "CNY").await;
        for number in 0..7 {
            // Within one millisecond ids have no order.
            host.advance(1);
            host.post(&shop.staff, "/v1/products", &json!({"code": format!("P{number}"), "name": "x"})).await.expect(201);
        }
        let (mut seen, mut path) = (Vec::new(), "/v1/products?limit=3".to_owned());
        loop {
            let page = host.get(&shop.shop, &path).await.expect(200);
            seen.extend(page["items"].as_array().unwrap().iter().map(|item| item["code"].as_str().unwrap().to_owned()));
            let Some(next) = page["next"].as_str() else { break };
            path = format!("/v1/products?limit=3&cursor={next}");
        }
        assert_eq!(seen, (0..7).map(|number| format!("P{number}")).collect::<Vec<_>>());
    }

    async fn a_change_says_what_stays_and_what_goes(database: TestDatabase) {
        let host = TestHost::start(database).await;
        let own = stocked(&host, "own", "A").await;
        let path = format!("/v1/customers/{}", own.customer);
        let patch = async |body: Value| host.call(&own.shop.shop, Method::PATCH, &path, &body).await.expect(200);
        assert_eq!(patch(json!({"email": "li@example.com"})).await["name"], "Li Lei");
        assert_eq!(patch(json!({"name": null})).await.get("name"), None);
        let cart = format!("/v1/carts/{}/lines", own.cart);
        let lines = json!({"lines": [{"sku": "A", "quantity": 5}]});
        let stale = host.call(&own.shop.shop, Method::PUT, &format!("{cart}?version=7"), &lines).await;
        assert_eq!(stale.problem(409), "cart-changed");
        let changed = host.call(&own.shop.shop, Method::PUT, &format!("{cart}?version=1"), &lines).await.expect(200);
        assert_eq!((&changed["version"], &changed["lines"][0]["quantity"]), (&json!(2), &json!(5)));
        let changed = host.call(&own.shop.shop, Method::PATCH, &format!("{cart}/0"), &json!({"quantity": 3})).await.expect(200);
        assert_eq!(changed["lines"][0]["quantity"], 3);
        assert_eq!(host.call(&own.shop.shop, Method::DELETE, &format!("{cart}/1"), &Value::Null).await.problem(404), "not-found");
        let emptied = host.call(&own.shop.shop, Method::DELETE, &format!("{cart}/0"), &Value::Null).await.expect(200);
        assert_eq!(emptied["lines"], json!([]));
    }
}
