//! Uninstalling, and the certificates of what went.

use axum::Json;
use axum::extract::State;
use heptad_model::id::{InstallId, UninstallId};
use heptad_platform::install::{Certificate, OwnData, Uninstalled, install_uninstall, uninstall_list, uninstall_purge};
use heptad_store::Tx;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::shared::{PageOut, moment};
use crate::auth::Owner;
use crate::error::ApiResult;
use crate::extract::{PageQuery, Params, PathOf};
use crate::state::AppState;

/// What becomes of the plugin's own data.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum DataIn {
    /// It is removed at once.
    #[default]
    Purge,
    /// It is kept for thirty days: whoever installs the plugin again in this shop has it back.
    Keep,
}

/// How to uninstall.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct UninstallQuery {
    /// `purge` (when absent) or `keep`.
    #[serde(default)]
    #[param(inline)]
    pub data: DataIn,
}

/// The certificate of an uninstall.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UninstallOut {
    /// The id.
    #[schema(example = "uni_019380c2f2b07d1c8a4b9e5f60718293")]
    pub id: String,
    /// The install that there was.
    pub install: String,
    /// The plugin's name.
    #[schema(example = "member-pricing")]
    pub plugin: String,
    /// Its version.
    #[schema(example = "0.1.0")]
    pub version: String,
    /// Who uninstalled it.
    pub actor: String,
    /// When, in RFC 3339.
    pub at: String,
    /// Entries of the plugin's own store.
    pub kv_entries: u64,
    /// Their bytes.
    pub kv_bytes: i64,
    /// Documents of the plugin's collections.
    pub documents: i64,
    /// Their bytes, ids and bodies.
    pub document_bytes: i64,
    /// Until when that is kept, in RFC 3339; absent where it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept_until: Option<String>,
    /// When it was removed, in RFC 3339; absent while it is kept, and where a new install has it back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purged_at: Option<String>,
    /// The install that has it back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restored_to: Option<String>,
}

impl From<Certificate> for UninstallOut {
    fn from(certificate: Certificate) -> Self {
        let Uninstalled { kv_entries, kv_bytes, documents, document_bytes } = certificate.data;
        Self {
            id: certificate.id.to_string(),
            install: certificate.install.to_string(),
            plugin: certificate.plugin,
            version: certificate.version,
            actor: certificate.actor,
            at: certificate.at.rfc3339(),
            kv_entries,
            kv_bytes,
            documents,
            document_bytes,
            kept_until: moment(certificate.kept_until),
            purged_at: moment(certificate.purged_at),
            restored_to: certificate.restored_to.map(|install| install.to_string()),
        }
    }
}

/// Uninstalls a plugin: settings, grants and secrets go at once, and what it kept as `data` says.
#[utoipa::path(delete, path = "/v1/installs/{install}", tag = "installs", params(UninstallQuery), responses((status = OK, body = UninstallOut)))]
pub(super) async fn install_remove(
    State(state): State<AppState>,
    owner: Owner,
    PathOf(id): PathOf<InstallId>,
    Params(query): Params<UninstallQuery>,
) -> ApiResult<Json<UninstallOut>> {
    let data = match query.data {
        DataIn::Purge => OwnData::Purge,
        DataIn::Keep => OwnData::Keep,
    };
    let write = async |mut tx: Tx| install_uninstall(&mut tx, id, data).await;
    let certificate = state.store.write(&owner.ctx, write).await?;
    state.runtime.refresh().await;
    Ok(Json(certificate.into()))
}

/// Lists the certificates of all uninstalls, the oldest first.
#[utoipa::path(get, path = "/v1/uninstalls", tag = "installs", params(PageQuery), responses((status = OK, body = PageOut<UninstallOut>)))]
pub(super) async fn uninstall_page(
    State(state): State<AppState>,
    owner: Owner,
    Params(page): Params<PageQuery>,
) -> ApiResult<Json<PageOut<UninstallOut>>> {
    let page = page.request()?;
    let page = state.store.read(&owner.ctx, async |mut tx: Tx| uninstall_list(&mut tx, &page).await).await?;
    Ok(Json(PageOut::of(page, UninstallOut::from)))
}

/// Removes at once what an uninstalled plugin kept.
#[utoipa::path(post, path = "/v1/uninstalls/{uninstall}/purge", tag = "installs", responses((status = OK, body = UninstallOut)))]
pub(super) async fn uninstall_now(
    State(state): State<AppState>,
    owner: Owner,
    PathOf(id): PathOf<UninstallId>,
) -> ApiResult<Json<UninstallOut>> {
    let write = async |mut tx: Tx| uninstall_purge(&mut tx, id).await;
    Ok(Json(state.store.write(&owner.ctx, write).await?.into()))
}
