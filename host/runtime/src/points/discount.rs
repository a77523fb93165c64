//! `heptad:points/discount`.

use heptad_bindings::discount::exports::heptad::points::discount as wit;
use heptad_bindings::host::heptad::types::types::Error;
use heptad_capabilities::extensions::{Candidate, CartView, Operation, Strategy, Targets, Value};
use heptad_model::Point;
use heptad_model::text::MAX_WORD;
use wasmtime::Store;

use super::{Ask, absent, bad, cart, cart_bytes, most, safe, text};
use crate::call::Call;
use crate::code::Code;

/// The most operations of an answer.
const OPERATIONS: usize = 1_000;
/// The most candidates of an operation.
const CANDIDATES: usize = 100;

/// Asks for discounts on a cart.
pub(crate) struct Discounts<'a> {
    pub(crate) point: Point,
    pub(crate) cart: &'a CartView,
}

impl Ask for Discounts<'_> {
    type Reply = Vec<Operation>;

    fn bytes(&self) -> usize {
        cart_bytes(self.cart)
    }

    async fn ask(&self, code: &Code, store: &mut Store<Call>) -> wasmtime::Result<Result<Vec<Operation>, Error>> {
        let plugin = code.discount.as_ref().ok_or_else(absent)?.instantiate_async(&mut *store).await?;
        let answer = plugin.heptad_points_discount().call_discounts(store, self.point.name(), &cart(self.cart)).await?;
        match answer {
            Ok(list) => {
                most(&list, OPERATIONS, "operations")?;
                list.into_iter().map(operation).collect::<wasmtime::Result<_>>().map(Ok)
            }
            Err(error) => Ok(Err(error)),
        }
    }
}

fn operation(from: wit::Operation) -> wasmtime::Result<Operation> {
    most(&from.candidates, CANDIDATES, "candidates in an operation")?;
    if from.exclusivity_group.as_ref().is_some_and(|group| group.len() > MAX_WORD) {
        return Err(bad(format!("the name of an exclusivity group has more than {MAX_WORD} bytes")));
    }
    Ok(Operation {
        candidates: from.candidates.into_iter().map(candidate).collect::<wasmtime::Result<_>>()?,
        strategy: match from.strategy {
            wit::Strategy::All => Strategy::All,
            wit::Strategy::First => Strategy::First,
            wit::Strategy::Best => Strategy::Best,
        },
        exclusivity_group: from.exclusivity_group,
    })
}

fn candidate(from: wit::Candidate) -> wasmtime::Result<Candidate> {
    Ok(Candidate {
        targets: match from.targets {
            wit::Targets::Order => Targets::Order,
            wit::Targets::Lines(lines) => Targets::Lines(lines),
        },
        value: match from.value {
            wit::Value::Amount(money) if money.currency.len() > MAX_WORD => {
                return Err(bad("the currency of an amount is not a currency"));
            }
            wit::Value::Amount(money) => Value::Amount { amount: safe(money.amount)?, currency: money.currency },
            wit::Value::BasisPoints(points) => Value::BasisPoints(points),
        },
        reason: text(from.reason)?,
    })
}
