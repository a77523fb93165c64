//! Who is told of events, how far each is, and what became of every attempt.

use axum::Json;
use axum::extract::State;
use heptad_model::Locale;
use heptad_model::id::SubscriptionId;
use heptad_platform::PlatformError;
use heptad_platform::delivery::backlog::{Backlog, Waiting, backlogs, lanes_waiting};
use heptad_platform::delivery::dead_letter::{dead_letter_counts, lane_skip};
use heptad_platform::delivery::lane::LaneKey;
use heptad_platform::delivery::log::{Delivery, delivery_list};
use heptad_platform::delivery::subscription::{
    Subscription, SubscriptionState, subscription_get, subscription_list, subscription_state_put,
};
use heptad_store::Tx;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::replays::DeadLetterOut;
use super::shared::{PageOut, moment};
use crate::auth::Listener;
use crate::console::cause_sentence;
use crate::error::{ApiError, ApiResult};
use crate::extract::{Body, PageQuery, Params, PathOf};
use crate::state::AppState;

/// How many keys that are behind are shown.
const WAITING: u32 = 100;

/// Somebody who is told of events.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SubscriptionOut {
    /// The id.
    #[schema(example = "sub_01a216219c6f7211a57c10644d9c3041")]
    pub id: String,
    /// What the events go to: `plugin`, `schedule`, `outbound` (requests that a plugin left) or `webhook`.
    #[schema(example = "plugin")]
    pub kind: &'static str,
    /// Of that kind: the install's id, or the webhook's.
    #[schema(example = "ins_01a216219c6f7211a57c10644d9c3041")]
    pub owner: String,
    /// Its name among those of its owner.
    #[schema(example = "paid-orders")]
    pub name: String,
    /// The types of events.
    #[schema(example = json!(["order.paid"]))]
    pub types: Vec<String>,
    /// Which of them; all where it is empty.
    #[schema(example = "data.total >= 10000")]
    pub filter: String,
    /// `active`, or `paused`: its events are kept in their order.
    #[schema(example = "active")]
    pub state: &'static str,
    /// How many events were given up and nobody has looked at.
    #[schema(example = 0)]
    pub dead_letters: i64,
    /// What waits for it, without replays.
    pub backlog: BacklogOut,
}

/// What waits for a subscription.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BacklogOut {
    /// Events of how many keys.
    #[schema(example = 2)]
    pub keys: i64,
    /// How many numbers it is behind in all; some may be of types that it does not ask for.
    #[schema(example = 5)]
    pub events: i64,
    /// How many keys are held up by an event that fails.
    #[schema(example = 1)]
    pub failing_keys: i64,
    /// When the event happened that waits longest, in RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest_at: Option<String>,
}

impl From<Backlog> for BacklogOut {
    fn from(backlog: Backlog) -> Self {
        Self {
            keys: backlog.keys,
            events: backlog.events,
            failing_keys: backlog.failing,
            oldest_at: moment(backlog.oldest),
        }
    }
}

impl SubscriptionOut {
    fn new(subscription: Subscription, counts: &[(SubscriptionId, i64)], backlog: Backlog) -> Self {
        let letters = counts.iter().find(|(id, _)| *id == subscription.id);
        Self {
            id: subscription.id.to_string(),
            kind: subscription.kind.name(),
            owner: subscription.owner,
            name: subscription.name,
            types: subscription.types,
            filter: subscription.filter,
            state: subscription.state.name(),
            dead_letters: letters.map_or(0, |(_, letters)| *letters),
            backlog: backlog.into(),
        }
    }
}

/// A key that a subscription is behind with.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WaitingOut {
    /// What the events are about; `replay:` and an id for a replay.
    #[schema(example = "ord_01a216219c6f7211a57c10644d9c3041")]
    pub key: String,
    /// How many numbers it is behind.
    #[schema(example = 2)]
    pub behind: i64,
    /// How often the next event was tried.
    #[schema(example = 3)]
    pub attempts: u32,
    /// Since when it fails, in RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<String>,
    /// When it is tried next, in RFC 3339.
    pub due_at: String,
    /// The next event; absent where what waited is not kept any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// The next event's type.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    #[schema(example = "order.paid")]
    pub kind: Option<String>,
    /// A stable word for the cause of its last failure.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(example = "deadline")]
    pub code: String,
    /// The same in a sentence, in the reader's language.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// What it said, in English, for developers.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
}

impl WaitingOut {
    fn new(one: Waiting, reader: Locale) -> Self {
        let (event, kind) = one.next.unzip();
        Self {
            key: one.key,
            behind: one.behind,
            attempts: one.attempts,
            failing_since: moment(one.failing_since),
            due_at: one.due_at.rfc3339(),
            event: event.map(|id| id.to_string()),
            kind,
            cause: cause_sentence(reader, &one.code),
            code: one.code,
            message: one.message,
        }
    }
}

/// A subscription, and what it is behind with.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SubscriptionWithWaitingOut {
    /// The subscription.
    #[serde(flatten)]
    pub subscription: SubscriptionOut,
    /// The keys that it is behind with, those that fail most often first; at most a hundred.
    pub waiting: Vec<WaitingOut>,
}

/// An attempt to deliver an event.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeliveryOut {
    /// The id.
    #[schema(example = "dlv_01a216219c6f7211a57c10644d9c3041")]
    pub id: String,
    /// To whom.
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
    /// Which attempt, from 1.
    #[schema(example = 1)]
    pub attempt: u32,
    /// The replay that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replay: Option<String>,
    /// `ok`, `failed`, `dead` or `skipped`.
    #[schema(example = "ok")]
    pub outcome: &'static str,
    /// A stable word for the cause of a failure.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(example = "deadline")]
    pub code: String,
    /// The same in a sentence, in the reader's language.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// What it said, in English, for developers.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// The HTTP status that an endpoint answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 204)]
    pub status: Option<u16>,
    /// The first bytes of its answer, as text.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub response: String,
    /// How long it took, in microseconds.
    #[schema(example = 180)]
    pub micros: u64,
    /// When it ended, in RFC 3339.
    pub at: String,
}

impl DeliveryOut {
    pub(crate) fn new(one: Delivery, reader: Locale) -> Self {
        Self {
            id: one.id.to_string(),
            subscription: one.subscription.to_string(),
            event: one.event.to_string(),
            kind: one.kind,
            subject: one.key,
            sequence: one.seq,
            attempt: one.attempt,
            replay: one.replay.map(|id| id.to_string()),
            outcome: one.outcome.name(),
            cause: cause_sentence(reader, &one.code),
            code: one.code,
            message: one.message,
            status: one.status,
            response: one.response,
            micros: one.micros,
            at: one.at.rfc3339(),
        }
    }
}

/// Which key is to go on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SkipIn {
    /// The key whose next event is skipped.
    #[schema(example = "ord_01a216219c6f7211a57c10644d9c3041")]
    pub key: String,
}

/// Which attempts.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DeliveryQuery {
    /// `ok`, `failed`, `dead` or `skipped`; all when absent.
    pub outcome: Option<String>,
    /// The `next` of the page before; absent for the first page.
    pub cursor: Option<String>,
    /// The most items of the page, 1 to 200; 50 when absent.
    pub limit: Option<u32>,
}

/// Lists who is told of the shop's events, by owner and name.
#[utoipa::path(get, path = "/v1/subscriptions", tag = "events", responses((status = OK, body = Vec<SubscriptionOut>)))]
pub(super) async fn subscription_all(
    State(state): State<AppState>,
    listener: Listener,
) -> ApiResult<Json<Vec<SubscriptionOut>>> {
    let read = async |mut tx| {
        let all = subscription_list(&mut tx).await?;
        let counts = dead_letter_counts(&mut tx).await?;
        let backlogs = backlogs(&mut tx, &all).await?;
        let show = |(one, backlog)| SubscriptionOut::new(one, &counts, backlog);
        Ok::<_, PlatformError>(all.into_iter().zip(backlogs).map(show).collect())
    };
    Ok(Json(state.store.read(&listener.ctx, read).await?))
}

/// Shows a subscription with the keys that it is behind with.
#[utoipa::path(get, path = "/v1/subscriptions/{subscription}", tag = "events", responses((status = OK, body = SubscriptionWithWaitingOut)))]
pub(super) async fn subscription_read(
    State(state): State<AppState>,
    listener: Listener,
    PathOf(id): PathOf<SubscriptionId>,
) -> ApiResult<Json<SubscriptionWithWaitingOut>> {
    let read = async |mut tx| {
        let subscription = subscription_get(&mut tx, id).await?;
        let waiting = lanes_waiting(&mut tx, &subscription, WAITING).await?;
        Ok::<_, PlatformError>((shown(&mut tx, subscription).await?, waiting))
    };
    let (subscription, waiting) = state.store.read(&listener.ctx, read).await?;
    let waiting = waiting.into_iter().map(|one| WaitingOut::new(one, listener.ctx.locale)).collect();
    Ok(Json(SubscriptionWithWaitingOut { subscription, waiting }))
}

/// A subscription with what is counted about it.
async fn shown(tx: &mut Tx, subscription: Subscription) -> Result<SubscriptionOut, PlatformError> {
    let counts = dead_letter_counts(tx).await?;
    let backlog = backlogs(tx, std::slice::from_ref(&subscription)).await?;
    Ok(SubscriptionOut::new(subscription, &counts, backlog.into_iter().next().unwrap_or_default()))
}

async fn put(
    state: &AppState,
    listener: &Listener,
    id: SubscriptionId,
    to: SubscriptionState,
) -> ApiResult<Json<SubscriptionOut>> {
    let put = async |mut tx| {
        let subscription = subscription_state_put(&mut tx, id, to).await?;
        shown(&mut tx, subscription).await
    };
    Ok(Json(state.store.write(&listener.ctx, put).await?))
}

/// Keeps a subscription's events, in their order, until it is resumed.
#[utoipa::path(post, path = "/v1/subscriptions/{subscription}/pause", tag = "events", responses((status = OK, body = SubscriptionOut)))]
pub(super) async fn subscription_pause(
    State(state): State<AppState>,
    listener: Listener,
    PathOf(id): PathOf<SubscriptionId>,
) -> ApiResult<Json<SubscriptionOut>> {
    put(&state, &listener, id, SubscriptionState::Paused).await
}

/// Delivers what was kept, and goes on.
#[utoipa::path(post, path = "/v1/subscriptions/{subscription}/resume", tag = "events", responses((status = OK, body = SubscriptionOut)))]
pub(super) async fn subscription_resume(
    State(state): State<AppState>,
    listener: Listener,
    PathOf(id): PathOf<SubscriptionId>,
) -> ApiResult<Json<SubscriptionOut>> {
    put(&state, &listener, id, SubscriptionState::Active).await
}

/// Skips the event that holds a key up: it goes to the dead letters, and the key goes on; the next event says that there
/// is a gap.
#[utoipa::path(post, path = "/v1/subscriptions/{subscription}/skip", tag = "events", request_body = SkipIn, responses((status = OK, body = DeadLetterOut)))]
pub(super) async fn subscription_skip(
    State(state): State<AppState>,
    listener: Listener,
    PathOf(id): PathOf<SubscriptionId>,
    Body(body): Body<SkipIn>,
) -> ApiResult<Json<DeadLetterOut>> {
    let lane = LaneKey { subscription: id, key: body.key };
    let letter = state.store.write(&listener.ctx, async |mut tx| lane_skip(&mut tx, &lane).await).await?;
    Ok(Json(DeadLetterOut::new(letter, listener.ctx.locale)))
}

/// Lists the attempts to deliver to a subscription, the latest first. They are kept for seven days.
#[utoipa::path(get, path = "/v1/subscriptions/{subscription}/deliveries", tag = "events", params(DeliveryQuery), responses((status = OK, body = PageOut<DeliveryOut>)))]
pub(super) async fn delivery_page(
    State(state): State<AppState>,
    listener: Listener,
    PathOf(id): PathOf<SubscriptionId>,
    Params(query): Params<DeliveryQuery>,
) -> ApiResult<Json<PageOut<DeliveryOut>>> {
    let DeliveryQuery { outcome, cursor, limit } = query;
    let asked = PageQuery { cursor, limit }.request()?;
    let outcome = outcome.map(|word| word.parse()).transpose();
    let outcome = outcome.map_err(|problem: String| ApiError::invalid("outcome", problem))?;
    let read = async |mut tx| {
        subscription_get(&mut tx, id).await?;
        delivery_list(&mut tx, id, outcome, &asked).await
    };
    let found = state.store.read(&listener.ctx, read).await?;
    Ok(Json(PageOut::of(found, |one| DeliveryOut::new(one, listener.ctx.locale))))
}
