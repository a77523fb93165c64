//! Settings, history and carts in, denials out, on the fakes of the SDK and the manifest beside this crate.

use heptad_sdk::fake::Shop;
use serde_json::{Value as Json, json};

use super::*;

const NOW: i64 = 1_767_225_600_000;
const DAY: i64 = 86_400_000;
const PURCHASED: &str = "heptad:mall/orders#purchased";

fn shop(limits: Json) -> Shop {
    Shop::new("CNY")
        .manifest(include_str!("../plugin.toml"))
        .settings(&json!({ "limits": limits }))
        .sku("MASK", 990, &[])
        .sku("TEA", 19_900, &[])
        .sku("BOOK", 5_900, &[])
        .customer("cus_new", "Wang")
        .purchase("cus_old", "MASK", 2, NOW - 10 * DAY)
        .purchase("cus_old", "TEA", 5, NOW - 400 * DAY)
}

fn denials(shop: &Shop, customer: Option<&str>, lines: &[(&str, u32)]) -> Vec<Denial> {
    let cart = lines.iter().fold(shop.cart().at(NOW), |cart, (sku, quantity)| cart.line(sku, *quantity));
    let cart = match customer {
        Some(id) => cart.customer(id),
        None => cart,
    };
    PurchaseLimits::validate(shop, CartValidationPoint::Complete, &cart.build()).unwrap()
}

#[test]
fn history_and_cart_count_together() {
    let shop = shop(json!([{"sku": "MASK", "limit": 3, "days": 0}]));
    for (customer, lines, denied) in [
        ("cus_new", vec![("MASK", 3)], None),
        ("cus_new", vec![("MASK", 4)], Some(vec![0])),
        ("cus_new", vec![("MASK", 2), ("TEA", 9), ("MASK", 2)], Some(vec![0, 2])),
        ("cus_old", vec![("MASK", 1)], None),
        ("cus_old", vec![("TEA", 1), ("MASK", 2)], Some(vec![1])),
        ("cus_gone", vec![("MASK", 3)], None),
        ("cus_gone", vec![("MASK", 4)], Some(vec![0])),
    ] {
        let found = denials(&shop, Some(customer), &lines);
        assert_eq!(found.first().map(|denial| denial.lines.clone()), denied, "{customer} {lines:?}");
    }
}

#[test]
fn only_the_window_counts() {
    for (days, wanted, denied) in
        [(11, 2, true), (10, 2, true), (9, 2, false), (9, 4, true), (0, 2, true), (3_650, 1, false)]
    {
        let shop = shop(json!([{"sku": "MASK", "limit": 3, "days": days}]));
        assert_eq!(
            denials(&shop, Some("cus_old"), &[("MASK", wanted)]).len(),
            usize::from(denied),
            "{days} days, {wanted}"
        );
    }
}

#[test]
fn a_sku_may_have_several_limits() {
    let shop = shop(json!([{"sku": "TEA", "limit": 2, "days": 30}, {"sku": "TEA", "limit": 6, "days": 0}]));
    assert!(denials(&shop, Some("cus_old"), &[("TEA", 1)]).is_empty());
    let codes: Vec<String> =
        denials(&shop, Some("cus_old"), &[("TEA", 3)]).into_iter().map(|denial| denial.reason.code).collect();
    assert_eq!(codes, ["limit-ever", "limit-days"]);
}

#[test]
fn the_history_is_asked_once_for_each_window() {
    let limits = json!([
        {"sku": "MASK", "limit": 9, "days": 30},
        {"sku": "TEA", "limit": 9, "days": 30},
        {"sku": "BOOK", "limit": 9},
        {"sku": "NOT-IN-CART", "limit": 9, "days": 7},
    ]);
    let shop = shop(limits);
    assert!(denials(&shop, Some("cus_old"), &[("MASK", 1), ("TEA", 1), ("BOOK", 1)]).is_empty());
    assert_eq!(shop.calls(), ["heptad:platform/settings#get", PURCHASED, PURCHASED]);
}

#[test]
fn guests_are_asked_to_sign_in_for_limited_products_only() {
    let shop = shop(
        json!([{"sku": "MASK", "limit": 3, "days": 0}, {"sku": "MASK", "limit": 1, "days": 7}, {"sku": "BOOK", "limit": 1}]),
    );
    assert!(denials(&shop, None, &[("TEA", 1)]).is_empty());
    let found = denials(&shop, None, &[("MASK", 1), ("TEA", 1), ("BOOK", 1)]);
    assert_eq!(found, [Denial::lines([0, 2], Text::new("sign-in"))]);
    assert!(!shop.calls().contains(&PURCHASED));
}

#[test]
fn without_limits_nothing_is_asked() {
    let shop = shop(json!([]));
    assert!(denials(&shop, Some("cus_old"), &[("MASK", 1_000_000)]).is_empty());
    assert!(!shop.calls().contains(&PURCHASED));
}

#[test]
fn a_host_that_cannot_answer_is_an_error() {
    let shop = shop(json!([{"sku": "MASK", "limit": 3}])).without("mall.orders.read");
    let cart = shop.cart().customer("cus_old").line("MASK", 1).build();
    let error = PurchaseLimits::validate(&shop, CartValidationPoint::Complete, &cart).unwrap_err();
    assert_eq!(error.code(), "permission-not-granted");
}

#[test]
fn the_reasons_are_sentences_in_both_languages() {
    let shop = shop(json!([{"sku": "MASK", "limit": 3, "days": 0}, {"sku": "MASK", "limit": 2, "days": 30}]));
    let found = denials(&shop, Some("cus_old"), &[("MASK", 2)]);
    assert_eq!(shop.render("zh-CN", &found[0].reason), "MASK 每人限购 3 件：您已购 2 件，本单 2 件");
    assert_eq!(
        shop.render("en", &found[0].reason),
        "MASK is limited to 3 a customer: you have bought 2, this order has 2"
    );
    assert_eq!(shop.render("zh-CN", &found[1].reason), "MASK 每人 30 天内限购 2 件：您已购 2 件，本单 2 件");
    for (locale, sentence) in [
        ("zh-CN", "购物车里有限购商品，请先登录再下单"),
        ("en", "There are limited products in the cart: please sign in to order"),
    ] {
        assert_eq!(shop.render(locale, &denials(&shop, None, &[("MASK", 1)])[0].reason), sentence);
    }
}
