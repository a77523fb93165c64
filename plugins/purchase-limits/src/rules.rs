//! What the settings mean: pure functions of values.

use std::collections::BTreeMap;

use heptad_sdk::prelude::*;
use heptad_sdk::{Purchase, Timestamp};
use serde::Deserialize;

/// A day in milliseconds.
const DAY: Timestamp = 86_400_000;

/// The merchant's settings; `plugin.toml` holds their schema.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Settings {
    /// The limits, in the merchant's order.
    pub limits: Vec<Limit>,
}

/// At most so many of a SKU for a customer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Limit {
    /// The SKU's code.
    pub sku: String,
    /// How many at most.
    pub limit: i64,
    /// Purchases of so many last days count; 0 counts all.
    pub days: u32,
}

/// A limit, and what of its SKU is in the cart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demand<'a> {
    /// The limit.
    pub limit: &'a Limit,
    /// How many the cart has, over all lines.
    pub wanted: i64,
    /// The indexes of those lines.
    pub lines: Vec<u32>,
}

/// The limits that concern the cart.
pub fn demands<'a>(settings: &'a Settings, cart: &Cart) -> Vec<Demand<'a>> {
    // By SKU first, so that many limits on many lines stay cheap.
    let mut wanted: BTreeMap<&str, (i64, Vec<u32>)> = BTreeMap::new();
    for line in &cart.lines {
        let (quantity, lines) = wanted.entry(&line.sku).or_default();
        *quantity += i64::from(line.quantity);
        lines.push(line.index);
    }
    let demand = |limit: &'a Limit| {
        let (wanted, lines) = wanted.get(limit.sku.as_str())?;
        Some(Demand { limit, wanted: *wanted, lines: lines.clone() })
    };
    settings.limits.iter().filter_map(demand).collect()
}

/// The demands by their number of days: the history is asked once for each.
pub fn by_days<'a>(demands: &[Demand<'a>]) -> BTreeMap<u32, Vec<Demand<'a>>> {
    let mut groups: BTreeMap<u32, Vec<Demand<'a>>> = BTreeMap::new();
    for demand in demands {
        groups.entry(demand.limit.days).or_default().push(demand.clone());
    }
    groups
}

/// The moment from which purchases count.
pub fn since(at: Timestamp, days: u32) -> Timestamp {
    if days == 0 { 0 } else { (at - Timestamp::from(days) * DAY).max(0) }
}

/// The denials of demands, given what the customer has bought in their time.
pub fn denials(demands: &[Demand<'_>], bought: &[Purchase]) -> Vec<Denial> {
    demands.iter().filter_map(|demand| denial(demand, bought)).collect()
}

fn denial(demand: &Demand<'_>, bought: &[Purchase]) -> Option<Denial> {
    let Limit { sku, limit, days } = demand.limit;
    let bought = bought.iter().find(|purchase| purchase.sku == *sku).map_or(0, |purchase| purchase.quantity);
    if bought.saturating_add(demand.wanted) <= *limit {
        return None;
    }
    let reason = Text::new(if *days == 0 { "limit-ever" } else { "limit-days" })
        .text("sku", sku)
        .number("limit", *limit)
        .number("days", (*days).into())
        .number("bought", bought)
        .number("wanted", demand.wanted);
    Some(Denial::lines(demand.lines.iter().copied(), reason))
}

/// The denial for guests, on all lines that have a limit.
pub fn sign_in(demands: &[Demand<'_>]) -> Denial {
    let mut lines: Vec<u32> = demands.iter().flat_map(|demand| demand.lines.iter().copied()).collect();
    lines.sort_unstable();
    lines.dedup();
    Denial::lines(lines, Text::new("sign-in"))
}
