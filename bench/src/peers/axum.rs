//! axum in this process: the discount as a plain function, and Heptad's sandbox alone. Neither has a database.

use anyhow::Result;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;

use super::Server;
use super::heptad::HeptadGuest;
use crate::setup::serve;

/// The logic of `bench/peers/discount`, native.
pub(crate) async fn plain() -> Result<Server> {
    let (address, task) = serve(Router::new().route("/", post(discount))).await?;
    Ok(Server::task(address, task))
}

async fn discount(cart: Bytes) -> Result<Vec<u8>, StatusCode> {
    bench_peer_discount::answer(&cart).map_err(|_| StatusCode::BAD_REQUEST)
}

/// The plugin of a tenant by the production path; the body is passed over, the cart is the guest's.
pub(crate) async fn sandbox(guest: HeptadGuest) -> Result<Server> {
    let (address, task) = serve(Router::new().route("/", post(ask)).with_state(guest)).await?;
    Ok(Server::task(address, task))
}

async fn ask(State(guest): State<HeptadGuest>, _: Bytes) -> Result<Vec<u8>, (StatusCode, String)> {
    let failed = |why: String| (StatusCode::INTERNAL_SERVER_ERROR, why);
    let answer = guest.ask().await.map_err(|error| failed(error.to_string()))?;
    let operations = answer.value.ok_or_else(|| failed(format!("{:?}", answer.trace.outcome)))?;
    serde_json::to_vec(&operations).map_err(|error| failed(error.to_string()))
}
