//! Uninstalling: everything at once, or what the plugin kept stays for thirty days; a certificate says what went and when.

use heptad_model::id::{InstallId, UninstallId};
use heptad_model::{Millis, Page, PageRequest, retention};
use heptad_store::{Row, StoreError, Tx};
use serde_json::json;

use super::create::{Uninstalled, remove};
use super::snapshot::{snapshot_drop, snapshot_hand_over, snapshot_take};
use super::{Install, install_get};
use crate::PlatformError;

/// What becomes of the plugin's own data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnData {
    /// It is removed at once.
    Purge,
    /// It is kept for thirty days: whoever installs the plugin again has it back.
    Keep,
}

/// What was uninstalled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The id.
    pub id: UninstallId,
    /// The install that there was.
    pub install: InstallId,
    /// The plugin.
    pub plugin: String,
    /// Its version.
    pub version: String,
    /// Who uninstalled it.
    pub actor: String,
    /// When.
    pub at: Millis,
    /// What the plugin kept.
    pub data: Uninstalled,
    /// Until when that is kept; `None` where it is not.
    pub kept_until: Option<Millis>,
    /// When it was removed.
    pub purged_at: Option<Millis>,
    /// The install that has it back.
    pub restored_to: Option<InstallId>,
}

/// The statement that reads certificates of a tenant.
macro_rules! certificates {
    ($which:literal) => {
        concat!(
            "select id, install_id, plugin, version, actor, at, kv_entries, kv_bytes, documents, document_bytes, ",
            "kept_until, purged_at, restored_to from uninstalls where tenant_id = $1 and ",
            $which
        )
    };
}

impl Certificate {
    fn of(row: &Row) -> Result<Self, StoreError> {
        let entries = row.int("kv_entries")?;
        Ok(Self {
            id: row.parse("id")?,
            install: row.parse("install_id")?,
            plugin: row.text("plugin")?,
            version: row.text("version")?,
            actor: row.text("actor")?,
            at: row.millis("at")?,
            data: Uninstalled {
                kv_entries: u64::try_from(entries).unwrap_or_default(),
                kv_bytes: row.int("kv_bytes")?,
                documents: row.int("documents")?,
                document_bytes: row.int("document_bytes")?,
            },
            kept_until: row.opt_int("kept_until")?.map(Millis::new),
            purged_at: row.opt_int("purged_at")?.map(Millis::new),
            restored_to: row.opt_parse("restored_to")?,
        })
    }
}

/// Removes an install: settings, grants, secrets, subscriptions and schedules at once, and what the plugin kept at once or
/// after thirty days.
pub async fn install_uninstall(tx: &mut Tx, id: InstallId, data: OwnData) -> Result<Certificate, PlatformError> {
    const INSERT: &str = "insert into uninstalls (tenant_id, id, install_id, plugin, version, actor, at, kv_entries, \
                          kv_bytes, documents, document_bytes, kept_until, purged_at) \
                          values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
    let install = install_get(tx, id).await?;
    match data {
        OwnData::Keep => snapshot_take(tx, id).await?,
        OwnData::Purge => snapshot_drop(tx, id).await.map(drop)?,
    }
    let removed = remove(tx, &install).await?;
    let (uninstall, now) = (UninstallId::generate(&tx.ctx().env), tx.ctx().now());
    let (kept_until, purged_at) = match data {
        OwnData::Keep => (Some(now.plus(retention::UNINSTALLED_DATA.millis)), None),
        OwnData::Purge => (None, Some(now)),
    };
    let actor = tx.ctx().actor.to_string();
    let insert = tx.query(INSERT).text(uninstall).text(id).bind(&install.plugin).bind(&install.version).bind(actor);
    let entries = i64::try_from(removed.kv_entries).unwrap_or(i64::MAX);
    insert
        .bind(now)
        .bind(entries)
        .bind(removed.kv_bytes)
        .bind(removed.documents)
        .bind(removed.document_bytes)
        .bind(kept_until.map(Millis::as_millis))
        .bind(purged_at.map(Millis::as_millis))
        .execute()
        .await?;
    uninstall_get(tx, uninstall).await
}

/// A certificate by its id.
pub async fn uninstall_get(tx: &mut Tx, id: UninstallId) -> Result<Certificate, PlatformError> {
    const GET: &str = certificates!("id = $2");
    let found = tx.query(GET).text(id).fetch_optional(Certificate::of).await?;
    found.ok_or_else(|| PlatformError::not_found("uninstall", id))
}

/// All certificates in the order of the uninstalls.
pub async fn uninstall_list(tx: &mut Tx, page: &PageRequest) -> Result<Page<Certificate>, StoreError> {
    const LIST: &str = certificates!(
        "id > $2 \
                        order by id limit $3"
    );
    let rows = tx.query(LIST).bind(page.after()).bind(page.fetch()).fetch_all(Certificate::of).await?;
    Ok(page.page(rows, |certificate| certificate.id.to_string()))
}

/// Removes at once what is kept; the certificate says when. What was removed before stays removed, and what a new install
/// has back is that install's.
pub async fn uninstall_purge(tx: &mut Tx, id: UninstallId) -> Result<Certificate, PlatformError> {
    let certificate = uninstall_get(tx, id).await?;
    if certificate.kept_until.is_some() {
        purge(tx, &certificate).await?;
    }
    uninstall_get(tx, id).await
}

/// Removes what was kept for long enough, of at most so many uninstalls; how many rows went.
pub async fn uninstalled_data_purge(tx: &mut Tx, batch: u32) -> Result<u64, StoreError> {
    const OVER: &str = certificates!("kept_until <= $2 limit $3");
    let now = tx.ctx().now();
    let mut rows = 0;
    for certificate in tx.query(OVER).bind(now).bind(batch).fetch_all(Certificate::of).await? {
        rows += purge(tx, &certificate).await?;
    }
    Ok(rows)
}

async fn purge(tx: &mut Tx, certificate: &Certificate) -> Result<u64, StoreError> {
    const PURGED: &str = "update uninstalls set kept_until = null, purged_at = $3 where tenant_id = $1 and id = $2";
    let now = tx.ctx().now();
    let rows = snapshot_drop(tx, certificate.install).await?;
    tx.query(PURGED).text(certificate.id).bind(now).execute().await?;
    let detail = json!({"plugin": certificate.plugin, "install": certificate.install});
    tx.audit("uninstall.purged", certificate.id, &detail).await?;
    Ok(rows + 1)
}

/// Gives a new install what an earlier one of the plugin left, where that is still kept.
pub(super) async fn kept_restore(tx: &mut Tx, install: &Install) -> Result<(), PlatformError> {
    const KEPT: &str = certificates!(
        "plugin = $2 \
                        and kept_until > $3 order by id desc limit 1"
    );
    const BYTES: &str = "update installs set kv_bytes = $3, documents = $4, document_bytes = $5 \
                         where tenant_id = $1 and id = $2";
    const RESTORED: &str = "update uninstalls set kept_until = null, restored_to = $3 where tenant_id = $1 and id = $2";
    let now = tx.ctx().now();
    let kept = tx.query(KEPT).bind(&install.plugin).bind(now).fetch_optional(Certificate::of).await?;
    let Some(kept) = kept else { return Ok(()) };
    snapshot_hand_over(tx, kept.install, install.id).await?;
    let Uninstalled { kv_bytes, documents, document_bytes, .. } = kept.data;
    tx.query(BYTES).text(install.id).bind(kv_bytes).bind(documents).bind(document_bytes).execute().await?;
    tx.query(RESTORED).text(kept.id).text(install.id).execute().await?;
    Ok(())
}
