//! The plugin's logic, natively.

use hello_discount::HelloDiscount;
use heptad_sdk::fake::{Shop, price};
use heptad_sdk::prelude::*;

#[test]
fn one_yuan_off_from_ten() -> Result<(), Error> {
    let shop = Shop::new("CNY").manifest(include_str!("../plugin.toml"));
    for (amount, off) in [(999, 0), (1_000, 100), (35_700, 100)] {
        let cart = shop.cart().priced_line("TEA-1", 1, amount).build();
        let operations = HelloDiscount::discounts(&shop, DiscountPoint::Order, &cart)?;
        assert_eq!(price(&cart, &operations), [off], "{amount}");
        for operation in &operations {
            let reason = &operation.candidates[0].reason;
            assert_eq!(shop.render("zh-CN", reason), "你好，立减 1.00 CNY");
            assert_eq!(shop.render("en", reason), "Hello, 1.00 CNY off");
        }
    }
    assert!(shop.calls().is_empty());
    Ok(())
}
