//! Traces: what a collector of OpenTelemetry gets from a server.

use std::collections::HashMap;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use rustix::process::Signal;
use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::support::{PATIENCE, Serving, demo_shop};

/// The trace that the caller is in, and its span there.
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// A collector: where it is, and what it is sent, each with its header `x-key`.
async fn collector() -> (String, UnboundedReceiver<(String, ExportTraceServiceRequest)>) {
    let (send, receive) = unbounded_channel();
    let take = async move |headers: HeaderMap, body: Bytes| {
        let key = headers.get("x-key").map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
        assert_eq!(headers["content-type"], "application/x-protobuf");
        let _ = send.send((key, ExportTraceServiceRequest::decode(body).unwrap()));
        StatusCode::OK
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/v1/traces", post(take))).await });
    (url, receive)
}

async fn quote(serving: &Serving, token: &str, body: &str, traceparent: &str) -> (Value, String) {
    let request = reqwest::Client::new().post(format!("{}/v1/quotes?include=trace", serving.url)).timeout(PATIENCE);
    let request = request.bearer_auth(token).header("content-type", "application/json").body(body.to_owned());
    let response = request.header("traceparent", traceparent).send().await.unwrap();
    let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    assert_eq!(response.status().as_u16(), 201);
    (response.json().await.unwrap(), id)
}

fn attributes(span: &Span) -> HashMap<&str, String> {
    let text = |value: &Any| match value {
        Any::StringValue(text) => text.clone(),
        Any::IntValue(number) => number.to_string(),
        other => panic!("{other:?}"),
    };
    let value = |any: &Option<_>| {
        any.as_ref().and_then(|any: &opentelemetry_proto::tonic::common::v1::AnyValue| any.value.as_ref().map(text))
    };
    span.attributes.iter().map(|pair| (pair.key.as_str(), value(&pair.value).unwrap_or_default())).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

// The collector goes on while this thread waits for the server's end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quote_is_a_span_with_its_plugins_calls_inside() {
    let (url, mut collected) = collector().await;
    let (serving, token, body, _heptad) = demo_shop(&[
        ("HEPTAD_TELEMETRY__OTLP_ENDPOINT", &url),
        ("HEPTAD_TELEMETRY__SAMPLE_RATIO", "0"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=secret"),
        ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test"),
    ]);
    // Nobody asked for this one to be traced, and none is by itself.
    quote(&serving, &token, &body, &format!("00-{TRACE}-{CALLER}-00")).await;
    let (quote, request) = quote(&serving, &token, &body, &format!("00-{TRACE}-{CALLER}-01")).await;
    serving.running.signal(Signal::TERM);
    let (code, log) = serving.running.wait();
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("secret") && !log.contains("plugin.call"), "{log}");

    // The process is gone: what it had was sent before.
    let (mut spans, mut services) = (Vec::new(), Vec::new());
    while let Ok((key, batch)) = collected.try_recv() {
        assert_eq!(key, "secret");
        for resource in batch.resource_spans {
            services.push(format!("{:?}", resource.resource));
            spans.extend(resource.scope_spans.into_iter().flat_map(|scope| scope.spans));
        }
    }
    assert!(services.iter().all(|service| service.contains("\"heptad\"") && service.contains("\"test\"")));
    assert!(spans.iter().all(|span| hex(&span.trace_id) == TRACE), "{spans:#?}");
    let of = |name: &str| spans.iter().filter(|span| span.name == name).collect::<Vec<_>>();
    let [outer] = of("POST /v1/quotes")[..] else { panic!("{spans:#?}") };
    assert_eq!(hex(&outer.parent_span_id), CALLER);
    let told = attributes(outer);
    assert_eq!((told["http.response.status_code"].as_str(), &told["heptad.request_id"]), ("201", &request));
    let mut calls: Vec<_> = of("plugin.call");
    calls.sort_by_key(|call| call.start_time_unix_nano);
    let traced = quote["trace"]["calls"].as_array().unwrap();
    assert_eq!((calls.len(), traced.len()), (2, 2), "{quote:#}");
    for (call, traced) in calls.into_iter().zip(traced) {
        assert_eq!(call.parent_span_id, outer.span_id);
        let told = attributes(call);
        for (key, member) in [("plugin", "plugin"), ("version", "version"), ("point", "point"), ("call", "id")] {
            assert_eq!(Some(told[key].as_str()), traced[member].as_str(), "{key} of {traced:#}");
        }
        assert_eq!(told["outcome"], "answered");
        assert_eq!(told["fuel"], traced["fuel"].to_string());
        assert_eq!(told["microseconds"], traced["micros"].to_string());
    }
    assert_eq!(spans.len(), 3, "{spans:#?}");
}

#[tokio::test]
async fn a_collector_that_is_away_holds_up_nobody() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", taken.local_addr().unwrap());
    drop(taken);
    let (serving, token, body, _heptad) =
        demo_shop(&[("HEPTAD_TELEMETRY__OTLP_ENDPOINT", &url), ("HEPTAD_TELEMETRY__SAMPLE_RATIO", "1")]);
    quote(&serving, &token, &body, "nonsense").await;
    serving.running.signal(Signal::TERM);
    let (code, log) = serving.running.wait();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("the last traces were not sent"), "{log}");
}
