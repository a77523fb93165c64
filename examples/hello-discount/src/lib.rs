//! One yuan off every order of at least ten (100 and 1,000 minor units: in a shop with dollars, one dollar off ten).

use heptad_sdk::prelude::*;

/// The plugin.
#[derive(Debug)]
pub struct HelloDiscount;

impl Discount for HelloDiscount {
    fn discounts(_: &impl Host, _: DiscountPoint, cart: &Cart) -> Result<Vec<Operation>, Error> {
        if cart.remaining()? < 1_000 {
            return Ok(Vec::new());
        }
        let off = cart.money(100);
        let reason = Text::new("hello").money("off", off.clone());
        Ok(vec![Operation::one(Candidate::new(Targets::Order, Value::amount(off), reason))])
    }
}

heptad_sdk::plugin!(HelloDiscount: discount);
