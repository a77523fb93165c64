//! The shared words of the host: ids, money, time, context, permissions, points and manifests. No I/O.
//!
//! Start with [`ctx`]: every operation of the host takes a [`ctx::Ctx`] first. [`points`], [`permission`] and
//! [`event_type`] are the registries that everything about plugins reads; a new point, permission or event type begins with
//! a row there. What operators watch has registries of its own, [`metric`] and [`alert`].

pub mod alert;
pub mod audit;
mod cloud_event;
pub mod collection;
pub mod cron;
pub mod ctx;
pub mod entropy;
pub mod event;
pub mod event_type;
pub mod filter;
pub mod host;
pub mod id;
pub mod limits;
pub mod locale;
pub mod manifest;
pub mod metric;
pub mod money;
pub mod page;
pub mod permission;
pub mod plugin_event;
pub mod points;
pub mod retention;
pub mod route;
pub mod secret;
pub mod settings;
pub mod signing;
pub mod telemetry;
pub mod text;
pub mod time;
pub mod trace_context;

pub use cron::{Cron, Zone};
pub use ctx::{Actor, Ctx, Env, Origin, Tenant};
pub use event::{Event, NewEvent};
pub use event_type::EventType;
pub use filter::Filter;
pub use host::HostWish;
pub use limits::{Limit, LimitValue, Limits};
pub use locale::Locale;
pub use manifest::Manifest;
pub use money::{Currency, Minor, Money};
pub use page::{Page, PageRequest};
pub use permission::{Permission, PermissionSet};
pub use plugin_event::PluginEventType;
pub use points::Point;
pub use route::{Audience, RouteWish};
pub use secret::SecretWish;
pub use text::Text;
pub use time::Millis;
pub use trace_context::TraceParent;
