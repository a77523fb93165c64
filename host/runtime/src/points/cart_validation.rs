//! `heptad:points/cart-validation`.

use heptad_bindings::host::heptad::types::types::Error;
use heptad_capabilities::extensions::{CartView, Denial};
use heptad_model::Point;
use wasmtime::Store;

use super::{Ask, absent, cart, cart_bytes, most, text};
use crate::call::Call;
use crate::code::Code;

/// The most denials of an answer.
const DENIALS: usize = 100;

/// Asks whether anything speaks against a cart.
pub(crate) struct Validation<'a> {
    pub(crate) point: Point,
    pub(crate) cart: &'a CartView,
}

impl Ask for Validation<'_> {
    type Reply = Vec<Denial>;

    fn bytes(&self) -> usize {
        cart_bytes(self.cart)
    }

    async fn ask(&self, code: &Code, store: &mut Store<Call>) -> wasmtime::Result<Result<Vec<Denial>, Error>> {
        let plugin = code.cart_validation.as_ref().ok_or_else(absent)?.instantiate_async(&mut *store).await?;
        let validation = plugin.heptad_points_cart_validation();
        match validation.call_validate(store, self.point.name(), &cart(self.cart)).await? {
            Ok(denials) => {
                most(&denials, DENIALS, "denials")?;
                let denials =
                    denials.into_iter().map(|denial| Ok(Denial { reason: text(denial.reason)?, lines: denial.lines }));
                denials.collect::<wasmtime::Result<_>>().map(Ok)
            }
            Err(error) => Ok(Err(error)),
        }
    }
}
