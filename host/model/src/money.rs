//! Money in whole minor units, and the two roundings that the platform knows.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The largest number of the contract: 2^53 − 1, the largest integer that every guest language holds exactly.
pub const MAX_SAFE: i64 = (1 << 53) - 1;

/// Basis points in a whole: 10,000 = 100 %.
pub const BASIS_POINTS: i64 = 10_000;

/// A code is not an ISO 4217 currency.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an ISO 4217 currency code")]
pub struct CurrencyError(pub String);

/// An ISO 4217 currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency(iso_currency::Currency);

impl Currency {
    /// Reads a code such as `CNY`, in capitals.
    pub fn parse(code: &str) -> Result<Self, CurrencyError> {
        iso_currency::Currency::from_code(code)
            .filter(|currency| currency.exponent().is_some())
            .map(Self)
            .ok_or_else(|| CurrencyError(code.chars().take(16).collect()))
    }

    /// The code, such as `CNY`.
    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// The number of digits after the point, by ISO 4217: 2 for CNY, 0 for JPY.
    pub fn exponent(self) -> u32 {
        u32::from(self.0.exponent().unwrap_or_default())
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl FromStr for Currency {
    type Err = CurrencyError;
    fn from_str(code: &str) -> Result<Self, CurrencyError> {
        Self::parse(code)
    }
}

impl TryFrom<String> for Currency {
    type Error = CurrencyError;
    fn try_from(code: String) -> Result<Self, CurrencyError> {
        Self::parse(&code)
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> String {
        currency.code().to_owned()
    }
}

/// An amount is beyond ±(2^53 − 1) minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} is beyond ±9007199254740991 minor units")]
pub struct AmountError(pub i128);

/// An amount in minor units, within ±(2^53 − 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct Minor(i64);

impl Minor {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// Checks the range.
    pub fn new(amount: i64) -> Result<Self, AmountError> {
        Self::from_wide(i128::from(amount))
    }

    /// Checks the range of the result of a wider computation.
    pub fn from_wide(amount: i128) -> Result<Self, AmountError> {
        match i64::try_from(amount) {
            Ok(narrow) if (-MAX_SAFE..=MAX_SAFE).contains(&narrow) => Ok(Self(narrow)),
            _ => Err(AmountError(amount)),
        }
    }

    /// The number of minor units.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The sum, if it is in range.
    pub fn plus(self, other: Self) -> Result<Self, AmountError> {
        Self::from_wide(i128::from(self.0) + i128::from(other.0))
    }

    /// The difference, if it is in range.
    pub fn minus(self, other: Self) -> Result<Self, AmountError> {
        Self::from_wide(i128::from(self.0) - i128::from(other.0))
    }

    /// The product, if it is in range.
    pub fn times(self, quantity: u32) -> Result<Self, AmountError> {
        Self::from_wide(i128::from(self.0) * i128::from(quantity))
    }

    /// The sum of many, if it is in range.
    pub fn sum(amounts: impl IntoIterator<Item = Self>) -> Result<Self, AmountError> {
        Self::from_wide(amounts.into_iter().map(|amount| i128::from(amount.0)).sum())
    }
}

impl TryFrom<i64> for Minor {
    type Error = AmountError;
    fn try_from(amount: i64) -> Result<Self, AmountError> {
        Self::new(amount)
    }
}

impl From<Minor> for i64 {
    fn from(amount: Minor) -> i64 {
        amount.0
    }
}

impl fmt::Display for Minor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An amount and its currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    /// Minor units.
    pub amount: Minor,
    /// The currency.
    pub currency: Currency,
}

impl fmt::Display for Money {
    /// The amount in major units with the code behind it: `307.00 CNY`, `1200 JPY`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.currency.exponent();
        let unit = 10_u64.pow(digits);
        let magnitude = self.amount.get().unsigned_abs();
        let sign = if self.amount.get() < 0 { "-" } else { "" };
        if digits == 0 {
            write!(f, "{sign}{magnitude} {}", self.currency)
        } else {
            let width = digits as usize;
            write!(f, "{sign}{}.{:0width$} {}", magnitude / unit, magnitude % unit, self.currency)
        }
    }
}

/// `numerator / denominator`, rounded half away from zero. The denominator is positive.
pub fn divide_rounded(numerator: i128, denominator: i128) -> i128 {
    debug_assert!(denominator > 0, "a denominator is positive");
    let half = denominator / 2 + denominator % 2;
    let quotient = numerator / denominator;
    let rest = (numerator % denominator).abs();
    if rest >= half { quotient + numerator.signum() } else { quotient }
}

/// So many basis points of an amount, rounded half away from zero once.
pub fn basis_points_of(amount: i128, points: u32) -> i128 {
    divide_rounded(amount * i128::from(points), i128::from(BASIS_POINTS))
}

/// Spreads `total` over `weights` in proportion by largest remainder: the shares add up to the total exactly, and a
/// tie goes to the earlier one. Weights are not negative; where all are 0, they count as equal.
///
/// Without weights there are no shares. The rule and its vectors: 299 over 4300, 1400, 2300 is 161, 52, 86.
pub fn spread(total: i128, weights: &[i128]) -> Vec<i128> {
    debug_assert!(weights.iter().all(|weight| *weight >= 0), "weights are not negative");
    if weights.is_empty() {
        return Vec::new();
    }
    let sum: i128 = weights.iter().sum();
    let equal = vec![1; weights.len()];
    let (weights, sum) = if sum == 0 { (equal.as_slice(), weights.len() as i128) } else { (weights, sum) };
    let magnitude = total.abs();
    let mut shares: Vec<i128> = weights.iter().map(|weight| magnitude * weight / sum).collect();
    let rest = magnitude - shares.iter().sum::<i128>();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by_key(|index| std::cmp::Reverse(magnitude * weights[*index] % sum));
    for index in order.into_iter().take(usize::try_from(rest).unwrap_or_default()) {
        shares[index] += 1;
    }
    if total < 0 { shares.iter().map(|share| -share).collect() } else { shares }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spreads_by_largest_remainder() {
        for (total, weights, expected) in [
            (299, vec![4300, 1400, 2300], vec![161, 52, 86]),
            (299, vec![1000, 1000, 1000], vec![100, 100, 99]),
            (40, vec![10, 0], vec![40, 0]),
            (10, vec![0, 0], vec![5, 5]),
            (-299, vec![4300, 1400, 2300], vec![-161, -52, -86]),
            (5000, vec![19900, 9900, 5900], vec![2787, 1387, 826]),
            (7, vec![], vec![]),
        ] {
            assert_eq!(spread(total, &weights), expected, "{total} over {weights:?}");
        }
    }

    #[test]
    fn rounds_half_away_from_zero() {
        for (numerator, expected) in [(14, 1), (15, 2), (16, 2), (-14, -1), (-15, -2), (0, 0), (25, 3), (-25, -3)] {
            assert_eq!(divide_rounded(numerator, 10), expected, "{numerator}/10");
        }
        assert_eq!(basis_points_of(73_212, 1_000), 7_321);
        assert_eq!(basis_points_of(915_150, 1_000), 91_515);
    }

    #[test]
    fn money_is_shown_by_its_currency() {
        for (amount, code, expected) in [
            (30_700, "CNY", "307.00 CNY"),
            (-5, "USD", "-0.05 USD"),
            (1_200, "JPY", "1200 JPY"),
            (1_234, "KWD", "1.234 KWD"),
        ] {
            let money = Money { amount: Minor(amount), currency: Currency::parse(code).unwrap() };
            assert_eq!(money.to_string(), expected);
        }
    }

    #[test]
    fn amounts_end_at_the_largest_safe_integer() {
        assert!(Minor::new(MAX_SAFE).is_ok() && Minor::new(-MAX_SAFE).is_ok());
        assert_eq!(Minor::new(MAX_SAFE + 1), Err(AmountError(i128::from(MAX_SAFE) + 1)));
        assert!(Minor::new(MAX_SAFE).unwrap().plus(Minor(1)).is_err());
    }

    proptest! {
        #[test]
        fn shares_add_up_and_stay_within_one_of_their_proportion(
            total in -10_i128.pow(12)..10_i128.pow(12),
            weights in prop::collection::vec(0..10_i128.pow(9), 1..40),
        ) {
            let shares = spread(total, &weights);
            prop_assert_eq!(shares.iter().sum::<i128>(), total);
            let sum: i128 = weights.iter().sum();
            if sum > 0 {
                for (share, weight) in shares.iter().zip(&weights) {
                    prop_assert!((share.abs() * sum - total.abs() * weight).abs() < sum);
                }
            }
        }
    }
}
