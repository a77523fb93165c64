//! The console: pages for merchants, publishers and operators, rendered here and usable without JavaScript.
//!
//! Each page is a struct with a template in `host/web/templates`; its handler is in `pages`, a file per area. A request
//! passes `visit`, which finds out who asks and in which language, and turns failures into pages. Handlers take
//! `desk::Shop`, `desk::Publishing` or `desk::Operating`, which prove that the person holds a role there, and
//! `fields::Fields`, which proves that a form is the console's own. To add a page: a struct and a handler in `pages`, a
//! template, a route here, its sentences in both languages.

mod assets;
mod chart;
mod consent;
mod desk;
mod failure;
mod fields;
mod i18n;
mod limit;
mod look;
mod notice;
mod pages;
mod settings_form;
mod shell;
mod telling;
mod visit;
mod why;

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Extension};
use axum::response::Redirect;
use axum::routing::{any, get, post};
use axum::{Router, middleware};

use crate::state::AppState;
pub(crate) use i18n::Words;
pub(crate) use notice::{cause_sentence, sentence as notice_sentence};
use pages::{
    audit, carts, catalog, customers, dead_letters, deliveries, events, failures, installs, limits, notices, orders,
    overview, people, products, publisher, replays, retention, review, routes, schedules, secrets, sign_in,
    signing_keys, subscriptions, tenants, upgrades, usage, webhooks,
};

/// The most bytes of a form.
const FORM_BYTES: usize = 512 << 10;

/// All pages, below `/console`.
pub fn routes(state: &AppState) -> Router<AppState> {
    let shop = Router::new()
        .route("/", get(overview::show))
        .route("/catalog", get(catalog::list))
        .route("/catalog/{plugin}", get(catalog::show))
        .route("/catalog/{plugin}/install", get(catalog::consent).post(catalog::install))
        .route("/plugins", get(installs::list))
        .route("/plugins/{install}", get(installs::show).post(installs::settings_post))
        .route("/plugins/{install}/open", get(routes::open))
        .route("/plugins/{install}/permissions", post(installs::permissions_post))
        .route("/plugins/{install}/secrets", post(secrets::secrets_post))
        .route("/plugins/{install}/move", post(installs::move_post))
        .route("/plugins/{install}/enable", post(installs::enable_post))
        .route("/plugins/{install}/disable", post(installs::disable_post))
        .route("/plugins/{install}/upgrade", get(upgrades::show).post(upgrades::upgrade))
        .route("/plugins/{install}/rollback", get(upgrades::rollback).post(upgrades::rollback_post))
        .route("/plugins/{install}/uninstall", get(installs::uninstall).post(installs::uninstall_post))
        .route("/plugins/{install}/rearm", post(failures::rearm_post))
        .route("/plugins/{install}/failure", post(failures::failure_post))
        .route("/schedules", get(schedules::list))
        .route("/schedules/{schedule}", get(schedules::show))
        .route("/schedules/{schedule}/run", post(schedules::run_post))
        .route("/schedules/{schedule}/state", post(schedules::state_post))
        .route("/usage", get(usage::show))
        .route("/audit", get(audit::shop))
        .route("/notices", get(notices::shop))
        .route("/notices/{notice}", post(notices::shop_post))
        .route("/carts", get(carts::start).post(carts::create))
        .route("/carts/{cart}", get(carts::show).post(carts::change))
        .route("/carts/{cart}/lines", post(carts::add))
        .route("/carts/{cart}/customer", post(carts::customer))
        .route("/carts/{cart}/order", post(carts::order))
        .route("/orders", get(orders::list))
        .route("/orders/{order}", get(orders::show))
        .route("/orders/{order}/payments", post(orders::pay))
        .route("/customers", get(customers::list))
        .route("/customers/{customer}", get(customers::show).post(customers::change))
        .route("/products", get(products::list))
        .route("/products/{product}", get(products::show).post(products::change))
        .merge(listening());
    let publishing = Router::new()
        .route("/", get(publisher::list))
        .route(
            "/upload",
            get(publisher::upload).post(publisher::upload_post).layer(DefaultBodyLimit::max(publisher::UPLOAD_FORM)),
        )
        .route("/plugins/{plugin}", get(publisher::show))
        .route("/keys", get(signing_keys::list).post(signing_keys::change))
        .route("/notices", get(notices::publisher))
        .route("/notices/{notice}", post(notices::publisher_post))
        .merge(listening());
    let operating = Router::new()
        .route("/", get(review::queue))
        .route("/versions/{version}", get(review::version).post(review::review))
        .route("/versions/{version}/life", post(review::life))
        .route("/tenants", get(tenants::tenants).post(tenants::tenant_post))
        .route("/tenants/{tenant}/limits", post(limits::tenant_post))
        .route("/limits", get(limits::list).post(limits::create))
        .route("/limits/{profile}", get(limits::show).post(limits::change))
        .route("/publishers", get(tenants::publishers).post(tenants::publisher_post))
        .route("/retention", get(retention::show))
        .route("/audit", get(audit::operator))
        .route("/notices", get(notices::operator))
        .route("/notices/{notice}", post(notices::operator_post))
        .route("/people/{scope}", get(people::people).post(people::person_post));
    let console = Router::new()
        .route("/console", get(overview::home))
        .route("/console/sign-in", get(sign_in::show).post(sign_in::post))
        .route("/console/sign-out", post(sign_in::sign_out))
        .route("/console/link/{secret}", get(sign_in::link).post(sign_in::link_post))
        .nest("/console/shops/{shop}", shop)
        .nest("/console/publishers/{publisher}", publishing)
        .nest("/console/operator", operating)
        .route("/console/{*rest}", any(failure::nowhere))
        .layer(DefaultBodyLimit::max(FORM_BYTES))
        .layer(middleware::from_fn_with_state(state.clone(), visit::visit))
        .layer(Extension(Arc::new(limit::SignInLimits::default())));
    Router::new()
        .route("/", get(|| async { Redirect::to("/console") }))
        .route("/console/assets/{file}", get(assets::get))
        .merge(console)
}

/// The pages of those who hear of events, in a shop and at a publisher.
fn listening() -> Router<AppState> {
    Router::new()
        .route("/events", get(events::list))
        .route("/events/live", get(events::live))
        .route("/events/{event}", get(events::show))
        .route("/subscriptions", get(subscriptions::list))
        .route("/subscriptions/{subscription}", get(subscriptions::show))
        .route("/subscriptions/{subscription}/pause", post(subscriptions::pause_post))
        .route("/subscriptions/{subscription}/resume", post(subscriptions::resume_post))
        .route("/subscriptions/{subscription}/skip", post(subscriptions::skip_post))
        .route("/subscriptions/{subscription}/deliveries", get(deliveries::list))
        .route("/subscriptions/{subscription}/dead-letters", get(dead_letters::list).post(dead_letters::replay_all))
        .route("/subscriptions/{subscription}/dead-letters/{letter}", post(dead_letters::act))
        .route("/subscriptions/{subscription}/replays", get(replays::list).post(replays::create))
        .route("/subscriptions/{subscription}/replays/{replay}", post(replays::cancel))
        .route("/subscriptions/{subscription}/deliveries/{delivery}", post(deliveries::again))
        .route("/webhooks", get(webhooks::list).post(webhooks::create))
        .route("/webhooks/new", get(webhooks::new))
        .route("/webhooks/{webhook}", get(webhooks::show).post(webhooks::change))
        .route("/webhooks/{webhook}/test", post(webhooks::test_post))
        .route("/webhooks/{webhook}/rotate", post(webhooks::rotate_post))
        .route("/webhooks/{webhook}/retire", post(webhooks::retire_post))
        .route("/webhooks/{webhook}/rearm", post(webhooks::rearm_post))
        .route("/webhooks/{webhook}/state", post(webhooks::state_post))
        .route("/webhooks/{webhook}/delete", post(webhooks::delete_post))
}
