//! Metering: what a tenant's plugins used, by the hour, per plugin, version and point.

use std::collections::BTreeMap;

use heptad_model::Point;
use heptad_store::Tx;
use serde_json::json;

use crate::PlatformError;

/// What is counted apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UsageKey {
    /// Hours since 1970 UTC.
    pub hour: i64,
    /// The plugin's name.
    pub plugin: String,
    /// Its version.
    pub version: String,
    /// The point.
    pub point: Point,
}

/// What was used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    /// Calls, failed ones included.
    pub calls: u64,
    /// Failed calls by the code of their outcome.
    pub failures: BTreeMap<String, u64>,
    /// Fuel.
    pub fuel: u64,
    /// Wall clock in microseconds.
    pub micros: u64,
    /// The most memory that one call held, in bytes.
    pub peak_memory: u64,
    /// Host calls.
    pub host_calls: u64,
    /// Bytes that the host handed to the plugin.
    pub bytes_in: u64,
    /// Bytes that the plugin handed to the host.
    pub bytes_out: u64,
}

impl Usage {
    /// Adds another usage; of the two peaks the higher one stays.
    pub fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        for (code, calls) in &other.failures {
            *self.failures.entry(code.clone()).or_default() += calls;
        }
        self.fuel += other.fuel;
        self.micros += other.micros;
        self.peak_memory = self.peak_memory.max(other.peak_memory);
        self.host_calls += other.host_calls;
        self.bytes_in += other.bytes_in;
        self.bytes_out += other.bytes_out;
    }
}

/// Adds to what is stored, all rows in two statements.
pub async fn usage_add(tx: &mut Tx, rows: &[(UsageKey, Usage)]) -> Result<(), PlatformError> {
    const ADD: &str = "insert into metering (tenant_id, hour, plugin, version, point, calls, failures, fuel, micros, \
                       peak_memory, host_calls, bytes_in, bytes_out) \
                       select $1, cast(json_extract(value, '$.hour') as bigint), json_extract(value, '$.plugin'), \
                       json_extract(value, '$.version'), json_extract(value, '$.point'), \
                       cast(json_extract(value, '$.calls') as bigint), cast(json_extract(value, '$.failures') as bigint), \
                       cast(json_extract(value, '$.fuel') as bigint), cast(json_extract(value, '$.micros') as bigint), \
                       cast(json_extract(value, '$.peak_memory') as bigint), \
                       cast(json_extract(value, '$.host_calls') as bigint), \
                       cast(json_extract(value, '$.bytes_in') as bigint), \
                       cast(json_extract(value, '$.bytes_out') as bigint) from json_each($2) where true \
                       on conflict (tenant_id, hour, plugin, version, point) do update set \
                       calls = metering.calls + excluded.calls, failures = metering.failures + excluded.failures, \
                       fuel = metering.fuel + excluded.fuel, micros = metering.micros + excluded.micros, \
                       peak_memory = case when excluded.peak_memory > metering.peak_memory \
                       then excluded.peak_memory else metering.peak_memory end, \
                       host_calls = metering.host_calls + excluded.host_calls, \
                       bytes_in = metering.bytes_in + excluded.bytes_in, \
                       bytes_out = metering.bytes_out + excluded.bytes_out";
    const FAILED: &str = "insert into metering_failures (tenant_id, hour, plugin, version, point, code, calls) \
                          select $1, cast(json_extract(value, '$.hour') as bigint), json_extract(value, '$.plugin'), \
                          json_extract(value, '$.version'), json_extract(value, '$.point'), \
                          json_extract(value, '$.code'), cast(json_extract(value, '$.calls') as bigint) \
                          from json_each($2) where true \
                          on conflict (tenant_id, hour, plugin, version, point, code) do update set \
                          calls = metering_failures.calls + excluded.calls";
    let row = |(key, usage): &(UsageKey, Usage)| {
        json!({
            "hour": key.hour, "plugin": key.plugin, "version": key.version, "point": key.point,
            "calls": usage.calls, "failures": usage.failures.values().sum::<u64>(), "fuel": usage.fuel,
            "micros": usage.micros, "peak_memory": usage.peak_memory, "host_calls": usage.host_calls,
            "bytes_in": usage.bytes_in, "bytes_out": usage.bytes_out,
        })
    };
    let all: Vec<_> = rows.iter().map(row).collect();
    tx.query(ADD).json(&all).execute().await?;
    let failed = rows.iter().flat_map(|(key, usage)| {
        usage.failures.iter().map(move |(code, calls)| {
            json!({
                "hour": key.hour, "plugin": key.plugin, "version": key.version, "point": key.point,
                "code": code, "calls": calls,
            })
        })
    });
    let failed: Vec<_> = failed.collect();
    if !failed.is_empty() {
        tx.query(FAILED).json(&failed).execute().await?;
    }
    Ok(())
}
