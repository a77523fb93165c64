//! Endpoints for those who run servers of their own: what each is told, its secrets, how it fares, a message to try it.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use heptad_model::id::{WebhookId, WebhookSecretId};
use heptad_model::time::span::HOUR;
use heptad_platform::PlatformError;
use heptad_platform::delivery::subscription::{SubscriptionState, subscription_state_put};
use heptad_platform::quota::DayUse;
use heptad_platform::webhook::health::webhook_rearm;
use heptad_platform::webhook::secret::{LiveSecret, secret_list, secret_retire, secret_rotate};
use heptad_platform::webhook::usage::usage_get;
use heptad_platform::webhook::{
    Webhook, WebhookIn, webhook_create, webhook_delete, webhook_get, webhook_list, webhook_put,
};
use heptad_webhook::{Answer, Verdict};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::shared::moment;
use crate::auth::Listener;
use crate::error::{ApiError, ApiResult};
use crate::extract::{Body, PathOf};
use crate::state::AppState;
use crate::webhook::{may_send_personal, send_test, sender};

/// How long the secret before a new one signs as well, in hours, when nobody says.
const KEEP_HOURS: u32 = 24;
/// The longest.
const MAX_KEEP_HOURS: u32 = 168;

/// An endpoint.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WebhookOut {
    /// The id.
    #[schema(example = "whk_01a216219c6f7211a57c10644d9c3041")]
    pub id: String,
    /// What its events are delivered to: deliveries, dead letters and replays are there.
    #[schema(example = "sub_01a216219c6f7211a57c10644d9c3041")]
    pub subscription: String,
    /// Where its messages are sent.
    #[schema(example = "https://shop.example/hooks")]
    pub url: String,
    /// What it is for, in the owner's words.
    #[schema(example = "Warehouse")]
    pub description: String,
    /// The types of events.
    #[schema(example = json!(["order.placed", "order.paid"]))]
    pub types: Vec<String>,
    /// Which of them; all where it is empty.
    #[schema(example = "data.total >= 10000")]
    pub filter: String,
    /// Whether names, e-mail addresses and phone numbers are sent.
    #[schema(example = false)]
    pub personal: bool,
    /// `active`, or `paused`: its events are kept in their order.
    #[schema(example = "active")]
    pub state: &'static str,
    /// How it fares.
    pub health: HealthOut,
    /// When it was made, in RFC 3339.
    pub created_at: String,
    /// When it was last changed, in RFC 3339.
    pub updated_at: String,
}

/// How an endpoint fares.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HealthOut {
    /// `good`; `failing` after a failure; `resting` after five in a row, or where it asked for time: its events are kept,
    /// and one attempt at a time is made until one succeeds.
    #[schema(example = "good")]
    pub state: &'static str,
    /// How often it failed in a row.
    #[schema(example = 0)]
    pub failures: i64,
    /// Since when it fails, in RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<String>,
    /// When the next attempt is made while it rests, in RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<String>,
    /// A stable word for the last failure.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(example = "webhook-status")]
    pub code: String,
    /// What it was, in English, for developers.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
}

impl From<Webhook> for WebhookOut {
    fn from(one: Webhook) -> Self {
        let health = one.health;
        Self {
            id: one.id.to_string(),
            subscription: one.subscription.to_string(),
            url: one.url,
            description: one.description,
            types: one.types,
            filter: one.filter,
            personal: one.personal,
            state: one.state.name(),
            health: HealthOut {
                state: health.state(),
                failures: health.failures,
                failing_since: moment(health.failing_since),
                retry_at: moment(health.retry_at),
                code: health.code,
                message: health.message,
            },
            created_at: one.created_at.rfc3339(),
            updated_at: one.updated_at.rfc3339(),
        }
    }
}

/// An endpoint with its new secret.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WebhookWithSecretOut {
    /// The endpoint.
    #[serde(flatten)]
    pub webhook: WebhookOut,
    /// What its messages are signed with, as Standard Webhooks has it. It is never shown again.
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwN0MrkhXV1Lo=")]
    pub secret: String,
}

/// An endpoint with the secrets that sign.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WebhookWithSecretsOut {
    /// The endpoint.
    #[serde(flatten)]
    pub webhook: WebhookOut,
    /// The secrets that sign its messages, the newest first.
    pub secrets: Vec<SecretOut>,
}

/// A secret that signs, without the secret.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SecretOut {
    /// The id.
    #[schema(example = "whs_01a216219c6f7211a57c10644d9c3041")]
    pub id: String,
    /// When it was made, in RFC 3339.
    pub created_at: String,
    /// When it stops signing, in RFC 3339; absent for the newest one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
}

impl From<LiveSecret> for SecretOut {
    fn from(one: LiveSecret) -> Self {
        Self { id: one.id.to_string(), created_at: one.created_at.rfc3339(), expires_at: moment(one.expires_at) }
    }
}

/// What an endpoint is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebhookBody {
    /// Where messages are sent: `https`. `http` only to a literal address in a range that the operator allows.
    #[schema(example = "https://shop.example/hooks")]
    pub url: String,
    /// What it is for.
    #[serde(default)]
    #[schema(example = "Warehouse")]
    pub description: String,
    /// The types of events, as `/v1/event-types` lists them.
    #[schema(example = json!(["order.placed", "order.paid"]))]
    pub types: Vec<String>,
    /// Which of them, in a small part of CEL; all when absent.
    #[serde(default)]
    #[schema(example = "data.total >= 10000")]
    pub filter: String,
    /// Whether names, e-mail addresses and phone numbers are sent along. The owner alone may say so.
    #[serde(default)]
    #[schema(example = false)]
    pub personal: bool,
}

impl WebhookBody {
    /// As the operations want it, its address checked.
    fn checked(self, state: &AppState) -> ApiResult<WebhookIn> {
        sender(state).check(&self.url).map_err(|problem| ApiError::invalid("url", problem.0))?;
        let Self { url, description, types, filter, personal } = self;
        Ok(WebhookIn { url, description, types, filter, personal })
    }
}

/// How long the secret before the new one signs as well.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RotateIn {
    /// In hours, 0 to 168; 24 when absent.
    #[schema(example = 24)]
    pub keep_hours: Option<u32>,
}

/// What came back from an endpoint.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TestOut {
    /// The event's id: `webhook-id` of the message.
    #[schema(example = "evt_01a216219c6f7211a57c10644d9c3041")]
    pub event: String,
    /// Whether it took the message.
    #[schema(example = true)]
    pub taken: bool,
    /// The HTTP status; absent where there was no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 204)]
    pub status: Option<u16>,
    /// The first bytes of its answer, as text.
    #[schema(example = "ok")]
    pub response: String,
    /// How long it took, in microseconds.
    #[schema(example = 81_000)]
    pub micros: u64,
    /// A stable word for the cause of a failure.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub code: String,
    /// What it was, in English, for developers.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
}

impl TestOut {
    fn new(event: String, answer: Answer) -> Self {
        let (code, message) = match &answer.verdict {
            Verdict::Taken => (String::new(), String::new()),
            Verdict::Gone => ("webhook-gone".to_owned(), "the endpoint answered 410".to_owned()),
            Verdict::Failed(failure) => (failure.code.clone(), failure.message.clone()),
        };
        Self {
            event,
            taken: answer.verdict == Verdict::Taken,
            status: answer.status,
            response: answer.text,
            micros: answer.micros,
            code,
            message,
        }
    }
}

/// Messages of today, and how many there may be.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WebhookUsageOut {
    /// How many were taken, in lots, by all endpoints together.
    #[schema(example = 1200)]
    pub used: i64,
    /// How many a day may have. What is beyond waits in order.
    #[schema(example = 100_000)]
    pub most: i64,
    /// When all will be used up if it goes on as it did today, in RFC 3339; absent where that is not today.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forecast_at: Option<String>,
    /// When the next day begins, UTC, in RFC 3339.
    pub resets_at: String,
}

/// Lists the endpoints, the eldest first.
#[utoipa::path(get, path = "/v1/webhooks", tag = "webhooks", responses((status = OK, body = Vec<WebhookOut>)))]
pub(super) async fn webhook_all(State(state): State<AppState>, listener: Listener) -> ApiResult<Json<Vec<WebhookOut>>> {
    let all = state.store.read(&listener.ctx, async |mut tx| webhook_list(&mut tx).await).await?;
    Ok(Json(all.into_iter().map(WebhookOut::from).collect()))
}

/// Makes an endpoint. The answer shows its secret, this once.
#[utoipa::path(post, path = "/v1/webhooks", tag = "webhooks", request_body = WebhookBody, responses((status = CREATED, body = WebhookWithSecretOut)))]
pub(super) async fn webhook_post(
    State(state): State<AppState>,
    listener: Listener,
    Body(body): Body<WebhookBody>,
) -> ApiResult<(StatusCode, Json<WebhookWithSecretOut>)> {
    may_send_personal(&listener.principal, false, body.personal)?;
    let input = body.checked(&state)?;
    let create = async |mut tx| webhook_create(&mut tx, state.runtime.vault(), &input).await;
    let (webhook, secret) = state.store.write(&listener.ctx, create).await?;
    let out = WebhookWithSecretOut { webhook: webhook.into(), secret: secret.reveal().to_owned() };
    Ok((StatusCode::CREATED, Json(out)))
}

/// Shows an endpoint with the secrets that sign, without the secrets themselves.
#[utoipa::path(get, path = "/v1/webhooks/{webhook}", tag = "webhooks", responses((status = OK, body = WebhookWithSecretsOut)))]
pub(super) async fn webhook_read(
    State(state): State<AppState>,
    listener: Listener,
    PathOf(id): PathOf<WebhookId>,
) -> ApiResult<Json<WebhookWithSecretsOut>> {
    let read = async |mut tx| {
        let webhook = webhook_get(&mut tx, id).await?;
        Ok::<_, PlatformError>((webhook, secret_list(&mut tx, id).await?))
    };
    let (webhook, secrets) = state.store.read(&listener.ctx, read).await?;
    let secrets = secrets.into_iter().map(SecretOut::from).collect();
    Ok(Json(WebhookWithSecretsOut { webhook: webhook.into(), secrets }))
}

/// Replaces what an endpoint is told and where.
#[utoipa::path(put, path = "/v1/webhooks/{webhook}", tag = "webhooks", request_body = WebhookBody, responses((status = OK, body = WebhookOut)))]
pub(super) async fn webhook_replace(
    State(state): State<AppState>,
    listener: Listener,
    PathOf(id): PathOf<WebhookId>,
    Body(body): Body<WebhookBody>,
) -> ApiResult<Json<WebhookOut>> {
    let before = state.store.read(&listener.ctx, async |mut tx| webhook_get(&mut tx, id).await).await?;
    may_send_personal(&listener.principal, before.personal, body.personal)?;
    let input = body.checked(&state)?;
    let webhook = state.store.write(&listener.ctx, async |mut tx| webhook_put(&mut tx, id, &input).await).await?;
    Ok(Json(webhook.into()))
}

/// Removes an endpoint with its secrets, its waiting events and its deliveries.
#[utoipa::path(delete, path = "/v1/webhooks/{webhook}", tag = "webhooks", responses((status = NO_CONTENT)))]
pub(super) async fn webhook_remove(
    State(state): State<AppState>,
    listener: Listener,
    PathOf(id): PathOf<WebhookId>,
) -> ApiResult<StatusCode> {
    state.store.write(&listener.ctx, async |mut tx| webhook_delete(&mut tx, id).await).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn put(
    state: &AppState,
    listener: &Listener,
    id: WebhookId,
    to: SubscriptionState,
) -> ApiResult<Json<WebhookOut>> {
    let put = async |mut tx| {
        let webhook = webhook_get(&mut tx, id).await?;
        subscription_state_put(&mut tx, webhook.subscription, to).await?;
        Ok::<_, PlatformError>(Webhook { state: to, ..webhook })
    };
    Ok(Json(state.store.write(&listener.ctx, put).await?.into()))
}

/// Keeps an endpoint's events, in their order, until it is resumed.
#[utoipa::path(post, path = "/v1/webhooks/{webhook}/pause", tag = "webhooks", responses((status = OK, body = WebhookOut)))]
pub(super) async fn webhook_pause(
    State(state): State<AppState>,
    listener: Listener,
    PathOf(id): PathOf<WebhookId>,
) -> ApiResult<Json<WebhookOut>> {
    put(&state, &listener, id, SubscriptionState::Paused).await
}

/// Delivers what was kept, and goes on.
#[utoipa::path(post, path = "/v1/webhooks/{webhook}/resume", tag = "webhooks", responses((status = OK, body = WebhookOut)))]
pub(super) async fn webhook_resume(
    State(state): State<AppState>,
    listener: Listener,
    PathOf(id): PathOf<WebhookId>,
) -> ApiResult<Json<WebhookOut>> {
    put(&state, &listener, id, SubscriptionState::Active).await
}

/// Ends the rest of an endpoint that failed: what waits is tried now.
#[utoipa::path(post, path = "/v1/webhooks/{webhook}/rearm", tag = "webhooks", responses((status = OK, body = WebhookOut)))]
pub(super) async fn webhook_again(
    State(state): State<AppState>,
    listener: Listener,
    PathOf(id): PathOf<WebhookId>,
) -> ApiResult<Json<WebhookOut>> {
    let rearm = async |mut tx| {
        let webhook = webhook_get(&mut tx, id).await?;
        webhook_rearm(&mut tx, &webhook).await?;
        webhook_get(&mut tx, id).await
    };
    Ok(Json(state.store.write(&listener.ctx, rearm).await?.into()))
}

/// Sends the event `webhook.test` now, once, whatever the endpoint's state, and shows what came back.
#[utoipa::path(post, path = "/v1/webhooks/{webhook}/test", tag = "webhooks", responses((status = OK, body = TestOut)))]
pub(super) async fn webhook_test(
    State(state): State<AppState>,
    listener: Listener,
    PathOf(id): PathOf<WebhookId>,
) -> ApiResult<Json<TestOut>> {
    let (event, answer) = send_test(&state, &listener.ctx, id).await?;
    Ok(Json(TestOut::new(event.to_string(), answer)))
}

/// Makes a new secret, shown this once; the one before signs as well for a while, so that the receiver can change over.
#[utoipa::path(post, path = "/v1/webhooks/{webhook}/secrets/rotate", tag = "webhooks", request_body = RotateIn, responses((status = OK, body = WebhookWithSecretOut)))]
pub(super) async fn webhook_rotate(
    State(state): State<AppState>,
    listener: Listener,
    PathOf(id): PathOf<WebhookId>,
    Body(body): Body<RotateIn>,
) -> ApiResult<Json<WebhookWithSecretOut>> {
    let hours = body.keep_hours.unwrap_or(KEEP_HOURS);
    if hours > MAX_KEEP_HOURS {
        return Err(ApiError::invalid("keep_hours", format!("0 to {MAX_KEEP_HOURS}")));
    }
    let rotate = async |mut tx| {
        let secret = secret_rotate(&mut tx, state.runtime.vault(), id, i64::from(hours) * HOUR).await?;
        Ok::<_, PlatformError>((webhook_get(&mut tx, id).await?, secret))
    };
    let (webhook, secret) = state.store.write(&listener.ctx, rotate).await?;
    Ok(Json(WebhookWithSecretOut { webhook: webhook.into(), secret: secret.reveal().to_owned() }))
}

/// Ends a secret that was replaced, at once.
#[utoipa::path(delete, path = "/v1/webhooks/{webhook}/secrets/{secret}", tag = "webhooks", responses((status = NO_CONTENT)))]
pub(super) async fn webhook_secret_remove(
    State(state): State<AppState>,
    listener: Listener,
    PathOf((id, secret)): PathOf<(WebhookId, WebhookSecretId)>,
) -> ApiResult<StatusCode> {
    state.store.write(&listener.ctx, async |mut tx| secret_retire(&mut tx, id, secret).await).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Shows how many messages of today were used, and when they will be used up if it goes on so.
#[utoipa::path(get, path = "/v1/webhook-usage", tag = "webhooks", responses((status = OK, body = WebhookUsageOut)))]
pub(super) async fn webhook_usage(
    State(state): State<AppState>,
    listener: Listener,
) -> ApiResult<Json<WebhookUsageOut>> {
    let limits = state.runtime.limits_of(&listener.ctx).await;
    let most = i64::from(limits.webhooks_per_day);
    let usage: DayUse = state.store.read(&listener.ctx, async |mut tx| usage_get(&mut tx, most).await).await?;
    Ok(Json(WebhookUsageOut {
        used: usage.used,
        most: usage.most,
        forecast_at: moment(usage.forecast(listener.ctx.now())),
        resets_at: usage.resets_at().rfc3339(),
    }))
}
