//! The platform's operations on both databases, by concept.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod access;
mod breakers;
mod catalog;
mod documents;
mod installs;
mod kv;
mod lanes;
mod metering;
mod notices;
mod people;
mod schedules;
mod support;
mod upgrades;
mod vault;
