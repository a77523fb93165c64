//! The operations on both databases, with plugins that are functions.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod carts;
mod catalog;
mod coupons;
mod events;
mod fixture;
mod idempotency;
mod import;
mod members;
mod orders;
mod points;
mod quotes;
