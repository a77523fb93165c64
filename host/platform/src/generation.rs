//! The generation: a number that grows with every change that processes keep in memory.
//!
//! A process reads it at least every 250 ms and reads the installs anew when it has grown.

use heptad_store::{PlatformTx, StoreError, Tx};

/// The present generation of all installs of all tenants.
pub async fn generation(tx: &mut PlatformTx) -> Result<i64, StoreError> {
    tx.query("select value from generations where name = 'installs'").fetch_one(|row| row.int("value")).await
}

const RAISE: &str = "update generations set value = value + 1 where name = 'installs'";

/// Raises the generation in the transaction of the change. Called last: it is the row that all tenants share.
pub(crate) async fn generation_raise(tx: &mut Tx) -> Result<(), StoreError> {
    tx.platform_query(RAISE).execute().await.map(drop)
}

/// The same for a change by the platform.
pub(crate) async fn generation_raise_by(tx: &mut PlatformTx) -> Result<(), StoreError> {
    tx.query(RAISE).execute().await.map(drop)
}
