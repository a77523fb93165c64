//! The real binary, from outside: a file per command.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod access;
mod backup;
mod cluster;
mod config;
mod demo;
mod departures;
mod events;
mod help;
mod import;
mod keys;
mod load;
mod migrate;
mod plugin;
mod projects;
mod publishing;
mod replay;
mod scenarios;
mod serve;
mod servers;
mod support;
mod telemetry;
