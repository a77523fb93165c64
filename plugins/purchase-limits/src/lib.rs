//! Purchase limits: at most so many of a SKU for a customer, ever or within some days.
//!
//! [`rules`] decides from values; this file asks the platform for them.

pub mod rules;

use heptad_sdk::prelude::*;
use heptad_sdk::{ErrorKind, Purchase, Timestamp};

pub use crate::rules::Settings;

/// The plugin.
#[derive(Debug)]
pub struct PurchaseLimits;

impl CartValidation for PurchaseLimits {
    fn validate(host: &impl Host, _point: CartValidationPoint, cart: &Cart) -> Result<Vec<Denial>, Error> {
        let settings: Settings = settings(host)?;
        let demands = rules::demands(&settings, cart);
        if demands.is_empty() {
            return Ok(Vec::new());
        }
        let Some(customer) = &cart.customer else {
            return Ok(vec![rules::sign_in(&demands)]);
        };
        let mut denials = Vec::new();
        for (days, demands) in rules::by_days(&demands) {
            let skus: Vec<String> = demands.iter().map(|demand| demand.limit.sku.clone()).collect();
            let bought = purchased(host, customer, &skus, rules::since(cart.at, days))?;
            denials.extend(rules::denials(&demands, &bought));
        }
        Ok(denials)
    }
}

/// What the customer has bought; nothing if the shop does not know the customer.
fn purchased(host: &impl Host, customer: &str, skus: &[String], since: Timestamp) -> Result<Vec<Purchase>, Error> {
    match host.purchased(customer, skus, since) {
        Err(error) if error.kind == ErrorKind::NotFound => Ok(Vec::new()),
        answer => Ok(answer?),
    }
}

heptad_sdk::plugin!(PurchaseLimits: cart_validation);

#[cfg(test)]
mod tests;
