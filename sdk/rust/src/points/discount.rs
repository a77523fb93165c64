//! Discounts on a cart: the interface `heptad:points/discount`, points `discount.lines` and `discount.order`.

pub use crate::bindings::discount_point::exports::heptad::points::discount::{
    Candidate, Operation, Strategy, Targets, Value,
};
use crate::{Cart, Error, Host, Money, Text};

/// Which discounts are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DiscountPoint {
    /// `discount.lines`: on single lines. Asked first.
    Lines,
    /// `discount.order`: on the order as a whole. Asked when the lines have their discounts.
    Order,
}

impl DiscountPoint {
    /// The point's name in the registry and in `plugin.toml`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lines => "discount.lines",
            Self::Order => "discount.order",
        }
    }

    /// The point with this name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Lines, Self::Order].into_iter().find(|point| point.name() == name)
    }
}

/// Gives discounts on carts.
///
/// The host asks the plugins of a stage one after the other, in the merchant's order; each sees the cart as those before
/// it left it. It computes the operations, rounds once for each, spreads the amount over the lines, and never takes off
/// more than is left. A negative value, an unknown line or another currency drops the operation; the trace says so.
/// When a plugin fails, the cart is priced without it.
pub trait Discount {
    /// The discounts that the plugin gives at this point: at most 1,000 operations, each with at most 100 candidates.
    fn discounts(host: &impl Host, point: DiscountPoint, cart: &Cart) -> Result<Vec<Operation>, Error>;
}

impl Value {
    /// A whole percentage of what the targets still cost, 0 to 100.
    pub const fn percent(percent: u32) -> Self {
        Self::BasisPoints(percent.saturating_mul(100))
    }

    /// A fixed amount in the cart's currency, not negative.
    pub const fn amount(money: Money) -> Self {
        Self::Amount(money)
    }
}

impl Candidate {
    /// A discount that may be given: on what, how much, and the sentence that tells the shopper why.
    pub const fn new(targets: Targets, value: Value, reason: Text) -> Self {
        Self { targets, value, reason }
    }
}

impl Operation {
    /// A single discount.
    pub fn one(candidate: Candidate) -> Self {
        Self { candidates: vec![candidate], strategy: Strategy::All, exclusivity_group: None }
    }

    /// Several discounts, of which the strategy gives all, the first that takes anything off, or the best.
    pub const fn new(strategy: Strategy, candidates: Vec<Candidate>) -> Self {
        Self { candidates, strategy, exclusivity_group: None }
    }

    /// Puts the operation into a group: of all operations of a quote with the same group, other plugins' included,
    /// only the one that takes off most is given.
    #[must_use]
    pub fn in_group(mut self, group: impl Into<String>) -> Self {
        self.exclusivity_group = Some(group.into());
        self
    }
}

/// What the exported function answers.
#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub fn answer<P: Discount>(point: &str, cart: &Cart) -> Result<Vec<Operation>, crate::HostError> {
    let known = DiscountPoint::parse(point).ok_or_else(|| super::unknown(point))?;
    Ok(P::discounts(&crate::Component, known, cart)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        assert_eq!(DiscountPoint::parse("discount.lines"), Some(DiscountPoint::Lines));
        assert_eq!(DiscountPoint::parse("discount.order"), Some(DiscountPoint::Order));
        assert_eq!(DiscountPoint::parse("discount.shipping"), None);
    }
}
