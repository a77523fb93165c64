//! What the benchmark calls: ten lines of logic and six host calls that a host can answer from memory.

use heptad_sdk::prelude::*;

/// The plugin.
#[derive(Debug)]
pub struct BenchGuest;

impl Discount for BenchGuest {
    fn discounts(host: &impl Host, _: DiscountPoint, cart: &Cart) -> Result<Vec<Operation>, Error> {
        let words = [
            host.reader_locale(),
            host.shop_locale(),
            host.settings(),
            host.reader_locale(),
            host.shop_locale(),
            host.settings(),
        ];
        let large: Vec<u32> =
            cart.lines.iter().filter(|line| line.remaining >= 10_000).map(|line| line.index).collect();
        if large.is_empty() {
            return Ok(Vec::new());
        }
        let reason = Text::new("bench").number("words", words.iter().map(String::len).sum::<usize>() as i64);
        Ok(vec![Operation::one(Candidate::new(Targets::Lines(large), Value::amount(cart.money(100)), reason))])
    }
}

heptad_sdk::plugin!(BenchGuest: discount);
