//! Events on their way from an operation of the shop to a real plugin, on both databases.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod carrier;
mod endpoint;
mod failing;
mod handlers;
mod outgoing;
mod schedules;
mod several;
mod shop;
mod stream;
mod thief;
mod webhooks;
mod writes;
