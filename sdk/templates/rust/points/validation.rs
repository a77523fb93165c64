//! So many pieces in an order, and no more.

use heptad_sdk::prelude::*;

use crate::Plugin;

/// The most pieces in an order.
const MOST: u64 = 99;

impl CartValidation for Plugin {
    fn validate(_: &impl Host, _: CartValidationPoint, cart: &Cart) -> Result<Vec<Denial>, Error> {
        if cart.pieces() <= MOST {
            return Ok(Vec::new());
        }
        Ok(vec![Denial::cart(Text::new("too-many").number("most", 99))])
    }
}

#[cfg(test)]
mod tests {
    use heptad_sdk::fake::Shop;

    use super::*;

    #[test]
    fn a_hundred_pieces_are_too_many() -> Result<(), Error> {
        let shop = Shop::new("CNY").manifest(include_str!("../plugin.toml"));
        for (pieces, denials) in [(99, 0), (100, 1)] {
            let cart = shop.cart().priced_line("TEA-1", pieces, 100).build();
            assert_eq!(Plugin::validate(&shop, CartValidationPoint::Complete, &cart)?.len(), denials);
        }
        Ok(())
    }
}
