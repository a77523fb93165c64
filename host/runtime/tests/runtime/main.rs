//! The sandbox with real components: built and packed by `cargo xtask test`, compiled by the real compile worker.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bombs;
mod code;
mod components;
mod contract;
mod fuel;
mod fuzz;
mod gate;
mod hostile;
mod leaks;
mod limits;
mod misbehaving;
mod quotas;
mod replay;
mod reports;
mod signatures;
mod support;
mod uploads;
mod worker;
