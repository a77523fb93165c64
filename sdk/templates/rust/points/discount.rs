//! Some percent off, from a number of pieces on.

use heptad_sdk::prelude::*;

use crate::Plugin;

/// What the merchant set.
#[derive(serde::Deserialize)]
struct Settings {
    percent: u32,
    pieces: u64,
}

impl Discount for Plugin {
    fn discounts(host: &impl Host, _: DiscountPoint, cart: &Cart) -> Result<Vec<Operation>, Error> {
        let Settings { percent, pieces } = settings(host)?;
        if cart.pieces() < pieces {
            return Ok(Vec::new());
        }
        // Hundredths of a percent; the host rounds once, for the order.
        let value = Value::BasisPoints(percent * 100);
        let pieces = i64::try_from(pieces).unwrap_or(i64::MAX);
        let reason = Text::new("pieces-off").number("percent", percent.into()).number("pieces", pieces);
        Ok(vec![Operation::one(Candidate::new(Targets::Order, value, reason))])
    }
}

#[cfg(test)]
mod tests {
    use heptad_sdk::fake::{Shop, price};

    use super::*;

    #[test]
    fn ten_percent_off_from_two_pieces() -> Result<(), Error> {
        let shop = Shop::new("CNY").manifest(include_str!("../plugin.toml")).settings(&serde_json::json!({}));
        for (pieces, off) in [(1, 0), (2, 2_000)] {
            let cart = shop.cart().priced_line("TEA-1", pieces, 10_000).build();
            let operations = Plugin::discounts(&shop, DiscountPoint::Order, &cart)?;
            assert_eq!(price(&cart, &operations), [off]);
        }
        Ok(())
    }
}
