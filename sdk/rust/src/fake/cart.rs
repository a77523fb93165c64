//! Carts for tests.

use super::Shop;
use crate::{Cart, CartLine, Minor, Timestamp, money};

/// A cart that is being filled.
#[derive(Debug)]
pub struct CartBuilder<'a> {
    shop: &'a Shop,
    cart: Cart,
}

impl<'a> CartBuilder<'a> {
    pub(super) fn new(shop: &'a Shop) -> Self {
        let cart = Cart {
            id: "crt_00000000000000000000000000000001".to_owned(),
            currency: shop.currency.clone(),
            customer: None,
            at: 1_767_225_600_000,
            lines: Vec::new(),
        };
        Self { shop, cart }
    }

    /// Makes it the cart of a customer; without, it is a guest's.
    #[must_use]
    pub fn customer(mut self, id: &str) -> Self {
        self.cart.customer = Some(id.to_owned());
        self
    }

    /// The moment for which it is priced; without, the beginning of 2026 (UTC).
    #[must_use]
    pub fn at(mut self, at: Timestamp) -> Self {
        self.cart.at = at;
        self
    }

    /// Adds a line at the shop's price.
    ///
    /// # Panics
    ///
    /// If the shop has no such SKU, or the line is beyond the range of money.
    #[must_use]
    #[track_caller]
    pub fn line(self, sku: &str, quantity: u32) -> Self {
        match self.shop.skus.get(sku).map(|sku| sku.price) {
            Some(price) => self.priced_line(sku, quantity, price),
            None => panic!("the shop has no SKU `{sku}`"),
        }
    }

    /// Adds a line at a price of its own.
    ///
    /// # Panics
    ///
    /// If the line is beyond the range of money.
    #[must_use]
    #[track_caller]
    pub fn priced_line(mut self, sku: &str, quantity: u32, unit_price: Minor) -> Self {
        let remaining = money::times(unit_price, quantity).unwrap_or_else(|error| panic!("{error}"));
        let index = u32::try_from(self.cart.lines.len()).unwrap_or(u32::MAX);
        self.cart.lines.push(CartLine { index, sku: sku.to_owned(), quantity, unit_price, remaining });
        self
    }

    /// Takes something off the line that was added last, as a plugin before this one would have done.
    #[must_use]
    pub fn less(mut self, amount: Minor) -> Self {
        if let Some(line) = self.cart.lines.last_mut() {
            line.remaining = line.remaining.saturating_sub(amount);
        }
        self
    }

    /// The cart.
    pub fn build(self) -> Cart {
        self.cart
    }
}
