//! Settings and customers in, operations out, on the fakes of the SDK and the manifest beside this crate.

use heptad_sdk::fake::{Shop, price};
use serde_json::json;

use super::*;

fn shop() -> Shop {
    Shop::new("CNY")
        .manifest(include_str!("../plugin.toml"))
        .sku("COAT", 10_000, &["member-price", "winter"])
        .sku("SOCKS", 1_999, &["member-price"])
        .sku("GIFT-CARD", 50_000, &["no-discount"])
        .tier("cus_gold", "gold")
        .tier("cus_silver", "silver")
        .tier("cus_wood", "wood")
        .customer("cus_plain", "Lin")
}

fn check(shop: &Shop, customer: &str, expected: [i64; 3]) {
    let cart = shop.cart().customer(customer).line("COAT", 1).line("GIFT-CARD", 1).line("SOCKS", 1).build();
    let operations = MemberPricing::discounts(shop, DiscountPoint::Lines, &cart).unwrap();
    assert_eq!(price(&cart, &operations), expected, "{customer}");
}

#[test]
fn each_tier_has_its_percentage_on_tagged_products() {
    // 10 % of 119.99 is 12.00, 5 % is 6.00: rounded once, spread over the two tagged lines.
    check(&shop(), "cus_gold", [1_000, 0, 200]);
    check(&shop(), "cus_silver", [500, 0, 100]);
    check(&shop(), "cus_wood", [0, 0, 0]);
    check(&shop(), "cus_plain", [0, 0, 0]);
    check(&shop(), "cus_unknown", [0, 0, 0]);
}

#[test]
fn guests_get_nothing_and_cost_no_call() {
    let shop = shop();
    let cart = shop.cart().line("COAT", 1).build();
    assert_eq!(MemberPricing::discounts(&shop, DiscountPoint::Lines, &cart), Ok(Vec::new()));
    assert!(shop.calls().is_empty());
}

#[test]
fn other_stages_get_nothing() {
    let shop = shop();
    let cart = shop.cart().customer("cus_gold").line("COAT", 1).build();
    assert_eq!(MemberPricing::discounts(&shop, DiscountPoint::Order, &cart), Ok(Vec::new()));
}

#[test]
fn the_merchant_chooses_tag_and_percentages() {
    let tiers =
        json!([{"tier": "gold", "percent": 20}, {"tier": "gold", "percent": 30}, {"tier": "silver", "percent": 0}]);
    let shop = shop().settings(&json!({ "tag": "winter", "tiers": tiers }));
    check(&shop, "cus_gold", [3_000, 0, 0]);
    check(&shop, "cus_silver", [0, 0, 0]);
}

#[test]
fn a_large_cart_asks_once() {
    let shop = shop();
    let cart = (0..2_000).fold(shop.cart().customer("cus_gold"), |cart, _| cart.line("SOCKS", 1)).build();
    let operations = MemberPricing::discounts(&shop, DiscountPoint::Lines, &cart).unwrap();
    assert_eq!(price(&cart, &operations).iter().sum::<i64>(), 399_800);
    assert_eq!(shop.calls(), ["heptad:members/tiers#get", "heptad:platform/settings#get", "heptad:mall/catalog#skus"]);
}

#[test]
fn a_declined_permission_is_an_error() {
    let shop = shop().without("mall.catalog.read");
    let cart = shop.cart().customer("cus_gold").line("COAT", 1).build();
    let error = MemberPricing::discounts(&shop, DiscountPoint::Lines, &cart).unwrap_err();
    assert_eq!(error.code(), "permission-not-granted");
}

#[test]
fn the_reason_is_a_sentence_in_both_languages() {
    let shop = shop();
    let cart = shop.cart().customer("cus_gold").line("COAT", 1).build();
    let operations = MemberPricing::discounts(&shop, DiscountPoint::Lines, &cart).unwrap();
    let reason = &operations[0].candidates[0].reason;
    assert_eq!(shop.render("zh-CN", reason), "gold 会员价，优惠 10%");
    assert_eq!(shop.render("en", reason), "gold member price: 10% off");
}
