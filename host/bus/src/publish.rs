//! Sending: one task takes what waits and hands it to the server; the answers are awaited apart.

use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::message::PublishMessage;

use crate::{Inner, PATIENCE, Wake, observe};

/// Sends messages for as long as the process lives.
pub(crate) async fn publish(inner: &Inner) {
    let Some(mut waiting) = inner.wakes.receiver.lock().await.take() else { return };
    while let Some(wake) = waiting.recv().await {
        if !inner.is_ready() {
            observe::sent("dropped");
            continue;
        }
        let Wake { tenant, partition, event } = wake;
        let message = PublishMessage::build().message_id(event).payload(tenant.to_string().into());
        // Waits while as many are on their way as may be; those who tell do not.
        let sent = inner.jetstream.send_publish(inner.subject(partition), message).await;
        let ready = inner.ready.clone();
        tokio::spawn(async move {
            let answer = match sent {
                Ok(answer) => answer.await.map(drop),
                Err(error) => Err(error),
            };
            match answer {
                Ok(()) => observe::sent("sent"),
                Err(error) => {
                    observe::sent("failed");
                    tracing::debug!(%error, "NATS has not taken a message: {error}");
                    if error.kind() == PublishErrorKind::StreamNotFound {
                        ready.send_replace(false);
                    }
                }
            }
        });
    }
}

/// Tells of a change, if there is a connection.
pub(crate) async fn changed(inner: &Inner) {
    if !*inner.connected.borrow() {
        return;
    }
    let send = async {
        inner.client.publish(format!("{}.changes", inner.prefix), "".into()).await?;
        inner.client.flush().await.map_err(|error| async_nats::Error::from(error.to_string()))
    };
    match tokio::time::timeout(PATIENCE, send).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "NATS has not taken a change: {error}"),
        Err(_) => tracing::debug!("NATS has not taken a change in time"),
    }
}
