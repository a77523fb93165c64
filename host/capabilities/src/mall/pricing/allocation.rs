//! One operation on what the lines still cost: which candidates are given, how much, and from which lines.

use heptad_model::money::{BASIS_POINTS, basis_points_of, spread};
use heptad_model::{Currency, Minor};

use super::super::trace::Note;
use crate::extensions::{Candidate, Operation, Strategy, Targets, Value};

/// What an operation comes to.
pub(super) struct Evaluated {
    /// For each candidate, in order.
    pub(super) candidates: Vec<Evaluation>,
    /// What the lines cost with the chosen candidates taken off.
    pub(super) remaining: Vec<i64>,
    /// What is taken off in all.
    pub(super) total: i64,
}

/// What a candidate comes to.
#[derive(Default)]
pub(super) struct Evaluation {
    pub(super) amount: i64,
    /// Lines with a share above zero.
    pub(super) shares: Vec<(usize, i64)>,
    pub(super) notes: Vec<Note>,
    pub(super) chosen: bool,
}

impl Evaluated {
    /// The shares of all chosen candidates together.
    pub(super) fn shares(&self) -> Vec<(usize, i64)> {
        self.candidates.iter().filter(|one| one.chosen).flat_map(|one| one.shares.iter().copied()).collect()
    }
}

/// Computes an operation on lines that cost `remaining`.
pub(super) fn evaluate(operation: &Operation, currency: Currency, mut remaining: Vec<i64>) -> Evaluated {
    let mut candidates = Vec::with_capacity(operation.candidates.len());
    for candidate in &operation.candidates {
        let mut one = allocate(candidate, currency, &remaining);
        if operation.strategy == Strategy::All {
            one.chosen = one.amount > 0;
            take(&mut remaining, &one);
        }
        candidates.push(one);
    }
    let chosen = match operation.strategy {
        Strategy::All => None,
        Strategy::First => candidates.iter().position(|one| one.amount > 0),
        // `max_by_key` gives the last of equals; the earlier one shall win.
        Strategy::Best => (0..candidates.len()).rev().max_by_key(|at| candidates[*at].amount),
    };
    if operation.strategy != Strategy::All {
        for (place, one) in candidates.iter_mut().enumerate() {
            match chosen {
                Some(chosen) if chosen == place => {
                    one.chosen = one.amount > 0;
                    take(&mut remaining, one);
                }
                _ if one.amount > 0 => one.notes.push(Note::NotChosen),
                _ => {}
            }
        }
    }
    let total = candidates.iter().filter(|one| one.chosen).map(|one| one.amount).sum();
    Evaluated { candidates, remaining, total }
}

fn take(remaining: &mut [i64], one: &Evaluation) {
    for (line, share) in &one.shares {
        remaining[*line] -= share;
    }
}

fn allocate(candidate: &Candidate, currency: Currency, remaining: &[i64]) -> Evaluation {
    let dropped = |code: &str, message: String| Evaluation {
        notes: vec![Note::Dropped { code: code.to_owned(), message }],
        ..Evaluation::default()
    };
    let targets = match targets(&candidate.targets, remaining.len()) {
        Ok(targets) if targets.is_empty() => return dropped("no-target", "the discount names no line".to_owned()),
        Ok(targets) => targets,
        Err(line) => {
            return dropped("unknown-line", format!("the cart has {} lines, none with index {line}", remaining.len()));
        }
    };
    let weights: Vec<i128> = targets.iter().map(|line| i128::from(remaining[*line])).collect();
    let left: i128 = weights.iter().sum();
    let mut notes = Vec::new();
    let amount = match &candidate.value {
        Value::Amount { amount, .. } if *amount < 0 => {
            return dropped("negative", format!("a discount of {amount} minor units is negative"));
        }
        Value::Amount { currency: found, .. } if found != currency.code() => {
            return dropped("currency", format!("the cart is in {currency}, the discount in another currency"));
        }
        Value::Amount { amount, .. } if i128::from(*amount) > left => {
            notes.push(Note::Capped { asked: *amount, left: Minor::from_wide(left).unwrap_or_default() });
            left
        }
        Value::Amount { amount, .. } => i128::from(*amount),
        Value::BasisPoints(points) if i64::from(*points) > BASIS_POINTS => {
            return dropped("basis-points", format!("{points} basis points are more than {BASIS_POINTS}"));
        }
        Value::BasisPoints(points) => basis_points_of(left, *points),
    };
    // At most what is left, and so is each share: largest remainder gives a line at most its weight rounded up.
    let narrow = |wide: i128| i64::try_from(wide).unwrap_or_default();
    let shares = targets.into_iter().zip(spread(amount, &weights)).filter(|(_, share)| *share > 0);
    Evaluation {
        amount: narrow(amount),
        shares: shares.map(|(line, share)| (line, narrow(share))).collect(),
        notes,
        chosen: false,
    }
}

/// The lines that are meant, each once, in the cart's order; the first index that is no line.
fn targets(targets: &Targets, lines: usize) -> Result<Vec<usize>, u32> {
    match targets {
        Targets::Order => Ok((0..lines).collect()),
        Targets::Lines(named) => {
            if let Some(unknown) = named.iter().find(|line| **line as usize >= lines) {
                return Err(*unknown);
            }
            let mut sorted: Vec<usize> = named.iter().map(|line| *line as usize).collect();
            sorted.sort_unstable();
            sorted.dedup();
            Ok(sorted)
        }
    }
}
