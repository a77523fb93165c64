//! Whether a cart may become an order: the interface `heptad:points/cart-validation`, point `cart.validate-complete`.

pub use crate::bindings::cart_validation_point::exports::heptad::points::cart_validation::Denial;
use crate::{Cart, Error, Host, Text};

/// When the cart is validated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CartValidationPoint {
    /// `cart.validate-complete`: before it becomes an order.
    Complete,
}

impl CartValidationPoint {
    /// The point's name in the registry and in `plugin.toml`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Complete => "cart.validate-complete",
        }
    }

    /// The point with this name.
    pub fn parse(name: &str) -> Option<Self> {
        (name == Self::Complete.name()).then_some(Self::Complete)
    }
}

/// Says whether a cart may become an order.
///
/// One denial of any plugin is enough. When a plugin fails, the order is blocked, unless the merchant chose otherwise.
pub trait CartValidation {
    /// What speaks against the cart: nothing, or at most 100 denials.
    fn validate(host: &impl Host, point: CartValidationPoint, cart: &Cart) -> Result<Vec<Denial>, Error>;
}

impl Denial {
    /// Speaks against the cart as a whole.
    pub const fn cart(reason: Text) -> Self {
        Self { reason, lines: Vec::new() }
    }

    /// Speaks against these lines, named by their index.
    pub fn lines(lines: impl IntoIterator<Item = u32>, reason: Text) -> Self {
        Self { reason, lines: lines.into_iter().collect() }
    }
}

/// What the exported function answers.
#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub fn answer<P: CartValidation>(point: &str, cart: &Cart) -> Result<Vec<Denial>, crate::HostError> {
    let known = CartValidationPoint::parse(point).ok_or_else(|| super::unknown(point))?;
    Ok(P::validate(&crate::Component, known, cart)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        assert_eq!(CartValidationPoint::parse("cart.validate-complete"), Some(CartValidationPoint::Complete));
        assert_eq!(CartValidationPoint::parse("cart.validate-add"), None);
    }
}
