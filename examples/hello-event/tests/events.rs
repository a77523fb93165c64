//! The plugin's logic, natively.

use hello_event::HelloEvent;
use heptad_sdk::fake::Shop;
use heptad_sdk::prelude::*;
use serde_json::json;

#[test]
fn a_paid_order_gives_a_point_for_each_yuan_once() -> Result<(), Error> {
    let shop = Shop::new("CNY").manifest(include_str!("../plugin.toml")).writable().customer("cus_1", "Lin");
    for (total, points) in [(12_345, 123), (99, 123)] {
        let paid = shop.event("order.paid", "ord_1", &json!({"order": "ord_1", "customer": "cus_1", "total": total}));
        let delivery = paid.build();
        HelloEvent::handle(&shop, &delivery)?;
        HelloEvent::handle(&shop, &delivery)?;
        assert_eq!(shop.points_of("cus_1"), points, "{total}");
    }
    Ok(())
}
