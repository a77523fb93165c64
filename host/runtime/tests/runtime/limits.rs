//! Every limit of a tenant's profile: a call that reaches it, and the same call when the limit is raised.

use std::time::{Duration, Instant};

use heptad_capabilities::extensions::{Answer, Extensions as _, Operation, Outcome};
use heptad_model::limits::PerLine;
use heptad_model::{Ctx, Limit, Limits, Origin, Permission, Point};
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
        (Limit::WallClock, "slow", Limits { wall_ms: Some(1), ..patient() }),
    ] {
        let ctx = host.tenant(limit.code(), "CNY").await;
        let granted = permissions(&[Permission::PlatformKvWrite]);
        host.install(&ctx, "misbehaving", granted, Some(json!({"mode": mode}))).await;
        let answer = host.discounts(&ctx, Point::DiscountOrder, &cart).await;
        assert_eq!(answer.trace.outcome, Outcome::Answered, "{limit}: with the limit as published");
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
    host.install(&ctx, "misbehaving", granted, Some(json!({"mode": "slow"}))).await;
    let cart = cart("CNY", &[(1, 1)]);
    // Alone first: what the shop has is in memory then, and neither of the two waits for the database.
    assert_eq!(host.discounts(&ctx, Point::DiscountOrder, &cart).await.trace.outcome, Outcome::Answered);
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

/// Asks the plugin once with so much time left for all plugins of the quote.
async fn asked_within(host: &Host, ctx: &Ctx, left: Duration) -> Answer<Vec<Operation>> {
    let serving = host.runtime.serving(ctx, Point::DiscountOrder).await.unwrap();
    let cart = cart("CNY", &[(1, 1)]);
    host.runtime.discounts(ctx, &serving[0], Point::DiscountOrder, &cart, Instant::now() + left).await
}

#[tokio::test]
async fn the_time_of_a_quote_cuts_the_call_that_uses_it_up_and_skips_those_behind() {
    let endless = Limits { fuel: flat(100_000_000_000), wall_ms: Some(10_000), quote_ms: 700, ..patient() };
    let host = Host::start_with(endless).await;
    host.publish("misbehaving").await;
    let ctx = host.tenant("slow", "CNY").await;
    let granted = permissions(&[Permission::PlatformKvWrite]);
    let install = host.install(&ctx, "misbehaving", granted, Some(json!({"mode": "slow"}))).await;
    let whole = asked_within(&host, &ctx, Duration::from_secs(60)).await;
    assert_eq!(whole.trace.outcome, Outcome::Answered);
    host.set(&ctx, install, json!({"mode": "loop"})).await;
    let cut = asked_within(&host, &ctx, Duration::from_millis(200)).await;
    let skipped = asked_within(&host, &ctx, Duration::ZERO).await;
    for (answer, ran) in [(cut, true), (skipped, false)] {
        let (code, message) = match &answer.trace.outcome {
            Outcome::Failed { code, message } if ran => (code, message),
            Outcome::Skipped { code, message } if !ran => (code, message),
            other => panic!("{other:?}"),
        };
        assert_eq!(code, "quote-budget");
        assert!(message.contains("700 ms") && message.contains(Limit::QuoteTime.row().advice), "{message}");
        let reached: Vec<_> = answer.trace.limits.iter().map(|reached| (reached.limit, reached.most)).collect();
        assert_eq!((reached, answer.trace.fuel > 0), (vec![(Limit::QuoteTime, 700)], ran));
    }
}

#[tokio::test]
async fn a_change_of_the_shop_does_not_refill_the_rate_of_host_calls() {
    let host = Host::start_with(Limits { host_calls_per_second: 120, ..patient() }).await;
    host.publish("misbehaving").await;
    let ctx = host.tenant("rated", "CNY").await;
    let granted = permissions(&[Permission::PlatformKvWrite]);
    let install = host.install(&ctx, "misbehaving", granted, Some(json!({"mode": "log-flood"}))).await;
    let mut codes = Vec::new();
    for _ in 0..2 {
        let answer = host.discounts(&ctx, Point::DiscountOrder, &cart("CNY", &[(1, 1)])).await;
        codes.push(match answer.trace.outcome {
            Outcome::Answered => "answered".to_owned(),
            Outcome::Failed { code, .. } | Outcome::Skipped { code, .. } => code,
        });
        host.set(&ctx, install, json!({"mode": "log-flood", "at": "discount.order"})).await;
    }
    assert_eq!(codes, ["answered", "host-call-rate"]);
}

#[tokio::test]
async fn a_shop_has_the_calls_of_a_day_that_it_bought() {
    const MOST: u64 = 40;
    // Below what a profile may say, so that the test is short: lots of one.
    let host = Host::start_with(Limits { calls_per_day: Some(MOST), ..patient() }).await;
    host.publish("misbehaving").await;
    let ctx = host.tenant("frugal", "CNY").await;
    let granted = permissions(&[Permission::PlatformKvWrite]);
    host.install(&ctx, "misbehaving", granted, Some(json!({"mode": "none"}))).await;
    let cart = cart("CNY", &[(1, 1)]);
    let mut answered = 0;
    let kept_out = loop {
        let answer = host.discounts(&ctx, Point::DiscountOrder, &cart).await;
        match &answer.trace.outcome {
            Outcome::Answered => answered += 1,
            outcome => break (outcome.clone(), answer.trace.limits),
        }
        assert!(answered <= MOST + 1, "it goes on");
    };
    assert!(matches!(&kept_out.0, Outcome::Skipped { code, .. } if code == "calls-per-day"), "{:?}", kept_out.0);
    let reached: Vec<_> = kept_out.1.iter().map(|reached| (reached.limit, reached.most)).collect();
    assert_eq!(reached, [(Limit::CallsPerDay, MOST)]);
    assert!((MOST..=MOST + 1).contains(&answered), "{answered}");
    // Another shop has its own.
    let other = host.tenant("other", "CNY").await;
    host.install(&other, "misbehaving", permissions(&[Permission::PlatformKvWrite]), Some(json!({"mode": "none"})))
        .await;
    assert_eq!(host.discounts(&other, Point::DiscountOrder, &cart).await.trace.outcome, Outcome::Answered);
}
