//! What happened: the types of events, and the shop's events as CloudEvents.

use axum::Json;
use axum::extract::State;
use heptad_model::id::{EventId, TenantId};
use heptad_model::plugin_event::is_event_type;
use heptad_model::{Event, EventType, Locale};
use heptad_platform::PlatformError;
use heptad_platform::delivery::event::{EventQuery, event_get, event_list};
use heptad_platform::delivery::fate::{Received, event_fates};
use heptad_platform::delivery::log::delivery_of_event;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::shared::{PageOut, moment, moment_in};
use super::subscriptions::DeliveryOut;
use crate::auth::{Anyone, Listener};
use crate::error::{ApiError, ApiResult};
use crate::extract::{PageQuery, Params, PathOf};
use crate::state::AppState;

/// A type of event.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventTypeOut {
    /// The name in subscriptions and manifests.
    #[schema(example = "order.placed")]
    pub name: &'static str,
    /// The version of its schema; it grows when a field is added.
    #[schema(example = 1)]
    pub schema_version: u32,
    /// What it tells, in the reader's language.
    #[schema(example = "An order was placed")]
    pub sentence: &'static str,
    /// What the key is: events of a key are delivered in their order.
    #[schema(example = "order")]
    pub key: &'static str,
    /// Whom the platform tells: `merchants`, `publishers`, or both, each in events of its own.
    #[schema(example = json!(["merchants"]))]
    pub told: &'static [&'static str],
    /// What a plugin must be granted to hear of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "mall.orders.read")]
    pub permission: Option<&'static str>,
    /// `profile` where name, e-mail address and phone number of the customer are looked up at delivery, for those who may
    /// read them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "profile")]
    pub fills: Option<Value>,
    /// The JSON Schema of the data.
    #[schema(value_type = Object)]
    pub schema: Value,
}

impl EventTypeOut {
    fn new(kind: EventType, reader: Locale) -> Self {
        let row = kind.row();
        Self {
            name: row.name,
            schema_version: row.version,
            sentence: row.sentence.get(reader),
            key: row.key,
            told: row.told.names(),
            permission: row.permission.map(|permission| permission.row().name),
            fills: row.fill.and_then(|fill| serde_json::to_value(fill).ok()),
            schema: kind.schema(),
        }
    }
}

/// An event, as CloudEvents 1.0 in its JSON format.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventOut {
    /// The version of CloudEvents.
    #[schema(example = "1.0")]
    pub specversion: &'static str,
    /// The id; an event that is delivered twice has it twice.
    #[schema(example = "evt_01a216219c6f7211a57c10644d9c3041")]
    pub id: String,
    /// Where it happened: the shop.
    #[schema(example = "/tenants/ten_01a216219c6f7211a57c10644d9c3041")]
    pub source: String,
    /// The type.
    #[serde(rename = "type")]
    #[schema(example = "order.placed")]
    pub kind: String,
    /// What it is about.
    #[schema(example = "ord_01a216219c6f7211a57c10644d9c3041")]
    pub subject: String,
    /// When it happened, in RFC 3339.
    pub time: String,
    /// The media type of the data.
    #[schema(example = "application/json")]
    pub datacontenttype: &'static str,
    /// The shop's id.
    pub tenant: String,
    /// Its place among the events of its subject: from 1, one more for each; a subject of which nothing happened for 30
    /// days may go on with a higher one. As text, as CloudEvents has it.
    #[schema(example = "3")]
    pub sequence: String,
    /// The version of the schema of the data.
    #[schema(example = 1)]
    pub schemaversion: u32,
    /// Who did it.
    pub actor: String,
    /// The event whose delivery led to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub causation: Option<String>,
    /// The request in which the chain of causes began.
    pub correlation: String,
    /// How many events led to it.
    #[schema(example = 0)]
    pub depth: u32,
    /// W3C trace context.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// What happened: ids, codes and amounts.
    #[schema(value_type = Object)]
    pub data: Value,
}

impl EventOut {
    pub(crate) fn new(event: Event, tenant: TenantId) -> Self {
        Self {
            specversion: "1.0",
            id: event.id.to_string(),
            source: format!("/tenants/{tenant}"),
            kind: event.kind,
            subject: event.key,
            time: event.at.rfc3339(),
            datacontenttype: "application/json",
            tenant: tenant.to_string(),
            sequence: event.seq.to_string(),
            schemaversion: event.schema_version,
            actor: event.actor,
            causation: event.causation.map(|id| id.to_string()),
            correlation: event.correlation.to_string(),
            depth: event.depth,
            traceparent: event.traceparent,
            data: event.data,
        }
    }
}

/// What became of an event at a subscription.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReceivedOut {
    /// Who asked for it.
    #[schema(example = "sub_01a216219c6f7211a57c10644d9c3041")]
    pub subscription: String,
    /// Its name among those of its owner.
    #[schema(example = "paid-orders")]
    pub name: String,
    /// `waiting`, `failing` (it is tried again), `ok`, `dead` (given up), `skipped`, `passed-by` (the filter or the
    /// permissions leave it out, or the subscription did not listen then), or `forgotten` (the log of it is gone).
    #[schema(example = "ok")]
    pub state: &'static str,
    /// When it is tried next, in RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due_at: Option<String>,
}

impl From<Received> for ReceivedOut {
    fn from(one: Received) -> Self {
        Self {
            subscription: one.subscription.id.to_string(),
            name: one.subscription.name,
            state: one.fate.name(),
            due_at: moment(one.due_at),
        }
    }
}

/// An event, and what became of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventWithDeliveriesOut {
    /// The event.
    pub event: EventOut,
    /// What became of it at each subscription that asks for its type.
    pub subscriptions: Vec<ReceivedOut>,
    /// The attempts to deliver it, the latest first; they are kept for seven days.
    pub deliveries: Vec<DeliveryOut>,
}

/// Which events.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventPageQuery {
    /// Of this type alone.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// About this thing alone: an id or a code.
    pub subject: Option<String>,
    /// From this moment on, in RFC 3339.
    pub from: Option<String>,
    /// Before this moment, in RFC 3339.
    pub until: Option<String>,
    /// The `next` of the page before; absent for the first page.
    pub cursor: Option<String>,
    /// The most items of the page, 1 to 200; 50 when absent.
    pub limit: Option<u32>,
}

/// Lists every type of event, in the reader's language, each with the JSON Schema of its data.
#[utoipa::path(get, path = "/v1/event-types", tag = "registry", responses((status = OK, body = Vec<EventTypeOut>)))]
pub(super) async fn event_type_list(anyone: Anyone) -> Json<Vec<EventTypeOut>> {
    Json(EventType::ALL.iter().map(|kind| EventTypeOut::new(*kind, anyone.origin.locale)).collect())
}

/// Lists the events of the shop, or of the publisher, the latest first, as CloudEvents; those about one thing in the order of their numbers. They
/// are kept for thirty days.
#[utoipa::path(get, path = "/v1/events", tag = "events", params(EventPageQuery), responses((status = OK, body = PageOut<EventOut>)))]
pub(super) async fn event_page(
    State(state): State<AppState>,
    listener: Listener,
    Params(query): Params<EventPageQuery>,
) -> ApiResult<Json<PageOut<EventOut>>> {
    let EventPageQuery { kind, subject, from, until, cursor, limit } = query;
    let asked = PageQuery { cursor, limit }.request()?;
    let query = EventQuery {
        kind: kind.unwrap_or_default(),
        key: subject.unwrap_or_default(),
        from: from.map(|text| moment_in("from", &text)).transpose()?,
        until: until.map(|text| moment_in("until", &text)).transpose()?,
    };
    if !query.kind.is_empty() && !is_event_type(&query.kind) {
        return Err(ApiError::invalid("type", "one of `/v1/event-types`"));
    }
    let found = state.store.read(&listener.ctx, async |mut tx| event_list(&mut tx, &query, &asked).await).await?;
    let tenant = listener.ctx.tenant().id;
    Ok(Json(PageOut::of(found, |event| EventOut::new(event, tenant))))
}

/// Shows an event and what became of it.
#[utoipa::path(get, path = "/v1/events/{event}", tag = "events", responses((status = OK, body = EventWithDeliveriesOut)))]
pub(super) async fn event_read(
    State(state): State<AppState>,
    listener: Listener,
    PathOf(id): PathOf<EventId>,
) -> ApiResult<Json<EventWithDeliveriesOut>> {
    let read = async |mut tx| {
        let event = event_get(&mut tx, id).await?;
        let deliveries = delivery_of_event(&mut tx, id).await?;
        let received = event_fates(&mut tx, &event, &deliveries).await?;
        Ok::<_, PlatformError>((event, received, deliveries))
    };
    let (event, received, deliveries) = state.store.read(&listener.ctx, read).await?;
    let reader = listener.ctx.locale;
    Ok(Json(EventWithDeliveriesOut {
        event: EventOut::new(event, listener.ctx.tenant().id),
        subscriptions: received.into_iter().map(ReceivedOut::from).collect(),
        deliveries: deliveries.into_iter().map(|one| DeliveryOut::new(one, reader)).collect(),
    }))
}

#[cfg(test)]
mod tests {
    use heptad_model::{Actor, Env, Locale, Origin};

    use super::*;

    #[test]
    fn the_api_and_webhooks_show_an_event_alike() {
        let env = Env::fixed(1);
        let (tenant, origin) = (TenantId::generate(&env), Origin::new(Actor::Anonymous, Locale::En, env));
        let event = EventType::CatalogImported.about("k", serde_json::json!({"products": 1, "skus": 2}));
        let mut event = event.placed(&origin, 7);
        for (causation, traceparent) in [(None, None), (Some(event.id), Some("00-1-2-01".to_owned()))] {
            (event.causation, event.traceparent) = (causation, traceparent);
            let shown = serde_json::to_value(EventOut::new(event.clone(), tenant)).unwrap();
            assert_eq!(shown, event.cloud(tenant));
        }
    }
}
