//! Member pricing: a percentage per member tier on tagged products.
//!
//! [`rules`] decides from values; this file asks the platform for them.

pub mod rules;

use heptad_sdk::prelude::*;

pub use crate::rules::Settings;

/// The plugin.
#[derive(Debug)]
pub struct MemberPricing;

impl Discount for MemberPricing {
    fn discounts(host: &impl Host, point: DiscountPoint, cart: &Cart) -> Result<Vec<Operation>, Error> {
        let (DiscountPoint::Lines, Some(customer)) = (point, &cart.customer) else {
            return Ok(Vec::new());
        };
        let Some(tier) = host.tiers(std::slice::from_ref(customer))?.into_iter().find_map(|member| member.tier) else {
            return Ok(Vec::new());
        };
        let settings: Settings = settings(host)?;
        let percents = settings.percents(&tier);
        // Most customers end here; the catalog is asked only for those who may get something.
        if percents.is_empty() {
            return Ok(Vec::new());
        }
        let skus = host.skus(&cart.skus())?;
        let lines = rules::tagged_lines(cart, &skus, &settings.tag);
        Ok(rules::operation(&tier, &percents, lines).into_iter().collect())
    }
}

heptad_sdk::plugin!(MemberPricing: discount);

#[cfg(test)]
mod tests;
