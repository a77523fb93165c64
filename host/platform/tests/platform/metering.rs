//! Metering: flushes add up, days begin at the tenant's midnight, tenants are apart, and old rows go.

use std::collections::BTreeMap;

use heptad_model::time::span::{DAY, HOUR};
use heptad_model::{Ctx, Env, Millis, Point};
use heptad_platform::PlatformError;
use heptad_platform::metering::*;
use heptad_store::{Store, both_databases};

use crate::support::*;

/// The hour of `NOW`, 1 January 2026, 00:00 UTC.
const HOUR_OF_NOW: i64 = NOW / HOUR;

fn key(hour: i64, plugin: &str, point: Point) -> UsageKey {
    UsageKey { hour, plugin: plugin.to_owned(), version: "1.0.0".to_owned(), point }
}

fn usage(calls: u64, peak_memory: u64, failures: &[(&str, u64)]) -> Usage {
    let failures: BTreeMap<_, _> = failures.iter().map(|(code, calls)| ((*code).to_owned(), *calls)).collect();
    Usage {
        calls,
        failures,
        fuel: calls * 1_000,
        micros: calls * 10,
        peak_memory,
        host_calls: calls,
        bytes_in: calls * 5,
        bytes_out: calls * 7,
        write_micros: calls * 2,
    }
}

async fn add(store: &Store, ctx: &Ctx, rows: &[(UsageKey, Usage)]) {
    store.write(ctx, async |mut tx| usage_add(&mut tx, rows).await).await.unwrap();
}

async fn read(store: &Store, ctx: &Ctx, ask: &UsageAsk) -> Result<Vec<UsageRow>, PlatformError> {
    store.read(ctx, async |mut tx| usage_read(&mut tx, ask).await).await
}

fn ask(from: i64, to: i64, by: By) -> UsageAsk {
    UsageAsk { from: Millis::new(from), to: Millis::new(to), by, plugin: None, version: None, point: None }
}

both_databases! {
    async fn flushes_add_up_and_other_tenants_see_nothing(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(NOW));
        let (own, other) = (ctx(&store, &env, "own").await, ctx(&store, &env, "other").await);
        let lines = key(HOUR_OF_NOW, "half-price", Point::DiscountLines);
        let cart = key(HOUR_OF_NOW, "half-price", Point::CartValidateComplete);
        // A key that stands twice counts twice.
        add(&store, &own, &[(lines.clone(), usage(2, 900, &[("fuel", 1)])), (cart.clone(), usage(1, 5, &[])), (lines.clone(), usage(1, 100, &[]))]).await;
        add(&store, &own, &[(lines.clone(), usage(4, 800, &[("fuel", 1), ("trap", 2)]))]).await;
        add(&store, &own, &[]).await;
        let asked = ask(NOW, NOW + 1, By::Hour);
        let found = read(&store, &own, &asked).await.unwrap();
        let row = |key: &UsageKey, usage: Usage| UsageRow {
            at: Millis::new(NOW), plugin: key.plugin.clone(), version: key.version.clone(), point: key.point.to_string(), usage,
        };
        assert_eq!(found, [row(&cart, usage(1, 5, &[])), row(&lines, usage(7, 900, &[("fuel", 2), ("trap", 2)]))]);
        assert_eq!(read(&store, &other, &asked).await.unwrap(), []);
        for (narrow, points) in [
            (UsageAsk { point: Some(Point::DiscountLines), ..asked.clone() }, 1),
            (UsageAsk { plugin: Some("half-price".to_owned()), version: Some("1.0.0".to_owned()), ..asked.clone() }, 2),
            (UsageAsk { plugin: Some("nobody".to_owned()), ..asked.clone() }, 0),
            (UsageAsk { version: Some("2.0.0".to_owned()), ..asked.clone() }, 0),
        ] {
            assert_eq!(read(&store, &own, &narrow).await.unwrap().len(), points, "{narrow:?}");
        }
    }

    async fn a_day_begins_at_the_shops_midnight(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(NOW));
        let ctx = ctx(&store, &env, "shop").await;
        // Midnight in Shanghai is 16:00 UTC.
        for (hour, calls) in [(15, 1), (16, 10), (17, 100), (39, 1_000), (40, 10_000)] {
            let failures: &[_] = if hour == 40 { &[] } else { &[("trap", 1)] };
            add(&store, &ctx, &[(key(HOUR_OF_NOW + hour, "p-one", Point::DiscountOrder), usage(calls, calls, failures))]).await;
        }
        let days = read(&store, &ctx, &ask(NOW, NOW + 2 * DAY, By::Day)).await.unwrap();
        let told: Vec<_> = days.iter().map(|row| ((row.at.as_millis() - NOW) / HOUR, row.usage.clone())).collect();
        let expected = [
            (-8, usage(1, 1, &[("trap", 1)])),
            (16, usage(1_110, 1_000, &[("trap", 3)])),
            (40, usage(10_000, 10_000, &[])),
        ];
        assert_eq!(told, expected);
        let hours = read(&store, &ctx, &ask(NOW + 16 * HOUR, NOW + 18 * HOUR, By::Hour)).await.unwrap();
        assert_eq!(hours.iter().map(|row| row.usage.calls).collect::<Vec<_>>(), [10, 100]);
        let error = read(&store, &ctx, &ask(NOW - 93 * DAY, NOW, By::Day)).await.unwrap_err();
        assert_eq!((error.code(), error.fields()[0].pointer.as_str()), ("invalid-field", "/from"));
    }

    async fn what_is_older_than_ninety_days_goes_in_batches(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(NOW));
        let ctx = ctx(&store, &env, "shop").await;
        let oldest_kept = HOUR_OF_NOW - 90 * 24;
        for hour in [oldest_kept - 3, oldest_kept - 2, oldest_kept - 1, oldest_kept, HOUR_OF_NOW] {
            add(&store, &ctx, &[(key(hour, "p-one", Point::DiscountLines), usage(1, 1, &[("trap", 1)]))]).await;
        }
        for expected in [4, 2, 0] {
            assert_eq!(store.write(&ctx, async |mut tx| usage_purge(&mut tx, 2).await).await.unwrap(), expected);
        }
        let kept = read(&store, &ctx, &ask(NOW - 91 * DAY, NOW + 1, By::Day)).await.unwrap();
        assert_eq!(kept.iter().map(|row| row.usage.failed()).collect::<Vec<_>>(), [1, 1]);
    }
}
