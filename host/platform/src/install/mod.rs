//! Installs: the plugins that a tenant has, what it granted them, how it set them up, and in which order they run.

mod change;
mod create;
mod quota;
mod secret;
mod snapshot;
mod uninstall;
mod upgrade;

use std::collections::BTreeMap;
use std::sync::Arc;

use heptad_model::id::{InstallId, VersionId};
use heptad_model::points::FailurePolicy;
use heptad_model::{Manifest, Millis, PermissionSet, Point};
use heptad_store::{Row, StoreError, Tx};
use serde_json::Value;

pub use change::{
    install_disable, install_enable, install_failure_put, install_grants_put, install_reorder, install_settings_put,
};
pub(crate) use quota::install_near_post;
pub use secret::{
    GivenSecret, OpenSecret, install_secret_delete, install_secret_list, install_secret_put, install_secrets_open,
};

pub use snapshot::LostWrites;
pub use uninstall::{
    Certificate, OwnData, install_uninstall, uninstall_get, uninstall_list, uninstall_purge, uninstalled_data_purge,
};
pub use upgrade::{
    Previous, UpgradeIn, UpgradePlan, install_previous, install_rollback, install_rollback_plan, install_upgrade,
    install_upgrade_plan, upgrade_snapshot_purge,
};

pub use create::{Grants, InstallIn, MAX_ON_POINT, Uninstalled, install_create};

use crate::PlatformError;

/// Whether a plugin runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstallState {
    /// The points call it.
    Enabled,
    /// It keeps its place, settings and data, and is not called.
    Disabled,
}

impl InstallState {
    /// The word in the database and the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
        }
    }
}

impl std::str::FromStr for InstallState {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Enabled, Self::Disabled]
            .into_iter()
            .find(|state| state.name() == text)
            .ok_or_else(|| format!("`{text}` is not the state of an install"))
    }
}

/// A plugin as one tenant has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Install {
    /// The install's id.
    pub id: InstallId,
    /// The plugin's name in the catalog.
    pub plugin: String,
    /// The version, such as `1.2.0`.
    pub version: String,
    /// The version's id.
    pub version_id: VersionId,
    /// SHA-256 of the version's bytes, in hexadecimal digits: the key of its code.
    pub digest: String,
    /// Whether it runs.
    pub state: InstallState,
    /// Its place in the tenant's order; smaller runs earlier.
    pub position: i64,
    /// What the tenant allows, always a subset of the manifest's wishes.
    pub granted: PermissionSet,
    /// The hosts that the tenant lets it call, always a subset of the manifest's.
    pub hosts: Vec<String>,
    /// The settings, with the schema's defaults filled in.
    pub settings: Value,
    /// What the merchant chose for points where a failure may block or not; the point's own policy where absent.
    pub failure: BTreeMap<Point, FailurePolicy>,
    /// Since when the operator keeps its version from running in any shop.
    pub killed_at: Option<Millis>,
    /// How often its breakers were re-armed.
    pub rearmed: i64,
    /// The version's manifest.
    pub manifest: Arc<Manifest>,
    /// Grows with every change of this install that an answer may depend on.
    pub revision: i64,
    /// When it was installed.
    pub created_at: Millis,
    /// When it was last changed.
    pub updated_at: Millis,
}

impl Install {
    /// Whether it runs.
    pub fn is_enabled(&self) -> bool {
        self.state == InstallState::Enabled
    }

    /// Whether the points call it: it is enabled, and no operator has stopped its version.
    pub fn runs(&self) -> bool {
        self.is_enabled() && self.killed_at.is_none()
    }

    /// All that the tenant allows.
    pub fn grants(&self) -> Grants {
        Grants { permissions: self.granted, hosts: self.hosts.clone() }
    }

    /// Grows with each change and each re-arming: a breaker holds for one epoch, since a changed plugin is another one.
    pub const fn epoch(&self) -> i64 {
        self.revision + self.rearmed
    }

    /// What happens when it fails at a point: the merchant's choice, else the point's own policy.
    pub fn failure_at(&self, point: Point) -> FailurePolicy {
        self.failure.get(&point).copied().unwrap_or(point.row().failure)
    }

    fn of(row: &Row) -> Result<Self, StoreError> {
        let manifest: Manifest = row.json("manifest")?;
        let settings: Value = row.json("settings")?;
        Ok(Self {
            id: row.parse("id")?,
            plugin: row.text("plugin")?,
            version: row.text("version")?,
            version_id: row.parse("version_id")?,
            digest: row.text("digest")?,
            state: row.parse("state")?,
            position: row.int("position")?,
            granted: row.json("granted")?,
            hosts: row.json("hosts")?,
            settings: crate::settings::filled(&manifest, settings),
            failure: row.json("failure")?,
            killed_at: row.opt_int("killed_at")?.map(Millis::new),
            rearmed: row.int("rearmed")?,
            manifest: Arc::new(manifest),
            revision: row.int("revision")?,
            created_at: row.millis("created_at")?,
            updated_at: row.millis("updated_at")?,
        })
    }
}

/// All installs of the tenant, enabled or not, in the order in which they run.
///
/// Not paged: the limit of plugins on a point bounds it.
pub async fn install_list(tx: &mut Tx) -> Result<Vec<Install>, StoreError> {
    const LIST: &str = "select i.id, i.plugin, v.version, i.version_id, v.digest, i.state, i.position, i.granted, i.hosts, \
                        i.settings, i.failure, i.rearmed, v.manifest, v.killed_at, i.revision, i.created_at, i.updated_at \
                        from installs i join plugin_versions v on v.id = i.version_id \
                        where i.tenant_id = $1 order by i.position, i.id";
    tx.query(LIST).fetch_all(Install::of).await
}

/// Whether an install is there as this version, which the operator has not stopped.
pub async fn install_runs(tx: &mut Tx, id: InstallId, version: VersionId) -> Result<bool, StoreError> {
    const RUNS: &str = "select count(*) as runs from installs i join plugin_versions v on v.id = i.version_id \
                        where i.tenant_id = $1 and i.id = $2 and i.version_id = $3 and v.killed_at is null";
    Ok(tx.query(RUNS).text(id).text(version).fetch_one(|row| row.int("runs")).await? > 0)
}

/// One install of the tenant.
pub async fn install_get(tx: &mut Tx, id: InstallId) -> Result<Install, PlatformError> {
    const GET: &str = "select i.id, i.plugin, v.version, i.version_id, v.digest, i.state, i.position, i.granted, i.hosts, \
                       i.settings, i.failure, i.rearmed, v.manifest, v.killed_at, i.revision, i.created_at, i.updated_at \
                       from installs i join plugin_versions v on v.id = i.version_id \
                       where i.tenant_id = $1 and i.id = $2";
    let found = tx.query(GET).text(id).fetch_optional(Install::of).await?;
    found.ok_or_else(|| PlatformError::not_found("install", id))
}
