//! What API and console share of webhooks.

use heptad_model::id::{DeliveryId, EventId, WebhookId};
use heptad_model::{Ctx, EventType};
use heptad_platform::PlatformError;
use heptad_platform::delivery::log::{Delivery, DeliveryOutcome, deliveries_put};
use heptad_platform::principal::{Principal, Role};
use heptad_platform::webhook::secret::signing_keys;
use heptad_platform::webhook::webhook_get;
use heptad_webhook::{Answer, How, Message, Sender, Verdict};
use serde_json::json;

use crate::error::{ApiError, ApiResult};
use crate::state::AppState;

/// What sends messages, and says whether they may be sent to an address.
pub(crate) fn sender(state: &AppState) -> Sender {
    Sender::new(state.runtime.outbound().clone(), state.env.clone())
}

/// 403 where somebody but the owner lets personal data be sent to a server.
pub(crate) fn may_send_personal(principal: &Principal, before: bool, after: bool) -> ApiResult<()> {
    if !after || before || principal.role == Role::Owner {
        return Ok(());
    }
    Err(ApiError::forbidden("only the owner may have names, e-mail addresses and phone numbers sent to a server"))
}

/// Sends the event `webhook.test` to an endpoint, once; what came back is logged as a delivery, and changes nothing about
/// how the endpoint fares.
pub(crate) async fn send_test(state: &AppState, ctx: &Ctx, id: WebhookId) -> ApiResult<(EventId, Answer)> {
    let read = async |mut tx| {
        let webhook = webhook_get(&mut tx, id).await?;
        Ok::<_, PlatformError>((webhook, signing_keys(&mut tx, state.runtime.vault(), id).await?))
    };
    let (webhook, keys) = state.store.read(ctx, read).await?;
    let event = EventType::WebhookTest.about(id, json!({"webhook": id})).placed(ctx.origin(), 1);
    let how = How { subscription: webhook.subscription, attempt: 1, gap: false, replayed: false, at: ctx.now() };
    let message = Message::new(&event, ctx.tenant().id, &how, &keys);
    let answer = sender(state).send(&webhook.url, message).await;
    let (outcome, code, text) = match &answer.verdict {
        Verdict::Taken => (DeliveryOutcome::Ok, "", ""),
        Verdict::Gone => (DeliveryOutcome::Dead, "webhook-gone", "the endpoint answered 410"),
        Verdict::Failed(failure) => (DeliveryOutcome::Dead, failure.code.as_str(), failure.message.as_str()),
    };
    let attempt = Delivery {
        id: DeliveryId::generate(&ctx.env),
        subscription: webhook.subscription,
        event: event.id,
        kind: event.kind,
        key: event.key,
        seq: event.seq,
        attempt: 1,
        replay: None,
        outcome,
        code: code.to_owned(),
        message: text.to_owned(),
        status: answer.status,
        response: answer.text.clone(),
        micros: answer.micros,
        at: ctx.now(),
    };
    let log = async |mut tx| deliveries_put(&mut tx, std::slice::from_ref(&attempt)).await;
    state.store.write(ctx, log).await?;
    Ok((event.id, answer))
}
