//! What the settings mean: pure functions of values.

use heptad_sdk::Sku;
use heptad_sdk::prelude::*;
use serde::Deserialize;

/// The merchant's settings; `plugin.toml` holds their schema.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Settings {
    /// The tag of the products that have member prices.
    pub tag: String,
    /// What each tier gets.
    pub tiers: Vec<TierPercent>,
}

/// What a tier gets.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TierPercent {
    /// The tier's code.
    pub tier: String,
    /// Whole percent off, 0 to 100.
    pub percent: u32,
}

impl Settings {
    /// The percentages that the settings name for a tier, without zeros: usually one or none.
    pub fn percents(&self, tier: &str) -> Vec<u32> {
        self.tiers.iter().filter(|row| row.tier == tier && row.percent > 0).map(|row| row.percent).collect()
    }
}

/// The indexes of the lines whose product has the tag.
pub fn tagged_lines(cart: &Cart, skus: &[Sku], tag: &str) -> Vec<u32> {
    // Sorted, so that a cart of 2,000 lines costs 2,000 searches and not 2,000 × 2,000 comparisons.
    let mut tagged: Vec<&str> =
        skus.iter().filter(|sku| sku.tags.iter().any(|own| own == tag)).map(|sku| sku.code.as_str()).collect();
    tagged.sort_unstable();
    cart.lines.iter().filter(|line| tagged.binary_search(&line.sku.as_str()).is_ok()).map(|line| line.index).collect()
}

/// The discount: a candidate for each percentage, of which the best is given; none without lines.
pub fn operation(tier: &str, percents: &[u32], lines: Vec<u32>) -> Option<Operation> {
    if lines.is_empty() || percents.is_empty() {
        return None;
    }
    let candidate = |percent: &u32| {
        let reason = Text::new("member-price").text("tier", tier).number("percent", (*percent).into());
        Candidate::new(Targets::Lines(lines.clone()), Value::percent(*percent), reason)
    };
    Some(Operation::new(Strategy::Best, percents.iter().map(candidate).collect()))
}
