//! Installing and uninstalling.

use heptad_model::id::{InstallId, VersionId};
use heptad_model::{EventType, Manifest, Permission, PermissionSet};
use heptad_store::{Row, StoreError, Tx};
use serde_json::{Map, Value, json};

use super::secret::secrets_purge;
use super::uninstall::kept_restore;
use super::{Install, InstallState, install_get, install_list};
use crate::PlatformError;
use crate::apps::{app_origin_delete, app_origin_put};
use crate::delivery::subscription::{subscriptions_create, subscriptions_delete};
use crate::document::documents_purge;
use crate::enqueued::{enqueued_forget, enqueued_subscribe};
use crate::generation::generation_raise;
use crate::plugin_log::plugin_logs_forget;
use crate::schedule::{schedules_create, schedules_delete};
use crate::tenant::tenant_of_maker;

/// The most plugins of a tenant on one point, enabled or not.
pub const MAX_ON_POINT: usize = 25;

/// What a merchant allows a plugin.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grants {
    /// What it may do.
    pub permissions: PermissionSet,
    /// The hosts that it may call.
    pub hosts: Vec<String>,
}

impl From<PermissionSet> for Grants {
    fn from(permissions: PermissionSet) -> Self {
        Self { permissions, hosts: Vec::new() }
    }
}

/// What a merchant says when it installs a plugin.
#[derive(Debug, Clone, PartialEq)]
pub struct InstallIn {
    /// The plugin's name.
    pub plugin: String,
    /// An approved version; the latest one when absent.
    pub version: Option<String>,
    /// What it allows.
    pub granted: Grants,
    /// The settings, whole and valid; when absent, the defaults, and enabling waits for what they leave open.
    pub settings: Option<Value>,
}

/// What an uninstall has removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uninstalled {
    /// Entries of the plugin's own store.
    pub kv_entries: u64,
    /// Their bytes, keys and values.
    pub kv_bytes: i64,
    /// Documents in the plugin's collections.
    pub documents: i64,
    /// Their bytes, ids and bodies.
    pub document_bytes: i64,
}

/// Installs an approved version, disabled, behind the plugins that the tenant has.
///
/// Refused with `already-installed`, `permission-required`, `permission-not-asked`, `host-required`, `host-not-asked`,
/// `settings-invalid`, `point-full`, or `not-found` for a plugin or version that was never approved.
pub async fn install_create(tx: &mut Tx, input: &InstallIn) -> Result<Install, PlatformError> {
    const INSERT: &str = "insert into installs (tenant_id, id, plugin, version_id, state, position, granted, hosts, settings, \
                          kv_bytes, revision, created_at, updated_at) \
                          values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, 1, $10, $10)";
    let (version_id, manifest) = approved(tx, &input.plugin, input.version.as_deref()).await?;
    grants_check(&manifest, &input.granted)?;
    let settings = match &input.settings {
        Some(settings) => {
            crate::settings::checked(&manifest, settings)?;
            settings.clone()
        }
        None => Value::Object(Map::new()),
    };
    let present = install_list(tx).await?;
    if present.iter().any(|install| install.plugin == input.plugin) {
        return Err(PlatformError::AlreadyInstalled(input.plugin.clone()));
    }
    for point in &manifest.points {
        if present.iter().filter(|install| install.manifest.points.contains(point)).count() >= MAX_ON_POINT {
            return Err(PlatformError::PointFull { point: point.name(), most: MAX_ON_POINT });
        }
    }
    let id = InstallId::generate(&tx.ctx().env);
    let now = tx.ctx().now();
    let position = present.last().map_or(1, |last| last.position + 1);
    let inserted = tx
        .query(INSERT)
        .text(id)
        .bind(&input.plugin)
        .text(version_id)
        .bind(InstallState::Disabled.name())
        .bind(position)
        .json(&input.granted.permissions)
        .json(&input.granted.hosts)
        .json(&settings)
        .bind(now)
        .execute()
        .await;
    match inserted {
        // Another request installed it after this one looked.
        Err(StoreError::Duplicate(_)) => return Err(PlatformError::AlreadyInstalled(input.plugin.clone())),
        inserted => inserted?,
    };
    let Grants { permissions, hosts } = &input.granted;
    let detail = json!({"plugin": input.plugin, "version": version_id, "granted": permissions, "hosts": hosts});
    tx.audit("install.created", id, &detail).await?;
    generation_raise(tx).await?;
    let install = install_get(tx, id).await?;
    subscriptions_create(tx, id, &install.manifest.events).await?;
    schedules_create(tx, id, &install.manifest.schedules).await?;
    enqueued_subscribe(tx, id, &install.manifest).await?;
    if !install.manifest.routes.is_empty() {
        app_origin_put(tx, id).await?;
    }
    kept_restore(tx, &install).await?;
    tell(tx, EventType::PluginInstalled, &install).await?;
    Ok(install)
}

/// Tells the merchant, and the publisher, who is not told whose install it is.
pub(super) async fn tell(tx: &mut Tx, kind: EventType, install: &Install) -> Result<(), PlatformError> {
    let data = json!({"install": install.id, "plugin": install.plugin, "version": install.version});
    let event = kind.about(install.id, data);
    let maker = tenant_of_maker(tx, &install.plugin).await?;
    tx.emit_to(&maker, event.clone());
    tx.emit(event);
    Ok(())
}

/// Removes an install; what the plugin kept goes with it, copies apart.
pub(super) async fn remove(tx: &mut Tx, install: &Install) -> Result<Uninstalled, PlatformError> {
    const HELD: &str = "select kv_bytes, documents, document_bytes from installs where tenant_id = $1 and id = $2";
    let id = install.id;
    let read = |row: &Row| Ok((row.int("kv_bytes")?, row.int("documents")?, row.int("document_bytes")?));
    let (kv_bytes, documents, document_bytes) = tx.query(HELD).text(id).fetch_one(read).await?;
    let entries = "delete from plugin_kv where tenant_id = $1 and install_id = $2";
    let kv_entries = tx.query(entries).text(id).execute().await?;
    schedules_delete(tx, id).await?;
    documents_purge(tx, id).await?;
    secrets_purge(tx, id).await?;
    enqueued_forget(tx, id).await?;
    plugin_logs_forget(tx, id).await?;
    subscriptions_delete(tx, &id.to_string()).await?;
    app_origin_delete(tx, id).await?;
    for rest in [
        "delete from breakers where tenant_id = $1 and install_id = $2",
        "delete from recordings where tenant_id = $1 and install_id = $2",
    ] {
        tx.query(rest).text(id).execute().await?;
    }
    let removed = tx.query("delete from installs where tenant_id = $1 and id = $2").text(id).execute().await?;
    if removed != 1 {
        return Err(PlatformError::not_found("install", id));
    }
    let detail = json!({
        "plugin": install.plugin, "version": install.version_id, "kv_entries": kv_entries, "kv_bytes": kv_bytes,
        "documents": documents, "document_bytes": document_bytes,
    });
    tx.audit("install.deleted", id, &detail).await?;
    tell(tx, EventType::PluginUninstalled, install).await?;
    generation_raise(tx).await?;
    Ok(Uninstalled { kv_entries, kv_bytes, documents, document_bytes })
}

/// Checks that all required permissions and hosts are granted, and none that the plugin does not ask for.
pub(super) fn grants_check(manifest: &Manifest, granted: &Grants) -> Result<(), PlatformError> {
    let Grants { permissions: granted, hosts } = granted;
    let missing: Vec<Permission> = manifest.required().missing_from(*granted).collect();
    if !missing.is_empty() {
        return Err(PlatformError::PermissionRequired(missing));
    }
    let extra: Vec<Permission> = granted.missing_from(manifest.wishes()).collect();
    if !extra.is_empty() {
        return Err(PlatformError::PermissionNotAsked(extra));
    }
    if let Some(host) = manifest.required_hosts().find(|host| !hosts.iter().any(|granted| granted == host)) {
        return Err(PlatformError::HostRequired(host.to_owned()));
    }
    for (place, host) in hosts.iter().enumerate() {
        if !manifest.wishes_host(host) || hosts[..place].contains(host) {
            return Err(PlatformError::HostNotAsked(host.chars().take(300).collect()));
        }
    }
    Ok(())
}

/// The approved version that was asked for, or the latest.
pub(super) async fn approved(
    tx: &mut Tx,
    plugin: &str,
    version: Option<&str>,
) -> Result<(VersionId, Manifest), PlatformError> {
    const NAMED: &str = "select id, manifest from plugin_versions where plugin = $1 and version = $2 \
                         and state in ('approved', 'deprecated') and killed_at is null";
    const LATEST: &str = "select v.id, v.manifest from plugins p join plugin_versions v on v.id = p.latest \
         where p.name = $1 and v.killed_at is null";
    let statement = match version {
        Some(version) => tx.platform_query(NAMED).bind(plugin).bind(version),
        None => tx.platform_query(LATEST).bind(plugin),
    };
    let found = statement.fetch_optional(|row| Ok((row.parse("id")?, row.json("manifest")?))).await?;
    found.ok_or_else(|| match version {
        Some(version) => PlatformError::not_found("plugin version", format!("{plugin} {version}")),
        None => PlatformError::not_found("plugin", plugin),
    })
}
