//! Members who have paid an order get a tag.

use heptad_sdk::TagChange;
use heptad_sdk::prelude::*;

use crate::Plugin;

/// What `order.paid` holds, as `/v1/event-types` has it. The manifest's filter lets no event through without a customer.
#[derive(serde::Deserialize)]
struct Paid {
    customer: String,
}

impl EventHandler for Plugin {
    fn handle(host: &impl Host, delivery: &Delivery) -> Result<(), Error> {
        let Paid { customer } = delivery.event.data()?;
        Ok(host.tags_change(&[TagChange { customer, add: vec!["has-paid".to_owned()], remove: vec![] }])?)
    }
}

#[cfg(test)]
mod tests {
    use heptad_sdk::fake::Shop;

    use super::*;

    #[test]
    fn who_has_paid_is_tagged() -> Result<(), Error> {
        let shop = Shop::new("CNY").manifest(include_str!("../plugin.toml")).writable().customer("cus_1", "Lin");
        let paid = shop.event("order.paid", "ord_1", &serde_json::json!({"customer": "cus_1", "total": 100}));
        <Plugin as EventHandler>::handle(&shop, &paid.build())?;
        assert_eq!(shop.calls(), ["heptad:members/tags-write#change"]);
        Ok(())
    }
}
