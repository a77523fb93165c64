//! Counts its runs.

use heptad_sdk::prelude::*;

use crate::Plugin;

const RUNS: &str = "runs";

impl ScheduleHandler for Plugin {
    fn run(host: &impl Host, _: &Due) -> Result<(), Error> {
        let found = host.kv_get(&[RUNS.to_owned()])?.pop();
        let runs: u64 = found.and_then(|entry| String::from_utf8(entry.value).ok()?.parse().ok()).unwrap_or_default();
        Ok(host.kv_set(&[Entry { key: RUNS.to_owned(), value: (runs + 1).to_string().into_bytes() }])?)
    }
}

#[cfg(test)]
mod tests {
    use heptad_sdk::fake::Shop;

    use super::*;

    #[test]
    fn runs_are_counted() -> Result<(), Error> {
        let shop = Shop::new("CNY").manifest(include_str!("../plugin.toml")).writable();
        for _ in 0..2 {
            Plugin::run(&shop, &shop.due("daily", 9 * 3_600_000).build())?;
        }
        assert_eq!(shop.kv_get(&[RUNS.to_owned()])?[0].value, b"2");
        Ok(())
    }
}
