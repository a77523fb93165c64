//! The console in process: the real router, database and sandbox, used as a browser without JavaScript uses it.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod access;
mod audit;
mod browser;
mod events;
mod fixture;
mod installing;
mod life;
mod notices;
mod ordering;
mod pages;
mod publishing;
mod routes;
mod sentences;
mod usage;
mod webhooks;
