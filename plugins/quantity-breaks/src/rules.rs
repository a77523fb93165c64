//! What the settings mean: pure functions of values.

use heptad_sdk::prelude::*;
use serde::Deserialize;

/// The merchant's settings; `plugin.toml` holds their schema.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Settings {
    /// What is given when several rules are met.
    pub strategy: Choice,
    /// Percentages by pieces.
    pub pieces: Vec<PiecesRule>,
    /// Amounts off by what the cart costs.
    pub amounts: Vec<AmountRule>,
}

/// What is given when several rules are met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Choice {
    /// The one that takes off most.
    Best,
    /// The best of each kind, percentages first.
    Both,
}

/// So many pieces give so much percent off.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PiecesRule {
    /// The number of pieces from which it holds.
    pub pieces: u32,
    /// Whole percent off, 1 to 100.
    pub percent: u32,
    /// The exclusivity group; empty for none.
    #[serde(default)]
    pub group: String,
}

/// An order of so much gets so much off.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AmountRule {
    /// What the cart must cost at least, in minor units.
    pub threshold: Minor,
    /// What is taken off, in minor units.
    pub off: Minor,
    /// The exclusivity group; empty for none.
    #[serde(default)]
    pub group: String,
}

/// A discount and its exclusivity group.
type Grouped<'a> = (&'a str, Candidate);

/// The operations for a cart: one for the rules without a group (two where both kinds are given), and one for each
/// rule with a group.
pub fn operations(settings: &Settings, cart: &Cart) -> Result<Vec<Operation>, Error> {
    let (pieces, cost) = (cart.pieces(), cart.remaining()?);
    let by_pieces = settings.pieces.iter().filter(|rule| pieces >= u64::from(rule.pieces)).map(by_pieces);
    let by_amount = settings.amounts.iter().filter(|rule| cost >= rule.threshold).map(|rule| by_amount(rule, cart));

    let mut operations = Vec::new();
    let mut grouped: Vec<Grouped<'_>> = Vec::new();
    let kinds: Vec<Vec<Grouped<'_>>> = match settings.strategy {
        Choice::Best => vec![by_pieces.chain(by_amount).collect()],
        Choice::Both => vec![by_pieces.collect(), by_amount.collect()],
    };
    for kind in kinds {
        let (alone, together): (Vec<_>, Vec<_>) = kind.into_iter().partition(|(group, _)| !group.is_empty());
        grouped.extend(alone);
        if !together.is_empty() {
            operations
                .push(Operation::new(Strategy::Best, together.into_iter().map(|(_, candidate)| candidate).collect()));
        }
    }
    operations.extend(grouped.into_iter().map(|(group, candidate)| Operation::one(candidate).in_group(group)));
    Ok(operations)
}

fn by_pieces(rule: &PiecesRule) -> Grouped<'_> {
    let reason = Text::new("pieces")
        .number("pieces", rule.pieces.into())
        .number("percent", rule.percent.into())
        .text("zhe", &zhe(rule.percent));
    (&rule.group, Candidate::new(Targets::Order, Value::percent(rule.percent), reason))
}

fn by_amount<'a>(rule: &'a AmountRule, cart: &Cart) -> Grouped<'a> {
    let off = cart.money(rule.off);
    let reason = Text::new("amount").money("threshold", cart.money(rule.threshold)).money("off", off.clone());
    (&rule.group, Candidate::new(Targets::Order, Value::amount(off), reason))
}

/// What is left of ten parts, as Chinese shops write it: 10 % off is 9折, 15 % off 85折, 95 % off 0.5折.
fn zhe(percent: u32) -> String {
    match 100_u32.saturating_sub(percent) {
        left if left % 10 == 0 => (left / 10).to_string(),
        left if left < 10 => format!("0.{left}"),
        left => left.to_string(),
    }
}
