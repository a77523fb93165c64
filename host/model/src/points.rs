//! The registry of extension points: what a plugin can change, and by which rules.
//!
//! A point is registered here once a host operation acts on its answer, not before. To add one: a row here, its
//! interface in `wit/points/`, its file in `host/runtime/src/points/`, and the operation of a capability that asks it.

use serde::{Deserialize, Serialize};

/// What kind of answer a point wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A pure function that returns operations.
    Calc,
    /// Allows, or denies with reasons.
    Veto,
    /// Is told of something that has happened, and may write.
    On,
    /// Does what somebody asked for, and may write.
    Act,
}

impl Kind {
    /// Whether a cart meets the point: shoppers wait for the answer, and the plugin only reads.
    pub const fn is_of_carts(self) -> bool {
        matches!(self, Self::Calc | Self::Veto)
    }
}

/// What happens when a plugin on the point fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailurePolicy {
    /// The host goes on without the plugin.
    Open,
    /// The host's operation is blocked.
    Closed,
}

/// How several plugins on one point agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConflictRule {
    /// One after the other in the merchant's order; each sees what those before it left. Exclusivity groups apply.
    Ordered,
    /// One denial is enough.
    VetoAny,
    /// Each is told, and none knows of the others.
    FanOut,
    /// The request names the plugin that it is for.
    Named,
}

/// How settled a point is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Maturity {
    /// May change with the next contract version.
    Experimental,
    /// Only grows.
    Stable,
}

/// A registered point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Point {
    /// Discounts on single lines.
    #[serde(rename = "discount.lines")]
    DiscountLines,
    /// Discounts on the order as a whole.
    #[serde(rename = "discount.order")]
    DiscountOrder,
    /// Whether a cart may become an order.
    #[serde(rename = "cart.validate-complete")]
    CartValidateComplete,
    /// Events that the plugin has subscribed to.
    #[serde(rename = "event.handle")]
    EventHandle,
    /// Work at times of its own.
    #[serde(rename = "schedule.run")]
    ScheduleRun,
    /// HTTP requests to the plugin's own routes.
    #[serde(rename = "http.route")]
    HttpRoute,
}

/// A row of the registry.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct PointRow {
    /// The name in the registry, manifests and API.
    pub name: &'static str,
    /// The WIT interface that a plugin exports, with its version; of WASI's any patch will do.
    pub interface: &'static str,
    /// The capability that asks.
    pub owner: &'static str,
    /// What kind of answer it wants.
    pub kind: Kind,
    /// Wall clock of one call in milliseconds.
    pub budget_ms: u32,
    /// What happens when a plugin fails; for vetoes the merchant may choose otherwise.
    pub failure: FailurePolicy,
    /// How several plugins agree.
    pub conflict: ConflictRule,
    /// How settled the point is.
    pub maturity: Maturity,
}

impl Point {
    /// Every registered point, those that a cart meets first, in that order.
    pub const ALL: [Self; 6] = [
        Self::DiscountLines,
        Self::DiscountOrder,
        Self::CartValidateComplete,
        Self::EventHandle,
        Self::ScheduleRun,
        Self::HttpRoute,
    ];

    /// The point's row.
    pub const fn row(self) -> PointRow {
        match self {
            Self::DiscountLines => discount("discount.lines"),
            Self::DiscountOrder => discount("discount.order"),
            Self::CartValidateComplete => PointRow {
                name: "cart.validate-complete",
                interface: "heptad:points/cart-validation@0.1.0",
                owner: "mall",
                kind: Kind::Veto,
                budget_ms: 20,
                failure: FailurePolicy::Closed,
                conflict: ConflictRule::VetoAny,
                maturity: Maturity::Experimental,
            },
            Self::EventHandle => PointRow {
                name: "event.handle",
                interface: "heptad:points/event-handler@0.1.0",
                owner: "platform",
                kind: Kind::On,
                budget_ms: 10_000,
                failure: FailurePolicy::Open,
                conflict: ConflictRule::FanOut,
                maturity: Maturity::Experimental,
            },
            Self::ScheduleRun => PointRow {
                name: "schedule.run",
                interface: "heptad:points/schedule-handler@0.1.0",
                owner: "platform",
                kind: Kind::On,
                budget_ms: 10_000,
                failure: FailurePolicy::Open,
                conflict: ConflictRule::FanOut,
                maturity: Maturity::Experimental,
            },
            Self::HttpRoute => PointRow {
                name: "http.route",
                interface: "wasi:http/incoming-handler@0.2",
                owner: "platform",
                kind: Kind::Act,
                budget_ms: 5_000,
                failure: FailurePolicy::Open,
                conflict: ConflictRule::Named,
                maturity: Maturity::Experimental,
            },
        }
    }

    /// Whether an exported interface of this name serves the point.
    pub fn is_served_by(self, export: &str) -> bool {
        let interface = self.row().interface;
        export == interface || export.strip_prefix(interface).is_some_and(|patch| patch.starts_with('.'))
    }

    /// The point's name.
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// The point with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|point| point.name() == name)
    }
}

const fn discount(name: &'static str) -> PointRow {
    PointRow {
        name,
        interface: "heptad:points/discount@0.1.0",
        owner: "mall",
        kind: Kind::Calc,
        budget_ms: 20,
        failure: FailurePolicy::Open,
        conflict: ConflictRule::Ordered,
        maturity: Maturity::Experimental,
    }
}

impl std::fmt::Display for Point {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
