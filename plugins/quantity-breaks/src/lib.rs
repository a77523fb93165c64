//! Quantity breaks: 满2件9折 (a percentage from so many pieces) and 满300减50 (an amount off from so much).
//!
//! [`rules`] makes the operations; the platform computes, rounds and spreads them.

pub mod rules;

use heptad_sdk::prelude::*;

pub use crate::rules::Settings;

/// The plugin.
#[derive(Debug)]
pub struct QuantityBreaks;

impl Discount for QuantityBreaks {
    fn discounts(host: &impl Host, point: DiscountPoint, cart: &Cart) -> Result<Vec<Operation>, Error> {
        if point != DiscountPoint::Order {
            return Ok(Vec::new());
        }
        let settings: Settings = settings(host)?;
        rules::operations(&settings, cart)
    }
}

heptad_sdk::plugin!(QuantityBreaks: discount);

#[cfg(test)]
mod tests;
