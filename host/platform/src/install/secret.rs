//! What the merchant gave to a plugin that it must not see: sealed in the vault, opened when a request leaves for one of the
//! hosts that the manifest binds it to.

use heptad_model::id::InstallId;
use heptad_model::secret::{SECRET_BYTES, is_secret};
use heptad_model::{Manifest, Millis};
use heptad_store::{Row, StoreError, Tx};
use serde_json::json;

use super::change::changed;
use super::{Install, install_get};
use crate::vault::{Purpose, Vault};
use crate::{FieldError, PlatformError};

/// A secret that was given, without the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenSecret {
    /// The name in the manifest.
    pub name: String,
    /// When it was given.
    pub set_at: Millis,
}

/// A secret, open. Its debug form hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct OpenSecret {
    /// The name in the manifest.
    pub name: String,
    value: String,
}

impl OpenSecret {
    /// The secret itself.
    pub fn reveal(&self) -> &str {
        &self.value
    }
}

impl std::fmt::Debug for OpenSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "OpenSecret({}, …)", self.name)
    }
}

/// What binds a sealed secret to its place.
fn context(install: InstallId, name: &str) -> String {
    format!("{install}/{name}")
}

/// Gives the plugin a secret in place of the one before. `not-found` for one that the manifest does not ask for.
pub async fn install_secret_put(
    tx: &mut Tx,
    vault: &Vault,
    id: InstallId,
    name: &str,
    value: &str,
) -> Result<Install, PlatformError> {
    const PUT: &str = "insert into install_secrets (tenant_id, install_id, name, sealed, set_at) \
                       values ($1, $2, $3, $4, $5) on conflict (tenant_id, install_id, name) \
                       do update set sealed = excluded.sealed, set_at = excluded.set_at";
    let install = install_get(tx, id).await?;
    if !install.manifest.secrets.iter().any(|wish| wish.name == name) {
        return Err(PlatformError::not_found("secret", name.chars().take(64).collect::<String>()));
    }
    if !is_secret(value) {
        let (least, most) = (SECRET_BYTES.start(), SECRET_BYTES.end());
        return Err(PlatformError::field(
            "value",
            format!("{least} to {most} visible ASCII characters, without spaces"),
        ));
    }
    let sealed = vault.seal(tx, Purpose::Secrets, &context(id, name), value.as_bytes()).await?;
    let now = tx.ctx().now();
    tx.query(PUT).text(id).bind(name).bind(sealed).bind(now).execute().await?;
    told(tx, &install, "install.secret-set", name).await
}

/// Takes a secret back; of one that was not given, nothing changes.
pub async fn install_secret_delete(tx: &mut Tx, id: InstallId, name: &str) -> Result<Install, PlatformError> {
    const DELETE: &str = "delete from install_secrets where tenant_id = $1 and install_id = $2 and name = $3";
    let install = install_get(tx, id).await?;
    if tx.query(DELETE).text(id).bind(name).execute().await? == 0 {
        return Ok(install);
    }
    told(tx, &install, "install.secret-deleted", name).await
}

/// The name is in the audit log, the secret is nowhere.
async fn told(tx: &mut Tx, install: &Install, action: &str, name: &str) -> Result<Install, PlatformError> {
    const TOUCH: &str = "update installs set revision = revision + 1, updated_at = $3 where tenant_id = $1 and id = $2";
    let now = tx.ctx().now();
    let rows = tx.query(TOUCH).text(install.id).bind(now).execute().await?;
    changed(tx, install.id, rows, action, &json!({"plugin": install.plugin, "secret": name})).await
}

/// The secrets that were given to a plugin, by name.
pub async fn install_secret_list(tx: &mut Tx, id: InstallId) -> Result<Vec<GivenSecret>, StoreError> {
    const LIST: &str =
        "select name, set_at from install_secrets where tenant_id = $1 and install_id = $2 order by name";
    let read = |row: &Row| Ok(GivenSecret { name: row.text("name")?, set_at: row.millis("set_at")? });
    tx.query(LIST).text(id).fetch_all(read).await
}

/// The secrets of a plugin, open: for requests that leave.
pub async fn install_secrets_open(tx: &mut Tx, vault: &Vault, id: InstallId) -> Result<Vec<OpenSecret>, PlatformError> {
    const GET: &str = "select name, sealed from install_secrets where tenant_id = $1 and install_id = $2 order by name";
    let read = |row: &Row| Ok((row.text("name")?, row.bytes("sealed")?));
    let mut opened = Vec::new();
    for (name, sealed) in tx.query(GET).text(id).fetch_all(read).await? {
        let bytes = vault.open(tx, Purpose::Secrets, &context(id, &name), &sealed).await?;
        opened.push(OpenSecret { name, value: String::from_utf8_lossy(&bytes).into_owned() });
    }
    Ok(opened)
}

/// Removes what was given to a plugin.
pub(super) async fn secrets_purge(tx: &mut Tx, id: InstallId) -> Result<(), StoreError> {
    const PURGE: &str = "delete from install_secrets where tenant_id = $1 and install_id = $2";
    tx.query(PURGE).text(id).execute().await.map(drop)
}

/// The secrets without which the plugin is not enabled and that were not given: a field error for each.
pub(super) fn missing(manifest: &Manifest, given: &[GivenSecret]) -> Vec<FieldError> {
    let is_missing = |name: &str| !given.iter().any(|one| one.name == name);
    let required = manifest.secrets.iter().filter(|wish| !wish.optional && is_missing(&wish.name));
    required
        .map(|wish| FieldError { pointer: format!("/secrets/{}", wish.name), message: "is not given yet".to_owned() })
        .collect()
}
