//! The first-party plugins as packed, through the API: what they give, and what they refuse.

use std::sync::Arc;

use heptad_store::both_databases;
use heptad_web::testing::{TestHost, TestShop};
use serde_json::{Value, json};

use crate::stock::{cart, id, installed, place, quote, sku};

async fn shop_with(host: &TestHost, plugin: &str, settings: Value, prices: &[(&str, i64)]) -> TestShop {
    host.approved(&[plugin]).await;
    let shop = host.shop("promo", "CNY").await;
    for (code, price) in prices {
        sku(host, &shop, code, *price, &["member-price"]).await;
    }
    installed(host, &shop, plugin, settings).await;
    shop
}

fn discounts(quote: &Value) -> Vec<i64> {
    quote["lines"].as_array().unwrap().iter().map(|line| line["discount"].as_i64().unwrap()).collect()
}

both_databases! {
    async fn a04_fifty_off_three_hundred_through_the_packed_plugin(database: TestDatabase) {
        let host = TestHost::start(database).await;
        let prices = [("A", 19_900), ("B", 9_900), ("C", 5_900)];
        let shop = shop_with(&host, "quantity-breaks", json!({"pieces": []}), &prices).await;
        let cart = cart(&host, &shop, None, &[("A", 1), ("B", 1), ("C", 1)]).await;
        let quote = quote(&host, &shop, &cart).await;
        assert_eq!((&quote["discount"], &quote["total"]), (&json!(5_000), &json!(30_700)));
        assert_eq!(discounts(&quote), [2_787, 1_387, 826]);
        let call = &quote["trace"]["calls"][0];
        assert_eq!((call["plugin"].as_str(), call["status"].as_str()), (Some("quantity-breaks"), Some("answered")));
    }

    async fn a05_ten_percent_from_two_pieces_through_the_packed_plugin(database: TestDatabase) {
        let host = TestHost::start(database).await;
        let shop = shop_with(&host, "quantity-breaks", json!({"amounts": []}), &[("A", 36_606)]).await;
        for (quantity, discount, total) in [(1, 0, 36_606), (2, 7_321, 65_891), (25, 91_515, 823_635)] {
            let cart = cart(&host, &shop, None, &[("A", quantity)]).await;
            let quote = quote(&host, &shop, &cart).await;
            assert_eq!((&quote["discount"], &quote["total"]), (&json!(discount), &json!(total)), "{quantity} pieces");
        }
    }

    async fn gold_members_pay_less_for_tagged_products_and_guests_do_not(database: TestDatabase) {
        let host = TestHost::start(database).await;
        let settings = json!({"tag": "member-price", "tiers": [{"tier": "gold", "percent": 10}]});
        let shop = shop_with(&host, "member-pricing", settings, &[("A", 10_000)]).await;
        sku(&host, &shop, "PLAIN", 10_000, &[]).await;
        let gold = id(&host.post(&shop.shop, "/v1/customers", &json!({"tier": "gold"})).await.expect(201));
        for (customer, expected) in [(Some(gold.as_str()), vec![1_000, 0]), (None, vec![0, 0])] {
            let cart = cart(&host, &shop, customer, &[("A", 1), ("PLAIN", 1)]).await;
            assert_eq!(discounts(&quote(&host, &shop, &cart).await), expected);
        }
    }

    async fn ten_parallel_carts_with_a_limit_of_three_give_three_orders(database: TestDatabase) {
        let host = Arc::new(TestHost::start(database).await);
        let settings = json!({"limits": [{"sku": "A", "limit": 3, "days": 0}]});
        let shop = shop_with(&host, "purchase-limits", settings, &[("A", 10_000)]).await;
        let customer = id(&host.post(&shop.shop, "/v1/customers", &json!({"name": "Han Meimei"})).await.expect(201));
        let buyers: Vec<_> = (0..10).map(|number| {
            let (host, shop, customer) = (host.clone(), shop.clone(), customer.clone());
            tokio::spawn(async move { buy(&host, &shop, &customer, number).await })
        }).collect();
        let mut ordered = 0;
        for buyer in buyers {
            ordered += usize::from(buyer.await.unwrap());
        }
        assert_eq!(ordered, 3);
        let orders = host.get(&shop.staff, "/v1/orders").await.expect(200);
        assert_eq!(orders["items"].as_array().unwrap().len(), 3);
    }
}

/// Prices and places one piece as a storefront does: anew when the quote went stale, until it is ordered or refused.
async fn buy(host: &TestHost, shop: &TestShop, customer: &str, number: u32) -> bool {
    let cart = cart(host, shop, Some(customer), &[("A", 1)]).await;
    for attempt in 0..50 {
        let quote = quote(host, shop, &cart).await;
        let answer = place(host, &shop.shop, quote["id"].as_str().unwrap(), &format!("buy-{number}-{attempt}")).await;
        match (answer.status.as_u16(), answer.json()["code"].as_str()) {
            (201, _) => return true,
            (409, Some("cart-denied")) => return false,
            (409, Some("quote-stale")) | (503, _) => {}
            other => panic!("{other:?}: {}", answer.text()),
        }
    }
    panic!("cart {number} was neither ordered nor refused")
}
