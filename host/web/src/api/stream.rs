//! The shop's events as they become known, as Server-Sent Events.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use heptad_model::Filter;
use heptad_model::plugin_event::is_event_type;
use heptad_platform::delivery::stream::Cursor;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::auth::{Listener, Standing};
use crate::error::{ApiError, ApiResult};
use crate::extract::Params;
use crate::live::{self, Wanted};
use crate::state::AppState;

/// The most types that are named.
const TYPES: usize = 50;

/// Which events, and where to go on.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct StreamQuery {
    /// Of these types alone, with commas between.
    #[serde(rename = "type")]
    #[param(example = "order.placed,order.paid")]
    pub types: Option<String>,
    /// About this thing alone: an id or a code.
    pub subject: Option<String>,
    /// Of which this filter holds, in the language of subscriptions.
    #[param(example = "data.total >= 10000")]
    pub filter: Option<String>,
    /// The id of the last event that was seen, for those who cannot send the header `Last-Event-ID`, which comes first.
    pub after: Option<String>,
}

impl StreamQuery {
    fn wanted(&self) -> ApiResult<Wanted> {
        let types: Vec<String> = self.types.iter().flat_map(|types| types.split(',')).map(str::to_owned).collect();
        if types.len() > TYPES || !types.iter().all(|name| is_event_type(name)) {
            return Err(ApiError::invalid("type", format!("at most {TYPES} of `/v1/event-types`")));
        }
        let filter = self.filter.as_deref().map(Filter::parse).transpose();
        let filter = filter.map_err(|error| ApiError::invalid("filter", error.to_string()))?;
        Ok(Wanted { types, key: self.subject.clone().unwrap_or_default(), filter })
    }
}

/// Where a reader goes on: what the browser says, else what the address does.
pub(crate) fn after(headers: &HeaderMap, address: Option<&str>) -> ApiResult<Option<Cursor>> {
    let header = headers.get("last-event-id").map(|value| value.to_str().unwrap_or("?"));
    let parse = |text: &str| text.parse().map_err(|()| ApiError::invalid("Last-Event-ID", "an id of this stream"));
    let known = |text: &&str| !text.is_empty();
    header.filter(known).or(address.filter(known)).map(parse).transpose()
}

/// Streams the shop's events as they become known, as Server-Sent Events: the data of each is the event as CloudEvents,
/// the id says where to go on (`Last-Event-ID`), with any server and after any time in which events are kept. Events of a
/// subject come in their order. Without an id the stream begins now. `event: gap` says that events after the id are not
/// kept any more. The stream ends when the token is over, when the server stops, and when its reader takes nothing for 20
/// seconds; connect again with the last id, and nothing is missed.
#[utoipa::path(get, path = "/v1/events/stream", tag = "events", params(StreamQuery), responses((status = OK, body = String, content_type = "text/event-stream")))]
pub(super) async fn event_stream(
    State(state): State<AppState>,
    listener: Listener,
    headers: HeaderMap,
    Params(query): Params<StreamQuery>,
) -> ApiResult<Response> {
    let (wanted, after) = (query.wanted()?, after(&headers, query.after.as_deref())?);
    let standing = Standing::new(&headers, listener.principal.scope, Listener::ROLES);
    live::follow(&state, &listener.ctx, standing, wanted, after).await
}
