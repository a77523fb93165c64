//! The HTTP API and the console.
//!
//! Start with [`server::app`], which puts the router together, and [`api`], which has a file for each noun. What a role
//! may do stands in each handler's signature, by the extractors of [`auth`]; every error of the host becomes a problem in
//! [`error`], and only there. This crate holds no rule of the shop or the platform: a handler reads a request, calls an
//! operation in a transaction, and shows its result.
//!
//! It is a router and no server: listening, signals and graceful shutdown are the binary's.

pub mod api;
pub mod apps;
pub mod auth;
mod bearers;
pub mod console;
pub mod error;
pub mod extract;
pub mod idempotency;
mod live;
pub mod metrics;
mod openapi;
mod process;
pub mod rate;
mod request;
pub mod server;
mod span;
mod state;
#[cfg(feature = "testing")]
pub mod testing;
mod upload;
pub mod vitals;
mod webhook;

pub use error::{ApiError, ApiResult};
pub use request::REQUEST_ID;
pub use server::app;
pub use state::{AppState, Shared, WebOptions};
