//! How a capability asks plugins: one trait, which the runtime implements, so that capabilities know nothing of wasm.
//!
//! What comes back is a plugin's word and nothing more: raw numbers and texts within the runtime's bounds on size. The
//! pure rules of each point decide what of it holds.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use heptad_model::id::{CallId, InstallId, VersionId};
use heptad_model::points::FailurePolicy;
use heptad_model::{Ctx, Limit, Manifest, Millis, Point, Text};
use serde::{Deserialize, Serialize};

/// One line of a cart, as plugins see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CartLineView {
    /// The line's place, from 0.
    pub index: u32,
    /// The SKU's code.
    pub sku: String,
    /// How many.
    pub quantity: u32,
    /// The price of one in minor units, before discounts.
    pub unit_price: i64,
    /// What the line costs now, in minor units.
    pub remaining: i64,
}

/// A cart, as plugins see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CartView {
    /// The cart's id.
    pub id: String,
    /// The ISO 4217 code of every amount in it.
    pub currency: String,
    /// The customer's id; `None` for a guest.
    pub customer: Option<String>,
    /// The moment for which it is priced.
    pub at: Millis,
    /// The lines in their order.
    pub lines: Vec<CartLineView>,
}

/// What a plugin wants to take off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Value {
    /// A fixed amount in minor units.
    Amount {
        /// Minor units.
        amount: i64,
        /// ISO 4217, as the plugin wrote it.
        currency: String,
    },
    /// Hundredths of a percent.
    BasisPoints(u32),
}

/// What a plugin wants to take it off from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Targets {
    /// Every line.
    Order,
    /// These lines, by index.
    Lines(Vec<u32>),
}

/// A discount that a plugin offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// What it is taken off from.
    pub targets: Targets,
    /// How much.
    pub value: Value,
    /// Why, for the shopper.
    pub reason: Text,
}

/// Which candidates of an operation are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// All, one after the other.
    All,
    /// The first that takes anything off.
    First,
    /// The one that takes off most.
    Best,
}

/// A plugin's operation on the discounts of a cart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// The discounts on offer.
    pub candidates: Vec<Candidate>,
    /// Which of them are given.
    pub strategy: Strategy,
    /// Of all operations of a quote in one group, only the one that takes off most is given.
    pub exclusivity_group: Option<String>,
}

/// A plugin's objection to a cart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Denial {
    /// Why, for the shopper.
    pub reason: Text,
    /// The lines that it concerns; empty if the cart as a whole.
    pub lines: Vec<u32>,
}

/// A plugin that serves a point for the tenant.
#[derive(Debug, Clone)]
pub struct Serving {
    /// The install.
    pub install: InstallId,
    /// The version.
    pub version: VersionId,
    /// What the plugin says about itself; renders its texts.
    pub manifest: Arc<Manifest>,
    /// The SHA-256 of the component, in hexadecimal.
    pub digest: String,
    /// The install's own generation: it changes with every change of version, grants, settings, state or place.
    pub revision: String,
    /// What the merchant chose for points where a failure may block or not.
    pub failure: BTreeMap<Point, FailurePolicy>,
}

impl Serving {
    /// What happens when the plugin fails at the point: the merchant's choice, else the point's own policy.
    pub fn policy(&self, point: Point) -> FailurePolicy {
        self.failure.get(&point).copied().unwrap_or(point.row().failure)
    }
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "status")]
pub enum Outcome {
    /// The plugin answered.
    Answered,
    /// The plugin failed, and its effect is missing.
    Failed {
        /// A stable word for the cause, such as `fuel`, `deadline`, `memory`, `trap`, `plugin-error`.
        code: String,
        /// A sentence in English for merchant and publisher: limit, value, and what to do.
        message: String,
    },
    /// The plugin was not called.
    Skipped {
        /// A stable word for the cause, such as `quote-budget`.
        code: String,
        /// A sentence in English.
        message: String,
    },
}

/// What one call into a plugin did and cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallTrace {
    /// The call's id.
    pub call: CallId,
    /// The install.
    pub install: InstallId,
    /// The plugin's name.
    pub plugin: String,
    /// The plugin's version.
    pub version: String,
    /// The SHA-256 of the component, in hexadecimal.
    pub digest: String,
    /// The point.
    pub point: Point,
    /// How it ended.
    pub outcome: Outcome,
    /// Fuel used: about one for each wasm instruction.
    pub fuel: u64,
    /// Wall clock in microseconds, waiting for admission not counted.
    pub micros: u64,
    /// How many host functions it called.
    pub host_calls: u32,
    /// What it logged, within the limit of a call.
    pub log: Vec<String>,
    /// The most linear memory that it held, in bytes.
    #[serde(default)]
    pub peak_memory: u64,
    /// Bytes that the host handed to it.
    #[serde(default)]
    pub bytes_in: u64,
    /// Bytes that it handed to the host.
    #[serde(default)]
    pub bytes_out: u64,
    /// How long it held a transaction open, in microseconds.
    #[serde(default)]
    pub write_micros: u64,
    /// The limits that it reached, whether or not the call ended by them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<LimitReached>,
}

/// A limit that a call reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{}", .limit.diagnostic(*.most))]
pub struct LimitReached {
    /// The limit.
    pub limit: Limit,
    /// Its value for this call.
    pub most: u64,
}

/// A plugin's answer and what it cost.
#[derive(Debug)]
pub struct Answer<T> {
    /// The answer; `None` unless the outcome is [`Outcome::Answered`].
    pub value: Option<T>,
    /// What happened.
    pub trace: CallTrace,
}

/// The plugins cannot be asked: the process has not read the tenant's installs.
#[derive(Debug, Clone, thiserror::Error)]
#[error("plugins cannot be asked now: {0}")]
pub struct ExtensionsUnavailable(pub String);

/// The tenant has too many requests under way: its turn does not come soon.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the shop has too many requests under way at this moment")]
pub struct TooBusy {
    /// When to try again, in seconds.
    pub retry_after: u32,
}

/// A request's turn: held until its work is done.
pub struct Turn {
    /// Wall clock of all plugins of the request together.
    pub plugins: Duration,
    _permit: Option<Box<dyn Send + Sync>>,
}

impl Turn {
    /// A turn that ends when the permit is dropped.
    pub fn new(plugins: Duration, permit: impl Send + Sync + 'static) -> Self {
        Self { plugins, _permit: Some(Box::new(permit)) }
    }

    /// A turn where nobody waits for another, with the published time for plugins.
    pub const fn unlimited() -> Self {
        Self { plugins: Duration::from_millis(100), _permit: None }
    }
}

/// Plugins, as the capabilities ask them. A call never fails the caller: what went wrong is in the answer's trace.
pub trait Extensions: Send + Sync {
    /// Waits for the tenant's turn among all tenants. Asked before anything is read, and held until all is written, so
    /// that one tenant's flood does not take the others' share.
    fn turn(&self, _ctx: &Ctx) -> impl Future<Output = Result<Turn, TooBusy>> + Send {
        std::future::ready(Ok(Turn::unlimited()))
    }

    /// The enabled plugins that serve the point, in the tenant's order. From memory.
    fn serving(
        &self,
        ctx: &Ctx,
        point: Point,
    ) -> impl Future<Output = Result<Vec<Arc<Serving>>, ExtensionsUnavailable>> + Send;

    /// Asks a plugin for discounts. Past `until`, the budget of the whole quote, the plugin is skipped.
    fn discounts(
        &self,
        ctx: &Ctx,
        serving: &Serving,
        point: Point,
        cart: &CartView,
        until: Instant,
    ) -> impl Future<Output = Answer<Vec<Operation>>> + Send;

    /// Asks a plugin whether anything speaks against the cart.
    fn validate(
        &self,
        ctx: &Ctx,
        serving: &Serving,
        point: Point,
        cart: &CartView,
        until: Instant,
    ) -> impl Future<Output = Answer<Vec<Denial>>> + Send;
}
