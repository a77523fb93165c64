//! Recordings of calls as they are stored: sealed bytes with a head that says whose they are. What is in them, and the
//! sealing, is the runtime's.

use heptad_model::id::{CallId, CustomerId, InstallId};
use heptad_model::{Millis, Point};
use heptad_store::{Row, StoreError, Tx};

/// What is known of a recording without opening it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingHead {
    /// The call.
    pub call: CallId,
    /// The install.
    pub install: InstallId,
    /// The plugin's name.
    pub plugin: String,
    /// Its version.
    pub version: String,
    /// The SHA-256 of the component, in hexadecimal.
    pub digest: String,
    /// The point.
    pub point: Point,
    /// The customer whose cart it was, by which it is found when the customer is to be erased.
    pub customer: Option<CustomerId>,
    /// `answered`, or the code of the failure.
    pub outcome: String,
    /// When it was made.
    pub recorded_at: Millis,
    /// From when on it is not there any more.
    pub expires_at: Millis,
}

impl RecordingHead {
    fn of(row: &Row) -> Result<Self, StoreError> {
        let column = |column, problem: String| StoreError::Column { column, problem };
        let point = row.text("point")?;
        let customer = row.opt_text("customer_id")?;
        let customer = customer.map(|id| CustomerId::parse(&id)).transpose();
        Ok(Self {
            call: row.parse("id")?,
            install: row.parse("install_id")?,
            plugin: row.text("plugin")?,
            version: row.text("version")?,
            digest: row.text("digest")?,
            point: Point::parse(&point).ok_or_else(|| column("point", format!("`{point}` is no point")))?,
            customer: customer.map_err(|error| column("customer_id", error.to_string()))?,
            outcome: row.text("outcome")?,
            recorded_at: row.millis("recorded_at")?,
            expires_at: row.millis("expires_at")?,
        })
    }
}

/// Keeps a recording; that of an install which is gone is not kept, nor a call's second one.
pub async fn recording_put(tx: &mut Tx, head: &RecordingHead, sealed: &[u8]) -> Result<(), StoreError> {
    const INSTALLED: &str = "select count(*) as many from installs where tenant_id = $1 and id = $2";
    const PUT: &str = "insert into recordings (tenant_id, id, install_id, plugin, version, digest, point, customer_id, \
                       outcome, recorded_at, expires_at, body) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
                       on conflict (tenant_id, id) do nothing";
    if tx.query(INSTALLED).text(head.install).fetch_one(|row| row.int("many")).await? == 0 {
        return Ok(());
    }
    tx.query(PUT)
        .text(head.call)
        .text(head.install)
        .bind(&head.plugin)
        .bind(&head.version)
        .bind(&head.digest)
        .text(head.point)
        .opt_text(head.customer)
        .bind(&head.outcome)
        .bind(head.recorded_at)
        .bind(head.expires_at)
        .bind(sealed)
        .execute()
        .await
        .map(drop)
}

/// The sealed recording of a call of this tenant; `None` when there is none, or it has expired.
pub async fn recording_get(tx: &mut Tx, call: CallId) -> Result<Option<Vec<u8>>, StoreError> {
    const GET: &str = "select body from recordings where tenant_id = $1 and id = $2 and expires_at > $3";
    let now = tx.ctx().now();
    tx.query(GET).text(call).bind(now).fetch_optional(|row| row.bytes("body")).await
}

/// The latest recordings of an install, the newest first, at most a hundred.
pub async fn recording_list(tx: &mut Tx, install: InstallId) -> Result<Vec<RecordingHead>, StoreError> {
    const LIST: &str = "select id, install_id, plugin, version, digest, point, customer_id, outcome, recorded_at, expires_at \
                        from recordings where tenant_id = $1 and install_id = $2 and expires_at > $3 \
                        order by id desc limit 100";
    let now = tx.ctx().now();
    tx.query(LIST).text(install).bind(now).fetch_all(RecordingHead::of).await
}

/// Removes at most `batch` recordings that have expired. How many there were.
pub async fn recording_purge(tx: &mut Tx, batch: u32) -> Result<u64, StoreError> {
    const PURGE: &str = "delete from recordings where tenant_id = $1 and id in (select id from recordings \
                         where tenant_id = $1 and expires_at <= $2 order by expires_at limit $3)";
    let now = tx.ctx().now();
    tx.query(PURGE).bind(now).bind(batch).execute().await
}
