//! The stream: made when it is not there, and made again when a server has forgotten it.

use std::time::Duration;

use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};
use heptad_model::event::PARTITIONS;

use crate::Inner;

/// How long a message that nobody takes stays: whoever would have taken it has looked long since.
const MAX_AGE: Duration = Duration::from_secs(600);
/// How long the stream knows a message that comes again.
const DUPLICATES: Duration = Duration::from_secs(120);
/// The most bytes of the stream; the eldest messages go.
const MAX_BYTES: i64 = 256 << 20;
/// The pause after a failure.
const AGAIN: Duration = Duration::from_secs(1);

/// A stream that is there already is used as it is, so that an operator may have other ideas of replicas and storage.
fn config(inner: &Inner) -> Config {
    Config {
        name: inner.prefix.clone(),
        description: Some("Hints of Heptad that there is something in its outbox; safe to lose".to_owned()),
        subjects: vec![format!("{}.events.*", inner.prefix)],
        // A message goes when it is acknowledged: there is one consumer to a partition.
        retention: RetentionPolicy::WorkQueue,
        discard: DiscardPolicy::Old,
        storage: StorageType::File,
        max_age: MAX_AGE,
        max_bytes: MAX_BYTES,
        max_consumers: i32::try_from(PARTITIONS).unwrap_or(i32::MAX),
        duplicate_window: DUPLICATES,
        num_replicas: 1,
        ..Config::default()
    }
}

/// Sees to it that the stream is there while the connection stands.
pub(crate) async fn keep(inner: &Inner) {
    let (mut connected, mut ready) = (inner.connected.clone(), inner.ready.subscribe());
    while connected.wait_for(|connected| *connected).await.is_ok() {
        match inner.jetstream.get_or_create_stream(config(inner)).await {
            Ok(_) => {
                inner.ready.send_replace(true);
                tokio::select! {
                    _ = connected.wait_for(|connected| !*connected) => {}
                    _ = ready.wait_for(|ready| !*ready) => {}
                }
            }
            Err(error) => tracing::warn!(%error, "the NATS stream `{}` cannot be used: {error}", inner.prefix),
        }
        inner.ready.send_replace(false);
        tokio::time::sleep(AGAIN).await;
    }
}
