//! The API, versioned under `/v1`: a file for each noun, each handler with the roles that may call it in its signature.
//!
//! To add a route: a handler with `#[utoipa::path]` in the file of its noun, its line in `router`, and its row in
//! [`ROUTES`] with the roles of the handler's extractor. A test holds the table against the OpenAPI document and walks
//! every route as every role.

#![expect(unused_qualifications, reason = "utoipa's macro names the parameters' types by their paths")]

mod annotations;
mod audit;
mod carts;
mod coupons;
mod customers;
mod events;
mod failures;
mod health;
mod installs;
mod inventory;
mod life;
mod limits;
mod me;
mod notices;
mod orders;
mod payments;
mod plugins;
mod points;
mod products;
mod publishers;
mod quotes;
mod recordings;
mod registry;
mod replays;
mod retention;
mod routes;
mod schedules;
mod scope;
mod secrets;
mod shared;
mod signing_keys;
mod skus;
mod stream;
mod subscriptions;
mod tenants;
mod tokens;
mod trace;
mod uninstalls;
mod upgrades;
mod usage;
mod users;
mod versions;
mod webhooks;

use heptad_platform::principal::Role;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::{
    CatalogReader, InboxKeeper, Listener, Maker, MakerOrOperator, Minter, Operator, Owner, ScopeKeeper, Shop, Shopper,
    SignedIn, Staff, TenantReader,
};
use crate::openapi;
use crate::state::AppState;
pub(crate) use events::EventOut;
pub(crate) use stream::after as stream_after;

/// A route and who may call it.
#[derive(Debug, Clone, Copy)]
pub struct RouteRow {
    /// The HTTP method.
    pub method: &'static str,
    /// The path's pattern.
    pub path: &'static str,
    /// The roles that may; `None` is anybody at all.
    pub roles: Option<&'static [Role]>,
}

const fn row(method: &'static str, path: &'static str, roles: &'static [Role]) -> RouteRow {
    RouteRow { method, path, roles: Some(roles) }
}

const fn open(method: &'static str, path: &'static str) -> RouteRow {
    RouteRow { method, path, roles: None }
}

/// Every route of the API.
pub const ROUTES: &[RouteRow] = &[
    open("GET", "/healthz"),
    open("GET", "/readyz"),
    open("GET", "/v1/points"),
    open("GET", "/v1/permissions"),
    open("GET", "/v1/event-types"),
    row("GET", "/v1/me", SignedIn::ROLES),
    row("GET", "/v1/tenants", Operator::ROLES),
    row("POST", "/v1/tenants", Operator::ROLES),
    row("GET", "/v1/tenants/{tenant}", TenantReader::ROLES),
    row("GET", "/v1/publishers", Operator::ROLES),
    row("POST", "/v1/publishers", Operator::ROLES),
    row("GET", "/v1/publishers/{publisher}", MakerOrOperator::ROLES),
    row("GET", "/v1/tokens", ScopeKeeper::ROLES),
    row("POST", "/v1/tokens", ScopeKeeper::ROLES),
    row("DELETE", "/v1/tokens/{token}", ScopeKeeper::ROLES),
    row("POST", "/v1/customer-tokens", Minter::ROLES),
    row("GET", "/v1/users", ScopeKeeper::ROLES),
    row("POST", "/v1/users", ScopeKeeper::ROLES),
    row("GET", "/v1/plugins", CatalogReader::ROLES),
    row("GET", "/v1/plugin-facets", CatalogReader::ROLES),
    row("GET", "/v1/plugins/{plugin}", CatalogReader::ROLES),
    row("GET", "/v1/plugins/{plugin}/versions", CatalogReader::ROLES),
    row("GET", "/v1/own-plugins", Maker::ROLES),
    row("GET", "/v1/own-plugins/{plugin}/versions", Maker::ROLES),
    row("GET", "/v1/versions", Operator::ROLES),
    row("POST", "/v1/versions", Maker::ROLES),
    row("GET", "/v1/versions/{version}", MakerOrOperator::ROLES),
    row("POST", "/v1/versions/{version}/approve", Operator::ROLES),
    row("POST", "/v1/versions/{version}/reject", Operator::ROLES),
    row("GET", "/v1/versions/{version}/changes", MakerOrOperator::ROLES),
    row("PUT", "/v1/versions/{version}/state", MakerOrOperator::ROLES),
    row("POST", "/v1/versions/{version}/kill", Operator::ROLES),
    row("POST", "/v1/versions/{version}/revive", Operator::ROLES),
    row("GET", "/v1/signing-keys", Maker::ROLES),
    row("POST", "/v1/signing-keys", Maker::ROLES),
    row("POST", "/v1/signing-keys/{signing_key}/revoke", MakerOrOperator::ROLES),
    row("GET", "/v1/signing-keys/{signing_key}/versions", MakerOrOperator::ROLES),
    row("GET", "/v1/installs", Staff::ROLES),
    row("POST", "/v1/installs", Owner::ROLES),
    row("GET", "/v1/installs/{install}", Staff::ROLES),
    row("DELETE", "/v1/installs/{install}", Owner::ROLES),
    row("GET", "/v1/installs/{install}/recordings", Staff::ROLES),
    row("GET", "/v1/installs/{install}/routes", Staff::ROLES),
    row("PUT", "/v1/installs/{install}/settings", Staff::ROLES),
    row("GET", "/v1/installs/{install}/secrets", Staff::ROLES),
    row("PUT", "/v1/installs/{install}/secrets/{name}", Owner::ROLES),
    row("DELETE", "/v1/installs/{install}/secrets/{name}", Owner::ROLES),
    row("PUT", "/v1/installs/{install}/grants", Owner::ROLES),
    row("GET", "/v1/uninstalls", Owner::ROLES),
    row("POST", "/v1/uninstalls/{uninstall}/purge", Owner::ROLES),
    row("GET", "/v1/installs/{install}/upgrade", Staff::ROLES),
    row("POST", "/v1/installs/{install}/upgrade", Owner::ROLES),
    row("GET", "/v1/installs/{install}/rollback", Staff::ROLES),
    row("POST", "/v1/installs/{install}/rollback", Owner::ROLES),
    row("POST", "/v1/installs/{install}/enable", Staff::ROLES),
    row("POST", "/v1/installs/{install}/disable", Staff::ROLES),
    row("POST", "/v1/installs/{install}/rearm", Staff::ROLES),
    row("PUT", "/v1/installs/{install}/failure", Owner::ROLES),
    row("PUT", "/v1/install-order", Staff::ROLES),
    row("GET", "/v1/notices", InboxKeeper::ROLES),
    row("POST", "/v1/notices/{notice}/acknowledge", InboxKeeper::ROLES),
    row("GET", "/v1/events", Listener::ROLES),
    row("GET", "/v1/events/stream", Listener::ROLES),
    row("GET", "/v1/events/{event}", Listener::ROLES),
    row("GET", "/v1/subscriptions", Listener::ROLES),
    row("GET", "/v1/subscriptions/{subscription}", Listener::ROLES),
    row("POST", "/v1/subscriptions/{subscription}/pause", Listener::ROLES),
    row("POST", "/v1/subscriptions/{subscription}/resume", Listener::ROLES),
    row("POST", "/v1/subscriptions/{subscription}/skip", Listener::ROLES),
    row("GET", "/v1/subscriptions/{subscription}/deliveries", Listener::ROLES),
    row("GET", "/v1/subscriptions/{subscription}/dead-letters", Listener::ROLES),
    row("GET", "/v1/subscriptions/{subscription}/replays", Listener::ROLES),
    row("POST", "/v1/subscriptions/{subscription}/replays", Listener::ROLES),
    row("POST", "/v1/subscriptions/{subscription}/dead-letters/replay", Listener::ROLES),
    row("POST", "/v1/dead-letters/{dead_letter}/replay", Listener::ROLES),
    row("POST", "/v1/dead-letters/{dead_letter}/discard", Listener::ROLES),
    row("POST", "/v1/replays/{replay}/cancel", Listener::ROLES),
    row("GET", "/v1/webhooks", Listener::ROLES),
    row("POST", "/v1/webhooks", Listener::ROLES),
    row("GET", "/v1/webhooks/{webhook}", Listener::ROLES),
    row("PUT", "/v1/webhooks/{webhook}", Listener::ROLES),
    row("POST", "/v1/webhooks/{webhook}/pause", Listener::ROLES),
    row("POST", "/v1/webhooks/{webhook}/resume", Listener::ROLES),
    row("POST", "/v1/webhooks/{webhook}/rearm", Listener::ROLES),
    row("POST", "/v1/webhooks/{webhook}/test", Listener::ROLES),
    row("POST", "/v1/webhooks/{webhook}/secrets/rotate", Listener::ROLES),
    row("DELETE", "/v1/webhooks/{webhook}/secrets/{secret}", Listener::ROLES),
    row("DELETE", "/v1/webhooks/{webhook}", Listener::ROLES),
    row("GET", "/v1/webhook-usage", Listener::ROLES),
    row("POST", "/v1/deliveries/{delivery}/redeliver", Listener::ROLES),
    row("GET", "/v1/schedules", Staff::ROLES),
    row("GET", "/v1/schedules/{schedule}", Staff::ROLES),
    row("POST", "/v1/schedules/{schedule}/run", Staff::ROLES),
    row("POST", "/v1/schedules/{schedule}/pause", Staff::ROLES),
    row("POST", "/v1/schedules/{schedule}/resume", Staff::ROLES),
    row("GET", "/v1/schedules/{schedule}/runs", Staff::ROLES),
    row("GET", "/v1/products", Shop::ROLES),
    row("POST", "/v1/products", Staff::ROLES),
    row("GET", "/v1/products/{product}", Shop::ROLES),
    row("PATCH", "/v1/products/{product}", Staff::ROLES),
    row("GET", "/v1/skus", Shop::ROLES),
    row("POST", "/v1/skus", Staff::ROLES),
    row("GET", "/v1/skus/{sku}", Shop::ROLES),
    row("PATCH", "/v1/skus/{sku}", Staff::ROLES),
    row("GET", "/v1/inventory-levels", Shop::ROLES),
    row("PUT", "/v1/inventory-levels/{sku}/{location}", Staff::ROLES),
    row("GET", "/v1/customers", Staff::ROLES),
    row("POST", "/v1/customers", Shop::ROLES),
    row("GET", "/v1/customers/{customer}", Shopper::ROLES),
    row("PATCH", "/v1/customers/{customer}", Shop::ROLES),
    row("GET", "/v1/customers/{customer}/points", Shopper::ROLES),
    row("GET", "/v1/customers/{customer}/points/entries", Staff::ROLES),
    row("GET", "/v1/customers/{customer}/coupons", Shopper::ROLES),
    row("POST", "/v1/points/earn", Shop::ROLES),
    row("POST", "/v1/points/spend", Shop::ROLES),
    row("POST", "/v1/points/freeze", Shop::ROLES),
    row("POST", "/v1/points/confirm", Shop::ROLES),
    row("POST", "/v1/points/unfreeze", Shop::ROLES),
    row("POST", "/v1/points/refund", Shop::ROLES),
    row("GET", "/v1/coupon-batches", Staff::ROLES),
    row("POST", "/v1/coupon-batches", Staff::ROLES),
    row("GET", "/v1/coupon-batches/{batch}", Staff::ROLES),
    row("POST", "/v1/coupon-batches/{batch}/close", Staff::ROLES),
    row("POST", "/v1/coupons", Shop::ROLES),
    row("POST", "/v1/coupons/{coupon}/void", Staff::ROLES),
    row("GET", "/v1/orders/{order}/annotations", Staff::ROLES),
    row("POST", "/v1/orders/{order}/annotations", Staff::ROLES),
    row("POST", "/v1/carts", Shopper::ROLES),
    row("GET", "/v1/carts/{cart}", Shopper::ROLES),
    row("PUT", "/v1/carts/{cart}/lines", Shopper::ROLES),
    row("POST", "/v1/carts/{cart}/lines", Shopper::ROLES),
    row("PATCH", "/v1/carts/{cart}/lines/{index}", Shopper::ROLES),
    row("DELETE", "/v1/carts/{cart}/lines/{index}", Shopper::ROLES),
    row("POST", "/v1/quotes", Shopper::ROLES),
    row("GET", "/v1/quotes/{quote}", Shopper::ROLES),
    row("GET", "/v1/quotes/{quote}/trace", Shop::ROLES),
    row("GET", "/v1/orders", Shop::ROLES),
    row("POST", "/v1/orders", Shopper::ROLES),
    row("GET", "/v1/orders/{order}", Shopper::ROLES),
    row("GET", "/v1/orders/{order}/trace", Shop::ROLES),
    row("GET", "/v1/orders/{order}/payments", Shop::ROLES),
    row("POST", "/v1/orders/{order}/payments", Shop::ROLES),
    row("GET", "/v1/usage", Staff::ROLES),
    row("GET", "/v1/retention", SignedIn::ROLES),
    row("GET", "/v1/limits", SignedIn::ROLES),
    row("GET", "/v1/limit-profiles", Operator::ROLES),
    row("GET", "/v1/limit-profiles/{profile}", Operator::ROLES),
    row("PUT", "/v1/limit-profiles/{profile}", Operator::ROLES),
    row("PUT", "/v1/tenants/{tenant}/limit-profile", Operator::ROLES),
    row("GET", "/v1/audit", Owner::ROLES),
    row("GET", "/v1/platform-audit", Operator::ROLES),
];

/// The health checks, which ask nobody who asks.
pub(crate) fn health() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(health::healthz)).routes(routes!(health::readyz))
}

/// The upload, which may take longer than other requests.
pub(crate) fn uploads() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(versions::version_queue_page, versions::version_post))
}

/// All other routes.
pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(openapi::head())
        .routes(routes!(me::me))
        .routes(routes!(registry::point_list))
        .routes(routes!(registry::permission_list))
        .routes(routes!(tenants::tenant_page, tenants::tenant_post))
        .routes(routes!(tenants::tenant_read))
        .routes(routes!(publishers::publisher_page, publishers::publisher_post))
        .routes(routes!(publishers::publisher_read))
        .routes(routes!(tokens::token_page, tokens::token_post))
        .routes(routes!(tokens::token_delete))
        .routes(routes!(tokens::customer_token_post))
        .routes(routes!(users::user_page, users::user_post))
        .routes(routes!(plugins::plugin_page))
        .routes(routes!(plugins::plugin_facet_all))
        .routes(routes!(plugins::plugin_read))
        .routes(routes!(plugins::plugin_version_page))
        .routes(routes!(versions::own_plugin_page))
        .routes(routes!(versions::own_version_page))
        .routes(routes!(versions::version_read))
        .routes(routes!(versions::version_approve))
        .routes(routes!(versions::version_reject))
        .routes(routes!(life::version_changes))
        .routes(routes!(life::version_fate))
        .routes(routes!(life::version_stop))
        .routes(routes!(life::version_revival))
        .routes(routes!(signing_keys::signing_key_all, signing_keys::signing_key_post))
        .routes(routes!(signing_keys::signing_key_revocation))
        .routes(routes!(signing_keys::signed_version_page))
        .routes(routes!(installs::install_all, installs::install_post))
        .routes(routes!(installs::install_read, uninstalls::install_remove))
        .routes(routes!(uninstalls::uninstall_page))
        .routes(routes!(uninstalls::uninstall_now))
        .routes(routes!(upgrades::upgrade_plan, upgrades::upgrade))
        .routes(routes!(upgrades::rollback_plan, upgrades::rollback))
        .routes(routes!(installs::install_settings))
        .routes(routes!(installs::install_grants))
        .routes(routes!(secrets::install_secret_all))
        .routes(routes!(secrets::install_secret_set, secrets::install_secret_remove))
        .routes(routes!(installs::install_on))
        .routes(routes!(installs::install_off))
        .routes(routes!(failures::install_rearm))
        .routes(routes!(failures::install_failure))
        .routes(routes!(installs::install_order))
        .routes(routes!(notices::notice_page))
        .routes(routes!(notices::notice_read))
        .routes(routes!(events::event_type_list))
        .routes(routes!(events::event_page))
        .routes(routes!(stream::event_stream))
        .routes(routes!(events::event_read))
        .routes(routes!(subscriptions::subscription_all))
        .routes(routes!(subscriptions::subscription_read))
        .routes(routes!(subscriptions::subscription_pause))
        .routes(routes!(subscriptions::subscription_resume))
        .routes(routes!(subscriptions::subscription_skip))
        .routes(routes!(subscriptions::delivery_page))
        .routes(routes!(replays::dead_letter_page))
        .routes(routes!(replays::dead_letters_again))
        .routes(routes!(replays::dead_letter_again))
        .routes(routes!(replays::dead_letter_aside))
        .routes(routes!(replays::replay_page, replays::replay_post))
        .routes(routes!(replays::replay_end))
        .routes(routes!(webhooks::webhook_all, webhooks::webhook_post))
        .routes(routes!(webhooks::webhook_read, webhooks::webhook_replace, webhooks::webhook_remove))
        .routes(routes!(webhooks::webhook_pause))
        .routes(routes!(webhooks::webhook_resume))
        .routes(routes!(webhooks::webhook_again))
        .routes(routes!(webhooks::webhook_test))
        .routes(routes!(webhooks::webhook_rotate))
        .routes(routes!(webhooks::webhook_secret_remove))
        .routes(routes!(webhooks::webhook_usage))
        .routes(routes!(replays::delivery_again))
        .routes(routes!(schedules::schedule_all))
        .routes(routes!(schedules::schedule_read))
        .routes(routes!(schedules::schedule_now))
        .routes(routes!(schedules::schedule_pause))
        .routes(routes!(schedules::schedule_resume))
        .routes(routes!(schedules::run_page))
        .routes(routes!(products::product_page, products::product_post))
        .routes(routes!(products::product_read, products::product_patch))
        .routes(routes!(skus::sku_page, skus::sku_post))
        .routes(routes!(skus::sku_read, skus::sku_patch))
        .routes(routes!(inventory::level_all))
        .routes(routes!(inventory::level_put))
        .routes(routes!(customers::customer_page, customers::customer_post))
        .routes(routes!(customers::customer_read, customers::customer_patch))
        .routes(routes!(points::balance_read))
        .routes(routes!(points::entry_page))
        .routes(routes!(points::earn))
        .routes(routes!(points::spend))
        .routes(routes!(points::freeze))
        .routes(routes!(points::confirm))
        .routes(routes!(points::unfreeze))
        .routes(routes!(points::refund))
        .routes(routes!(coupons::batch_page, coupons::batch_post))
        .routes(routes!(coupons::batch_read))
        .routes(routes!(coupons::batch_close))
        .routes(routes!(coupons::issue))
        .routes(routes!(coupons::void))
        .routes(routes!(coupons::held))
        .routes(routes!(annotations::marks_read, annotations::annotate))
        .routes(routes!(carts::cart_post))
        .routes(routes!(carts::cart_read))
        .routes(routes!(carts::cart_lines_put, carts::cart_lines_post))
        .routes(routes!(carts::cart_line_patch, carts::cart_line_delete))
        .routes(routes!(quotes::quote_post))
        .routes(routes!(quotes::quote_read))
        .routes(routes!(quotes::quote_why))
        .routes(routes!(orders::order_page, orders::order_post))
        .routes(routes!(orders::order_read))
        .routes(routes!(orders::order_why))
        .routes(routes!(payments::payment_all, payments::payment_post))
        .routes(routes!(recordings::recording_all))
        .routes(routes!(routes::route_all))
        .routes(routes!(usage::usage_all))
        .routes(routes!(retention::retention_all))
        .routes(routes!(limits::limit_all))
        .routes(routes!(limits::limit_profile_all))
        .routes(routes!(limits::limit_profile_read, limits::limit_profile_replace))
        .routes(routes!(limits::tenant_limit_profile_replace))
        .routes(routes!(audit::audit_page))
        .routes(routes!(audit::platform_audit_page))
}
