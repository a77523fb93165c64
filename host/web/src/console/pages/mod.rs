//! The pages, a file per area: what each shows, and what its forms do.

pub(super) mod audit;
pub(super) mod carts;
pub(super) mod catalog;
pub(super) mod customers;
pub(super) mod dead_letters;
pub(super) mod deliveries;
pub(super) mod events;
pub(super) mod failures;
pub(super) mod installs;
pub(super) mod limits;
pub(super) mod notices;
pub(super) mod orders;
pub(super) mod overview;
pub(super) mod people;
pub(super) mod products;
pub(super) mod publisher;
pub(super) mod replays;
pub(super) mod retention;
pub(super) mod review;
pub(super) mod routes;
pub(super) mod schedules;
pub(super) mod secrets;
pub(super) mod sign_in;
pub(super) mod signing_keys;
pub(super) mod subscriptions;
pub(super) mod tenants;
pub(super) mod upgrades;
pub(super) mod usage;
pub(super) mod webhooks;

use axum::response::{IntoResponse, Redirect, Response};

/// After something was done: the next page, so that a reload does not do it again.
fn go(url: impl AsRef<str>) -> Response {
    Redirect::to(url.as_ref()).into_response()
}
