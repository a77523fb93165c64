//! A shop with one of everything, made through the API.

use axum::http::Method;
use heptad_web::testing::{TestHost, TestShop};
use serde_json::{Value, json};

/// A shop with one of everything.
pub(crate) struct Stocked {
    pub(crate) shop: TestShop,
    pub(crate) sku: String,
    pub(crate) product: String,
    pub(crate) customer: String,
    pub(crate) shopper: String,
    pub(crate) token_id: String,
    pub(crate) cart: String,
    pub(crate) quote: String,
    pub(crate) order: String,
}

pub(crate) fn id(value: &Value) -> String {
    value["id"].as_str().unwrap().to_owned()
}

/// A product with one SKU at this price, in the shop's currency.
pub(crate) async fn sku(host: &TestHost, shop: &TestShop, code: &str, price: i64, tags: &[&str]) -> String {
    let product = json!({"code": format!("P-{code}"), "name": format!("Product {code}"), "tags": tags});
    let product = id(&host.post(&shop.staff, "/v1/products", &product).await.expect(201));
    let price = json!({"amount": price, "currency": shop.record.tenant.currency.code()});
    let sku = json!({"code": code, "product": product, "name": format!("SKU {code}"), "price": price});
    host.post(&shop.staff, "/v1/skus", &sku).await.expect(201);
    product
}

/// A cart with these lines, by the storefront.
pub(crate) async fn cart(host: &TestHost, shop: &TestShop, customer: Option<&str>, lines: &[(&str, u32)]) -> String {
    let lines: Vec<Value> = lines.iter().map(|(sku, quantity)| json!({"sku": sku, "quantity": quantity})).collect();
    id(&host.post(&shop.shop, "/v1/carts", &json!({"customer": customer, "lines": lines})).await.expect(201))
}

/// A quote of a cart with its trace, by the storefront.
pub(crate) async fn quote(host: &TestHost, shop: &TestShop, cart: &str) -> Value {
    host.post(&shop.shop, "/v1/quotes?include=trace", &json!({"cart": cart})).await.expect(201)
}

/// Places a quote under a key.
pub(crate) async fn place(host: &TestHost, token: &str, quote: &str, key: &str) -> heptad_web::testing::Answer {
    let body = json!({"quote": quote});
    host.call_with(token, Method::POST, "/v1/orders", &body, &[("idempotency-key", key)]).await
}

/// Installs an approved plugin with all that it asks for, and enables it.
pub(crate) async fn installed(host: &TestHost, shop: &TestShop, plugin: &str, settings: Value) -> String {
    let page = host.get(&shop.owner, &format!("/v1/plugins/{plugin}")).await.expect(200);
    let granted: Vec<&Value> = page["permissions"].as_array().unwrap().iter().map(|wish| &wish["name"]).collect();
    let body = json!({"plugin": plugin, "granted": granted, "settings": settings});
    let install = id(&host.post(&shop.owner, "/v1/installs", &body).await.expect(201));
    host.post(&shop.owner, &format!("/v1/installs/{install}/enable"), &Value::Null).await.expect(200);
    install
}

/// A shop with one of everything; its SKU has this code.
pub(crate) async fn stocked(host: &TestHost, slug: &str, code: &str) -> Stocked {
    let shop = host.shop(slug, "CNY").await;
    let product = sku(host, &shop, code, 19_900, &["member-price"]).await;
    let customer =
        id(&host.post(&shop.shop, "/v1/customers", &json!({"name": "Li Lei", "tier": "gold"})).await.expect(201));
    let minted = host.post(&shop.shop, "/v1/customer-tokens", &json!({"customer": customer})).await.expect(201);
    let shopper = minted["secret"].as_str().unwrap().to_owned();
    let token_id =
        id(&host.post(&shop.owner, "/v1/tokens", &json!({"name": "spare", "role": "shop"})).await.expect(201));
    let ordered = cart(host, &shop, Some(&customer), &[(code, 1)]).await;
    let placed = id(&quote(host, &shop, &ordered).await);
    let order = id(&place(host, &shop.shop, &placed, "stock").await.expect(201));
    let cart = cart(host, &shop, Some(&customer), &[(code, 2)]).await;
    let quote = id(&quote(host, &shop, &cart).await);
    Stocked { shop, sku: code.to_owned(), product, customer, shopper, token_id, cart, quote, order }
}
