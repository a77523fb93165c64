//! A percentage off a line from a number of pieces on, for products with a tag.

use heptad_sdk::prelude::*;

/// The plugin.
#[derive(Debug)]
pub struct VolumeDiscount;

#[derive(serde::Deserialize)]
struct Settings {
    tag: String,
    breaks: Vec<Break>,
}

#[derive(serde::Deserialize)]
struct Break {
    from: u32,
    percent: u32,
}

impl Discount for VolumeDiscount {
    fn discounts(host: &impl Host, _: DiscountPoint, cart: &Cart) -> Result<Vec<Operation>, Error> {
        let Settings { tag, breaks } = settings(host)?;
        let mut codes: Vec<String> = cart.lines.iter().map(|line| line.sku.clone()).collect();
        codes.sort_unstable();
        codes.dedup();
        let tagged = host.skus(&codes)?.into_iter().filter(|sku| sku.tags.contains(&tag));
        let tagged: Vec<String> = tagged.map(|sku| sku.code).collect();
        let reached = |line: &CartLine| {
            let open = breaks.iter().filter(|one| tagged.contains(&line.sku) && one.from <= line.quantity);
            open.max_by_key(|one| one.percent)
        };
        let discount = |line: &CartLine| {
            let Break { from, percent } = reached(line)?;
            let reason = Text::new("volume").number("from", (*from).into()).number("percent", (*percent).into());
            let targets = Targets::Lines(vec![line.index]);
            Some(Operation::one(Candidate::new(targets, Value::percent(*percent), reason)))
        };
        Ok(cart.lines.iter().filter_map(discount).collect())
    }
}

heptad_sdk::plugin!(VolumeDiscount: discount);
