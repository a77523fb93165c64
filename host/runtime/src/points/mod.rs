//! What a plugin may export: one file per interface, each turning the host's question into the guest's types and the
//! guest's answer, bounded, back into the host's.

pub(crate) mod cart_validation;
pub(crate) mod discount;
pub(crate) mod event_handler;
pub(crate) mod incoming_handler;
pub(crate) mod schedule_handler;

use heptad_bindings::host::heptad::mall::types as mall;
use heptad_bindings::host::heptad::types::types::{Argument as WitArgument, Error, Text as WitText};
use heptad_capabilities::extensions::{CartView, LimitReached};
use heptad_model::money::MAX_SAFE;
use heptad_model::text::{Argument, MAX_ARGUMENTS, MAX_WORD};
use heptad_model::{Currency, Minor, Money, Text};
use serde::Serialize;
use wasmtime::Store;

use crate::call::Call;
use crate::code::Code;

/// A question to a plugin on one interface.
pub(crate) trait Ask: Send {
    /// What the host gets.
    type Reply: Send + Serialize;

    /// About how many bytes the question has.
    fn bytes(&self) -> usize;

    /// Bytes that went in and out beside the gate, in streams.
    fn streamed(&self) -> (u64, u64) {
        (0, 0)
    }

    /// A limit that was reached outside of the sandbox, and ends the call.
    fn beyond(&self) -> Option<LimitReached> {
        None
    }

    /// Instantiates the component and calls its function. The inner error is the plugin's own.
    fn ask(
        &self,
        code: &Code,
        store: &mut Store<Call>,
    ) -> impl Future<Output = wasmtime::Result<Result<Self::Reply, Error>>> + Send;
}

/// The plugin's answer is not one that the contract allows; ends the call as a failure of the plugin.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct BadAnswer(String);

pub(crate) fn bad(message: impl Into<String>) -> wasmtime::Error {
    BadAnswer(message.into()).into()
}

/// The component does not export the interface, although the catalog let it in.
pub(crate) fn absent() -> wasmtime::Error {
    bad("the component does not export the point's interface")
}

fn cart(view: &CartView) -> mall::Cart {
    mall::Cart {
        id: view.id.clone(),
        currency: view.currency.clone(),
        customer: view.customer.clone(),
        at: view.at.as_millis(),
        lines: view
            .lines
            .iter()
            .map(|line| mall::CartLine {
                index: line.index,
                sku: line.sku.clone(),
                quantity: line.quantity,
                unit_price: line.unit_price,
                remaining: line.remaining,
            })
            .collect(),
    }
}

/// About how many bytes a cart has: its texts, and 32 for the numbers of a line.
pub(crate) fn cart_bytes(cart: &CartView) -> usize {
    cart.lines.iter().map(|line| line.sku.len() + 32).sum::<usize>() + cart.id.len() + 64
}

fn text(text: WitText) -> wasmtime::Result<Text> {
    if text.code.len() > MAX_WORD || text.arguments.len() > MAX_ARGUMENTS {
        return Err(bad(format!(
            "a text has a code of at most {MAX_WORD} bytes and at most {MAX_ARGUMENTS} arguments"
        )));
    }
    let arguments = text.arguments.into_iter().map(|named| {
        if named.name.len() > MAX_WORD {
            return Err(bad(format!("an argument's name has more than {MAX_WORD} bytes")));
        }
        Ok((named.name, argument(named.value)?))
    });
    Ok(Text { code: text.code, arguments: arguments.collect::<wasmtime::Result<_>>()? })
}

fn argument(value: WitArgument) -> wasmtime::Result<Argument> {
    match value {
        WitArgument::Text(text) if text.len() > MAX_WORD => {
            Err(bad(format!("a text argument has more than {MAX_WORD} bytes")))
        }
        WitArgument::Text(text) => Ok(Argument::Text(text)),
        WitArgument::Number(number) => Ok(Argument::Number(safe(number)?)),
        WitArgument::Money(money) => {
            let currency = Currency::parse(&money.currency).map_err(|error| bad(error.to_string()))?;
            let amount = Minor::new(money.amount).map_err(|error| bad(error.to_string()))?;
            Ok(Argument::Money(Money { amount, currency }))
        }
    }
}

/// A number that every guest language holds exactly.
fn safe(number: i64) -> wasmtime::Result<i64> {
    if (-MAX_SAFE..=MAX_SAFE).contains(&number) {
        Ok(number)
    } else {
        Err(bad(format!("{number} is beyond ±(2^53 − 1)")))
    }
}

fn most<T>(list: &[T], most: usize, what: &str) -> wasmtime::Result<()> {
    if list.len() > most { Err(bad(format!("{} {what}, at most {most} are allowed", list.len()))) } else { Ok(()) }
}
