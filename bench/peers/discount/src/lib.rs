//! The discount of `bench/guest` for peers that get the cart as JSON and answer with JSON.

use serde::{Deserialize, Serialize};

/// Lines that cost less get nothing.
const LARGE: i64 = 10_000;
/// What is taken off, in minor units.
const AMOUNT: i64 = 100;

/// The cart; further fields are passed over.
#[derive(Debug, Deserialize)]
pub struct Cart {
    /// ISO 4217.
    pub currency: String,
    /// What is in it.
    pub lines: Vec<Line>,
}

/// A line of the cart.
#[derive(Debug, Deserialize)]
pub struct Line {
    /// Its number.
    pub index: u32,
    /// The SKU's code.
    pub sku: String,
    /// How many.
    pub quantity: u32,
    /// The price of one.
    pub unit_price: i64,
    /// What is left to pay.
    pub remaining: i64,
}

/// A discount on some lines.
#[derive(Debug, Serialize, Deserialize)]
pub struct Offer {
    /// The lines.
    pub lines: Vec<u32>,
    /// What is taken off them together.
    pub amount: i64,
    /// The cart's.
    pub currency: String,
    /// The reason's code.
    pub reason: String,
    /// The reason's argument.
    pub words: usize,
}

/// The discounts on the cart; `words` is the length of what the host was asked for.
pub fn offers(cart: &Cart, words: usize) -> Vec<Offer> {
    let lines: Vec<u32> = cart.lines.iter().filter(|line| line.remaining >= LARGE).map(|line| line.index).collect();
    if lines.is_empty() {
        return Vec::new();
    }
    vec![Offer { lines, amount: AMOUNT, currency: cart.currency.clone(), reason: "bench".to_owned(), words }]
}

/// From the JSON of a cart to the JSON of its discounts.
pub fn answer(cart: &[u8]) -> Result<Vec<u8>, serde_json::Error> {
    let cart: Cart = serde_json::from_slice(cart)?;
    serde_json::to_vec(&offers(&cart, 0))
}
