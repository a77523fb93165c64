//! Limits that are sold by the day, leased in lots: a process asks for a lot, uses it from memory, and asks for the next.
//!
//! The database never leases more than the limit. What a process has leased and not used is given back by a clean stop; a
//! kill loses it until the day ends.

use heptad_store::{StoreError, Tx};

/// How many days a tenant's old rows stay.
const KEPT_DAYS: i64 = 7;

/// What a process got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lot {
    /// How much it may use; 0 when the day's is spent.
    pub granted: i64,
    /// How much of the day's is leased to all processes now.
    pub leased: i64,
}

/// Leases a lot of the tenant's quota of the day, or what is left of it. `most` is the quota as it is now.
pub async fn quota_lease(tx: &mut Tx, name: &str, day: i64, lot: i64, most: i64) -> Result<Lot, StoreError> {
    const OPEN: &str = "insert into quotas (tenant_id, name, day, leased, lot) values ($1, $2, $3, 0, 0) \
                        on conflict (tenant_id, name, day) do nothing";
    const FORGET: &str = "delete from quotas where tenant_id = $1 and name = $2 and day < $3";
    // On the right stands what the row held before.
    const LEASE: &str = "update quotas set lot = case when leased + $4 > $5 then $5 - leased else $4 end, \
                         leased = case when leased + $4 > $5 then $5 else leased + $4 end \
                         where tenant_id = $1 and name = $2 and day = $3 and leased < $5 returning lot, leased";
    if tx.query(OPEN).bind(name).bind(day).execute().await? > 0 {
        tx.query(FORGET).bind(name).bind(day - KEPT_DAYS).execute().await?;
    }
    let lease = tx.query(LEASE).bind(name).bind(day).bind(lot).bind(most);
    let leased = lease.fetch_optional(|row| Ok(Lot { granted: row.int("lot")?, leased: row.int("leased")? })).await?;
    Ok(leased.unwrap_or(Lot { granted: 0, leased: most }))
}

/// Gives back what was leased and not used.
pub async fn quota_give_back(tx: &mut Tx, name: &str, day: i64, unused: i64) -> Result<(), StoreError> {
    const GIVE_BACK: &str = "update quotas set leased = leased - $4 \
                             where tenant_id = $1 and name = $2 and day = $3 and leased >= $4";
    tx.query(GIVE_BACK).bind(name).bind(day).bind(unused).execute().await.map(drop)
}
