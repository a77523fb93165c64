//! What discounts take off a cart: pure rules.
//!
//! [`Pricing`] holds what each line still costs. Each plugin's operations are applied in turn:
//!
//! - A candidate that breaks a rule is dropped; one that asks for more than its targets still cost is capped. The trace
//!   says so.
//! - A percentage is taken once of the sum of what the targets still cost, rounded half away from zero once, and spread
//!   over them by largest remainder, in proportion to what each still costs. So a line is never negative, and the
//!   lines' discounts add up to the order's.
//! - Of all operations of a quote in one exclusivity group only the one that takes off most is given, the earlier one
//!   in a tie. A later one is computed with the earlier one's shares given back; if it takes off more, it replaces it.
//!   What other operations took off between the two stays as it is.

mod allocation;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use heptad_model::money::AmountError;
use heptad_model::{Currency, Minor, Text};

use self::allocation::{Evaluated, evaluate};
use super::trace::{CandidateTrace, Note, OperationTrace, Reason, Share};
use crate::extensions::Operation;

/// The most candidates of one plugin's answer that are looked at; it bounds the host's own work.
pub const MAX_CANDIDATES: usize = 1_000;
/// The most shares that a trace holds.
pub const MAX_SHARES: usize = 50_000;

/// A line while it is priced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// The price of one, not negative.
    pub unit_price: Minor,
    /// How many.
    pub quantity: u32,
    /// Price times quantity.
    pub subtotal: Minor,
    /// What the line still costs: 0 to `subtotal`.
    pub remaining: Minor,
}

impl Line {
    /// What was taken off.
    pub fn discount(&self) -> Minor {
        self.subtotal.minus(self.remaining).unwrap_or(self.subtotal)
    }
}

/// A cart while it is priced.
#[derive(Debug)]
pub struct Pricing {
    currency: Currency,
    lines: Vec<Line>,
    answers: Vec<Vec<OperationTrace>>,
    holders: HashMap<String, Holder>,
    shares: usize,
}

/// The operation that is given of an exclusivity group.
#[derive(Debug)]
struct Holder {
    answer: usize,
    operation: usize,
    plugin: String,
    given: i64,
    shares: Vec<(usize, i64)>,
}

impl Pricing {
    /// A cart without discounts. The sums must be within what the platform counts.
    pub fn new(currency: Currency, lines: impl IntoIterator<Item = (Minor, u32)>) -> Result<Self, AmountError> {
        let line = |(unit_price, quantity): (Minor, u32)| {
            let subtotal = unit_price.times(quantity)?;
            Ok(Line { unit_price, quantity, subtotal, remaining: subtotal })
        };
        let lines = lines.into_iter().map(line).collect::<Result<Vec<_>, AmountError>>()?;
        Minor::sum(lines.iter().map(|line| line.subtotal))?;
        Ok(Self { currency, lines, answers: Vec::new(), holders: HashMap::new(), shares: 0 })
    }

    /// The lines as they stand.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Applies a plugin's operations in their order. `render` makes sentences of its texts.
    ///
    /// The number of candidates that were not looked at, because the answer has too many.
    pub fn apply(&mut self, plugin: &str, operations: &[Operation], render: impl Fn(&Text) -> Reason) -> u64 {
        let answer = self.answers.len();
        self.answers.push(Vec::new());
        let (mut seen, mut ignored) = (0, 0);
        for operation in operations {
            seen += operation.candidates.len().max(1);
            if seen > MAX_CANDIDATES {
                ignored += operation.candidates.len() as u64;
                continue;
            }
            self.apply_one(answer, plugin, operation, &render);
        }
        ignored
    }

    fn apply_one(&mut self, answer: usize, plugin: &str, operation: &Operation, render: &impl Fn(&Text) -> Reason) {
        let mut base: Vec<i64> = self.lines.iter().map(|line| line.remaining.get()).collect();
        let group = operation.exclusivity_group.as_ref();
        let held = group.and_then(|group| self.holders.get(group));
        for (line, share) in held.iter().flat_map(|holder| &holder.shares) {
            base[*line] += share;
        }
        let held = held.map(|holder| (holder.plugin.clone(), holder.given));
        let evaluated = evaluate(operation, self.currency, base);
        let mut trace = self.trace(operation, &evaluated, render);
        let wins = held.as_ref().is_none_or(|(_, given)| evaluated.total > *given);
        if wins {
            for (line, remaining) in self.lines.iter_mut().zip(&evaluated.remaining) {
                // Within 0 and the subtotal, by the rules of `evaluate`.
                line.remaining = Minor::new(*remaining).unwrap_or(line.remaining);
            }
        } else if let (Some(group), Some((winner, _))) = (group, &held)
            && evaluated.total > 0
        {
            lose(&mut trace, group, winner);
        }
        if let (true, Some(group), true) = (wins, group, evaluated.total > 0) {
            let place = self.answers[answer].len();
            let (given, shares) = (evaluated.total, evaluated.shares());
            let holder = Holder { answer, operation: place, plugin: plugin.to_owned(), given, shares };
            if let Some(loser) = self.holders.insert(group.clone(), holder) {
                lose(&mut self.answers[loser.answer][loser.operation], group, plugin);
            }
        }
        self.answers[answer].push(trace);
    }

    fn trace(
        &mut self,
        operation: &Operation,
        evaluated: &Evaluated,
        render: &impl Fn(&Text) -> Reason,
    ) -> OperationTrace {
        let minor = |amount: i64| Minor::new(amount).unwrap_or_default();
        let mut candidates = Vec::with_capacity(operation.candidates.len());
        for (candidate, result) in operation.candidates.iter().zip(&evaluated.candidates) {
            let given = if result.chosen { result.amount } else { 0 };
            let wanted = if result.chosen { result.shares.len() } else { 0 };
            let kept = if self.shares + wanted <= MAX_SHARES { wanted } else { 0 };
            self.shares += kept;
            let shares = result.shares.iter().take(kept);
            let share = |(line, amount): &(usize, i64)| Share {
                line: u32::try_from(*line).unwrap_or(u32::MAX),
                amount: minor(*amount),
            };
            candidates.push(CandidateTrace {
                targets: candidate.targets.clone(),
                value: candidate.value.clone(),
                reason: render(&candidate.reason),
                computed: minor(result.amount),
                given: minor(given),
                shares: shares.map(share).collect(),
                shares_omitted: kept < wanted,
                notes: result.notes.clone(),
            });
        }
        OperationTrace {
            strategy: operation.strategy,
            exclusivity_group: operation.exclusivity_group.clone(),
            computed: minor(evaluated.total),
            given: minor(evaluated.total),
            lost_to: None,
            candidates,
        }
    }

    /// The lines, and what became of each plugin's operations in the order of [`Pricing::apply`].
    pub fn finish(self) -> (Vec<Line>, Vec<Vec<OperationTrace>>) {
        (self.lines, self.answers)
    }
}

/// Marks an operation whose group goes to another one.
fn lose(trace: &mut OperationTrace, group: &str, to: &str) {
    trace.given = Minor::ZERO;
    trace.lost_to = Some(to.to_owned());
    for candidate in trace.candidates.iter_mut().filter(|candidate| candidate.given > Minor::ZERO) {
        candidate.given = Minor::ZERO;
        candidate.shares.clear();
        candidate.shares_omitted = false;
        candidate.notes.push(Note::LostExclusivity { group: group.to_owned(), to: to.to_owned() });
    }
}
