//! What calls leave behind: breakers with their notices, and usage.

use std::time::Duration;

use heptad_capabilities::extensions::Outcome;
use heptad_model::limits::PerLine;
use heptad_model::{Limits, Permission, Point};
use heptad_platform::breaker::{BreakerState, breaker_list, breaker_rearm};
use heptad_store::Tx;
use serde_json::json;

use crate::support::{Host, cart, patient, permissions};

fn code(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Answered => "answered",
        Outcome::Failed { code, .. } | Outcome::Skipped { code, .. } => code,
    }
}

#[tokio::test]
async fn a_plugin_that_keeps_failing_is_not_asked_until_it_is_re_armed() {
    let host = Host::start().await;
    host.publish("misbehaving").await;
    let (ctx, other) = (host.tenant("one", "CNY").await, host.tenant("two", "CNY").await);
    let granted = permissions(&[Permission::PlatformKvWrite]);
    let install = host.install(&ctx, "misbehaving", granted, Some(json!({"mode": "trap"}))).await;
    host.install(&other, "misbehaving", granted, Some(json!({"mode": "trap"}))).await;
    let cart = cart("CNY", &[(1, 1)]);
    let mut codes = Vec::new();
    for _ in 0..7 {
        codes.push(code(&host.discounts(&ctx, Point::DiscountOrder, &cart).await.trace.outcome).to_owned());
    }
    assert_eq!(codes, ["trap", "trap", "trap", "trap", "trap", "breaker-open", "breaker-open"]);
    let elsewhere = host.discounts(&other, Point::DiscountOrder, &cart).await;
    assert_eq!(code(&elsewhere.trace.outcome), "trap", "another shop's breaker is its own");

    host.runtime.flush().await;
    let told = async |mut tx: Tx| {
        const COUNT: &str = "select count(*) as many from notices where tenant_id = $1 and kind = 'breaker-opened'";
        let notices = tx.query(COUNT).fetch_one(|row| row.int("many")).await?;
        Ok::<_, heptad_platform::PlatformError>((breaker_list(&mut tx).await?, notices))
    };
    let (breakers, notices) = host.store.read(&ctx, told).await.unwrap();
    assert_eq!(breakers.len(), 1);
    assert_eq!(
        (breakers[0].install, breakers[0].state, breakers[0].code.as_str()),
        (install, BreakerState::Open, "trap")
    );
    assert_eq!(notices, 1);

    host.store.write(&ctx, async |mut tx| breaker_rearm(&mut tx, install).await).await.unwrap();
    host.runtime.refresh().await;
    let again = host.discounts(&ctx, Point::DiscountOrder, &cart).await;
    assert_eq!(code(&again.trace.outcome), "trap", "it is asked again");
}

#[tokio::test]
async fn what_a_shop_used_is_written_by_a_flush_and_adds_up() {
    let host = Host::start().await;
    host.publish("misbehaving").await;
    let ctx = host.tenant("metered", "CNY").await;
    let granted = permissions(&[Permission::PlatformKvWrite]);
    let install = host.install(&ctx, "misbehaving", granted, Some(json!({"mode": "none"}))).await;
    let cart = cart("CNY", &[(1, 1)]);
    let mut fuel = 0;
    for mode in ["none", "none", "trap"] {
        host.set(&ctx, install, json!({"mode": mode})).await;
        fuel += host.discounts(&ctx, Point::DiscountOrder, &cart).await.trace.fuel;
        host.runtime.flush().await;
    }
    // Another flush writes nothing twice.
    host.runtime.flush().await;
    let read = async |mut tx: Tx| {
        const SUMS: &str = "select cast(sum(calls) as bigint) as calls, cast(sum(failures) as bigint) as failures, \
                            cast(sum(fuel) as bigint) as fuel, cast(max(peak_memory) as bigint) as peak, \
                            cast(sum(host_calls) as bigint) as host_calls from metering where tenant_id = $1";
        const CAUSES: &str = "select cast(sum(calls) as bigint) as calls from metering_failures \
                              where tenant_id = $1 and code = 'trap'";
        let sums = tx
            .query(SUMS)
            .fetch_one(|row| {
                Ok([
                    row.int("calls")?,
                    row.int("failures")?,
                    row.int("fuel")?,
                    row.int("peak")?,
                    row.int("host_calls")?,
                ])
            })
            .await?;
        let causes = tx.query(CAUSES).fetch_one(|row| row.int("calls")).await?;
        Ok::<_, heptad_store::StoreError>((sums, causes))
    };
    let ([calls, failures, used, peak, host_calls], causes) = host.store.read(&ctx, read).await.unwrap();
    assert_eq!((calls, failures, causes, used), (3, 1, 1, i64::try_from(fuel).unwrap()));
    assert!(peak >= 1 << 16 && host_calls >= 3, "{peak} {host_calls}");
}

#[tokio::test]
async fn a_request_that_goes_away_is_metered_and_says_nothing_about_the_plugin() {
    let endless = PerLine { base: 100_000_000_000, per_line: 0 };
    let host = Host::start_with(Limits { fuel: endless, wall_ms: Some(10_000), quote_ms: 10_000, ..patient() }).await;
    host.publish("misbehaving").await;
    let ctx = host.tenant("impatient", "CNY").await;
    let granted = permissions(&[Permission::PlatformKvWrite]);
    host.install(&ctx, "misbehaving", granted, Some(json!({"mode": "loop"}))).await;
    let cart = cart("CNY", &[(1, 1)]);
    for _ in 0..6 {
        let asked = host.discounts(&ctx, Point::DiscountOrder, &cart);
        assert!(tokio::time::timeout(Duration::from_millis(30), asked).await.is_err(), "it loops");
    }
    host.runtime.flush().await;
    let cancelled = async |mut tx: Tx| {
        const SUM: &str = "select cast(sum(calls) as bigint) as calls from metering_failures \
                           where tenant_id = $1 and code = 'cancelled'";
        Ok::<_, heptad_platform::PlatformError>(tx.query(SUM).fetch_one(|row| row.int("calls")).await?)
    };
    assert_eq!(host.store.read(&ctx, cancelled).await.unwrap(), 6);
    let breakers = host.store.read(&ctx, async |mut tx| breaker_list(&mut tx).await).await.unwrap();
    assert_eq!(breakers, []);
}

#[tokio::test]
async fn a_breaker_that_was_open_when_the_process_stopped_is_open_when_it_starts() {
    let host = Host::start().await;
    host.publish("misbehaving").await;
    let ctx = host.tenant("restarted", "CNY").await;
    let granted = permissions(&[Permission::PlatformKvWrite]);
    host.install(&ctx, "misbehaving", granted, Some(json!({"mode": "trap"}))).await;
    let cart = cart("CNY", &[(1, 1)]);
    for _ in 0..5 {
        host.discounts(&ctx, Point::DiscountOrder, &cart).await;
    }
    host.runtime.flush().await;
    let host = host.restarted().await;
    let answer = host.discounts(&ctx, Point::DiscountOrder, &cart).await;
    assert_eq!(code(&answer.trace.outcome), "breaker-open");
}
