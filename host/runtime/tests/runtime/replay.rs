//! A recorded call is run again bit for bit, and on a changed plugin the difference is told.

use heptad_capabilities::extensions::Outcome;
use heptad_model::id::CallId;
use heptad_model::{Ctx, Permission, Point};
use heptad_runtime::ReplayError;
use heptad_runtime::recording::RecordingError;
use heptad_store::Tx;
use serde_json::json;

use crate::support::{Host, cart, guest, permissions};

async fn recorded(host: &Host, ctx: &Ctx) -> CallId {
    let answer = host.discounts(ctx, Point::DiscountOrder, &cart("CNY", &[(19_900, 19_900), (9_900, 9_900)])).await;
    host.runtime.flush().await;
    answer.trace.call
}

#[tokio::test]
async fn a_replay_gives_the_same_answer_fuel_and_log() {
    let host = Host::start().await;
    host.publish("misbehaving").await;
    let ctx = host.tenant("recorded", "CNY").await;
    let granted = permissions(&[Permission::PlatformKvWrite, Permission::MallCatalogRead]);
    let install = host.install(&ctx, "misbehaving", granted, None).await;
    for (mode, ends) in [
        ("none", "answered"),
        ("random", "answered"),
        ("clock", "answered"),
        ("read-denied", "answered"),
        ("write", "answered"),
        ("log-flood", "answered"),
        ("panic", "trap"),
        ("loop", "fuel"),
        ("memory", "memory"),
        ("huge-answer", "output"),
    ] {
        host.set(&ctx, install, json!({"mode": mode})).await;
        let call = recorded(&host, &ctx).await;
        // What the shop changes afterwards does not reach into the recording.
        host.set(&ctx, install, json!({"mode": "error"})).await;
        let replayed = host.runtime.replay(&ctx, call, None).await.unwrap();
        assert!(replayed.differences.is_empty(), "{mode}: {:?}", replayed.differences);
        assert_eq!((replayed.unused_calls, replayed.other_engine), (0, false), "{mode}");
        assert!(replayed.result.fuel > 0, "{mode}");
        let code = match &replayed.result.outcome {
            Outcome::Answered => "answered",
            Outcome::Failed { code, .. } | Outcome::Skipped { code, .. } => code,
        };
        assert_eq!(code, ends, "{mode}");
    }
}

#[tokio::test]
async fn a_changed_plugin_shows_what_the_change_does() {
    let host = Host::start().await;
    host.publish("hello-discount").await;
    let ctx = host.tenant("changed", "CNY").await;
    host.install(&ctx, "hello-discount", permissions(&[]), None).await;
    let call = recorded(&host, &ctx).await;
    let replayed = host.runtime.replay(&ctx, call, Some(guest("misbehaving"))).await.unwrap();
    assert!(replayed.differences.contains_key("answer") && replayed.differences.contains_key("fuel"));
    assert_ne!(replayed.digest, replayed.recording.digest);
}

#[tokio::test]
async fn a_recording_is_the_shops_own_and_lies_encrypted() {
    let host = Host::start().await;
    host.publish("hello-discount").await;
    let (ctx, other) = (host.tenant("owner", "CNY").await, host.tenant("stranger", "CNY").await);
    host.install(&ctx, "hello-discount", permissions(&[]), None).await;
    let call = recorded(&host, &ctx).await;
    let error = host.runtime.replay(&other, call, None).await.unwrap_err();
    assert!(matches!(error, ReplayError::Recording(RecordingError::NotFound(_))), "{error}");
    let read = async |mut tx: Tx| {
        tx.query("select body from recordings where tenant_id = $1").fetch_one(|row| row.bytes("body")).await
    };
    let body: Vec<u8> = host.store.read(&ctx, read).await.unwrap();
    assert!(!body.windows(5).any(|window| window == b"SKU-0"));
}
