//! From an upload to a paid order: what a partner, an operator, a merchant and a storefront do one after the other.

use axum::body::Body;
use axum::http::{Method, Request};
use heptad_store::both_databases;
use heptad_web::testing::{TestHost, guest};
use serde_json::{Value, json};

use crate::stock::{id, place, sku};

both_databases! {
    async fn a_partners_plugin_prices_a_merchants_cart(database: TestDatabase) {
        let host = TestHost::start(database).await;
        // The operator registers a publisher and a merchant, and makes their tokens.
        let publisher = host.post(&host.operator, "/v1/publishers", &json!({"slug": "heptad", "name": "Heptad"})).await.expect(201);
        let token = json!({"name": "ci", "role": "publisher", "publisher": publisher["id"]});
        let publisher = host.post(&host.operator, "/v1/tokens", &token).await.expect(201)["secret"].as_str().unwrap().to_owned();
        let tenant = json!({"slug": "tea", "name": "山茶铺", "currency": "CNY", "time_zone": "Asia/Shanghai", "locale": "zh-CN"});
        let tenant = host.post(&host.operator, "/v1/tenants", &tenant).await.expect(201);
        let token = json!({"name": "owner", "role": "owner", "tenant": tenant["id"]});
        let owner = host.post(&host.operator, "/v1/tokens", &token).await.expect(201)["secret"].as_str().unwrap().to_owned();
        let token = json!({"name": "storefront", "role": "shop"});
        let shop = host.post(&owner, "/v1/tokens", &token).await.expect(201)["secret"].as_str().unwrap().to_owned();

        // The publisher uploads, the operator approves.
        let upload = Request::post("/v1/versions").header("authorization", format!("Bearer {publisher}"));
        let upload = upload.header("content-type", "application/wasm").body(Body::from(guest("hello-discount"))).unwrap();
        let version = host.send(upload).await.expect(201);
        assert_eq!((version["plugin"].as_str(), version["state"].as_str()), (Some("hello-discount"), Some("submitted")));
        assert!(host.get(&owner, "/v1/plugins").await.expect(200)["items"].as_array().unwrap().is_empty());
        let queue = host.get(&host.operator, "/v1/versions").await.expect(200);
        assert_eq!(queue["items"][0]["id"], version["id"]);
        let approve = format!("/v1/versions/{}/approve", version["id"].as_str().unwrap());
        assert_eq!(host.post(&host.operator, &approve, &json!({"note": "fine"})).await.expect(200)["state"], "approved");

        // The merchant finds it, installs it, and enables it.
        let list = host.get(&owner, "/v1/plugins?search=hello").await.expect(200);
        assert_eq!(list["items"][0]["title"], "你好，立减");
        let install = host.post(&owner, "/v1/installs", &json!({"plugin": "hello-discount", "granted": []})).await.expect(201);
        assert_eq!(install["state"], "disabled");
        let enable = format!("/v1/installs/{}/enable", install["id"].as_str().unwrap());
        assert_eq!(host.post(&owner, &enable, &Value::Null).await.expect(200)["state"], "enabled");

        // The merchant has products, the storefront prices a cart of them.
        let product = id(&host.post(&owner, "/v1/products", &json!({"code": "TEA", "name": "Tea"})).await.expect(201));
        let price = json!({"amount": 19_900, "currency": "CNY"});
        let new = json!({"code": "TEA-1", "product": product, "name": "Tea, 250 g", "price": price});
        host.post(&owner, "/v1/skus", &new).await.expect(201);
        let lines = json!({"lines": [{"sku": "TEA-1", "quantity": 2}]});
        let quote = host.post(&shop, "/v1/quotes?include=trace", &lines).await.expect(201);
        assert_eq!((&quote["subtotal"], &quote["discount"], &quote["total"]), (&json!(39_800), &json!(100), &json!(39_700)));
        let call = &quote["trace"]["calls"][0];
        assert_eq!((call["plugin"].as_str(), call["point"].as_str()), (Some("hello-discount"), Some("discount.order")));
        assert_eq!(call["operations"][0]["candidates"][0]["reason"]["sentence"], "你好，立减 1.00 CNY");
        assert!(call["fuel"].as_u64().unwrap() > 0);

        // The order keeps the trace, in the reader's language.
        let order = place(&host, &shop, quote["id"].as_str().unwrap(), "first").await.expect(201);
        assert_eq!(order["total"], 39_700);
        let why = format!("/v1/orders/{}/trace", order["id"].as_str().unwrap());
        let why = host.call_with(&shop, Method::GET, &why, &Value::Null, &[("accept-language", "en")]).await.expect(200);
        assert_eq!(why["calls"][0]["operations"][0]["candidates"][0]["reason"]["sentence"], "Hello, 1.00 CNY off");
    }

    async fn a01_a_cart_becomes_a_paid_order_and_a_repeated_payment_changes_nothing(database: TestDatabase) {
        let host = TestHost::start(database).await;
        let shop = host.shop("mall", "CNY").await;
        for (code, price) in [("A", 19_900), ("B", 9_900), ("C", 5_900)] {
            sku(&host, &shop, code, price, &[]).await;
        }
        let cart = json!({"lines": [{"sku": "A", "quantity": 1}]});
        let cart = id(&host.post(&shop.shop, "/v1/carts", &cart).await.expect(201));
        for code in ["B", "C"] {
            let line = json!({"sku": code, "quantity": 1});
            host.post(&shop.shop, &format!("/v1/carts/{cart}/lines"), &line).await.expect(200);
        }
        let quote = host.post(&shop.shop, "/v1/quotes", &json!({"cart": cart})).await.expect(201);
        assert_eq!(quote["total"], 35_700);
        let first = place(&host, &shop.shop, quote["id"].as_str().unwrap(), "order-1").await;
        let order = first.expect(201);
        assert_eq!((&order["status"], &order["total"]), (&json!("created"), &json!(35_700)));
        assert_eq!(first.header("idempotent-replay"), "");
        let again = place(&host, &shop.shop, quote["id"].as_str().unwrap(), "order-1").await;
        assert_eq!(again.expect(201), order);
        assert_eq!(again.header("idempotent-replay"), "true");

        let path = format!("/v1/orders/{}/payments", id(&order));
        let payment = json!({"amount": {"amount": 35_700, "currency": "CNY"}, "method": "wechat-pay", "reference": "4200001"});
        let pay = async |body: &Value| host.call_with(&shop.shop, Method::POST, &path, body, &[("idempotency-key", "pay-1")]).await;
        let first = pay(&payment).await.expect(201);
        assert_eq!(first["order_status"], "paid");
        let second = pay(&payment).await;
        assert_eq!(second.header("idempotent-replay"), "true");
        assert_eq!(second.expect(201)["id"], first["id"]);
        let mut other = payment.clone();
        other["reference"] = json!("4200002");
        assert_eq!(pay(&other).await.problem(422), "idempotency-mismatch");
        assert_eq!(host.get(&shop.shop, &path).await.expect(200)["items"].as_array().unwrap().len(), 1);
        assert_eq!(host.get(&shop.shop, &format!("/v1/orders/{}", id(&order))).await.expect(200)["status"], "paid");
        let key = [("idempotency-key", "pay-2")];
        assert_eq!(host.call_with(&shop.shop, Method::POST, &path, &payment, &key).await.problem(409), "order-not-payable");
    }
}
