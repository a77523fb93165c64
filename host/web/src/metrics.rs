//! Prometheus metrics, on a listener of their own. What there is stands in `heptad_model::metric`.

use std::sync::OnceLock;
use std::time::Duration;

use axum::Router;
use axum::http::{Method, StatusCode, header};
use axum::routing::get;
use heptad_model::metric::{self, Kind, Metric};
use metrics::{Key, KeyName, Level, Metadata, Recorder, SharedString, Unit, counter, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::process;

/// How often what was measured is taken out of its buffers, whether somebody scrapes or not.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// The metrics of this process cannot be collected.
#[derive(Debug, Clone, thiserror::Error)]
#[error("metrics cannot be collected: {0}")]
pub struct MetricsError(String);

/// Begins collecting; called once at the start, and harmless when called again.
pub fn install() -> Result<PrometheusHandle, MetricsError> {
    static HANDLE: OnceLock<Result<PrometheusHandle, MetricsError>> = OnceLock::new();
    HANDLE
        .get_or_init(|| {
            let failed = |error: metrics_exporter_prometheus::BuildError| MetricsError(error.to_string());
            let mut builder = PrometheusBuilder::new();
            for row in metric::ALL {
                if let Kind::Histogram(bounds) = row.kind {
                    let matcher = Matcher::Full(row.name.to_owned());
                    builder = builder.set_buckets_for_metric(matcher, bounds).map_err(failed)?;
                }
            }
            let handle = builder.install_recorder().map_err(failed)?;
            metrics::with_recorder(|recorder| metric::ALL.iter().for_each(|row| describe(recorder, row)));
            gauge!(metric::BUILD_INFO.name, "release" => env!("CARGO_PKG_VERSION")).set(1.0);
            Ok(handle)
        })
        .clone()
}

/// Tells the recorder about a row. A counter without labels begins at 0 at once: Prometheus sees no growth from nothing
/// to 1.
fn describe(recorder: &dyn Recorder, row: &Metric) {
    let unit = match row.unit {
        metric::Unit::Count | metric::Unit::Fuel => Unit::Count,
        metric::Unit::Seconds | metric::Unit::Timestamp => Unit::Seconds,
        metric::Unit::Bytes => Unit::Bytes,
    };
    let (name, unit, meaning) = (KeyName::from(row.name), Some(unit), SharedString::from(row.meaning));
    match row.kind {
        Kind::Counter => recorder.describe_counter(name, unit, meaning),
        Kind::Gauge => recorder.describe_gauge(name, unit, meaning),
        Kind::Histogram(_) => recorder.describe_histogram(name, unit, meaning),
    }
    if row.kind == Kind::Counter && row.labels.is_empty() {
        let here = Metadata::new(module_path!(), Level::INFO, Some(module_path!()));
        recorder.register_counter(&Key::from_static_name(row.name), &here).absolute(0);
    }
}

/// Keeps the buffers of what was measured small, for ever; the process runs it as a task.
pub async fn upkeep(handle: PrometheusHandle) {
    let mut ticks = tokio::time::interval(UPKEEP_EVERY);
    loop {
        ticks.tick().await;
        handle.run_upkeep();
    }
}

/// The router of the metrics listener: `/metrics`.
pub fn metrics_app(handle: PrometheusHandle) -> Router {
    let render = move || {
        let handle = handle.clone();
        async move {
            process::observe();
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
    let route = route.to_owned();
    counter!(metric::HTTP_REQUESTS_TOTAL.name, "method" => method, "route" => route.clone(), "class" => class)
        .increment(1);
    histogram!(metric::HTTP_REQUEST_SECONDS.name, "route" => route).record(took.as_secs_f64());
}
