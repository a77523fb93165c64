//! Why a price is what it is: every plugin that was asked, what it returned and what became of it, in order.
//!
//! A quote's trace is stored with it and copied to the order, so it is rendered in every language when it is made: the
//! plugin may be gone when somebody reads it.

use std::collections::BTreeMap;

use heptad_model::text::Argument;
use heptad_model::{Locale, Manifest, Minor, Text};
use serde::{Deserialize, Serialize};

use crate::extensions::{CallTrace, Strategy, Targets, Value};

/// What the plugins did to a quote or an order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// The calls in the order of application.
    pub calls: Vec<TracedCall>,
}

/// One call and its effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TracedCall {
    /// Which plugin, which version, how it ended, and what it cost.
    pub call: CallTrace,
    /// What it wanted to take off, and what it took off.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub operations: Vec<OperationTrace>,
    /// Candidates beyond the bound of one answer; they had no effect.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub ignored_candidates: u64,
    /// What it objected to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub denials: Vec<DenialTrace>,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// An operation and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationTrace {
    /// Which candidates are given.
    pub strategy: Strategy,
    /// Its exclusivity group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exclusivity_group: Option<String>,
    /// What it would have taken off if no other operation had its group.
    pub computed: Minor,
    /// What it took off.
    pub given: Minor,
    /// The plugin whose operation was given in place of this one, of the same group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost_to: Option<String>,
    /// The discounts on offer.
    pub candidates: Vec<CandidateTrace>,
}

/// A discount on offer and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CandidateTrace {
    /// What it was to be taken off from.
    pub targets: Targets,
    /// What the plugin asked for.
    pub value: Value,
    /// Why.
    pub reason: Reason,
    /// The amount by the rules, capped at what was left.
    pub computed: Minor,
    /// What was taken off.
    pub given: Minor,
    /// How `given` is spread; lines without a share are left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shares: Vec<Share>,
    /// Whether shares are missing here because the trace holds too many.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shares_omitted: bool,
    /// Why `given` is not what was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
}

/// A line's part of a discount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// The line's index.
    pub line: u32,
    /// Minor units.
    pub amount: Minor,
}

/// Why a discount is not what the plugin asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Note {
    /// More was asked for than the targets still cost.
    Capped {
        /// Minor units asked for.
        asked: i64,
        /// What was left.
        left: Minor,
    },
    /// The candidate breaks a rule and has no effect.
    Dropped {
        /// `negative`, `basis-points`, `unknown-line`, `no-target` or `currency`.
        code: String,
        /// A sentence in English.
        message: String,
    },
    /// The strategy preferred another candidate.
    NotChosen,
    /// An operation of the same exclusivity group takes off more.
    LostExclusivity {
        /// The group.
        group: String,
        /// The plugin of the other operation.
        to: String,
    },
}

/// An objection, rendered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DenialTrace {
    /// The plugin's name.
    pub plugin: String,
    /// Why.
    pub reason: Reason,
    /// The lines that it concerns, by index; empty if the cart as a whole.
    pub lines: Vec<u32>,
}

/// A sentence of a plugin: by code for programs, in every language for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// The code in the plugin's manifest.
    pub code: String,
    /// The placeholders' names and values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<(String, Argument)>,
    /// The sentences.
    pub sentences: BTreeMap<Locale, String>,
}

impl Reason {
    /// Renders a plugin's text in every language.
    pub fn render(text: &Text, manifest: &Manifest, tenant: Locale) -> Self {
        let sentences = Locale::ALL.into_iter().map(|reader| (reader, text.render(manifest, reader, tenant))).collect();
        Self { code: text.code.clone(), arguments: text.arguments.clone(), sentences }
    }

    /// The sentence for a reader; the bare code if there is none.
    pub fn sentence(&self, reader: Locale) -> &str {
        self.sentences.get(&reader).map_or(&self.code, String::as_str)
    }
}
