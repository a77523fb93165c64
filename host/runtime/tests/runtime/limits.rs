//! Every limit of a tenant's profile: a call that reaches it, and the same call when the limit is raised.

use std::time::{Duration, Instant};

use heptad_capabilities::extensions::{Answer, Extensions as _, Outcome};
use heptad_model::limits::PerLine;
use heptad_model::{Limit, Limits, Origin, Permission, Point};
use heptad_platform::PlatformError;
use heptad_platform::limit_profile::{limit_profile_put, tenant_limit_profile_put};
use serde_json::json;

use crate::support::{Host, cart, patient, permissions};

const fn flat(base: u64) -> PerLine {
    PerLine { base, per_line: 0 }
}

#[tokio::test]
async fn each_limit_of_a_profile_ends_the_call_with_its_code_and_its_value() {
    let host = Host::start().await;
    host.publish("misbehaving").await;
    let lines = vec![(100, 100); 2_000];
    let cart = cart("CNY", &lines);
    for (limit, mode, low) in [
        (Limit::Fuel, "none", Limits { fuel: flat(100_000), ..patient() }),
        (Limit::Memory, "none", Limits { memory_mib: 1, ..patient() }),
        (Limit::TableElements, "none", Limits { table_elements: 1, ..patient() }),
        (Limit::Instances, "none", Limits { instances: 1, ..patient() }),
        (Limit::HostCalls, "log-flood", Limits { host_calls: flat(50), ..patient() }),
        (Limit::HostCallRate, "log-flood", Limits { host_calls_per_second: 50, ..patient() }),
        (Limit::BytesIn, "none", Limits { bytes_in: flat(1 << 10), ..patient() }),
        (Limit::BytesOut, "log-flood", Limits { bytes_out: flat(100 << 10), ..patient() }),
        (Limit::Output, "log-flood", Limits { output: flat(1 << 10), ..patient() }),
        (Limit::WallClock, "sleep", Limits { wall_ms: Some(5), ..patient() }),
    ] {
        let ctx = host.tenant(limit.code(), "CNY").await;
        let granted = permissions(&[Permission::PlatformKvWrite]);
        host.install(&ctx, "misbehaving", granted, Some(json!({"mode": mode}))).await;
        // WASI's sleep is not one of the limits: where the guest sleeps, time is, and nothing raises it to ten seconds.
        if limit != Limit::WallClock {
            let answer = host.discounts(&ctx, Point::DiscountOrder, &cart).await;
            assert_eq!(answer.trace.outcome, Outcome::Answered, "{limit}: with the limit as published");
        }
        let origin = Origin::system("test", host.env.clone());
        let put = async |mut tx| {
            limit_profile_put(&mut tx, "low", &low).await?;
            tenant_limit_profile_put(&mut tx, ctx.tenant().id, Some("low")).await
        };
        let done: Result<(), PlatformError> = host.store.platform_write(&origin, put).await;
        done.unwrap();
        host.runtime.refresh().await;
        let answer = host.discounts(&ctx, Point::DiscountOrder, &cart).await;
        let Outcome::Failed { code, message } = &answer.trace.outcome else {
            panic!("{limit}: {:?}", answer.trace.outcome)
        };
        assert_eq!(code, limit.code(), "{message}");
        let reached = answer.trace.limits.iter().find(|reached| reached.limit == limit).unwrap();
        assert!(message.contains(&reached.most.to_string()) && reached.most > 0, "{limit}: {message}");
        assert!(message.contains(limit.row().advice), "{limit}: {message}");
        assert!(answer.value.is_none());
    }
}

#[tokio::test]
async fn a_log_that_is_cut_is_told_and_does_not_end_the_call() {
    let host = Host::start().await;
    host.publish("misbehaving").await;
    let ctx = host.tenant("talker", "CNY").await;
    let granted = permissions(&[Permission::PlatformKvWrite]);
    host.install(&ctx, "misbehaving", granted, Some(json!({"mode": "log-flood"}))).await;
    let answer = host.discounts(&ctx, Point::DiscountOrder, &cart("CNY", &[(1, 1)])).await;
    assert_eq!(answer.trace.outcome, Outcome::Answered);
    let reached: Vec<_> = answer.trace.limits.iter().map(|reached| (reached.limit, reached.most)).collect();
    assert_eq!(reached, [(Limit::Log, 16 << 10)]);
}

#[tokio::test]
async fn a_plugin_has_no_more_calls_at_once_than_its_share() {
    let host = Host::start_with(Limits { plugin_concurrency: 1, waiting: 0, ..patient() }).await;
    host.publish("misbehaving").await;
    let ctx = host.tenant("busy", "CNY").await;
    let granted = permissions(&[Permission::PlatformKvWrite]);
    host.install(&ctx, "misbehaving", granted, Some(json!({"mode": "sleep"}))).await;
    let cart = cart("CNY", &[(1, 1)]);
    let (first, second) = tokio::join!(
        host.discounts(&ctx, Point::DiscountOrder, &cart),
        host.discounts(&ctx, Point::DiscountOrder, &cart)
    );
    let is_kept_out =
        |answer: &Answer<_>| matches!(&answer.trace.outcome, Outcome::Skipped { code, .. } if code == "plugin-busy");
    let kept_out = [first, second].into_iter().find(is_kept_out).expect("one of them is kept out");
    let reached: Vec<_> = kept_out.trace.limits.iter().map(|reached| (reached.limit, reached.most)).collect();
    assert_eq!(reached, [(Limit::PluginConcurrency, 1)]);
}

#[tokio::test]
async fn a_shop_that_floods_is_refused_and_another_has_its_turn() {
    let host = Host::start_with(Limits { concurrency: 2, waiting: 1, ..patient() }).await;
    let (flood, other) = (host.tenant("flood", "CNY").await, host.tenant("other", "CNY").await);
    let turns = [host.runtime.turn(&flood).await.unwrap(), host.runtime.turn(&flood).await.unwrap()];
    let waits = host.runtime.turn(&flood);
    let refused = async {
        // The one above waits; the queue holds no more.
        loop {
            tokio::task::yield_now().await;
            if let Err(busy) = host.runtime.turn(&flood).await {
                return busy;
            }
        }
    };
    let begun = Instant::now();
    let (waited, busy) = tokio::join!(waits, refused);
    assert_eq!(busy.retry_after, 1);
    assert!(waited.is_err(), "its turn did not come");
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert!(host.runtime.turn(&other).await.is_ok());
    drop(turns);
    assert!(host.runtime.turn(&flood).await.is_ok());
}
