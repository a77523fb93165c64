//! The API through the real router, on both databases, with real guests. A module for each part of it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod audit;
mod authorisation;
mod catalog;
mod description;
mod health;
mod input;
mod installs;
mod journey;
mod large;
mod limits;
mod misbehaving;
mod notices;
mod orders;
mod promotions;
mod retention;
mod sessions;
mod signing;
mod stock;
mod stream;
mod tenants;
mod tokens;
mod upgrades;
mod uploads;
mod webhooks;
