//! Prometheus metrics, on a listener of their own. Labels are few and bounded, and never name a tenant.

use std::sync::OnceLock;
use std::time::Duration;

use axum::Router;
use axum::http::{Method, StatusCode, header};
use axum::routing::get;
use metrics::{Unit, counter, describe_counter, describe_histogram, histogram};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

const REQUESTS: &str = "heptad_http_requests_total";
const SECONDS: &str = "heptad_http_request_seconds";
/// Upper bounds of the latency histogram in seconds.
const BUCKETS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// The metrics of this process cannot be collected.
#[derive(Debug, Clone, thiserror::Error)]
#[error("metrics cannot be collected: {0}")]
pub struct MetricsError(String);

/// Begins collecting; called once at the start, and harmless when called again.
pub fn install() -> Result<PrometheusHandle, MetricsError> {
    static HANDLE: OnceLock<Result<PrometheusHandle, MetricsError>> = OnceLock::new();
    HANDLE
        .get_or_init(|| {
            let builder =
                PrometheusBuilder::new().set_buckets(BUCKETS).map_err(|error| MetricsError(error.to_string()))?;
            let handle = builder.install_recorder().map_err(|error| MetricsError(error.to_string()))?;
            describe_counter!(REQUESTS, "Requests by method, route and class of status.");
            describe_histogram!(SECONDS, Unit::Seconds, "How long requests take, by route.");
            Ok(handle)
        })
        .clone()
}

/// The router of the metrics listener: `/metrics`.
pub fn metrics_app(handle: PrometheusHandle) -> Router {
    let render = move || {
        let handle = handle.clone();
        async move {
            handle.run_upkeep();
            ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], handle.render())
        }
    };
    Router::new().route("/metrics", get(render))
}

/// Counts a request. `route` is the pattern that matched, so that ids do not become labels.
pub(crate) fn request(method: &Method, route: &str, status: StatusCode, took: Duration) {
    let method = match method.as_str() {
        known @ ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS") => known.to_owned(),
        _ => "other".to_owned(),
    };
    let class = match status.as_u16() / 100 {
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        5 => "5xx",
        _ => "other",
    };
    counter!(REQUESTS, "method" => method, "route" => route.to_owned(), "class" => class).increment(1);
    histogram!(SECONDS, "route" => route.to_owned()).record(took.as_secs_f64());
}
