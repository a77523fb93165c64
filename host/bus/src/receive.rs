//! Receiving: a durable consumer for each partition, pulled by whoever holds it; and the subject of changes.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::pull::Config;
use async_nats::jetstream::consumer::{AckPolicy, Consumer};
use futures_util::{FutureExt as _, StreamExt as _};
use heptad_model::id::TenantId;

use crate::{Inner, PATIENCE, observe};

/// How long a message may stay unacknowledged before it is given out again.
const ACK_WAIT: Duration = Duration::from_secs(30);
/// How many messages of a partition are given out and not acknowledged at most.
const PENDING: i64 = 256;
/// How often the server says that it is there, to those who wait for messages.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// How long one request for messages stands.
const PULLS_FOR: Duration = Duration::from_secs(30);
/// The pause after a failure.
const AGAIN: Duration = Duration::from_secs(1);

/// A message that was received. Whoever has committed what it led to says so; dropped, it is given out again later.
pub struct Receipt {
    inner: Arc<Inner>,
    message: async_nats::jetstream::Message,
}

impl Receipt {
    /// What the message told of was dealt with. It waits for nothing: a message that is given out again does no harm.
    pub fn done(self) {
        let _ = self.inner.receipts.sender.try_send(self.message);
    }
}

/// Acknowledges what was dealt with, for as long as the process lives.
pub(crate) async fn acknowledge(inner: &Inner) {
    let Some(mut waiting) = inner.receipts.receiver.lock().await.take() else { return };
    while let Some(message) = waiting.recv().await {
        let _ = tokio::time::timeout(PATIENCE, message.ack()).await;
    }
}

/// Hears of a partition, for ever.
pub(crate) async fn wakes(inner: &Arc<Inner>, partition: u32, hear: impl Fn(TenantId, Receipt)) {
    let mut ready = inner.ready.subscribe();
    loop {
        if ready.wait_for(|ready| *ready).await.is_err() {
            return;
        }
        if let Err(error) = pull(inner, partition, &hear).await {
            tracing::debug!(%error, partition, "messages of a partition do not come: {error}");
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn pull(inner: &Arc<Inner>, partition: u32, hear: &impl Fn(TenantId, Receipt)) -> Result<(), async_nats::Error> {
    let name = format!("partition-{partition:02}");
    let config = Config {
        durable_name: Some(name.clone()),
        filter_subject: inner.subject(partition),
        ack_policy: AckPolicy::Explicit,
        ack_wait: ACK_WAIT,
        max_ack_pending: PENDING,
        ..Config::default()
    };
    let stream = inner.jetstream.get_stream_no_info(&inner.prefix).await?;
    let consumer: Consumer<Config> = stream.get_or_create_consumer(&name, config).await?;
    let mut messages = consumer.stream().expires(PULLS_FOR).heartbeat(HEARTBEAT).messages().await?;
    while let Some(message) = messages.next().await {
        let message = message?;
        let receipt = |message| Receipt { inner: inner.clone(), message };
        let tenant = std::str::from_utf8(&message.payload).ok().and_then(|text| TenantId::parse(text).ok());
        match tenant {
            Some(tenant) => {
                observe::received();
                hear(tenant, receipt(message));
            }
            // Not ours; it must not come again and again.
            None => receipt(message).done(),
        }
    }
    Ok(())
}

/// Hears of changes, for ever.
pub(crate) async fn changes<F: Future<Output = ()>>(inner: &Inner, hear: impl Fn() -> F) {
    loop {
        match inner.client.subscribe(format!("{}.changes", inner.prefix)).await {
            Ok(mut messages) => {
                while messages.next().await.is_some() {
                    // What has come meanwhile is about the same.
                    while messages.next().now_or_never().flatten().is_some() {}
                    hear().await;
                }
            }
            Err(error) => tracing::debug!(%error, "changes are not heard: {error}"),
        }
        tokio::time::sleep(AGAIN).await;
    }
}
