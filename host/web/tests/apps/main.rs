//! Plugins' routes through the real router, with real guests: who is let in, what is streamed, what is written, and what a
//! hostile page can do in a real browser.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod audiences;
mod bodies;
mod chromium;
mod console;
mod foreign;
mod hostile;
mod isolation;
mod live;
mod misbehaving;
mod site;
mod world;
mod writes;
