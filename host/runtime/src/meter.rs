//! What plugins used, kept in memory between flushes.
//!
//! A call adds a handful of numbers under one lock; nothing is written and nothing waits. What is not flushed yet is lost
//! when the process is killed: at most one interval's worth.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use heptad_capabilities::extensions::{CallTrace, Outcome};
use heptad_model::id::{TenantId, VersionId};
use heptad_model::time::span::HOUR;
use heptad_model::{Manifest, Millis, Point, Tenant};
use heptad_platform::metering::{Usage, UsageKey};
use rustc_hash::FxHashMap;

/// What is counted apart: tenant, version of a plugin, point and hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    tenant: TenantId,
    version: VersionId,
    point: Point,
    hour: i64,
}

#[derive(Debug)]
struct Entry {
    tenant: Arc<Tenant>,
    manifest: Arc<Manifest>,
    usage: Usage,
}

/// One tenant's usage since the last flush.
#[derive(Debug)]
pub(crate) struct TenantUsage {
    pub(crate) tenant: Arc<Tenant>,
    pub(crate) rows: Vec<(UsageKey, Usage)>,
}

/// The meter of a process.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    counted: Mutex<FxHashMap<Key, Entry>>,
    /// What a flush could not write.
    unwritten: Mutex<Vec<TenantUsage>>,
}

impl Meter {
    /// Adds a call that was made.
    pub(crate) fn add(
        &self,
        tenant: &Arc<Tenant>,
        version: VersionId,
        manifest: &Arc<Manifest>,
        now: Millis,
        call: &CallTrace,
    ) {
        let key = Key { tenant: tenant.id, version, point: call.point, hour: now.as_millis().div_euclid(HOUR) };
        let mut all = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = all.entry(key).or_insert_with(|| Entry {
            tenant: tenant.clone(),
            manifest: manifest.clone(),
            usage: Usage::default(),
        });
        let usage = &mut entry.usage;
        usage.calls += 1;
        if let Outcome::Failed { code, .. } | Outcome::Skipped { code, .. } = &call.outcome {
            *usage.failures.entry(code.clone()).or_default() += 1;
        }
        usage.fuel += call.fuel;
        usage.micros += call.micros;
        usage.peak_memory = usage.peak_memory.max(call.peak_memory);
        usage.host_calls += u64::from(call.host_calls);
        usage.bytes_in += call.bytes_in;
        usage.bytes_out += call.bytes_out;
        usage.write_micros += call.write_micros;
    }

    /// Takes what was counted since the last time, by tenant.
    pub(crate) fn take(&self) -> Vec<TenantUsage> {
        let all = std::mem::take(&mut *self.counted.lock().unwrap_or_else(PoisonError::into_inner));
        let unwritten = std::mem::take(&mut *self.unwritten.lock().unwrap_or_else(PoisonError::into_inner));
        let mut tenants: HashMap<TenantId, TenantUsage> =
            unwritten.into_iter().map(|usage| (usage.tenant.id, usage)).collect();
        for (key, entry) in all {
            let row = UsageKey {
                hour: key.hour,
                plugin: entry.manifest.name.clone(),
                version: entry.manifest.version.clone(),
                point: key.point,
            };
            let new = || TenantUsage { tenant: entry.tenant.clone(), rows: Vec::new() };
            tenants.entry(key.tenant).or_insert_with(new).rows.push((row, entry.usage));
        }
        let mut tenants: Vec<_> = tenants.into_values().collect();
        for tenant in &mut tenants {
            // One order for all processes, so that two that flush at once do not wait for each other in a circle.
            tenant.rows.sort_by(|one, other| one.0.cmp(&other.0));
            // While nothing can be written, what waits grows with the hours and not with the flushes.
            tenant.rows.dedup_by(|later, first| {
                let same = later.0 == first.0;
                if same {
                    first.1.add(&later.1);
                }
                same
            });
        }
        tenants
    }

    /// Keeps what could not be written for the next flush.
    pub(crate) fn put_back(&self, usage: TenantUsage) {
        self.unwritten.lock().unwrap_or_else(PoisonError::into_inner).push(usage);
    }
}

#[cfg(test)]
mod tests {
    use heptad_model::id::{CallId, InstallId};
    use heptad_model::{Currency, Env, Locale};
    use serde_json::json;

    use super::*;

    fn manifest() -> Arc<Manifest> {
        let words = json!({"name": "P", "summary": "S"});
        let text = json!({
            "name": "plain", "version": "0.1.0", "publisher": "maker", "contract": "0.1", "license": "0BSD",
            "points": ["discount.order"], "locales": {"zh-CN": words, "en": words},
        });
        Arc::new(Manifest::from_json(text.to_string().as_bytes()).expect("a manifest"))
    }

    #[test]
    fn what_cannot_be_written_waits_as_one_row_an_hour() {
        let env = Env::fixed(1);
        let tenant = Arc::new(Tenant {
            id: TenantId::generate(&env),
            publisher: None,
            currency: Currency::parse("CNY").expect("a currency"),
            time_zone: "UTC".to_owned(),
            locale: Locale::En,
        });
        let (meter, manifest, version) = (Meter::default(), manifest(), VersionId::generate(&env));
        let call = CallTrace {
            call: CallId::generate(&env),
            install: InstallId::generate(&env),
            plugin: manifest.name.clone(),
            version: manifest.version.clone(),
            digest: String::new(),
            point: Point::DiscountOrder,
            outcome: Outcome::Answered,
            fuel: 10,
            micros: 1,
            host_calls: 0,
            log: Vec::new(),
            peak_memory: 5,
            bytes_in: 0,
            bytes_out: 0,
            write_micros: 0,
            limits: Vec::new(),
        };
        for _ in 0..3 {
            meter.add(&tenant, version, &manifest, Millis::new(1), &call);
            for usage in meter.take() {
                meter.put_back(usage);
            }
        }
        meter.add(&tenant, version, &manifest, Millis::new(HOUR), &call);
        let taken = meter.take();
        let rows: Vec<_> = taken[0].rows.iter().map(|(key, usage)| (key.hour, usage.calls, usage.fuel)).collect();
        assert_eq!((taken.len(), rows), (1, vec![(0, 3, 30), (1, 1, 10)]));
        assert!(meter.take().is_empty());
    }
}
