//! A plugin that misbehaves in every way that its setting names: the host goes on, and the trace says why.

use heptad_capabilities::extensions::{CartView, Outcome};
use heptad_model::{Permission, Point};
use serde_json::json;

use crate::support::{Host, cart, permissions};

fn code(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Answered => "answered",
        Outcome::Failed { code, .. } | Outcome::Skipped { code, .. } => code,
    }
}

#[tokio::test]
async fn each_way_to_misbehave_is_stopped_and_named() {
    let host = Host::start().await;
    host.publish("misbehaving").await;
    let ctx = host.tenant("victim", "CNY").await;
    let granted = permissions(&[Permission::PlatformKvWrite]);
    let install = host.install(&ctx, "misbehaving", granted, Some(json!({"mode": "none"}))).await;
    let cart: CartView = cart("CNY", &[(19_900, 19_900), (9_900, 9_900)]);
    for (mode, expected, sentence) in [
        ("none", "answered", ""),
        ("loop", "fuel", "50100000 units of fuel"),
        ("bulk-loop", "fuel", "units of fuel"),
        ("host-call-loop", "host-calls", "limit of 202 host calls"),
        ("memory", "memory", "16777216 bytes of memory"),
        ("recursion", "stack", "524288 bytes of stack"),
        ("trap", "trap", "unreachable"),
        ("panic", "trap", "last words"),
        ("error", "plugin-error", "answered with the error"),
        ("huge-answer", "output", "262400 bytes in one answer"),
        ("many-operations", "output", "262400 bytes in one answer"),
        ("bad-text", "bad-answer", "256 bytes"),
        ("log-flood", "answered", ""),
    ] {
        host.set(&ctx, install, json!({"mode": mode})).await;
        let answer = host.discounts(&ctx, Point::DiscountOrder, &cart).await;
        let message = match &answer.trace.outcome {
            Outcome::Failed { message, .. } | Outcome::Skipped { message, .. } => message.as_str(),
            Outcome::Answered => "",
        };
        assert_eq!(code(&answer.trace.outcome), expected, "{mode}: {message}");
        assert!(message.contains(sentence), "{mode}: {message}");
        assert_eq!(answer.value.is_some(), expected == "answered", "{mode}");
        let logged: usize = answer.trace.log.iter().map(String::len).sum();
        assert!(logged < 17 << 10, "{mode}: {logged} bytes of log");
    }
    // The same sandbox slots serve the next call as if nothing had been.
    host.set(&ctx, install, json!({"mode": "none"})).await;
    let answer = host.validate(&ctx, &cart).await;
    assert_eq!(answer.value, Some(Vec::new()));
}

#[tokio::test]
async fn a_panic_leaves_its_words_in_the_log() {
    let host = Host::start().await;
    host.publish("misbehaving").await;
    let ctx = host.tenant("victim", "CNY").await;
    host.install(&ctx, "misbehaving", permissions(&[Permission::PlatformKvWrite]), Some(json!({"mode": "panic"})))
        .await;
    let answer = host.discounts(&ctx, Point::DiscountOrder, &cart("CNY", &[(1, 1)])).await;
    assert!(answer.trace.log.iter().any(|line| line.contains("panicked at")), "{:?}", answer.trace.log);
    assert!(answer.trace.fuel > 0 && answer.trace.host_calls > 0);
}

#[tokio::test]
async fn the_clock_stands_still_and_nothing_is_remembered() {
    let host = Host::start().await;
    host.publish("misbehaving").await;
    let ctx = host.tenant("victim", "CNY").await;
    let install = host.install(&ctx, "misbehaving", permissions(&[Permission::PlatformKvWrite]), None).await;
    let cart = cart("CNY", &[(19_900, 19_900)]);
    for mode in ["clock", "remember"] {
        host.set(&ctx, install, json!({"mode": mode})).await;
        let first = host.discounts(&ctx, Point::DiscountOrder, &cart).await;
        let second = host.discounts(&ctx, Point::DiscountOrder, &cart).await;
        assert!(first.value.is_some(), "{mode}: {:?}", first.trace);
        assert_eq!(first.value, second.value, "{mode}");
        assert_eq!(first.trace.fuel, second.trace.fuel, "{mode}");
    }
}
