//! Why a price is what it is, in the reader's language.

use heptad_capabilities::extensions::{LimitReached, Outcome, Strategy, Targets, Value as Wanted};
use heptad_capabilities::mall::trace::{CandidateTrace, DenialTrace, Note, OperationTrace, Reason, Trace, TracedCall};
use heptad_model::Locale;
use serde::Serialize;
use utoipa::ToSchema;

/// Every plugin that was asked, in the order of application.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TraceOut {
    /// The calls.
    pub calls: Vec<CallOut>,
}

/// One call into a plugin, what it cost and what became of its answer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CallOut {
    /// The call's id.
    #[schema(example = "cal_019380c2f2b07d1c8a4b9e5f60718293")]
    pub id: String,
    /// The install.
    pub install: String,
    /// The plugin's name.
    #[schema(example = "member-pricing")]
    pub plugin: String,
    /// The plugin's version.
    #[schema(example = "0.1.0")]
    pub version: String,
    /// SHA-256 of the component, in hexadecimal digits.
    pub digest: String,
    /// The point.
    #[schema(example = "discount.lines")]
    pub point: &'static str,
    /// `answered`, `failed` or `skipped`.
    #[schema(example = "answered")]
    pub status: &'static str,
    /// Why it failed or was skipped, as a stable word.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "fuel")]
    pub code: Option<String>,
    /// Why it failed or was skipped, as a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Fuel used: about one for each wasm instruction.
    pub fuel: u64,
    /// Wall clock in microseconds.
    pub micros: u64,
    /// How many host functions it called.
    pub host_calls: u32,
    /// The most linear memory that it held, in bytes.
    pub peak_memory: u64,
    /// Bytes that the host handed to it.
    pub bytes_in: u64,
    /// Bytes that it handed to the host.
    pub bytes_out: u64,
    /// The limits that it reached: limit, value, and what to do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<LimitReachedOut>,
    /// What it logged.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<String>,
    /// What it wanted to take off, and what it took off.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub operations: Vec<OperationOut>,
    /// Candidates beyond the bound of one answer, which had no effect.
    pub ignored_candidates: u64,
    /// What it objected to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub denials: Vec<DenialOut>,
}

/// A limit that a call reached.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LimitReachedOut {
    /// The limit's stable word.
    #[schema(example = "fuel")]
    pub limit: &'static str,
    /// Its value for this call.
    pub most: u64,
    /// A sentence that says limit, value and what to do.
    pub message: String,
}

/// An operation and what became of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OperationOut {
    /// Which candidates are given: `all`, `first` or `best`.
    #[schema(example = "all")]
    pub strategy: &'static str,
    /// Its exclusivity group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exclusivity_group: Option<String>,
    /// What it would have taken off alone in its group, in minor units.
    pub computed: i64,
    /// What it took off, in minor units.
    pub given: i64,
    /// The plugin whose operation was given in place of this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost_to: Option<String>,
    /// The discounts on offer.
    pub candidates: Vec<CandidateOut>,
}

/// A discount on offer and what became of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CandidateOut {
    /// The lines that it was to be taken off from, by index; absent when from the order as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_lines: Option<Vec<u32>>,
    /// The minor units that the plugin asked for; absent when it asked for a percentage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<i64>,
    /// The currency of that amount, as the plugin wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// The hundredths of a percent that the plugin asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub basis_points: Option<u32>,
    /// Why.
    pub reason: ReasonOut,
    /// The amount by the rules, capped at what was left, in minor units.
    pub computed: i64,
    /// What was taken off, in minor units.
    pub given: i64,
    /// How `given` is spread over the lines.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shares: Vec<ShareOut>,
    /// Whether shares are missing here because the trace holds too many.
    pub shares_omitted: bool,
    /// Why `given` is not what was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<NoteOut>,
}

/// A line's part of a discount.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ShareOut {
    /// The line's index.
    pub line: u32,
    /// Minor units.
    pub amount: i64,
}

/// Why a discount is not what the plugin asked for.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum NoteOut {
    /// More was asked for than the targets still cost.
    Capped {
        /// Minor units asked for.
        asked: i64,
        /// What was left, in minor units.
        left: i64,
    },
    /// The candidate breaks a rule and has no effect.
    Dropped {
        /// Which rule, as a stable word: `negative`, `basis-points`, `unknown-line`, `no-target` or `currency`.
        code: String,
        /// Which rule, as a sentence.
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

/// An objection.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DenialOut {
    /// Why.
    pub reason: ReasonOut,
    /// The lines that it concerns, by index; empty if the cart as a whole.
    pub lines: Vec<u32>,
}

/// A sentence of a plugin.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReasonOut {
    /// The code in the plugin's manifest.
    #[schema(example = "member-price")]
    pub code: String,
    /// The sentence in the reader's language.
    #[schema(example = "gold member price: 10% off")]
    pub sentence: String,
}

impl TraceOut {
    /// In the reader's language.
    pub(crate) fn new(trace: Trace, reader: Locale) -> Self {
        Self { calls: trace.calls.into_iter().map(|call| call_out(call, reader)).collect() }
    }
}

fn call_out(traced: TracedCall, reader: Locale) -> CallOut {
    let call = traced.call;
    let (status, code, message) = match call.outcome {
        Outcome::Answered => ("answered", None, None),
        Outcome::Failed { code, message } => ("failed", Some(code), Some(message)),
        Outcome::Skipped { code, message } => ("skipped", Some(code), Some(message)),
    };
    CallOut {
        id: call.call.to_string(),
        install: call.install.to_string(),
        plugin: call.plugin,
        version: call.version,
        digest: call.digest,
        point: call.point.name(),
        status,
        code,
        message,
        fuel: call.fuel,
        micros: call.micros,
        host_calls: call.host_calls,
        peak_memory: call.peak_memory,
        bytes_in: call.bytes_in,
        bytes_out: call.bytes_out,
        limits: call.limits.into_iter().map(limit).collect(),
        log: call.log,
        operations: traced.operations.into_iter().map(|operation| operation_out(operation, reader)).collect(),
        ignored_candidates: traced.ignored_candidates,
        denials: traced.denials.into_iter().map(|denial| denial_out(denial, reader)).collect(),
    }
}

fn operation_out(operation: OperationTrace, reader: Locale) -> OperationOut {
    OperationOut {
        strategy: match operation.strategy {
            Strategy::All => "all",
            Strategy::First => "first",
            Strategy::Best => "best",
        },
        exclusivity_group: operation.exclusivity_group,
        computed: operation.computed.get(),
        given: operation.given.get(),
        lost_to: operation.lost_to,
        candidates: operation.candidates.into_iter().map(|candidate| candidate_out(candidate, reader)).collect(),
    }
}

fn candidate_out(candidate: CandidateTrace, reader: Locale) -> CandidateOut {
    let (amount, currency, basis_points) = match candidate.value {
        Wanted::Amount { amount, currency } => (Some(amount), Some(currency), None),
        Wanted::BasisPoints(points) => (None, None, Some(points)),
    };
    CandidateOut {
        target_lines: match candidate.targets {
            Targets::Order => None,
            Targets::Lines(lines) => Some(lines),
        },
        amount,
        currency,
        basis_points,
        reason: reason_out(&candidate.reason, reader),
        computed: candidate.computed.get(),
        given: candidate.given.get(),
        shares: candidate
            .shares
            .iter()
            .map(|share| ShareOut { line: share.line, amount: share.amount.get() })
            .collect(),
        shares_omitted: candidate.shares_omitted,
        notes: candidate.notes.into_iter().map(note_out).collect(),
    }
}

fn note_out(note: Note) -> NoteOut {
    match note {
        Note::Capped { asked, left } => NoteOut::Capped { asked, left: left.get() },
        Note::Dropped { code, message } => NoteOut::Dropped { code, message },
        Note::NotChosen => NoteOut::NotChosen,
        Note::LostExclusivity { group, to } => NoteOut::LostExclusivity { group, to },
    }
}

fn denial_out(denial: DenialTrace, reader: Locale) -> DenialOut {
    DenialOut { reason: reason_out(&denial.reason, reader), lines: denial.lines }
}

fn limit(reached: LimitReached) -> LimitReachedOut {
    LimitReachedOut { limit: reached.limit.code(), most: reached.most, message: reached.to_string() }
}

fn reason_out(reason: &Reason, reader: Locale) -> ReasonOut {
    ReasonOut { code: reason.code.clone(), sentence: reason.sentence(reader).to_owned() }
}
