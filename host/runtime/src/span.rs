//! The span of a plugin's call, for telemetry; it lies within the span of the request.

use heptad_capabilities::extensions::{Answer, Outcome, Serving};
use heptad_model::Point;
use heptad_model::id::CallId;
use heptad_model::telemetry::SPANS;
use tracing::Instrument as _;
use tracing::field::Empty;

use crate::observe;

/// Runs a call inside a span that tells who was asked, how it ended, and what it cost. While nobody takes spans, that is
/// one look at an atomic.
pub(crate) async fn around<T, C>(
    id: CallId,
    serving: &Serving,
    point: Point,
    running: impl Future<Output = (Answer<T>, C)>,
) -> (Answer<T>, C) {
    let span = tracing::info_span!(
        target: SPANS,
        "plugin.call",
        call = %id,
        plugin = serving.manifest.name,
        version = serving.manifest.version,
        point = point.name(),
        outcome = Empty,
        fuel = Empty,
        microseconds = Empty,
        otel.status_code = Empty,
    );
    if span.is_disabled() {
        return running.await;
    }
    let (answer, call) = running.instrument(span.clone()).await;
    let trace = &answer.trace;
    span.record("outcome", observe::word(&trace.outcome));
    span.record("fuel", trace.fuel);
    span.record("microseconds", trace.micros);
    if trace.outcome != Outcome::Answered {
        span.record("otel.status_code", "ERROR");
    }
    (answer, call)
}
