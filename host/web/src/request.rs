//! What happens to every request: an id, a span, bounds, headers, metrics, and problems written out.

use std::any::Any;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use heptad_model::id::RequestId;
use tracing::Instrument as _;

use crate::error::ApiError;
use crate::extract::{Asked, reader};
use crate::state::AppState;
use crate::{metrics, span};

/// The header that carries the request's id both ways.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The most headers of a request.
const MAX_HEADERS: usize = 100;

/// The outermost middleware of this crate.
pub(crate) async fn wrap(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let given = request.headers().get(&REQUEST_ID).and_then(|value| RequestId::parse(value.to_str().ok()?).ok());
    let id = given.unwrap_or_else(|| RequestId::generate(&state.env));
    let trace = request.headers().get("traceparent").and_then(|value| value.to_str().ok()?.parse().ok());
    let asked = Asked { request: id, reader: reader(request.headers()), trace };
    request.extensions_mut().insert(asked);
    let method = request.method().clone();
    // The pattern, not the address: addresses hold ids, and queries may hold what is nobody's business.
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
    let versioned = request.uri().path().starts_with("/v1/");
    let logged = tracing::info_span!("request", %method, route, request_id = %id);
    let traced = span::of_request(&method, &route, id);
    let response = match check_headers(request.headers(), state.options.header_bytes) {
        Ok(()) => next.run(request).instrument(logged.clone()).instrument(traced.clone()).await,
        Err(error) => error.into_response(),
    };
    span::answered(&traced, response.status());
    let _entered = logged.entered();
    let mut response = written(response, id);
    secured(response.headers_mut(), versioned, state.options.secure_cookies);
    if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    let (status, took) = (response.status(), started.elapsed());
    metrics::request(&method, &route, status, took);
    let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    let told = status.as_u16();
    if matches!(route.as_str(), "/healthz" | "/readyz") && status.is_success() {
        // Asked every second by whatever watches the process.
        tracing::debug!(status = told, duration_ms = millis, "{method} {route} {told} in {millis} ms");
    } else {
        tracing::info!(status = told, duration_ms = millis, "{method} {route} {told} in {millis} ms");
    }
    response
}

/// Bounds a request in time.
pub(crate) async fn within(State(most): State<Duration>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(most, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let detail = format!("the request took more than {} s", most.as_secs());
            ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "timeout", detail)
                .with_hint("repeat it; with the same idempotency key there is no second effect")
                .with_retry_after(1)
                .into_response()
        }
    }
}

/// What a panicking handler answers; the panic's own hook has told where it was.
pub(crate) fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let text =
        panic.downcast_ref::<&str>().map(|text| (*text).to_owned()).or_else(|| panic.downcast_ref::<String>().cloned());
    ApiError::internal(format!("panic: {}", text.unwrap_or_else(|| "without words".to_owned()))).into_response()
}

pub(crate) fn check_headers(headers: &HeaderMap, most: usize) -> Result<(), ApiError> {
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if bytes <= most && headers.len() <= MAX_HEADERS {
        return Ok(());
    }
    let detail = format!(
        "the headers have {bytes} bytes in {} lines, at most {most} in {MAX_HEADERS} are allowed",
        headers.len()
    );
    Err(ApiError::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "headers-too-large", detail))
}

/// Writes problems out, and makes problems of bare refusals. Pages of the console stay as they are.
fn written(mut response: Response, id: RequestId) -> Response {
    let status = response.status();
    let error = match response.extensions_mut().remove::<ApiError>() {
        Some(error) => error,
        None if (status.is_client_error() || status.is_server_error()) && is_bare(response.headers()) => bare(status),
        None => return response,
    };
    if status.is_server_error() {
        let cause = error.cause().unwrap_or_default();
        tracing::error!(code = error.code(), cause, "request {id} failed with {}: {cause}", error.code());
    }
    let mut answer = error.answer(&id.to_string());
    if let Some(allow) = response.headers_mut().remove(header::ALLOW) {
        answer.headers_mut().insert(header::ALLOW, allow);
    }
    answer
}

/// Whether nobody wrote a body for people or programs: axum's own refusals are plain text or nothing.
fn is_bare(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_none_or(|kind| kind.as_bytes().starts_with(b"text/plain"))
}

fn bare(status: StatusCode) -> ApiError {
    match status {
        StatusCode::NOT_FOUND => ApiError::new(status, "not-found", "there is nothing at this address"),
        StatusCode::METHOD_NOT_ALLOWED => {
            ApiError::new(status, "method-not-allowed", "this address does not know this method")
                .with_hint("the header `Allow` names those that it knows")
        }
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::new(status, "body-too-large", "the body is too large"),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            ApiError::new(status, "unsupported-media-type", "the body is of a kind that is not read here")
        }
        status if status.is_server_error() => ApiError::internal(format!("an answer {status} without a body")),
        status => ApiError::new(
            status,
            "refused",
            status.canonical_reason().unwrap_or("the request was refused").to_lowercase(),
        ),
    }
}

/// Headers that keep browsers from guessing, framing and remembering; what a handler set itself stays.
fn secured(headers: &mut HeaderMap, versioned: bool, secure: bool) {
    let mut put = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    put(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    put(header::X_FRAME_OPTIONS, "DENY");
    put(header::REFERRER_POLICY, "same-origin");
    put(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    put(header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'");
    if versioned {
        put(header::CACHE_CONTROL, "no-store");
    }
    if secure {
        put(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::middleware::from_fn_with_state;
    use axum::routing::get;
    use tower::ServiceExt as _;
    use tower_http::catch_panic::CatchPanicLayer;

    use super::*;

    async fn ask(router: Router) -> ApiError {
        let mut response = router.oneshot(Request::get("/").body(Body::empty()).unwrap()).await.unwrap();
        response.extensions_mut().remove::<ApiError>().unwrap()
    }

    #[tokio::test]
    async fn a_panic_is_an_internal_error_whose_words_are_not_shown() {
        let handler = || async {
            if true {
                panic!("the secret is 42")
            }
        };
        let error = ask(Router::new().route("/", get(handler)).layer(CatchPanicLayer::custom(panicked))).await;
        assert_eq!((error.status().as_u16(), error.code()), (500, "internal"));
        let shown = serde_json::to_string(&error.problem("req_1")).unwrap();
        assert!(!shown.contains("42") && error.cause().unwrap().contains("42"), "{shown}");
    }

    #[tokio::test]
    async fn a_request_that_takes_too_long_ends() {
        let router = Router::new().route("/", get(std::future::pending::<()>));
        let error = ask(router.layer(from_fn_with_state(Duration::from_millis(1), within))).await;
        assert_eq!((error.status().as_u16(), error.code()), (503, "timeout"));
    }

    #[test]
    fn bare_refusals_become_problems_and_pages_stay() {
        let id = RequestId::parse("req_019380c2f2b07d1c8a4b9e5f60718293").unwrap();
        for (response, kind) in [
            (StatusCode::NOT_FOUND.into_response(), "application/problem+json"),
            ((StatusCode::BAD_REQUEST, "no").into_response(), "application/problem+json"),
            ((StatusCode::NOT_FOUND, axum::response::Html("<p>no")).into_response(), "text/html; charset=utf-8"),
            ((StatusCode::OK, "yes").into_response(), "text/plain; charset=utf-8"),
        ] {
            assert_eq!(written(response, id).headers()[header::CONTENT_TYPE], kind);
        }
    }
}
