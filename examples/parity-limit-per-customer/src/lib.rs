//! At most so many pieces of each product with a tag, in an order and for a customer ever.

use std::collections::BTreeMap;

use heptad_sdk::prelude::*;

/// The plugin.
#[derive(Debug)]
pub struct LimitPerCustomer;

#[derive(serde::Deserialize)]
struct Settings {
    tag: String,
    limit: i64,
}

impl CartValidation for LimitPerCustomer {
    fn validate(host: &impl Host, _: CartValidationPoint, cart: &Cart) -> Result<Vec<Denial>, Error> {
        let Settings { tag, limit } = settings(host)?;
        let mut wanted: BTreeMap<String, (i64, Vec<u32>)> = BTreeMap::new();
        for line in &cart.lines {
            let (pieces, lines) = wanted.entry(line.sku.clone()).or_default();
            *pieces += i64::from(line.quantity);
            lines.push(line.index);
        }
        let codes: Vec<String> = wanted.keys().cloned().collect();
        let limited: Vec<String> =
            host.skus(&codes)?.into_iter().filter(|sku| sku.tags.contains(&tag)).map(|sku| sku.code).collect();
        // The platform counts the customer's orders again when it places this one: ten carts at once do not pass.
        let bought = match &cart.customer {
            Some(customer) if !limited.is_empty() => host.purchased(customer, &limited, 0)?,
            _ => Vec::new(),
        };
        let denial = |sku: &String| {
            let (pieces, lines) = wanted.get(sku)?;
            let bought = bought.iter().find(|one| one.sku == *sku).map_or(0, |one| one.quantity);
            let reason = Text::new("limit").text("sku", sku).number("limit", limit).number("bought", bought);
            (bought + pieces > limit).then(|| Denial::lines(lines.iter().copied(), reason))
        };
        Ok(limited.iter().filter_map(denial).collect())
    }
}

heptad_sdk::plugin!(LimitPerCustomer: cart_validation);
