//! What plugins commonly ask of a cart.

use crate::money::{self, MoneyError};
use crate::{Cart, Minor, Money};

impl Cart {
    /// What the whole cart costs now: the sum of what remains of its lines.
    pub fn remaining(&self) -> Result<Minor, MoneyError> {
        money::sum(self.lines.iter().map(|line| line.remaining))
    }

    /// How many pieces are in the cart.
    pub fn pieces(&self) -> u64 {
        self.lines.iter().map(|line| u64::from(line.quantity)).sum()
    }

    /// How many pieces of this SKU are in the cart, over all its lines.
    pub fn pieces_of(&self, sku: &str) -> u64 {
        self.lines.iter().filter(|line| line.sku == sku).map(|line| u64::from(line.quantity)).sum()
    }

    /// The codes of its SKUs, each once, in alphabetical order: what batch functions of the host want.
    pub fn skus(&self) -> Vec<String> {
        let mut codes: Vec<String> = self.lines.iter().map(|line| line.sku.clone()).collect();
        codes.sort_unstable();
        codes.dedup();
        codes
    }

    /// An amount in the cart's currency.
    pub fn money(&self, amount: Minor) -> Money {
        Money::new(amount, self.currency.clone())
    }
}
