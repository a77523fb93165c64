//! The largest cart through the packed plugins: priced within their budgets, by as many statements as the smallest.

use std::time::Instant;

use axum::http::Method;
use heptad_capabilities::CapabilityError;
use heptad_capabilities::mall::catalog::{ProductIn, SkuIn, product_create, sku_create};
use heptad_model::Minor;
use heptad_store::both_databases;
use heptad_web::testing::{TestHost, TestShop};
use serde_json::{Value, json};

use crate::stock::{id, installed};

/// Every SKU costs 1,000.00.
const PRICE: i64 = 100_000;
/// How often the process reads whether installs have changed, in milliseconds: one statement beside those of requests.
const WATCH_MILLIS: u64 = 250;

async fn skus(host: &TestHost, shop: &TestShop, many: usize) {
    let fill = async |mut tx| {
        let tags = vec!["member-price".to_owned()];
        let product = ProductIn { code: "P".to_owned(), name: "P".to_owned(), category: String::new(), tags };
        let product = product_create(&mut tx, product).await?.id;
        for number in 0..many {
            let code = format!("S{number}");
            sku_create(&mut tx, SkuIn { name: code.clone(), code, product, price: Minor::new(PRICE)? }).await?;
        }
        Ok::<_, CapabilityError>(())
    };
    host.state.store.write(&host.ctx(shop), fill).await.unwrap();
}

both_databases! {
    async fn a_cart_of_2000_lines_is_priced_by_as_many_statements_as_one_of_one(database: TestDatabase) {
        let host = TestHost::start(database).await;
        host.approved(&["member-pricing", "quantity-breaks"]).await;
        let shop = host.shop("large", "CNY").await;
        // How long it takes is not the question here, on a busy machine least of all.
        let patient = json!({"quote_ms": 10_000, "wall_ms": 10_000});
        host.call(&host.operator, Method::PUT, "/v1/limit-profiles/patient", &patient).await.expect(200);
        let path = format!("/v1/tenants/{}/limit-profile", shop.record.tenant.id);
        host.call(&host.operator, Method::PUT, &path, &json!({"profile": "patient"})).await.expect(204);
        skus(&host, &shop, 2_000).await;
        let gold = json!({"tag": "member-price", "tiers": [{"tier": "gold", "percent": 10}]});
        installed(&host, &shop, "member-pricing", gold).await;
        installed(&host, &shop, "quantity-breaks", json!({"pieces": []})).await;
        let customer = id(&host.post(&shop.shop, "/v1/customers", &json!({"tier": "gold"})).await.expect(201));
        let mut counts = Vec::new();
        // The first is not counted: it reads which plugins there are.
        for many in [1, 1, 2_000] {
            let lines: Vec<Value> = (0..many).map(|number| json!({"sku": format!("S{number}"), "quantity": 1})).collect();
            // A token of its own, since one that was used a moment ago is not looked up.
            let token = json!({"name": "front", "role": "shop"});
            let token = host.post(&shop.owner, "/v1/tokens", &token).await.expect(201)["secret"].as_str().unwrap().to_owned();
            let (before, begun) = (host.state.store.statement_count(), Instant::now());
            let body = json!({"customer": customer, "lines": lines});
            let quote = host.post(&token, "/v1/quotes?include=trace", &body).await.expect(201);
            let watched = begun.elapsed().as_millis() as u64 / WATCH_MILLIS + 1;
            counts.push((host.state.store.statement_count() - before, watched));
            for call in quote["trace"]["calls"].as_array().unwrap() {
                assert_eq!(call["status"], "answered", "{call}");
            }
            assert_eq!(quote["lines"].as_array().unwrap().len(), many);
            // A tenth of each line for members, then 50.00 off from 300.00.
            assert_eq!(quote["discount"], many as i64 * PRICE / 10 + 5_000, "{many} lines");
        }
        let (one, large) = (counts[1], counts[2]);
        assert!(large.0 <= one.0 + large.1 && one.0 <= large.0 + one.1, "{one:?} {large:?}");
    }
}
