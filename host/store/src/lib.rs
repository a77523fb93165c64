//! The database: connections, the tenant-bound transaction, the dialects, migrations, the audit log and the
//! outbox.
//!
//! [`Store::read`] and [`Store::write`] run a closure in a transaction that knows its tenant: in a [`Tx`], parameter
//! `$1` of every statement *is* the tenant, bound by [`Tx::query`], so no function takes a bare tenant id and none can
//! forget it. [`Store::platform_read`] and [`Store::platform_write`] are for the tables without a tenant.
//!
//! One SQL text serves SQLite and PostgreSQL. What differs is in [`dialect`], and only there. This crate knows nothing
//! of shops or plugins; their statements stand beside the operations that use them.

mod audit;
pub mod backup;
pub mod dialect;
mod error;
mod group;
mod migrate;
mod observe;
mod open;
mod outbox;
mod row;
mod statement;
mod store;
#[cfg(feature = "testing")]
pub mod testing;
mod tx;

pub use error::StoreError;
pub use migrate::{MigrationState, migrate, migration_state};
pub use open::OpenTx;
pub use outbox::{REPLAY_PREFIX, key_floor_raise};
pub use row::Row;
pub use statement::{Bind, Statement};
pub use store::{AsStoreError, Store, StoreOptions};
pub use tx::{PlatformTx, Tx};
