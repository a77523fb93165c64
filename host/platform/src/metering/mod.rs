//! Metering: what plugins used, by tenant, hour, plugin, version and point.
//!
//! Whoever calls plugins adds up in memory and hands over sums now and then by [`usage_add`]; [`usage_read`] rolls them
//! up to hours or days, [`usage_purge`] forgets what is older than 90 days.

mod read;

use std::collections::BTreeMap;

use heptad_model::Point;
use heptad_model::retention;
use heptad_model::time::span::HOUR;
use heptad_store::{StoreError, Tx};
use serde_json::{Value, json};

use crate::PlatformError;

pub use read::{By, MAX_DAYS, MAX_HOURS, MAX_ROWS, UsageAsk, UsageRow, usage_periods, usage_read};

/// The most that one sum of one flush counts, as far as JSON carries whole numbers exactly. No hour comes near.
const MOST: u64 = (1 << 53) - 1;

/// Whose usage, and when.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UsageKey {
    /// Hours since 1970 UTC.
    pub hour: i64,
    /// The plugin's name.
    pub plugin: String,
    /// Its version.
    pub version: String,
    /// Where it was asked.
    pub point: Point,
}

/// What calls used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    /// How many calls.
    pub calls: u64,
    /// How many of them failed, by the outcome's code.
    pub failures: BTreeMap<String, u64>,
    /// Units of fuel.
    pub fuel: u64,
    /// Wall clock in microseconds.
    pub micros: u64,
    /// The most memory of any one call, in bytes.
    pub peak_memory: u64,
    /// Calls of host functions.
    pub host_calls: u64,
    /// Bytes that the host handed to the guest.
    pub bytes_in: u64,
    /// Bytes that the guest handed to the host.
    pub bytes_out: u64,
    /// How long it held transactions open, in microseconds.
    pub write_micros: u64,
}

impl Usage {
    /// Adds another's sums; of the peaks the larger stays.
    pub fn add(&mut self, other: &Self) {
        for (sum, more) in [
            (&mut self.calls, other.calls),
            (&mut self.fuel, other.fuel),
            (&mut self.micros, other.micros),
            (&mut self.host_calls, other.host_calls),
            (&mut self.bytes_in, other.bytes_in),
            (&mut self.bytes_out, other.bytes_out),
            (&mut self.write_micros, other.write_micros),
        ] {
            *sum = sum.saturating_add(more);
        }
        self.peak_memory = self.peak_memory.max(other.peak_memory);
        for (code, calls) in &other.failures {
            let sum = self.failures.entry(code.clone()).or_default();
            *sum = sum.saturating_add(*calls);
        }
    }

    /// How many calls failed, of whatever cause.
    pub fn failed(&self) -> u64 {
        self.failures.values().fold(0, |sum, calls| sum.saturating_add(*calls))
    }
}

/// Adds the sums to what is stored: two statements, however many rows. A key may stand several times.
pub async fn usage_add(tx: &mut Tx, rows: &[(UsageKey, Usage)]) -> Result<(), PlatformError> {
    // `where true` tells SQLite that the `on` which follows is no join's.
    const ADD: &str = "insert into metering (tenant_id, hour, plugin, version, point, calls, failures, fuel, micros, \
                       peak_memory, host_calls, bytes_in, bytes_out, write_micros) \
                       select $1, cast(json_extract(value, '$.hour') as bigint), json_extract(value, '$.plugin'), \
                       json_extract(value, '$.version'), json_extract(value, '$.point'), \
                       cast(json_extract(value, '$.calls') as bigint), cast(json_extract(value, '$.failures') as bigint), \
                       cast(json_extract(value, '$.fuel') as bigint), cast(json_extract(value, '$.micros') as bigint), \
                       cast(json_extract(value, '$.peak_memory') as bigint), \
                       cast(json_extract(value, '$.host_calls') as bigint), \
                       cast(json_extract(value, '$.bytes_in') as bigint), \
                       cast(json_extract(value, '$.bytes_out') as bigint), \
                       cast(json_extract(value, '$.write_micros') as bigint) from json_each($2, '$') where true \
                       on conflict (tenant_id, hour, plugin, version, point) do update set \
                       calls = metering.calls + excluded.calls, failures = metering.failures + excluded.failures, \
                       fuel = metering.fuel + excluded.fuel, micros = metering.micros + excluded.micros, \
                       peak_memory = case when excluded.peak_memory > metering.peak_memory \
                       then excluded.peak_memory else metering.peak_memory end, \
                       host_calls = metering.host_calls + excluded.host_calls, \
                       bytes_in = metering.bytes_in + excluded.bytes_in, bytes_out = metering.bytes_out + excluded.bytes_out, \
                       write_micros = metering.write_micros + excluded.write_micros";
    const ADD_FAILURES: &str = "insert into metering_failures (tenant_id, hour, plugin, version, point, code, calls) \
                                select $1, cast(json_extract(value, '$.hour') as bigint), json_extract(value, '$.plugin'), \
                                json_extract(value, '$.version'), json_extract(value, '$.point'), \
                                json_extract(value, '$.code'), cast(json_extract(value, '$.calls') as bigint) \
                                from json_each($2, '$') where true \
                                on conflict (tenant_id, hour, plugin, version, point, code) \
                                do update set calls = metering_failures.calls + excluded.calls";
    // One statement may not write a row twice; and all who write take the rows' locks in one order.
    let mut sums: BTreeMap<&UsageKey, Usage> = BTreeMap::new();
    for (key, usage) in rows {
        sums.entry(key).or_default().add(usage);
    }
    if sums.is_empty() {
        return Ok(());
    }
    let stored: Vec<Value> = sums.iter().map(|(key, usage)| row_json(key, usage)).collect();
    tx.query(ADD).json(&stored).execute().await?;
    let failures: Vec<Value> = sums.iter().flat_map(|(key, usage)| failures_json(key, usage)).collect();
    if !failures.is_empty() {
        tx.query(ADD_FAILURES).json(&failures).execute().await?;
    }
    Ok(())
}

fn row_json(key: &UsageKey, usage: &Usage) -> Value {
    json!({
        "hour": key.hour, "plugin": key.plugin, "version": key.version, "point": key.point,
        "calls": usage.calls.min(MOST), "failures": usage.failed().min(MOST), "fuel": usage.fuel.min(MOST),
        "micros": usage.micros.min(MOST), "peak_memory": usage.peak_memory.min(MOST),
        "host_calls": usage.host_calls.min(MOST), "bytes_in": usage.bytes_in.min(MOST),
        "bytes_out": usage.bytes_out.min(MOST), "write_micros": usage.write_micros.min(MOST),
    })
}

fn failures_json(key: &UsageKey, usage: &Usage) -> impl Iterator<Item = Value> {
    usage.failures.iter().map(move |(code, calls)| {
        json!({
            "hour": key.hour, "plugin": key.plugin, "version": key.version, "point": key.point,
            "code": code, "calls": (*calls).min(MOST),
        })
    })
}

/// Removes up to `most` rows of each table that are older than 90 days; how many there were.
pub async fn usage_purge(tx: &mut Tx, most: u32) -> Result<u64, StoreError> {
    const PURGE: &str = "delete from metering where tenant_id = $1 and (hour, plugin, version, point) in \
                         (select hour, plugin, version, point from metering \
                         where tenant_id = $1 and hour < $2 order by hour limit $3)";
    const PURGE_FAILURES: &str = "delete from metering_failures where tenant_id = $1 \
                                  and (hour, plugin, version, point, code) in \
                                  (select hour, plugin, version, point, code from metering_failures \
                                  where tenant_id = $1 and hour < $2 order by hour limit $3)";
    let before = tx.ctx().now().plus(-retention::METERING.millis).as_millis().div_euclid(HOUR);
    let rows = tx.query(PURGE).bind(before).bind(most).execute().await?;
    Ok(rows + tx.query(PURGE_FAILURES).bind(before).bind(most).execute().await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_add_up_and_the_larger_peak_stays() {
        let one = |code: &str, peak_memory| Usage {
            calls: 2,
            failures: BTreeMap::from([(code.to_owned(), 1)]),
            fuel: 10,
            micros: 20,
            peak_memory,
            host_calls: 3,
            bytes_in: 4,
            bytes_out: u64::MAX,
            write_micros: 5,
        };
        let mut sum = one("fuel", 100);
        sum.add(&one("trap", 90));
        sum.add(&one("trap", 110));
        let failures = BTreeMap::from([("fuel".to_owned(), 1), ("trap".to_owned(), 2)]);
        let expected = Usage {
            calls: 6,
            failures,
            fuel: 30,
            micros: 60,
            peak_memory: 110,
            host_calls: 9,
            bytes_in: 12,
            bytes_out: u64::MAX,
            write_micros: 15,
        };
        assert_eq!((sum.failed(), sum), (3, expected));
    }
}
