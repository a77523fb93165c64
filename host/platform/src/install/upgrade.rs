//! Upgrading an install, and going back.
//!
//! What the new version asks for beyond the old one is the merchant's to grant first; the old version runs until one
//! transaction switches. What the plugin kept is copied aside, so that for seven days it can go back, unless the new version
//! promises that the old one works on its data.

use heptad_model::id::{InstallId, VersionId};
use heptad_model::manifest::DataPromise;
use heptad_model::{Manifest, Millis, Permission, PermissionSet, retention};
use heptad_store::{Row, StoreError, Tx};
use semver::Version;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::change::changed;
use super::create::{Grants, MAX_ON_POINT, approved, grants_check};
use super::secret::{install_secret_list, missing};
use super::snapshot::{LostWrites, snapshot_differences, snapshot_drop, snapshot_restore, snapshot_take};
use super::{Install, install_get, install_list};
use crate::apps::app_origin_put;
use crate::delivery::subscription::subscriptions_renew;
use crate::enqueued::enqueued_renew;
use crate::schedule::{schedules_end, schedules_renew};
use crate::settings::{checked, settings_check};
use crate::{FieldError, PlatformError};

/// What a merchant says when it upgrades a plugin.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct UpgradeIn {
    /// The version; the latest one when absent.
    pub version: Option<String>,
    /// What it allows the new version.
    pub granted: Grants,
    /// New settings, whole; the ones that are there when absent.
    pub settings: Option<Value>,
}

/// What an upgrade would change.
#[derive(Debug, Clone, PartialEq)]
pub struct UpgradePlan {
    /// The version as it is.
    pub from: String,
    /// The version that it would be.
    pub to: String,
    /// What the new version asks for.
    pub manifest: Manifest,
    /// Permissions that it asks for and the old one does not.
    pub new_permissions: Vec<Permission>,
    /// Hosts likewise.
    pub new_hosts: Vec<String>,
    /// Permissions that it does not ask for any more.
    pub dropped_permissions: Vec<Permission>,
    /// Settings that the new version wants and that are not there.
    pub missing_settings: Vec<FieldError>,
    /// Secrets likewise.
    pub missing_secrets: Vec<FieldError>,
    /// Whether the old version works on what the new one writes.
    pub is_compatible: bool,
}

/// What an install was before its last upgrade.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Previous {
    /// The version's id.
    pub version_id: VersionId,
    /// The version.
    pub version: String,
    /// What was allowed.
    pub granted: PermissionSet,
    /// The hosts that it could call.
    pub hosts: Vec<String>,
    /// The settings, as they were given.
    pub settings: Value,
    /// When it was upgraded.
    pub at: Millis,
    /// Whether what the plugin kept was copied aside.
    pub has_snapshot: bool,
    kv_bytes: i64,
    documents: i64,
    document_bytes: i64,
}

impl Previous {
    /// Until when one can go back.
    pub fn until(&self) -> Millis {
        self.at.plus(retention::UPGRADE_SNAPSHOTS.millis)
    }
}

/// What would change; `not-an-upgrade` where the version is not higher than the one that is there.
pub async fn install_upgrade_plan(
    tx: &mut Tx,
    id: InstallId,
    version: Option<&str>,
) -> Result<UpgradePlan, PlatformError> {
    let install = install_get(tx, id).await?;
    let (_, manifest) = target(tx, &install, version).await?;
    let (old, new) = (install.manifest.wishes(), manifest.wishes());
    let hosts = manifest.hosts.iter().filter(|wish| !install.manifest.wishes_host(&wish.name));
    Ok(UpgradePlan {
        from: install.version.clone(),
        to: manifest.version.clone(),
        new_permissions: new.missing_from(old).collect(),
        new_hosts: hosts.map(|wish| wish.name.clone()).collect(),
        dropped_permissions: old.missing_from(new).collect(),
        missing_settings: settings_check(&manifest, &given(tx, id).await?).err().unwrap_or_default(),
        missing_secrets: missing(&manifest, &install_secret_list(tx, id).await?),
        is_compatible: is_compatible(tx, &install, &manifest).await?,
        manifest,
    })
}

/// Switches to another version. Everything that it required is granted, and an enabled plugin has what it needs to run: else
/// nothing changes, and the old version runs on (`permission-required`, `settings-invalid`, `needs-setup`).
pub async fn install_upgrade(tx: &mut Tx, id: InstallId, input: &UpgradeIn) -> Result<Install, PlatformError> {
    let install = install_get(tx, id).await?;
    let (version_id, manifest) = target(tx, &install, input.version.as_deref()).await?;
    grants_check(&manifest, &input.granted)?;
    let settings = match &input.settings {
        Some(settings) => {
            checked(&manifest, settings)?;
            settings.clone()
        }
        None => given(tx, id).await?,
    };
    if install.is_enabled() {
        settings_check(&manifest, &settings).map_err(PlatformError::NeedsSetup)?;
        let secrets = missing(&manifest, &install_secret_list(tx, id).await?);
        if !secrets.is_empty() {
            return Err(PlatformError::NeedsSecrets(secrets));
        }
    }
    points_check(tx, &install, &manifest).await?;
    let has_snapshot = !is_compatible(tx, &install, &manifest).await?;
    match has_snapshot {
        true => snapshot_take(tx, id).await?,
        false => snapshot_drop(tx, id).await.map(drop)?,
    }
    let previous = previous_of(tx, &install, has_snapshot).await?;
    let next = Switch { version_id, granted: &input.granted, settings: &settings, previous: Some(&previous) };
    let detail = json!({
        "plugin": install.plugin, "from": install.version, "to": manifest.version, "granted": input.granted.permissions,
        "hosts": input.granted.hosts,
    });
    switch(tx, &install, &manifest, next, "install.upgraded", &detail).await
}

/// What there is to go back to, where there is anything.
pub async fn install_previous(tx: &mut Tx, id: InstallId) -> Result<Option<Previous>, PlatformError> {
    let install = install_get(tx, id).await?;
    match previous(tx, &install).await {
        Ok(previous) => Ok(Some(previous)),
        Err(PlatformError::NoRollback) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What a rollback would lose; nothing where the data are compatible.
pub async fn install_rollback_plan(tx: &mut Tx, id: InstallId) -> Result<(Previous, LostWrites), PlatformError> {
    let install = install_get(tx, id).await?;
    let previous = previous(tx, &install).await?;
    let lost = match previous.has_snapshot {
        true => snapshot_differences(tx, id).await?,
        false => LostWrites::default(),
    };
    Ok((previous, lost))
}

/// Goes back to the version before the last upgrade, with what was allowed and set then, and with what the plugin kept
/// then; says which writes are lost. `no-rollback` where there was no upgrade within seven days.
pub async fn install_rollback(tx: &mut Tx, id: InstallId) -> Result<(Install, LostWrites), PlatformError> {
    const BYTES: &str = "update installs set kv_bytes = $3, documents = $4, document_bytes = $5 \
                         where tenant_id = $1 and id = $2";
    let (previous, lost) = install_rollback_plan(tx, id).await?;
    let install = install_get(tx, id).await?;
    let manifest = manifest_of(tx, previous.version_id).await?;
    if previous.has_snapshot {
        snapshot_restore(tx, id).await?;
        let held = tx.query(BYTES).text(id).bind(previous.kv_bytes).bind(previous.documents);
        held.bind(previous.document_bytes).execute().await?;
    }
    let granted = Grants { permissions: previous.granted, hosts: previous.hosts.clone() };
    let next =
        Switch { version_id: previous.version_id, granted: &granted, settings: &previous.settings, previous: None };
    let detail = json!({
        "plugin": install.plugin, "from": install.version, "to": previous.version, "lost_keys": lost.keys,
        "lost_documents": lost.documents,
    });
    let install = switch(tx, &install, &manifest, next, "install.rolled-back", &detail).await?;
    Ok((install, lost))
}

/// What a plugin kept before an upgrade that nobody can go back from any more is removed, for at most so many installs; how
/// many rows went.
pub async fn upgrade_snapshot_purge(tx: &mut Tx, batch: u32) -> Result<u64, StoreError> {
    const OLD: &str = "select id, previous from installs where tenant_id = $1 and previous is not null";
    const FORGET: &str = "update installs set previous = null where tenant_id = $1 and id = $2";
    let now = tx.ctx().now();
    // What cannot be read is of no use to anybody.
    let is_over = |text: &str| serde_json::from_str::<Previous>(text).map_or(true, |previous| previous.until() <= now);
    let read = |row: &Row| Ok((row.parse::<InstallId>("id")?, row.text("previous")?));
    let all = tx.query(OLD).fetch_all(read).await?;
    let mut rows = 0;
    for (id, _) in all.iter().filter(|(_, previous)| is_over(previous)).take(batch as usize) {
        rows += snapshot_drop(tx, *id).await? + tx.query(FORGET).text(*id).execute().await?;
    }
    Ok(rows)
}

/// What an install becomes.
struct Switch<'a> {
    version_id: VersionId,
    granted: &'a Grants,
    settings: &'a Value,
    previous: Option<&'a Previous>,
}

async fn switch(
    tx: &mut Tx,
    install: &Install,
    manifest: &Manifest,
    next: Switch<'_>,
    action: &str,
    detail: &Value,
) -> Result<Install, PlatformError> {
    const PUT: &str = "update installs set version_id = $3, granted = $4, hosts = $5, settings = $6, previous = $7, \
                       revision = revision + 1, updated_at = $8 where tenant_id = $1 and id = $2";
    let (id, now) = (install.id, tx.ctx().now());
    let previous = next.previous.map(|previous| json!(previous).to_string());
    let put = tx.query(PUT).text(id).text(next.version_id).json(&next.granted.permissions).json(&next.granted.hosts);
    let rows = put.json(next.settings).bind(previous.as_deref()).bind(now).execute().await?;
    // What goes, goes first: a schedule may be called what an event was.
    schedules_end(tx, id, &manifest.schedules).await?;
    subscriptions_renew(tx, id, &manifest.events).await?;
    schedules_renew(tx, id, &manifest.schedules).await?;
    enqueued_renew(tx, id, manifest).await?;
    if !manifest.routes.is_empty() {
        app_origin_put(tx, id).await?;
    }
    changed(tx, id, rows, action, detail).await
}

/// Whether the version that is there works on what the other one writes: each version promises it for the one before it
/// alone, so all between them must.
async fn is_compatible(tx: &mut Tx, install: &Install, to: &Manifest) -> Result<bool, PlatformError> {
    const ALL: &str =
        "select version, manifest from plugin_versions where plugin = $1 and state not in ('submitted', 'rejected')";
    let read = |row: &Row| Ok((row.parse::<Version>("version")?, row.json::<Manifest>("manifest")?));
    let all = tx.platform_query(ALL).bind(&install.plugin).fetch_all(read).await?;
    let number = |text: &str| Version::parse(text).ok();
    let (from, to) = (number(&install.version), number(&to.version));
    let mut passed = all.iter().filter(|(version, _)| Some(version) > from.as_ref() && Some(version) <= to.as_ref());
    Ok(passed.all(|(_, manifest)| manifest.data == Some(DataPromise::Compatible)))
}

/// The version that is asked for, which is higher than the one that is there.
async fn target(tx: &mut Tx, install: &Install, version: Option<&str>) -> Result<(VersionId, Manifest), PlatformError> {
    let (id, manifest) = approved(tx, &install.plugin, version).await?;
    let number = |text: &str| Version::parse(text).ok();
    match number(&manifest.version) > number(&install.version) {
        true => Ok((id, manifest)),
        false => Err(PlatformError::NotAnUpgrade { from: install.version.clone(), to: manifest.version }),
    }
}

/// The manifest of a version that runs: `version-stopped` where the operator keeps it from that.
async fn manifest_of(tx: &mut Tx, version: VersionId) -> Result<Manifest, PlatformError> {
    const GET: &str = "select manifest, killed_at from plugin_versions where id = $1";
    let read = |row: &Row| Ok((row.json::<Manifest>("manifest")?, row.opt_int("killed_at")?));
    let found = tx.platform_query(GET).text(version).fetch_optional(read).await?;
    match found {
        Some((manifest, None)) => Ok(manifest),
        Some((manifest, Some(_))) => Err(PlatformError::VersionStopped(manifest.version)),
        None => Err(PlatformError::not_found("plugin version", version)),
    }
}

/// The settings as the merchant gave them, without the schema's defaults.
async fn given(tx: &mut Tx, id: InstallId) -> Result<Value, PlatformError> {
    const GIVEN: &str = "select settings from installs where tenant_id = $1 and id = $2";
    Ok(tx.query(GIVEN).text(id).fetch_one(|row| row.json("settings")).await?)
}

async fn points_check(tx: &mut Tx, install: &Install, manifest: &Manifest) -> Result<(), PlatformError> {
    let present = install_list(tx).await?;
    let new = manifest.points.iter().filter(|point| !install.manifest.points.contains(point));
    for point in new {
        if present.iter().filter(|other| other.manifest.points.contains(point)).count() >= MAX_ON_POINT {
            return Err(PlatformError::PointFull { point: point.name(), most: MAX_ON_POINT });
        }
    }
    Ok(())
}

async fn previous_of(tx: &mut Tx, install: &Install, has_snapshot: bool) -> Result<Previous, PlatformError> {
    const HELD: &str = "select kv_bytes, documents, document_bytes from installs where tenant_id = $1 and id = $2";
    let read = |row: &Row| Ok((row.int("kv_bytes")?, row.int("documents")?, row.int("document_bytes")?));
    let (kv_bytes, documents, document_bytes) = tx.query(HELD).text(install.id).fetch_one(read).await?;
    Ok(Previous {
        version_id: install.version_id,
        version: install.version.clone(),
        granted: install.granted,
        hosts: install.hosts.clone(),
        settings: given(tx, install.id).await?,
        at: tx.ctx().now(),
        has_snapshot,
        kv_bytes,
        documents,
        document_bytes,
    })
}

async fn previous(tx: &mut Tx, install: &Install) -> Result<Previous, PlatformError> {
    const PREVIOUS: &str = "select previous from installs where tenant_id = $1 and id = $2";
    let found = tx.query(PREVIOUS).text(install.id).fetch_one(|row| row.opt_text("previous")).await?;
    let previous: Option<Previous> = found.as_deref().and_then(|text| serde_json::from_str(text).ok());
    previous.filter(|previous| tx.ctx().now() < previous.until()).ok_or(PlatformError::NoRollback)
}
