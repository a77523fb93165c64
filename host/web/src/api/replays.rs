//! Events that were given up, and telling events again.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use heptad_model::id::{DeadLetterId, DeliveryId, EventId, ReplayId, SubscriptionId};
use heptad_model::{Locale, Millis};
use heptad_platform::delivery::dead_letter::{
    DeadLetter, dead_letter_discard, dead_letter_list, dead_letter_replay, dead_letters_replay,
};
use heptad_platform::delivery::replay::{
    Replay, ReplayOf, delivery_redeliver, replay_cancel, replay_create, replay_list,
};
use heptad_platform::delivery::subscription::subscription_get;
use heptad_store::Tx;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::shared::{PageOut, moment_in};
use crate::auth::Listener;
use crate::console::cause_sentence;
use crate::error::{ApiError, ApiResult};
use crate::extract::{Body, PageQuery, Params, PathOf};
use crate::state::AppState;

/// An event that was given up.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeadLetterOut {
    /// The id.
    #[schema(example = "ded_01a216219c6f7211a57c10644d9c3041")]
    pub id: String,
    /// Who was not told.
    pub subscription: String,
    /// The event.
    pub event: String,
    /// The event's type.
    #[serde(rename = "type")]
    #[schema(example = "order.paid")]
    pub kind: String,
    /// What the event is about.
    pub subject: String,
    /// The event's number.
    #[schema(example = 3)]
    pub sequence: i64,
    /// How often it was tried.
    #[schema(example = 13)]
    pub attempts: u32,
    /// A stable word for the last failure; `loop` for an event that came of itself, `skipped` for one that a person skipped,
    /// `expired` for one that was not told while it was kept.
    #[schema(example = "plugin-error")]
    pub code: String,
    /// The same in a sentence, in the reader's language.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// What it said, in English, for developers.
    pub message: String,
    /// `open`, `replayed` or `discarded`.
    #[schema(example = "open")]
    pub state: &'static str,
    /// When it was given up, in RFC 3339.
    pub at: String,
}

impl DeadLetterOut {
    pub(crate) fn new(letter: DeadLetter, reader: Locale) -> Self {
        Self {
            id: letter.id.to_string(),
            subscription: letter.subscription.to_string(),
            event: letter.event.to_string(),
            kind: letter.kind,
            subject: letter.key,
            sequence: letter.seq,
            attempts: letter.attempts,
            cause: cause_sentence(reader, &letter.code),
            code: letter.code,
            message: letter.message,
            state: letter.state.name(),
            at: letter.at.rfc3339(),
        }
    }
}

/// Events that are told once more.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReplayOut {
    /// The id.
    #[schema(example = "rpl_01a216219c6f7211a57c10644d9c3041")]
    pub id: String,
    /// Who is told.
    pub subscription: String,
    /// Of how many events.
    #[schema(example = 120)]
    pub events: i64,
    /// How many of them were dealt with.
    #[schema(example = 80)]
    pub done: i64,
    /// `running`, `done` or `cancelled`.
    #[schema(example = "running")]
    pub state: &'static str,
    /// When it was asked for, in RFC 3339.
    pub created_at: String,
    /// By whom.
    pub created_by: String,
}

impl From<Replay> for ReplayOut {
    fn from(replay: Replay) -> Self {
        Self {
            id: replay.id.to_string(),
            subscription: replay.subscription.to_string(),
            events: replay.events,
            done: replay.done,
            state: replay.state,
            created_at: replay.created_at.rfc3339(),
            created_by: replay.created_by,
        }
    }
}

/// Which events are told once more: some by id, or those of a time.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReplayIn {
    /// These events, at most 1,000.
    #[schema(value_type = Option<Vec<String>>)]
    pub events: Option<Vec<EventId>>,
    /// Those that happened from this moment on, in RFC 3339; at most 100,000.
    pub from: Option<String>,
    /// Those that happened before this moment, in RFC 3339; now when absent.
    pub until: Option<String>,
}

/// Which dead letters.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DeadLetterQuery {
    /// `open`, `replayed` or `discarded`; all when absent.
    pub state: Option<String>,
    /// The `next` of the page before; absent for the first page.
    pub cursor: Option<String>,
    /// The most items of the page, 1 to 200; 50 when absent.
    pub limit: Option<u32>,
}

/// Lists the events of a subscription that were given up, the latest first.
#[utoipa::path(get, path = "/v1/subscriptions/{subscription}/dead-letters", tag = "events", params(DeadLetterQuery), responses((status = OK, body = PageOut<DeadLetterOut>)))]
pub(super) async fn dead_letter_page(
    State(state): State<AppState>,
    listener: Listener,
    PathOf(id): PathOf<SubscriptionId>,
    Params(query): Params<DeadLetterQuery>,
) -> ApiResult<Json<PageOut<DeadLetterOut>>> {
    let DeadLetterQuery { state: of, cursor, limit } = query;
    let asked = PageQuery { cursor, limit }.request()?;
    let of = of.map(|word| word.parse()).transpose();
    let of = of.map_err(|problem: String| ApiError::invalid("state", problem))?;
    let read = async |mut tx| {
        subscription_get(&mut tx, id).await?;
        dead_letter_list(&mut tx, id, of, &asked).await
    };
    let found = state.store.read(&listener.ctx, read).await?;
    Ok(Json(PageOut::of(found, |letter| DeadLetterOut::new(letter, listener.ctx.locale))))
}

/// Tells an event that was given up once more.
#[utoipa::path(post, path = "/v1/dead-letters/{dead_letter}/replay", tag = "events", responses((status = CREATED, body = ReplayOut)))]
pub(super) async fn dead_letter_again(
    State(state): State<AppState>,
    listener: Listener,
    PathOf(id): PathOf<DeadLetterId>,
) -> ApiResult<(StatusCode, Json<ReplayOut>)> {
    let replay = state.store.write(&listener.ctx, async |mut tx| dead_letter_replay(&mut tx, id).await).await?;
    Ok((StatusCode::CREATED, Json(replay.into())))
}

/// Tells the events of the open dead letters of a subscription once more, as one replay in the order in which they happened:
/// at most 1,000, the eldest first.
#[utoipa::path(post, path = "/v1/subscriptions/{subscription}/dead-letters/replay", tag = "events", responses((status = CREATED, body = ReplayOut)))]
pub(super) async fn dead_letters_again(
    State(state): State<AppState>,
    listener: Listener,
    PathOf(id): PathOf<SubscriptionId>,
) -> ApiResult<(StatusCode, Json<ReplayOut>)> {
    let replay = state.store.write(&listener.ctx, async |mut tx| dead_letters_replay(&mut tx, id).await).await?;
    Ok((StatusCode::CREATED, Json(replay.into())))
}

/// Sends what an attempt was about once more, to the same receiver.
#[utoipa::path(post, path = "/v1/deliveries/{delivery}/redeliver", tag = "events", responses((status = CREATED, body = ReplayOut)))]
pub(super) async fn delivery_again(
    State(state): State<AppState>,
    listener: Listener,
    PathOf(id): PathOf<DeliveryId>,
) -> ApiResult<(StatusCode, Json<ReplayOut>)> {
    let replay = state.store.write(&listener.ctx, async |mut tx| delivery_redeliver(&mut tx, id).await).await?;
    Ok((StatusCode::CREATED, Json(replay.into())))
}

/// Puts an event that was given up aside for good.
#[utoipa::path(post, path = "/v1/dead-letters/{dead_letter}/discard", tag = "events", responses((status = OK, body = DeadLetterOut)))]
pub(super) async fn dead_letter_aside(
    State(state): State<AppState>,
    listener: Listener,
    PathOf(id): PathOf<DeadLetterId>,
) -> ApiResult<Json<DeadLetterOut>> {
    let letter = state.store.write(&listener.ctx, async |mut tx| dead_letter_discard(&mut tx, id).await).await?;
    Ok(Json(DeadLetterOut::new(letter, listener.ctx.locale)))
}

/// Lists the replays of a subscription, the latest first.
#[utoipa::path(get, path = "/v1/subscriptions/{subscription}/replays", tag = "events", params(PageQuery), responses((status = OK, body = PageOut<ReplayOut>)))]
pub(super) async fn replay_page(
    State(state): State<AppState>,
    listener: Listener,
    PathOf(id): PathOf<SubscriptionId>,
    Params(query): Params<PageQuery>,
) -> ApiResult<Json<PageOut<ReplayOut>>> {
    let asked = query.request()?;
    let read = async |mut tx| {
        subscription_get(&mut tx, id).await?;
        replay_list(&mut tx, id, &asked).await
    };
    Ok(Json(PageOut::of(state.store.read(&listener.ctx, read).await?, ReplayOut::from)))
}

/// Tells events once more, in the order in which they happened: some by id, or those of a time. They are marked as told
/// again, and do not hold up what happens meanwhile.
#[utoipa::path(post, path = "/v1/subscriptions/{subscription}/replays", tag = "events", request_body = ReplayIn, responses((status = CREATED, body = ReplayOut)))]
pub(super) async fn replay_post(
    State(state): State<AppState>,
    listener: Listener,
    PathOf(id): PathOf<SubscriptionId>,
    Body(body): Body<ReplayIn>,
) -> ApiResult<(StatusCode, Json<ReplayOut>)> {
    let of = body.of(listener.ctx.now())?;
    let create = async |mut tx: Tx| {
        let subscription = subscription_get(&mut tx, id).await?;
        replay_create(&mut tx, &subscription, &of).await
    };
    Ok((StatusCode::CREATED, Json(state.store.write(&listener.ctx, create).await?.into())))
}

impl ReplayIn {
    fn of(self, now: Millis) -> ApiResult<ReplayOf> {
        match (self.events, self.from) {
            (Some(events), None) if self.until.is_none() => Ok(ReplayOf::Events(events)),
            (None, Some(from)) => {
                let until = self.until.map(|until| moment_in("until", &until)).transpose()?.unwrap_or(now);
                Ok(ReplayOf::Range(moment_in("from", &from)?, until))
            }
            _ => Err(ApiError::invalid("events", "either `events`, or `from` with or without `until`")),
        }
    }
}

/// Ends a replay before all is told; what was told stays told.
#[utoipa::path(post, path = "/v1/replays/{replay}/cancel", tag = "events", responses((status = NO_CONTENT)))]
pub(super) async fn replay_end(
    State(state): State<AppState>,
    listener: Listener,
    PathOf(id): PathOf<ReplayId>,
) -> ApiResult<StatusCode> {
    state.store.write(&listener.ctx, async |mut tx| replay_cancel(&mut tx, id).await).await?;
    Ok(StatusCode::NO_CONTENT)
}
