//! Sending what a plugin left to be sent.

use std::time::Instant;

use heptad_capabilities::extensions::Serving;
use heptad_model::id::OutboundRequestId;
use heptad_model::{Ctx, Event};
use heptad_platform::PlatformError;
use heptad_platform::enqueued::{enqueued_delete, enqueued_get};
use heptad_runtime::Again;
use heptad_store::Tx;
use heptad_webhook::{KEPT, text};
use serde_json::Value;

use crate::Shared;
use crate::receiver::{Then, Told, Took};
use crate::turn::Turn;

/// Statuses that say that the request itself is wrong; others may pass another time.
const fn is_final(status: u16) -> bool {
    matches!(status, 400..=499) && !matches!(status, 408 | 409 | 423 | 425 | 429)
}

/// Sends the request that the event names, and forgets it in the transaction that marks the event as dealt with.
pub(crate) async fn send(
    shared: &Shared,
    ctx: &Ctx,
    plugin: &Serving,
    event: &Event,
    turn: &Turn,
) -> Result<Told, PlatformError> {
    let named = event.data.get("request").and_then(Value::as_str).and_then(|id| OutboundRequestId::parse(id).ok());
    let request = match named {
        Some(id) => {
            shared.store.read(ctx, async |mut tx: Tx| enqueued_get(&mut tx, id).await).await?.map(|it| (id, it))
        }
        None => None,
    };
    let Some((id, request)) = request else {
        let message = "the request is not kept any more".to_owned();
        return Ok(Told::Failed { code: "expired".to_owned(), message, then: Then::GiveUp, took: Took::default() });
    };
    let begun = Instant::now();
    let sent = turn.aside(shared.runtime.send_left(ctx, plugin, request, format!("{}.1", event.id), KEPT)).await;
    let micros = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
    Ok(match sent {
        Ok(answer) => {
            let took = Took { micros, status: Some(answer.status), response: text(&answer.start) };
            if (200..300).contains(&answer.status) {
                let mut open = shared.store.open_write(ctx).await?;
                open.write(async |mut tx: Tx| enqueued_delete(&mut tx, id).await).await?;
                Told::Done { written: Some(Box::new(open)), took }
            } else {
                let message = format!("the server answered {}", answer.status);
                let then = if is_final(answer.status) { Then::GiveUp } else { Then::Retry };
                Told::Failed { code: "outbound-status".to_owned(), message, then, took }
            }
        }
        Err(why) => {
            tracing::debug!(code = why.code, "a request that a plugin left was not sent");
            let then = match why.then {
                Again::NotBefore(until) => return Ok(Told::NotNow { until }),
                Again::Never => Then::GiveUp,
                Again::Retry => Then::Retry,
            };
            let took = Took { micros, ..Took::default() };
            Told::Failed { code: why.code.to_owned(), message: why.message, then, took }
        }
    })
}
