//! Two tenants in one process: their prices differ, and neither can see the other's anything.

use axum::http::Method;
use heptad_store::both_databases;
use heptad_web::testing::TestHost;
use serde_json::{Value, json};

use crate::stock::{cart, installed, quote, sku, stocked};

both_databases! {
    async fn two_tenants_get_different_prices_for_one_cart(database: TestDatabase) {
        let host = TestHost::start(database).await;
        host.approved(&["hello-discount", "quantity-breaks"]).await;
        let (first, second, third) = (host.shop("one", "CNY").await, host.shop("two", "CNY").await, host.shop("three", "USD").await);
        for shop in [&first, &second, &third] {
            sku(&host, shop, "SAME", 36_606, &[]).await;
        }
        installed(&host, &first, "quantity-breaks", json!({})).await;
        installed(&host, &second, "hello-discount", json!({})).await;
        let mut totals = Vec::new();
        for shop in [&first, &second, &third] {
            let cart = cart(&host, shop, None, &[("SAME", 2)]).await;
            totals.push(quote(&host, shop, &cart).await["total"].as_i64().unwrap());
        }
        // 满2件9折, one yuan off, nothing.
        assert_eq!(totals, [65_891, 73_112, 73_212]);
    }

    async fn another_tenants_ids_are_not_found_and_its_things_are_in_no_list(database: TestDatabase) {
        let host = TestHost::start(database).await;
        let (own, other) = (stocked(&host, "own", "OWN").await, stocked(&host, "other", "OTHER").await);
        for path in [
            format!("/v1/tenants/{}", other.shop.record.tenant.id),
            format!("/v1/products/{}", other.product),
            format!("/v1/skus/{}", other.sku),
            format!("/v1/customers/{}", other.customer),
            format!("/v1/carts/{}", other.cart),
            format!("/v1/quotes/{}", other.quote),
            format!("/v1/quotes/{}/trace", other.quote),
            format!("/v1/orders/{}", other.order),
            format!("/v1/orders/{}/trace", other.order),
            format!("/v1/orders/{}/payments", other.order),
        ] {
            assert_eq!(host.get(&own.shop.owner, &path).await.problem(404), "not-found", "{path}");
            host.get(&other.shop.owner, &path).await.expect(200);
        }
        // Ids in bodies as well.
        for (path, body) in [
            ("/v1/carts", json!({"customer": other.customer})),
            ("/v1/quotes", json!({"cart": other.cart})),
            ("/v1/quotes", json!({"customer": other.customer, "lines": [{"sku": "OWN", "quantity": 1}]})),
            ("/v1/customer-tokens", json!({"customer": other.customer})),
            ("/v1/orders", json!({"quote": other.quote})),
            ("/v1/tokens", json!({"name": "x", "role": "shop", "tenant": other.shop.record.tenant.id.to_string()})),
        ] {
            let answer = host.call_with(&own.shop.owner, Method::POST, path, &body, &[("idempotency-key", "k")]).await;
            assert_eq!(answer.problem(404), "not-found", "{path} {body}");
        }
        let unknown = json!({"lines": [{"sku": "OTHER", "quantity": 1}]});
        let answer = host.post(&own.shop.shop, "/v1/carts", &unknown).await;
        assert_eq!((answer.problem(422).as_str(), answer.fields()), ("invalid", vec!["lines.0.sku".to_owned()]));
        for list in ["/v1/products", "/v1/skus", "/v1/customers", "/v1/orders", "/v1/tokens", "/v1/audit", "/v1/installs"] {
            let text = host.get(&own.shop.owner, list).await.text();
            for secret in [&other.product, &other.customer, &other.order, &other.token_id, &other.cart, &other.sku] {
                assert!(!text.contains(secret.as_str()), "{list} shows {secret}");
            }
        }
    }

    async fn a_shopper_sees_its_own_things_only(database: TestDatabase) {
        let host = TestHost::start(database).await;
        let own = stocked(&host, "own", "OWN").await;
        let second = host.post(&own.shop.shop, "/v1/customers", &json!({})).await.expect(201)["id"].as_str().unwrap().to_owned();
        let minted = host.post(&own.shop.shop, "/v1/customer-tokens", &json!({"customer": second})).await.expect(201);
        let stranger = minted["secret"].as_str().unwrap();
        for path in [
            format!("/v1/customers/{}", own.customer),
            format!("/v1/carts/{}", own.cart),
            format!("/v1/quotes/{}", own.quote),
            format!("/v1/orders/{}", own.order),
        ] {
            host.get(&own.shopper, &path).await.expect(200);
            assert_eq!(host.get(stranger, &path).await.problem(404), "not-found", "{path}");
        }
        let line = json!({"sku": "OWN", "quantity": 1});
        assert_eq!(host.post(stranger, &format!("/v1/carts/{}/lines", own.cart), &line).await.problem(404), "not-found");
        assert_eq!(host.post(stranger, "/v1/quotes", &json!({"cart": own.cart})).await.problem(404), "not-found");
        assert_eq!(host.post(stranger, "/v1/carts", &json!({"customer": own.customer})).await.problem(404), "not-found");
        assert_eq!(crate::stock::place(&host, stranger, &own.quote, "k").await.problem(404), "not-found");
        // A shopper's own cart is its own without saying so, and it may order it; why the price is what it is, is the shop's.
        let made = host.post(&own.shopper, "/v1/carts", &json!({"lines": [line]})).await.expect(201);
        assert_eq!(made["customer"], own.customer);
        assert_eq!(host.post(&own.shopper, "/v1/quotes?include=trace", &json!({"cart": made["id"]})).await.problem(403), "forbidden");
        let quote = host.post(&own.shopper, "/v1/quotes", &json!({"cart": made["id"]})).await.expect(201);
        crate::stock::place(&host, &own.shopper, quote["id"].as_str().unwrap(), "k").await.expect(201);
    }

    async fn a_tenant_is_made_by_the_operator_and_its_slug_is_unique(database: TestDatabase) {
        let host = TestHost::start(database).await;
        let tenant = json!({"slug": "tea", "name": "Tea", "currency": "CNY", "time_zone": "Asia/Shanghai", "locale": "zh-CN"});
        let made = host.post(&host.operator, "/v1/tenants", &tenant).await.expect(201);
        assert_eq!(host.post(&host.operator, "/v1/tenants", &tenant).await.problem(409), "name-taken");
        for (field, value) in [("slug", json!("T")), ("time_zone", json!("Mars/Olympus")), ("currency", json!("XYZ")), ("locale", json!("fr"))] {
            let mut tenant = tenant.clone();
            tenant[field] = value;
            let answer = host.post(&host.operator, "/v1/tenants", &tenant).await;
            answer.problem(422);
            assert_eq!(answer.fields(), [field], "{}", answer.text());
        }
        let page = host.get(&host.operator, "/v1/tenants?limit=1").await.expect(200);
        assert_eq!((&page["items"][0]["id"], &page["next"]), (&made["id"], &Value::Null));
    }
}
