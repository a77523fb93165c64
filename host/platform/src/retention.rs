//! What has expired on the platform itself, and the log of the runs that remove what has.

use heptad_model::retention::{self, Kept};
use heptad_model::{Millis, id};
use heptad_store::{PlatformTx, Row, StoreError, Tx};
use serde_json::json;

/// The last time that something was removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionRun {
    /// What, by its name in [`retention::ALL`].
    pub name: String,
    /// When the run ended.
    pub at: Millis,
    /// How many rows went.
    pub removed: i64,
    /// How many rows went in all runs so far.
    pub removed_in_all: i64,
}

/// Writes down what a run removed.
pub async fn retention_runs_put(tx: &mut PlatformTx, removed: &[(&'static str, u64)]) -> Result<(), StoreError> {
    const PUT: &str = "insert into retention_runs (name, at, removed, removed_in_all) \
                       select json_extract(value, '$.name'), $2, cast(json_extract(value, '$.removed') as bigint), \
                       cast(json_extract(value, '$.removed') as bigint) from json_each($1, '$') where true \
                       on conflict (name) do update set at = excluded.at, removed = excluded.removed, \
                       removed_in_all = retention_runs.removed_in_all + excluded.removed";
    let now = tx.origin().now();
    let rows: Vec<_> = removed.iter().map(|(name, removed)| json!({"name": name, "removed": removed})).collect();
    tx.query(PUT).json(&rows).bind(now).execute().await.map(drop)
}

/// The last run for each kind that was ever removed.
pub async fn retention_runs(tx: &mut PlatformTx) -> Result<Vec<RetentionRun>, StoreError> {
    const LIST: &str = "select name, at, removed, removed_in_all from retention_runs order by name";
    let read = |row: &Row| {
        Ok(RetentionRun {
            name: row.text("name")?,
            at: row.millis("at")?,
            removed: row.int("removed")?,
            removed_in_all: row.int("removed_in_all")?,
        })
    };
    tx.query(LIST).fetch_all(read).await
}

fn before(now: Millis, kept: Kept) -> Millis {
    now.plus(-kept.millis)
}

/// Removes up to `most` sessions that have ended; how many there were.
pub async fn session_purge(tx: &mut PlatformTx, most: u32) -> Result<u64, StoreError> {
    const PURGE: &str = "delete from sessions where secret_hash in (select secret_hash from sessions \
                         where expires_at <= $1 order by expires_at limit $2)";
    let before = before(tx.origin().now(), retention::SESSIONS);
    tx.query(PURGE).bind(before).bind(most).execute().await
}

/// Removes up to `most` passes and visits to pages of plugins that are over; how many there were.
pub async fn app_visit_purge(tx: &mut PlatformTx, most: u32) -> Result<u64, StoreError> {
    const PURGE: &str = "delete from app_visits where secret_hash in (select secret_hash from app_visits \
                         where expires_at <= $1 order by expires_at limit $2)";
    let before = before(tx.origin().now(), retention::APP_VISITS);
    tx.query(PURGE).bind(before).bind(most).execute().await
}

/// Removes up to `most` one-time links that are over; how many there were.
pub async fn sign_in_link_purge(tx: &mut PlatformTx, most: u32) -> Result<u64, StoreError> {
    const PURGE: &str = "delete from sign_in_links where secret_hash in (select secret_hash from sign_in_links \
                         where expires_at <= $1 order by expires_at limit $2)";
    let before = before(tx.origin().now(), retention::SIGN_IN_LINKS);
    tx.query(PURGE).bind(before).bind(most).execute().await
}

/// Removes up to `most` tokens that are long over or revoked; how many there were.
pub async fn token_purge(tx: &mut PlatformTx, most: u32) -> Result<u64, StoreError> {
    const PURGE: &str = "delete from tokens where id in (select id from tokens where expires_at <= $1 \
                         or coalesce(revoked_at, expires_at) <= $1 order by id limit $2)";
    let before = before(tx.origin().now(), retention::TOKENS);
    tx.query(PURGE).bind(before).bind(most).execute().await
}

/// Removes up to `most` rows of the platform's audit log that are old enough; how many there were.
pub async fn platform_audit_purge(tx: &mut PlatformTx, most: u32) -> Result<u64, StoreError> {
    const PURGE: &str = "delete from platform_audit where id in (select id from platform_audit \
                         where id < $1 order by id limit $2)";
    let before = id::AuditId::floor(before(tx.origin().now(), retention::AUDIT));
    tx.query(PURGE).bind(before).bind(most).execute().await
}

/// Removes up to `most` rows of the tenant's audit log that are old enough; how many there were.
pub async fn audit_purge(tx: &mut Tx, most: u32) -> Result<u64, StoreError> {
    const PURGE: &str = "delete from audit where tenant_id = $1 and id in (select id from audit \
                         where tenant_id = $1 and id < $2 order by id limit $3)";
    let before = id::AuditId::floor(before(tx.ctx().now(), retention::AUDIT));
    tx.query(PURGE).bind(before).bind(most).execute().await
}
