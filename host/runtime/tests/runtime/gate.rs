//! The gate: a call needs the manifest's wish and the tenant's grant, and points that calculate only read.

use heptad_capabilities::extensions::Operation;
use heptad_model::text::Argument;
use heptad_model::{Permission, Point};
use serde_json::json;

use crate::support::{Host, cart, permissions};

/// The word that the misbehaving guest reports in its reason.
fn reported(operations: &[Operation]) -> String {
    let arguments =
        operations.iter().flat_map(|operation| &operation.candidates).flat_map(|candidate| &candidate.reason.arguments);
    let words = arguments.filter_map(|(_, value)| match value {
        Argument::Text(text) => Some(text.clone()),
        _ => None,
    });
    words.collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn a_declined_permission_is_denied_and_a_granted_one_opens() {
    let host = Host::start().await;
    host.publish("misbehaving").await;
    for (slug, granted, expected) in [
        ("declined", permissions(&[Permission::PlatformKvWrite]), "permission-not-granted"),
        ("granted", permissions(&[Permission::PlatformKvWrite, Permission::MallCatalogRead]), ""),
    ] {
        let ctx = host.tenant(slug, "CNY").await;
        host.install(&ctx, "misbehaving", granted, Some(json!({"mode": "read-denied"}))).await;
        let answer = host.discounts(&ctx, Point::DiscountOrder, &cart("CNY", &[(1, 1)])).await;
        let word = reported(&answer.value.unwrap());
        assert_eq!(word.contains("permission-not-granted"), !expected.is_empty(), "{slug}: {word}");
    }
}

#[tokio::test]
async fn a_write_is_denied_at_a_point_that_calculates() {
    let host = Host::start().await;
    host.publish("misbehaving").await;
    let ctx = host.tenant("writer", "CNY").await;
    host.install(&ctx, "misbehaving", permissions(&[Permission::PlatformKvWrite]), Some(json!({"mode": "write"})))
        .await;
    let answer = host.discounts(&ctx, Point::DiscountOrder, &cart("CNY", &[(1, 1)])).await;
    let word = reported(&answer.value.unwrap());
    assert!(word.contains("read-only"), "{word}");
}

#[tokio::test]
async fn a_change_is_seen_by_the_next_call_and_a_disabled_plugin_is_not_asked() {
    use heptad_capabilities::extensions::Extensions as _;
    let host = Host::start().await;
    host.publish("hello-discount").await;
    let (first, second) = (host.tenant("first", "CNY").await, host.tenant("second", "USD").await);
    let install = host.install(&first, "hello-discount", permissions(&[]), None).await;
    assert_eq!(host.runtime.serving(&first, Point::DiscountOrder).await.unwrap().len(), 1);
    assert!(
        host.runtime.serving(&second, Point::DiscountOrder).await.unwrap().is_empty(),
        "another tenant has nothing"
    );
    assert!(host.runtime.serving(&first, Point::DiscountLines).await.unwrap().is_empty(), "another point has nothing");
    let disable = async |mut tx| heptad_platform::install::install_disable(&mut tx, install).await;
    host.store.write(&first, disable).await.unwrap();
    host.runtime.refresh().await;
    assert!(host.runtime.serving(&first, Point::DiscountOrder).await.unwrap().is_empty());
}
