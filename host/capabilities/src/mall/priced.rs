//! Priced lines, as quotes and orders hold them and as plugins see them.

use heptad_model::id::{CartId, CustomerId};
use heptad_model::{Currency, Millis, Minor};
use serde::{Deserialize, Serialize};

use super::pricing::Line;
use crate::extensions::{CartLineView, CartView};

/// A line with its price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PricedLine {
    /// The SKU's code.
    pub sku: String,
    /// The SKU's name at that time.
    pub name: String,
    /// How many.
    pub quantity: u32,
    /// The price of one before discounts.
    pub unit_price: Minor,
    /// Price times quantity.
    pub subtotal: Minor,
    /// What all discounts take off this line.
    pub discount: Minor,
    /// What the line costs.
    pub total: Minor,
}

impl PricedLine {
    pub(super) fn new(sku: String, name: String, line: &Line) -> Self {
        Self {
            sku,
            name,
            quantity: line.quantity,
            unit_price: line.unit_price,
            subtotal: line.subtotal,
            discount: line.discount(),
            total: line.remaining,
        }
    }
}

/// The cart as plugins see it: each line's SKU, quantity, price of one, and what it costs now.
pub(super) fn view<'a>(
    cart: CartId,
    customer: Option<CustomerId>,
    currency: Currency,
    at: Millis,
    lines: impl Iterator<Item = (&'a str, u32, Minor, Minor)>,
) -> CartView {
    let line = |(index, (sku, quantity, unit_price, remaining)): (u32, (&str, u32, Minor, Minor))| CartLineView {
        index,
        sku: sku.to_owned(),
        quantity,
        unit_price: unit_price.get(),
        remaining: remaining.get(),
    };
    CartView {
        id: cart.to_string(),
        currency: currency.code().to_owned(),
        customer: customer.map(|customer| customer.to_string()),
        at,
        lines: (0..).zip(lines).map(line).collect(),
    }
}
