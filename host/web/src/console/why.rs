//! Why this price: a trace in the reader's words.

use std::collections::HashMap;

use heptad_capabilities::extensions::{Outcome, Strategy, Targets, Value};
use heptad_capabilities::mall::trace::{CandidateTrace, Note, OperationTrace, Trace, TracedCall};
use heptad_model::{Currency, Minor, Money};

use super::consent::point_title;
use super::i18n::Words;
use super::look::{self, Look};
use super::notice;

/// The plugins that were asked, in the order of application.
#[derive(Debug, Clone, Default)]
pub(super) struct Why {
    /// The calls.
    pub(super) calls: Vec<Call>,
}

/// One call.
#[derive(Debug, Clone)]
pub(super) struct Call {
    /// The plugin's name for people.
    pub(super) plugin: String,
    /// The plugin's name in the catalog.
    pub(super) slug: String,
    pub(super) version: String,
    /// What it was asked.
    pub(super) point: String,
    /// `good`, `bad` or `idle`.
    pub(super) state: &'static str,
    /// How it ended, in words.
    pub(super) outcome: String,
    /// What a developer wants to know of a failure.
    pub(super) detail: Option<String>,
    /// What it took off in all; empty for nothing.
    pub(super) given: String,
    /// What it offered.
    pub(super) offers: Vec<Offer>,
    /// What it objected to.
    pub(super) denials: Vec<String>,
    /// Fuel, time and host calls.
    pub(super) fuel: String,
    pub(super) time: String,
    pub(super) host_calls: u32,
    pub(super) digest: String,
    pub(super) log: Vec<String>,
}

/// A discount on offer.
#[derive(Debug, Clone)]
pub(super) struct Offer {
    /// The plugin's own sentence.
    pub(super) reason: String,
    /// What it asked for.
    pub(super) asked: String,
    /// What it took off; empty for nothing.
    pub(super) given: String,
    /// Why that is not what was asked for.
    pub(super) notes: Vec<String>,
    /// Line by line.
    pub(super) shares: Vec<String>,
}

/// A line's own discounts.
#[derive(Debug, Clone)]
pub(super) struct LinePart {
    pub(super) plugin: String,
    pub(super) reason: String,
    pub(super) given: String,
}

/// What a trace is read with.
pub(super) struct Reader<'a> {
    pub(super) words: Words,
    pub(super) look: &'a Look,
    pub(super) currency: Currency,
    /// The names of the lines.
    pub(super) lines: Vec<&'a str>,
    /// Names for people by names in the catalog.
    pub(super) names: &'a HashMap<String, String>,
}

impl Reader<'_> {
    fn name(&self, slug: &str) -> String {
        self.names.get(slug).cloned().unwrap_or_else(|| slug.to_owned())
    }

    fn line(&self, index: u32) -> String {
        self.lines.get(index as usize).map_or_else(|| format!("#{}", index + 1), |name| (*name).to_owned())
    }

    /// The trace in words.
    pub(super) fn why(&self, trace: &Trace) -> Why {
        Why { calls: trace.calls.iter().map(|call| self.call(call)).collect() }
    }

    /// What each line was given, by line.
    pub(super) fn parts(&self, trace: &Trace) -> Vec<Vec<LinePart>> {
        let mut parts: Vec<Vec<LinePart>> = vec![Vec::new(); self.lines.len()];
        for call in &trace.calls {
            for candidate in call.operations.iter().flat_map(|operation| &operation.candidates) {
                for share in &candidate.shares {
                    if let Some(line) = parts.get_mut(share.line as usize) {
                        line.push(LinePart {
                            plugin: self.name(&call.call.plugin),
                            reason: candidate.reason.sentence(self.words.locale()).to_owned(),
                            given: self.look.off(self.currency, share.amount),
                        });
                    }
                }
            }
        }
        parts
    }

    fn call(&self, traced: &TracedCall) -> Call {
        let call = &traced.call;
        let given = Minor::sum(traced.operations.iter().map(|operation| operation.given)).unwrap_or_default();
        let (state, outcome, detail) = match &call.outcome {
            Outcome::Answered if !traced.denials.is_empty() => ("bad", self.words.t("outcome-denied"), None),
            Outcome::Answered if call.point.row().kind == heptad_model::points::Kind::Veto => {
                ("good", self.words.t("outcome-agreed"), None)
            }
            Outcome::Answered if given == Minor::ZERO => ("idle", self.words.t("outcome-nothing"), None),
            Outcome::Answered => ("good", self.words.t("outcome-given"), None),
            Outcome::Failed { code, message } => {
                ("bad", self.failure("failed", code), Some(format!("{code}: {message}")))
            }
            Outcome::Skipped { code, message } => {
                ("bad", self.failure("skipped", code), Some(format!("{code}: {message}")))
            }
        };
        let mut offers: Vec<Offer> = traced.operations.iter().flat_map(|operation| self.operation(operation)).collect();
        if traced.ignored_candidates > 0 {
            let sentence = self.words.t1("why-ignored", "n", traced.ignored_candidates);
            offers.push(Offer {
                reason: sentence,
                asked: String::new(),
                given: String::new(),
                notes: Vec::new(),
                shares: Vec::new(),
            });
        }
        Call {
            plugin: self.name(&call.plugin),
            slug: call.plugin.clone(),
            version: call.version.clone(),
            point: point_title(self.words, call.point),
            state,
            outcome,
            detail,
            given: self.look.off(self.currency, given),
            offers,
            denials: traced
                .denials
                .iter()
                .map(|denial| denial.reason.sentence(self.words.locale()).to_owned())
                .collect(),
            fuel: look::count(call.fuel),
            time: look::millis(call.micros),
            host_calls: call.host_calls,
            digest: call.digest.chars().take(12).collect(),
            log: call.log.clone(),
        }
    }

    /// A failure in plain words: its own sentence where there is one, else a general one.
    fn failure(&self, how: &str, code: &str) -> String {
        let known = match how {
            "failed" => notice::known_cause(self.words, code),
            _ => self.words.known(&format!("outcome-{how}-{code}")),
        };
        known.unwrap_or_else(|| self.words.t(&format!("outcome-{how}")))
    }

    fn operation(&self, operation: &OperationTrace) -> Vec<Offer> {
        let strategy = match operation.strategy {
            Strategy::All => None,
            Strategy::First => Some(self.words.t("strategy-first")),
            Strategy::Best => Some(self.words.t("strategy-best")),
        };
        let strategy = strategy.filter(|_| operation.candidates.len() > 1);
        operation.candidates.iter().map(|candidate| self.offer(candidate, operation, strategy.as_deref())).collect()
    }

    fn offer(&self, candidate: &CandidateTrace, operation: &OperationTrace, strategy: Option<&str>) -> Offer {
        let mut notes: Vec<String> = candidate.notes.iter().map(|note| self.note(note, strategy)).collect();
        if let Some(group) = operation.exclusivity_group.as_deref().filter(|_| candidate.given > Minor::ZERO) {
            notes.push(self.words.t1("note-group", "group", group));
        }
        if candidate.shares_omitted {
            notes.push(self.words.t("note-shares-omitted"));
        }
        let share = |share: &heptad_capabilities::mall::trace::Share| {
            format!("{}  {}", self.line(share.line), self.look.off(self.currency, share.amount))
        };
        Offer {
            reason: candidate.reason.sentence(self.words.locale()).to_owned(),
            asked: self.asked(candidate),
            given: self.look.off(self.currency, candidate.given),
            notes,
            shares: if candidate.shares.len() > 1 { candidate.shares.iter().map(share).collect() } else { Vec::new() },
        }
    }

    /// `10% off the whole order`, `¥5.00 off Shirt, Hat`.
    fn asked(&self, candidate: &CandidateTrace) -> String {
        let value = match &candidate.value {
            Value::BasisPoints(points) => look::percent(*points),
            Value::Amount { amount, currency } => match (Currency::parse(currency), Minor::new(*amount)) {
                (Ok(currency), Ok(amount)) if currency == self.currency => self.look.money(currency, amount),
                (Ok(currency), Ok(amount)) => Money { amount, currency }.to_string(),
                _ => format!("{amount} {currency}"),
            },
        };
        match &candidate.targets {
            Targets::Order => self.words.t1("asked-order", "value", value),
            Targets::Lines(lines) => {
                let mut names: Vec<String> = lines.iter().take(3).map(|line| self.line(*line)).collect();
                if lines.len() > names.len() {
                    names.push(self.words.t1("asked-more", "n", lines.len() - names.len()));
                }
                self.words.t2("asked-lines", "value", value, "lines", names.join(&self.words.t("list-comma")))
            }
        }
    }

    fn note(&self, note: &Note, strategy: Option<&str>) -> String {
        match note {
            Note::Capped { asked, left } => {
                let asked = Minor::new(*asked)
                    .map_or_else(|_| asked.to_string(), |asked| self.look.money(self.currency, asked));
                self.words.t2("note-capped", "asked", asked, "left", self.look.money(self.currency, *left))
            }
            Note::Dropped { code, message } => {
                let why = self.words.known(&format!("dropped-{code}")).unwrap_or_else(|| message.clone());
                self.words.t1("note-dropped", "why", why)
            }
            Note::NotChosen => strategy.map_or_else(|| self.words.t("note-not-chosen"), str::to_owned),
            Note::LostExclusivity { group, to } => {
                self.words.t2("note-lost", "group", group.as_str(), "plugin", self.name(to))
            }
        }
    }
}
