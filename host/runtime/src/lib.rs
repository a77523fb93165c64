//! The sandbox: engine, code cache, limits, calls, the gate and the plugin-facing imports.
//!
//! Start with [`Runtime`], which implements the capabilities' `Extensions`: it finds the tenant's plugins ([`installs`]),
//! their code ([`code`]), makes a fresh sandbox ([`sandbox`]) and asks it (`points`). What a plugin may call is in
//! `imports`, one thin file per interface; each of their functions passes the gate in [`call`].
//!
//! To add an importable interface: its WIT, rows in the permission table, a file in `imports/`. To add a point: a row in
//! the registry, its WIT, a module in `heptad-bindings`, a file in `points/`.

mod admission;
mod asking;
pub mod breaker;
mod busiest;
pub mod call;
pub mod code;
pub mod compile;
pub mod components;
mod deadline;
mod effects;
mod egress;
pub mod engine;
mod handling;
mod imports;
pub mod installs;
pub mod limits;
mod meter;
mod no_call;
mod observe;
mod os;
pub mod package;
mod points;
pub mod quota;
mod rate;
mod ration;
pub mod recording;
mod replay;
mod reporter;
mod runtime;
pub mod sandbox;
mod serving;
mod span;
pub mod tape;

pub use egress::left::{Again, NotSent, Sent};
pub use handling::{Handled, REFUSED};
pub use package::{Inspected, Package, PackageError};
pub use points::event_handler::EventDelivery;
pub use points::schedule_handler::Due;
pub use replay::{ReplayError, Replayed};
pub use reporter::FLUSH_EVERY;
pub use runtime::{Runtime, RuntimeError, RuntimeOptions};
pub use serving::{BrokenOff, NoAnswer, RouteBody, Visitor};
