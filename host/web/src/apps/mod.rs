//! The origin of plugins: where people, shoppers and programs reach the routes that plugins answer.
//!
//! It is a router of its own for a listener of its own; nothing of a plugin is ever served on the origin of the console and
//! the API. A request names its install by host or path (`url`); the install's manifest says which route it meets and
//! for whom (`visitor`); what must not pass in either direction is taken out (`headers`); the runtime does the rest.

mod cookie;
mod enter;
mod headers;
mod refusal;
mod url;
mod visitor;

use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use heptad_capabilities::extensions::Outcome;
use heptad_model::id::{InstallId, RequestId, TenantId};
use heptad_model::route::{Found, path_is_plain, route_find};
use heptad_model::{Actor, Audience, Locale, Origin};
use heptad_platform::apps::app_origin_get;
use heptad_runtime::NoAnswer;
use heptad_store::StoreError;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::Instrument as _;

use crate::error::{ApiError, ApiResult};
use crate::extract::{Asked, peer, reader};
use crate::request::{self, REQUEST_ID};
use crate::state::AppState;
use crate::{metrics, span};
pub(crate) use enter::way_in;
pub use url::{AppsUrl, AppsUrlError, host_of};
use visitor::Knock;

/// The most bytes of path and query together.
const MOST_ADDRESS: usize = 8_192;

/// Where an install's pages are: what confines its cookies, and what browsers keep apart by themselves.
#[derive(Debug, Clone)]
struct Place {
    /// The path below which its routes lie, without a slash at the end.
    base: String,
    is_secure: bool,
    /// Whether other installs share the origin.
    is_shared: bool,
}

/// The name of the cookie of a person's visit; with HTTPS on a host of its own its prefix binds it to that host.
fn visit_cookie(place: &Place) -> &'static str {
    if place.is_secure && !place.is_shared { "__Host-heptad-visit" } else { "heptad-visit" }
}

/// Everything that is served on the origins of plugins.
pub fn app(state: AppState) -> Router {
    Router::new()
        .fallback(serve)
        .layer(CatchPanicLayer::custom(request::panicked))
        .layer(from_fn_with_state(state.clone(), wrap))
        .with_state(state)
}

/// What an answer tells the middleware.
#[derive(Clone)]
struct Told {
    place: Place,
    /// For whom the route is whose plugin answered; `None` where the host answered itself.
    answered: Option<Audience>,
}

/// Around every request: an id, bounds, headers, metrics, and refusals written out.
async fn wrap(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = RequestId::generate(&state.env);
    let trace = request.headers().get("traceparent").and_then(|value| value.to_str().ok()?.parse().ok());
    let asked = Asked { request: id, reader: reader(request.headers()), trace };
    request.extensions_mut().insert(asked.clone());
    let (method, wants_page) = (request.method().clone(), refusal::wants_page(request.headers()));
    let logged = tracing::info_span!("request", %method, route = "apps", request_id = %id);
    let traced = span::of_request(&method, "apps", id);
    let address = request.uri().path_and_query().map_or(0, |address| address.as_str().len());
    let mut response = match request::check_headers(request.headers(), state.options.header_bytes) {
        Ok(()) if address > MOST_ADDRESS => {
            let detail = format!("path and query have {address} bytes, at most {MOST_ADDRESS} are allowed");
            ApiError::new(StatusCode::URI_TOO_LONG, "address-too-long", detail).into_response()
        }
        Ok(()) => next.run(request).instrument(logged.clone()).instrument(traced.clone()).await,
        Err(error) => error.into_response(),
    };
    let told = response.extensions_mut().remove::<Told>();
    if let Some(error) = response.extensions_mut().remove::<ApiError>() {
        if response.status().is_server_error() {
            let (code, cause) = (error.code(), error.cause().unwrap_or_default());
            tracing::warn!(code, cause, "request {id} to a plugin's route failed with {code}: {cause}");
        }
        let allow = response.headers_mut().remove(header::ALLOW);
        response = refusal::written(&error, asked.reader, &id.to_string(), &state.options.public_url, wants_page);
        response.headers_mut().extend(allow.map(|allow| (header::ALLOW, allow)));
    }
    let place = told.as_ref().map_or_else(|| nowhere(&state), |told| told.place.clone());
    match told.and_then(|told| told.answered) {
        Some(audience) => headers::answered(response.headers_mut(), &place, audience),
        None => headers::secured(response.headers_mut(), &place, true),
    }
    if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    let (status, took) = (response.status(), started.elapsed());
    span::answered(&traced, status);
    metrics::request(&method, "apps", status, took);
    let (told, millis) = (status.as_u16(), u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
    let _entered = logged.entered();
    tracing::info!(status = told, duration_ms = millis, "{method} apps {told} in {millis} ms");
    response
}

/// The place of what belongs to no install.
fn nowhere(state: &AppState) -> Place {
    let url = state.options.apps.as_ref();
    Place {
        base: String::new(),
        is_secure: url.is_some_and(AppsUrl::is_secure),
        is_shared: url.is_some_and(AppsUrl::is_shared),
    }
}

async fn serve(State(state): State<AppState>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let authority = parts.uri.authority().map(|authority| authority.as_str()).or_else(|| {
        let host = parts.headers.get(header::HOST)?;
        host.to_str().ok()
    });
    let url = state.options.apps.as_ref();
    let found = url.and_then(|url| Some((url, url.find(authority.unwrap_or_default(), parts.uri.path())?)));
    let Some((url, (install, path))) = found else { return ApiError::not_found("plugin").into_response() };
    let place = Place { base: url.base_of(install), is_secure: url.is_secure(), is_shared: url.is_shared() };
    let (own, path) = (url.origin_of(install), path.to_owned());
    let mut told = Told { place: place.clone(), answered: None };
    let door = Door { state: &state, place: &place, install, own: &own, path: &path };
    let mut response = match door.open(parts, body, &mut told).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    };
    response.extensions_mut().insert(told);
    response
}

/// An install at which a request knocks.
struct Door<'a> {
    state: &'a AppState,
    place: &'a Place,
    install: InstallId,
    /// The origin of its pages.
    own: &'a str,
    /// The path as the plugin sees it.
    path: &'a str,
}

impl Door<'_> {
    async fn open(&self, parts: Parts, body: Body, told: &mut Told) -> ApiResult<Response> {
        let &Self { state, place, install, own, path } = self;
        if !path_is_plain(path) {
            let detail = "the path is one that is read in several ways";
            return Err(ApiError::new(StatusCode::BAD_REQUEST, "path", detail)
                .with_hint("leave out `.` and `..`, empty parts, and encoded slashes"));
        }
        // It would outlive the plugin: a worker answers for pages long after the merchant has switched the plugin off.
        if parts.headers.contains_key("service-worker") {
            return Err(ApiError::forbidden("pages of plugins have no service workers").with_code("service-worker"));
        }
        let asked = Asked::of(&parts, &state.env);
        let origin = asked.origin(Actor::Anonymous, Locale::default(), &state.env);
        let address = peer(&parts, state.options.trust_forwarded_for);
        let Some(tenant) = state.tenant_of(&origin, install).await? else {
            state.rates.peer(address)?;
            return Err(ApiError::not_found("plugin"));
        };
        if path == enter::ENTER {
            state.rates.peer(address)?;
            return enter::enter(state, &origin, &parts, place, install).await;
        }
        let tenant = state.tenant(&origin, tenant).await?;
        let ctx = Origin { locale: asked.reader.unwrap_or(tenant.locale), ..origin }.for_tenant(tenant);
        let serving = state.runtime.routed(&ctx, install).await.map_err(|error| {
            ApiError::unavailable("plugins-unavailable", "no plugin can be asked at this moment", error.to_string())
        })?;
        let Some(serving) = serving else {
            state.rates.peer(address)?;
            return Err(ApiError::not_found("plugin"));
        };
        let route = match route_find(&serving.manifest.routes, parts.method.as_str(), path) {
            Found::Route(route) => route.clone(),
            Found::OtherMethods(methods) => {
                state.rates.peer(address)?;
                return Ok(other_methods(&methods));
            }
            Found::Nothing => {
                state.rates.peer(address)?;
                return Err(ApiError::not_found("page"));
            }
        };
        let knock = Knock { state, ctx: &ctx, parts: &parts, place, install, origin: own };
        let visitor = knock.admit(route.audience, &route.path).await?;
        let request = inward(parts, body, own, path, &asked)?;
        let answer = state.runtime.respond(ctx, serving, visitor, request).await;
        let response = answer.map_err(|error| no_answer(&error, state.env.now().as_millis()))?;
        told.answered = Some(route.audience);
        Ok(response.map(Body::new))
    }
}

fn other_methods(methods: &[&str]) -> Response {
    let error =
        ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "this address does not know this method")
            .with_hint("the header `Allow` names those that it knows");
    let mut response = error.into_response();
    if let Ok(allow) = HeaderValue::from_str(&methods.join(", ")) {
        response.headers_mut().insert(header::ALLOW, allow);
    }
    response
}

/// The request as the plugin gets it.
fn inward(mut parts: Parts, body: Body, own: &str, path: &str, asked: &Asked) -> ApiResult<Request> {
    headers::asked(&mut parts.headers);
    let id = HeaderValue::from_str(&asked.request.to_string()).map_err(ApiError::internal)?;
    parts.headers.insert(REQUEST_ID, id);
    let address = match parts.uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let address: PathAndQuery = address.parse().map_err(ApiError::internal)?;
    let mut uri = own.parse::<Uri>().map_err(ApiError::internal)?.into_parts();
    uri.path_and_query = Some(address);
    let uri = Uri::from_parts(uri).map_err(ApiError::internal)?;
    let mut request = Request::builder().method(parts.method).uri(uri).body(body).map_err(ApiError::internal)?;
    *request.headers_mut() = parts.headers;
    Ok(request)
}

/// What the world learns of a plugin that gave no answer: not why.
fn no_answer(error: &NoAnswer, now: i64) -> ApiError {
    let (outcome, retry_at) = match error {
        NoAnswer::TooLarge(most) => {
            let detail = format!("the body has more than {most} bytes, which is the most that is taken here");
            return ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", detail);
        }
        NoAnswer::Ended { outcome, retry_at } => (outcome, retry_at),
    };
    let (code, message) = match outcome {
        Outcome::Failed { code, message } | Outcome::Skipped { code, message } => (code.as_str(), message.as_str()),
        Outcome::Answered => ("answered", "it ended without an answer"),
    };
    let cause = format!("{code}: {message}");
    let is_later = matches!(outcome, Outcome::Skipped { .. }) || matches!(code, "busy" | "conflict" | "unavailable");
    if is_later {
        let wait = retry_at.map_or(1, |at| u64::try_from((at.as_millis() - now).max(0) / 1_000 + 1).unwrap_or(1));
        return ApiError::unavailable("plugin-busy", "the plugin cannot answer at this moment", cause)
            .with_retry_after(wait);
    }
    let (status, word, detail) = match code {
        "deadline" => (StatusCode::GATEWAY_TIMEOUT, "plugin-timeout", "the plugin did not answer in time"),
        _ => (StatusCode::BAD_GATEWAY, "plugin-failed", "the plugin did not answer"),
    };
    ApiError::new(status, word, detail).with_cause(cause)
}

impl crate::state::Shared {
    /// Whose an install is that has routes. That does not change while there is the install.
    async fn tenant_of(&self, origin: &Origin, install: InstallId) -> ApiResult<Option<TenantId>> {
        if let Some(known) = self.app_tenants.get(&install).await {
            return Ok(Some(known));
        }
        let read = async |mut tx| app_origin_get(&mut tx, install).await;
        let found = self.store.platform_read(origin, read).await.map_err(|error: StoreError| error)?;
        if let Some(tenant) = found {
            self.app_tenants.insert(install, tenant).await;
        }
        Ok(found)
    }
}
