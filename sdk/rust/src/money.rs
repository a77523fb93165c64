//! Money in whole minor units of its currency (fen, cents): checked, rounded by one rule, without floats.
//!
//! Amounts in the contract are plain [`Minor`] numbers within ±(2^53 − 1); the functions here keep them there.
//! Where a discount is a percentage, leave the computing to the host: [`Value::BasisPoints`](crate::Value) is rounded
//! and spread over the lines by the platform's rule.

use std::fmt;

use crate::{Minor, Money};

/// The largest amount of the contract: 2^53 − 1, which every guest language holds exactly.
pub const MAX_SAFE: Minor = (1 << 53) - 1;

/// Basis points in a whole: 10,000 = 100 %.
pub const BASIS_POINTS: u32 = 10_000;

/// Why an amount could not be computed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MoneyError {
    /// The result is beyond ±(2^53 − 1) minor units.
    OutOfRange(i128),
    /// Amounts of two currencies have no sum.
    CurrencyMismatch {
        /// The currency of the left amount.
        left: String,
        /// The currency of the right amount.
        right: String,
    },
}

impl fmt::Display for MoneyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfRange(amount) => write!(f, "{amount} is beyond ±{MAX_SAFE} minor units"),
            Self::CurrencyMismatch { left, right } => write!(f, "{left} and {right} cannot be added"),
        }
    }
}

impl std::error::Error for MoneyError {}

/// The amount, if it is within the range of the contract.
pub fn checked(amount: i128) -> Result<Minor, MoneyError> {
    match Minor::try_from(amount) {
        Ok(narrow) if (-MAX_SAFE..=MAX_SAFE).contains(&narrow) => Ok(narrow),
        _ => Err(MoneyError::OutOfRange(amount)),
    }
}

/// The sum of many amounts.
pub fn sum(amounts: impl IntoIterator<Item = Minor>) -> Result<Minor, MoneyError> {
    checked(amounts.into_iter().map(i128::from).sum())
}

/// So many times an amount.
pub fn times(amount: Minor, quantity: u32) -> Result<Minor, MoneyError> {
    checked(i128::from(amount) * i128::from(quantity))
}

/// So many basis points of an amount, rounded half away from zero once.
///
/// ```
/// // A05: 10 % of 2 × 366.06.
/// assert_eq!(heptad_sdk::money::basis_points_of(73_212, 1_000), Ok(7_321));
/// ```
pub fn basis_points_of(amount: Minor, points: u32) -> Result<Minor, MoneyError> {
    let product = i128::from(amount) * i128::from(points);
    let whole = i128::from(BASIS_POINTS);
    let rest = (product % whole).abs();
    checked(product / whole + if rest * 2 >= whole { product.signum() } else { 0 })
}

impl Money {
    /// An amount in minor units, and its ISO 4217 code.
    pub fn new(amount: Minor, currency: impl Into<String>) -> Self {
        Self { amount, currency: currency.into() }
    }

    /// The sum, if the currencies are the same and it is in range.
    pub fn plus(&self, other: &Self) -> Result<Self, MoneyError> {
        self.combined(other, i128::from(self.amount) + i128::from(other.amount))
    }

    /// The difference, if the currencies are the same and it is in range.
    pub fn minus(&self, other: &Self) -> Result<Self, MoneyError> {
        self.combined(other, i128::from(self.amount) - i128::from(other.amount))
    }

    /// So many times the amount, if it is in range.
    pub fn times(&self, quantity: u32) -> Result<Self, MoneyError> {
        Ok(Self::new(times(self.amount, quantity)?, self.currency.clone()))
    }

    /// So many basis points of the amount, rounded half away from zero once.
    pub fn basis_points(&self, points: u32) -> Result<Self, MoneyError> {
        Ok(Self::new(basis_points_of(self.amount, points)?, self.currency.clone()))
    }

    fn combined(&self, other: &Self, amount: i128) -> Result<Self, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::CurrencyMismatch { left: self.currency.clone(), right: other.currency.clone() });
        }
        Ok(Self::new(checked(amount)?, self.currency.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basis_points_round_half_away_from_zero() {
        for (amount, points, expected) in [
            (73_212, 1_000, 7_321),
            (915_150, 1_000, 91_515),
            (5, 1_000, 1),
            (4, 1_000, 0),
            (-5, 1_000, -1),
            (-15, 1_000, -2),
            (7, 10_000, 7),
            (7, 0, 0),
        ] {
            assert_eq!(basis_points_of(amount, points), Ok(expected), "{points} of {amount}");
        }
    }

    #[test]
    fn amounts_end_at_the_largest_safe_integer() {
        assert_eq!(checked(i128::from(MAX_SAFE)), Ok(MAX_SAFE));
        assert_eq!(checked(-i128::from(MAX_SAFE)), Ok(-MAX_SAFE));
        assert_eq!(sum([MAX_SAFE, 1]), Err(MoneyError::OutOfRange(1 << 53)));
        assert_eq!(sum([MAX_SAFE, 1, -1]), Ok(MAX_SAFE));
        assert!(times(MAX_SAFE, 2).is_err());
        assert!(basis_points_of(MAX_SAFE, u32::MAX).is_err());
    }

    #[test]
    fn currencies_do_not_mix() {
        let (yuan, dollar) = (Money::new(100, "CNY"), Money::new(100, "USD"));
        assert_eq!(yuan.plus(&yuan), Ok(Money::new(200, "CNY")));
        assert_eq!(yuan.minus(&Money::new(150, "CNY")), Ok(Money::new(-50, "CNY")));
        assert!(matches!(yuan.plus(&dollar), Err(MoneyError::CurrencyMismatch { .. })));
        assert_eq!(yuan.times(3).and_then(|money| money.basis_points(5_000)), Ok(Money::new(150, "CNY")));
    }
}
