//! The span of a request, for telemetry. What calls us may say by W3C trace context which span it belongs to; the binary
//! reads that, this crate knows nothing of where spans go.

use axum::http::{Method, StatusCode};
use heptad_model::id::RequestId;
use heptad_model::telemetry::SPANS;
use tracing::Span;
use tracing::field::Empty;

/// The span, under the pattern of its route. While nobody takes spans, making it is a look at an atomic.
pub(crate) fn of_request(method: &Method, route: &str, id: RequestId) -> Span {
    tracing::info_span!(
        target: SPANS,
        "request",
        otel.name = format!("{method} {route}"),
        otel.kind = "server",
        otel.status_code = Empty,
        http.request.method = %method,
        http.route = route,
        http.response.status_code = Empty,
        heptad.request_id = %id,
    )
}

/// Tells how the request ended.
pub(crate) fn answered(span: &Span, status: StatusCode) {
    span.record("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
}
