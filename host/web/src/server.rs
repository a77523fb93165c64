//! The router: the API, the console, the description, the health checks, and what surrounds them all.
//!
//! From the outside in: compression; `request`, which gives the id, writes problems and counts; the panic
//! catcher; the bound in time; who asks, which the console finds out for itself.

use axum::Router;
use axum::middleware::from_fn_with_state;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;

use crate::auth::identify;
use crate::state::AppState;
use crate::{api, console, openapi, request};

/// Everything that this process serves to people and programs; metrics are served apart.
pub fn app(state: AppState) -> Router {
    let known = || from_fn_with_state(state.clone(), identify);
    let short = from_fn_with_state(state.options.request_timeout, request::within);
    let long = from_fn_with_state(state.options.upload_timeout, request::within);
    let (api, mut document) = api::router().split_for_parts();
    let (uploads, of_uploads) = api::uploads().split_for_parts();
    let (health, of_health) = api::health().split_for_parts();
    document.merge(of_uploads);
    document.merge(of_health);
    Router::new()
        .merge(api.layer(known()).layer(short.clone()))
        .merge(uploads.layer(known()).layer(long.clone()))
        .merge(console::routes(&state).layer(long))
        .merge(health.layer(short))
        .merge(openapi::routes(&document))
        .layer(
            ServiceBuilder::new()
                .layer(CompressionLayer::new())
                .layer(from_fn_with_state(state.clone(), request::wrap))
                .layer(CatchPanicLayer::custom(request::panicked)),
        )
        .with_state(state)
}
