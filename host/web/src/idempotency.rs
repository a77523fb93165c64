//! Requests with an idempotency key, and the answers to them.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use heptad_capabilities::IdempotencyKey;
use heptad_capabilities::idempotency::Once;
use serde::de::DeserializeOwned;

use crate::error::{ApiError, ApiResult};
use crate::extract::{bytes_within, parse_json, require_json};
use crate::state::AppState;

/// The request's header.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// The answer's header, `true` where the effect was there already.
pub const IDEMPOTENT_REPLAY: &str = "idempotent-replay";

/// A JSON body that comes with the header `Idempotency-Key`, which is required.
#[derive(Debug, Clone)]
pub struct Keyed<T> {
    /// The body.
    pub body: T,
    key: String,
    bytes: Bytes,
}

impl<T> Keyed<T> {
    /// The key for an operation. `route` is the route's pattern; `place` is what the address adds to the body.
    pub fn key(&self, route: &'static str, place: &str) -> ApiResult<IdempotencyKey> {
        let mut request = place.as_bytes().to_vec();
        request.push(b'\n');
        request.extend_from_slice(&self.bytes);
        Ok(IdempotencyKey::new(route, &self.key, &request)?)
    }
}

impl<T: DeserializeOwned> FromRequest<AppState> for Keyed<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AppState) -> ApiResult<Self> {
        let Some(key) = request.headers().get(IDEMPOTENCY_KEY) else {
            let detail = "this needs the header `Idempotency-Key`";
            return Err(ApiError::new(StatusCode::BAD_REQUEST, "idempotency-key-required", detail).with_hint(
                "make a new random key for each new request, and send it again when you repeat the request",
            ));
        };
        // What is not text cannot pass the key's own check either.
        let key = key.to_str().unwrap_or_default().to_owned();
        require_json(request.headers())?;
        let bytes = bytes_within(request, state.options.body_bytes, "body-too-large").await?;
        Ok(Self { body: parse_json(&bytes)?, key, bytes })
    }
}

/// The answer to a request with a key: the same status and body when it is repeated, and a header that says so.
pub(crate) fn answer<T, B: IntoResponse>(once: Once<T>, body: impl FnOnce(T) -> B) -> Response {
    let replayed = once.replayed;
    let mut response = body(once.value).into_response();
    if replayed {
        response.headers_mut().insert(IDEMPOTENT_REPLAY, HeaderValue::from_static("true"));
    }
    response
}
