//! Traces for OpenTelemetry, where the configuration says where they go: batches of spans, as protobuf over HTTP.
//!
//! Only spans of one target are exported (`heptad_model::telemetry`): requests, and the calls of plugins within them.
//! They are sent by a thread of their own and its own small runtime, so that a slow collector holds up nobody; what it
//! does not take in time is dropped. Headers for the collector, and what else names this process there, come from the
//! environment alone, in OpenTelemetry's own variables.

use std::time::Duration;

use async_trait::async_trait;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use heptad_model::telemetry::SPANS;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use opentelemetry::KeyValue;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{FutureExt as _, TracerProvider as _};
use opentelemetry_http::hyper::HyperClient;
use opentelemetry_http::{Bytes, HeaderExtractor, HttpClient, HttpError};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

use crate::config::Telemetry as Options;
use crate::error::{CliError, Kind, Result};

/// How long one batch may take.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the last batches may take at the end.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// Traces that are sent somewhere, or are not.
pub(crate) struct Telemetry(Option<SdkTracerProvider>);

impl Telemetry {
    /// No traces.
    pub(crate) const fn off() -> Self {
        Self(None)
    }

    /// Starts sending, if an endpoint is named.
    pub(crate) fn start(options: &Options) -> Result<Self> {
        if options.otlp_endpoint.is_empty() {
            return Ok(Self::off());
        }
        let failed = |error: String| CliError::new(Kind::Config, format!("`telemetry.otlp_endpoint`: {error}"));
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Sender::new().map_err(|error| failed(error.to_string()))?)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{}/v1/traces", options.otlp_endpoint.trim_end_matches('/')))
            .with_timeout(SEND_TIMEOUT)
            .build()
            .map_err(|error| failed(error.to_string()))?;
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(options.sample_ratio))))
            .with_resource(resource())
            .build();
        Ok(Self(Some(provider)))
    }

    /// What a subscriber of `tracing` must have for it.
    pub(crate) fn layer<S: Subscriber + for<'a> LookupSpan<'a>>(&self) -> Option<impl Layer<S> + use<S>> {
        let tracer = self.0.as_ref()?.tracer("heptad");
        let layer = tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_filter(filter_fn(|metadata| metadata.target() == SPANS));
        Some(layer)
    }

    /// Sends what is left. Outside of any runtime, since it waits.
    pub(crate) fn stop(self) {
        let Some(provider) = self.0 else { return };
        // The end itself does not tell whether the collector took them.
        let sent = provider.force_flush();
        if let Err(error) = sent.and(provider.shutdown_with_timeout(STOP_TIMEOUT)) {
            tracing::warn!(%error, "the last traces were not sent");
        }
    }
}

/// What names this process: `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` go before this.
fn resource() -> Resource {
    let named = std::env::var_os("OTEL_SERVICE_NAME").is_some();
    let builder = Resource::builder().with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
    if named { builder.build() } else { builder.with_service_name("heptad").build() }
}

/// Middleware: spans of this request lie within the span that its caller names in `traceparent`.
pub(crate) async fn joined(request: Request, next: Next) -> Response {
    if !request.headers().contains_key("traceparent") {
        return next.run(request).await;
    }
    let caller = TraceContextPropagator::new().extract(&HeaderExtractor(request.headers()));
    next.run(request).with_context(caller).await
}

/// Sends batches. It is called on the exporter's own thread, which knows no runtime, and hyper needs one.
#[derive(Debug)]
struct Sender {
    runtime: tokio::runtime::Runtime,
    client: HyperClient<HttpsConnector<HttpConnector>>,
}

impl Sender {
    fn new() -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let connector = HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1().build();
        Ok(Self { runtime, client: HyperClient::new(connector, SEND_TIMEOUT, None) })
    }
}

#[async_trait]
impl HttpClient for Sender {
    async fn send_bytes(
        &self,
        request: hyper::Request<Bytes>,
    ) -> std::result::Result<hyper::Response<Bytes>, HttpError> {
        self.runtime.block_on(self.client.send_bytes(request))
    }
}
