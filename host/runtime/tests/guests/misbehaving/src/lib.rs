//! The hostile plugin: one way of misbehaving for each value of its setting `mode`.
//!
//! Built with the SDK, so that it shows what any author can do by mistake or on purpose. [`Mode`] lists the ways;
//! `hostile` holds those that do not come back, this file the bad answers.

mod hostile;
mod mode;

use heptad_sdk::prelude::*;
use heptad_sdk::{Argument, NamedArgument};

pub use crate::mode::{Mode, Settings};

/// The plugin.
#[derive(Debug)]
pub struct Misbehaving;

impl Discount for Misbehaving {
    fn discounts(host: &impl Host, point: DiscountPoint, cart: &Cart) -> Result<Vec<Operation>, Error> {
        let settings: Settings = settings(host)?;
        if !settings.applies_at(point.name()) {
            return Ok(Vec::new());
        }
        let mode = settings.mode;
        hostile::act(mode, host)?;
        // An ordinary discount of 100 minor units, but for what the mode makes wrong in it.
        let mut targets = Targets::Order;
        let mut value = Value::amount(cart.money(100));
        match mode {
            Mode::None | Mode::Deny => return Ok(Vec::new()),
            Mode::Negative => value = Value::amount(cart.money(-100)),
            Mode::OverPercent => value = Value::BasisPoints(20_000),
            Mode::UnknownLine => targets = Targets::Lines(vec![9_999]),
            Mode::OtherCurrency => {
                value = Value::amount(Money::new(100, if cart.currency == "USD" { "CNY" } else { "USD" }));
            }
            Mode::TooLarge => {
                let more = cart.remaining()?.saturating_mul(2).saturating_add(100);
                value = Value::amount(cart.money(more));
            }
            Mode::OutOfRange => value = Value::amount(cart.money(i64::MAX)),
            _ => {}
        }
        let operation = Operation::one(Candidate::new(targets, value, reason(mode, host, cart)));
        Ok(vec![operation; if mode == Mode::ManyOperations { 2_000 } else { 1 }])
    }
}

impl CartValidation for Misbehaving {
    fn validate(host: &impl Host, point: CartValidationPoint, cart: &Cart) -> Result<Vec<Denial>, Error> {
        let settings: Settings = settings(host)?;
        if !settings.applies_at(point.name()) {
            return Ok(Vec::new());
        }
        let mode = settings.mode;
        hostile::act(mode, host)?;
        let (count, lines) = match mode {
            Mode::ManyOperations => (2_000, vec![]),
            Mode::UnknownLine => (1, vec![9_999]),
            Mode::Deny | Mode::HugeAnswer | Mode::BadText | Mode::OutOfRange => (1, vec![]),
            mode if mode.reports() => (1, vec![]),
            // Wrong only in a discount.
            _ => return Ok(Vec::new()),
        };
        Ok(vec![Denial::lines(lines, reason(mode, host, cart)); count])
    }
}

/// The sentence of the answer: what a mode has to report, else the mode's own misbehaviour in a text.
fn reason(mode: Mode, host: &impl Host, cart: &Cart) -> Text {
    if let Some(report) = hostile::report(mode, host, cart) {
        return Text::new("reported").text("report", &report);
    }
    // The SDK would cut the words to what the host takes.
    let word = |bytes| NamedArgument { name: "report".to_owned(), value: Argument::Text("x".repeat(bytes)) };
    match mode {
        Mode::HugeAnswer => Text { code: "reported".to_owned(), arguments: vec![word(10 << 20)] },
        Mode::BadText => Text { code: "reported".to_owned(), arguments: vec![word(100 << 10)] },
        Mode::OutOfRange => Text::new("reported").number("report", i64::MIN),
        _ => Text::new("plain"),
    }
}

heptad_sdk::plugin!(Misbehaving: discount, cart_validation);

#[cfg(test)]
mod tests;
