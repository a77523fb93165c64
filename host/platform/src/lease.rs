//! Leases: who of several equal processes does what at the moment. Nobody leads: a lease is taken when it is free or was
//! not renewed in time, and its fence grows each time that it changes hands, so that a holder who was thought dead cannot
//! write any more.

use heptad_model::Millis;
use heptad_store::{PlatformTx, Row, StoreError};

/// A lease that is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Its name.
    pub name: String,
    /// Its number.
    pub fence: i64,
}

fn lease(row: &Row) -> Result<Lease, StoreError> {
    Ok(Lease { name: row.text("name")?, fence: row.int("fence")? })
}

/// Takes those of the leases that are free, or whose time is up; those that it got. `force` takes them from anyone, for a
/// database that only one process uses at a time.
pub async fn leases_take(
    tx: &mut PlatformTx,
    names: &[String],
    holder: &str,
    until: Millis,
    force: bool,
) -> Result<Vec<Lease>, StoreError> {
    const TAKE: &str = "insert into leases (name, holder, fence, expires_at) \
                        select value, $2, 1, $3 from json_each($1) where true \
                        on conflict (name) do update set holder = excluded.holder, fence = leases.fence + 1, \
                        expires_at = excluded.expires_at where leases.expires_at <= $4 or $5 = 1 returning name, fence";
    let now = tx.origin().now();
    tx.query(TAKE).json(names).bind(holder).bind(until).bind(now).bind(force).fetch_all(lease).await
}

/// Renews what the holder has; what it still has.
pub async fn leases_renew(tx: &mut PlatformTx, holder: &str, until: Millis) -> Result<Vec<Lease>, StoreError> {
    const RENEW: &str = "update leases set expires_at = $2 where holder = $1 and expires_at > 0 returning name, fence";
    tx.query(RENEW).bind(holder).bind(until).fetch_all(lease).await
}

/// Gives leases back, so that others need not wait for their end.
pub async fn leases_release(tx: &mut PlatformTx, holder: &str, names: &[String]) -> Result<u64, StoreError> {
    const RELEASE: &str = "update leases set expires_at = 0, holder = '' \
                           where holder = $1 and name in (select value from json_each($2))";
    tx.query(RELEASE).bind(holder).json(names).execute().await
}

/// A process that serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its id, new with each start.
    pub id: String,
    /// Where it listens.
    pub address: String,
    /// The version of its binary.
    pub version: String,
    /// When it started.
    pub started_at: Millis,
    /// When it was last heard of.
    pub seen_at: Millis,
}

/// Says that this process is alive, and forgets those that were not heard of since `forgotten`; those that are alive.
pub async fn process_seen(
    tx: &mut PlatformTx,
    process: &Process,
    forgotten: Millis,
) -> Result<Vec<Process>, StoreError> {
    const SEEN: &str = "insert into processes (id, address, version, started_at, seen_at) values ($1, $2, $3, $4, $5) \
                        on conflict (id) do update set seen_at = excluded.seen_at";
    const FORGET: &str = "delete from processes where seen_at < $1";
    let statement = tx.query(SEEN).bind(&process.id).bind(&process.address).bind(&process.version);
    statement.bind(process.started_at).bind(process.seen_at).execute().await?;
    tx.query(FORGET).bind(forgotten).execute().await?;
    process_list(tx).await
}

/// The processes, the eldest first.
pub async fn process_list(tx: &mut PlatformTx) -> Result<Vec<Process>, StoreError> {
    const LIST: &str =
        "select id, address, version, started_at, seen_at from processes order by started_at, id limit 1000";
    let read = |row: &Row| {
        Ok(Process {
            id: row.text("id")?,
            address: row.text("address")?,
            version: row.text("version")?,
            started_at: row.millis("started_at")?,
            seen_at: row.millis("seen_at")?,
        })
    };
    tx.query(LIST).fetch_all(read).await
}

/// Takes a process off the list: it has stopped.
pub async fn process_gone(tx: &mut PlatformTx, id: &str) -> Result<(), StoreError> {
    tx.query("delete from processes where id = $1").bind(id).execute().await.map(drop)
}

/// The names of the leases that somebody holds now.
pub async fn leases_held(tx: &mut PlatformTx, now: Millis) -> Result<Vec<String>, StoreError> {
    const HELD: &str = "select name from leases where expires_at > $1";
    tx.query(HELD).bind(now).fetch_all(|row| row.text("name")).await
}
