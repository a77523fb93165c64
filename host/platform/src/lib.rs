//! Tenants, users, roles, tokens, the plugin catalog, installs, grants and settings.
//!
//! Operations on what belongs to a tenant take a [`heptad_store::Tx`], the others a [`heptad_store::PlatformTx`]; those
//! that hash a password take the [`heptad_store::Store`], because hashing is slow and never runs in a transaction. Start
//! with [`catalog`] for how a plugin gets in, [`install`] for how a merchant gets it, [`principal`] for who may do what, with
//! [`delivery`] for how events reach plugins.
//! This crate knows nothing of wasm or HTTP: bytes are inspected before a version comes here, and what a role may do
//! at which route is decided there.

pub mod apps;
pub mod audit;
pub mod breaker;
pub mod catalog;
pub mod delivery;
pub mod document;
pub mod enqueued;
pub mod error;
pub mod generation;
pub mod install;
pub mod kv;
pub mod lease;
pub mod limit_profile;
pub mod metering;
mod names;
pub mod notice;
mod password;
pub mod plugin_log;
pub mod principal;
pub mod publisher;
pub mod quota;
pub mod recording;
pub mod retention;
pub mod schedule;
mod secret;
pub mod session;
pub mod settings;
pub mod sign_in_link;
pub mod signing_key;
pub mod tenant;
pub mod token;
pub mod user;
pub mod vault;
pub mod webhook;

pub use error::{ErrorClass, FieldError, PlatformError};
pub use generation::generation;
pub use install::{Install, InstallState, install_list};
pub use names::MAX_NAME;
pub use password::{MAX_PASSWORD, MIN_PASSWORD};
pub use principal::{Principal, Role, Scope};
pub use secret::Secret;
