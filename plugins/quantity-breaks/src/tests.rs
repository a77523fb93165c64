//! Settings and carts in, what is taken off out, on the fakes of the SDK and the manifest beside this crate.

use heptad_sdk::fake::{Shop, price};
use serde_json::{Value as Json, json};

use super::*;

fn shop() -> Shop {
    Shop::new("CNY").manifest(include_str!("../plugin.toml"))
}

fn asked(shop: &Shop, cart: &Cart) -> Vec<Operation> {
    QuantityBreaks::discounts(shop, DiscountPoint::Order, cart).unwrap()
}

/// What is taken off each line of a cart of (quantity, unit price), with these settings.
fn off(settings: Json, lines: &[(u32, i64)]) -> Vec<i64> {
    let shop = shop().settings(&settings);
    let cart =
        lines.iter().fold(shop.cart(), |cart, (quantity, price)| cart.priced_line("X", *quantity, *price)).build();
    price(&cart, &asked(&shop, &cart))
}

#[test]
fn a04_300_less_50_is_spread_by_largest_remainder() {
    let taken = off(json!({}), &[(1, 19_900), (1, 9_900), (1, 5_900)]);
    assert_eq!(taken, [2_787, 1_387, 826]);
    assert_eq!(35_700 - taken.iter().sum::<i64>(), 30_700);
}

#[test]
fn a05_the_percentage_is_rounded_once_for_the_order() {
    for (quantity, taken, net) in [(2, 7_321, 65_891), (25, 91_515, 823_635)] {
        assert_eq!(off(json!({}), &[(quantity, 36_606)]), [taken]);
        assert_eq!(i64::from(quantity) * 36_606 - taken, net);
    }
}

#[test]
fn rules_begin_at_their_threshold() {
    for (lines, taken) in [
        (vec![(1, 29_999)], 0),
        (vec![(1, 30_000)], 5_000),
        (vec![(1, 1_000), (1, 1_000)], 200),
        (vec![(2, 1_000)], 200),
        (vec![(1, 1_000)], 0),
        (vec![], 0),
    ] {
        assert_eq!(off(json!({}), &lines).iter().sum::<i64>(), taken, "{lines:?}");
    }
}

#[test]
fn the_merchant_chooses_best_or_both() {
    let lines = [(2, 20_000)];
    assert_eq!(off(json!({"strategy": "best"}), &lines), [5_000]);
    // 10 % of 400.00, then 50.00.
    assert_eq!(off(json!({"strategy": "both"}), &lines), [9_000]);
}

#[test]
fn of_several_steps_the_best_is_given() {
    let steps = json!({
        "pieces": [{"pieces": 2, "percent": 10}, {"pieces": 3, "percent": 20}, {"pieces": 9, "percent": 90}],
        "amounts": [],
    });
    for (quantity, taken) in [(1, 0), (2, 200), (3, 600), (4, 800)] {
        assert_eq!(off(steps.clone(), &[(quantity, 1_000)]), [taken], "{quantity} pieces");
    }
}

#[test]
fn a_group_excludes_its_own_and_leaves_others_alone() {
    let settings = json!({
        "pieces": [{"pieces": 2, "percent": 10, "group": "autumn"}, {"pieces": 1, "percent": 1}],
        "amounts": [{"threshold": 100, "off": 500, "group": "autumn"}],
    });
    // 1 % of 100.00 without a group, and of the group 10 % rather than 5.00: 10 % of the 99.00 that are left.
    assert_eq!(off(settings, &[(2, 5_000)]), [100 + 990]);
}

#[test]
fn the_threshold_is_judged_after_line_discounts() {
    let shop = shop();
    let cart = shop.cart().priced_line("X", 1, 30_000).less(1).build();
    assert_eq!(asked(&shop, &cart), []);
}

#[test]
fn other_stages_get_nothing() {
    let shop = shop();
    let cart = shop.cart().priced_line("X", 2, 30_000).build();
    assert_eq!(QuantityBreaks::discounts(&shop, DiscountPoint::Lines, &cart), Ok(Vec::new()));
}

#[test]
fn a_cart_beyond_the_range_of_money_is_an_error() {
    let shop = shop();
    let cart = shop.cart().priced_line("X", 1, heptad_sdk::money::MAX_SAFE).priced_line("Y", 1, 1).build();
    let error = QuantityBreaks::discounts(&shop, DiscountPoint::Order, &cart).unwrap_err();
    assert_eq!(error.code(), "amount-out-of-range");
}

#[test]
fn the_reasons_are_sentences_in_both_languages() {
    for (percent, chinese) in [(10, "满2件9折"), (15, "满2件85折"), (95, "满2件0.5折"), (100, "满2件0折")] {
        let shop = shop().settings(&json!({"strategy": "both", "pieces": [{"pieces": 2, "percent": percent}]}));
        let cart = shop.cart().priced_line("X", 2, 30_000).build();
        let operations = asked(&shop, &cart);
        assert_eq!(shop.render("zh-CN", &operations[0].candidates[0].reason), chinese);
        assert_eq!(shop.render("en", &operations[0].candidates[0].reason), format!("{percent}% off from 2 pieces"));
        assert_eq!(shop.render("zh-CN", &operations[1].candidates[0].reason), "满 300.00 CNY 减 50.00 CNY");
        assert_eq!(
            shop.render("en", &operations[1].candidates[0].reason),
            "50.00 CNY off orders of 300.00 CNY or more"
        );
    }
}
