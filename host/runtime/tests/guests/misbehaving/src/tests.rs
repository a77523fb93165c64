//! The bad answers, natively; what does not come back is tested in the sandbox.

use heptad_sdk::fake::{Shop, price};
use serde_json::json;

use super::*;

const MANIFEST: &str = include_str!("../plugin.toml");

fn shop(mode: &str) -> Shop {
    Shop::new("CNY").manifest(MANIFEST).settings(&json!({ "mode": mode })).sku("A", 10_000, &[])
}

fn discounts(shop: &Shop) -> Result<Vec<Operation>, Error> {
    Misbehaving::discounts(shop, DiscountPoint::Order, &shop.cart().line("A", 1).build())
}

#[test]
fn bad_answers_are_as_bad_as_their_mode_says() {
    for (mode, off) in [
        ("none", 0),
        ("deny", 0),
        ("negative", 0),
        ("over-percent", 0),
        ("unknown-line", 0),
        ("other-currency", 0),
        ("too-large", 10_000),
        ("log-flood", 100),
        ("write", 100),
    ] {
        let shop = shop(mode);
        let cart = shop.cart().line("A", 1).build();
        assert_eq!(price(&cart, &discounts(&shop).unwrap()).iter().sum::<i64>(), off, "{mode}");
    }
    assert_eq!(discounts(&shop("error")).unwrap_err().code(), "misbehaving");
    assert_eq!(discounts(&shop("many-operations")).unwrap().len(), 2_000);
}

#[test]
fn reports_are_in_the_text() {
    for (mode, report) in [("write", "read-only"), ("read-denied", "permission-not-granted")] {
        let shop = shop(mode).without("mall.catalog.read");
        let operations = discounts(&shop).unwrap();
        assert_eq!(shop.render("en", &operations[0].candidates[0].reason), report);
        let cart = shop.cart().line("A", 1).build();
        let denials = Misbehaving::validate(&shop, CartValidationPoint::Complete, &cart).unwrap();
        assert_eq!(shop.render("en", &denials[0].reason), report);
    }
}

#[test]
fn the_mode_may_be_for_one_point_only() {
    let shop = shop("none").settings(&json!({ "mode": "write", "at": "cart.validate-complete" }));
    assert_eq!(discounts(&shop), Ok(Vec::new()));
    let cart = shop.cart().line("A", 1).build();
    assert_eq!(Misbehaving::validate(&shop, CartValidationPoint::Complete, &cart).unwrap().len(), 1);
}

#[test]
fn the_manifest_lists_every_mode() {
    let listed =
        MANIFEST.lines().skip_while(|line| !line.starts_with("enum = [")).skip(1).take_while(|line| *line != "]");
    let modes: Vec<String> = listed
        .flat_map(|line| line.split(','))
        .map(|word| word.trim().trim_matches('"').to_owned())
        .filter(|word| !word.is_empty())
        .collect();
    for mode in &modes {
        serde_json::from_value::<Mode>(json!(mode)).unwrap();
    }
    assert_eq!(modes.len(), Mode::Random as usize + 1);
}
