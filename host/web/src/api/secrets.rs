//! What a merchant gives to a plugin that it must not see: put into headers of its requests to the hosts that its manifest
//! binds them to. No answer ever shows one.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use heptad_model::id::InstallId;
use heptad_model::{Locale, Millis, SecretWish};
use heptad_platform::PlatformError;
use heptad_platform::install::{install_get, install_secret_delete, install_secret_list, install_secret_put};
use heptad_store::Tx;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::shared::moment;
use crate::auth::{Owner, Staff};
use crate::error::ApiResult;
use crate::extract::{Body, PathOf};
use crate::state::AppState;

/// A secret to be given.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SecretIn {
    /// 8 to 4,096 visible ASCII characters, without spaces.
    #[schema(example = "sk-4f1c0e9a")]
    pub value: String,
}

/// A secret that a plugin asks for.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InstallSecretOut {
    /// The name in the plugin's manifest.
    #[schema(example = "carrier-key")]
    pub name: String,
    /// The hosts to which it goes, and no others.
    #[schema(example = json!(["api.carrier.example"]))]
    pub hosts: Vec<String>,
    /// The header that it goes into.
    #[schema(example = "authorization")]
    pub header: String,
    /// Whether the plugin works without it.
    pub optional: bool,
    /// What for, in the reader's language and the publisher's words.
    pub purpose: String,
    /// When it was given, in RFC 3339; absent while it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set_at: Option<String>,
}

impl InstallSecretOut {
    fn new(wish: &SecretWish, set_at: Option<Millis>, reader: Locale) -> Self {
        Self {
            name: wish.name.clone(),
            hosts: wish.hosts.clone(),
            header: wish.header.clone(),
            optional: wish.optional,
            purpose: wish.purpose(reader).to_owned(),
            set_at: moment(set_at),
        }
    }
}

/// Lists the secrets that a plugin asks for, and which were given; never a secret itself.
#[utoipa::path(get, path = "/v1/installs/{install}/secrets", tag = "installs", responses((status = OK, body = Vec<InstallSecretOut>)))]
pub(super) async fn install_secret_all(
    State(state): State<AppState>,
    staff: Staff,
    PathOf(id): PathOf<InstallId>,
) -> ApiResult<Json<Vec<InstallSecretOut>>> {
    let read = async |mut tx: Tx| {
        let install = install_get(&mut tx, id).await?;
        Ok::<_, PlatformError>((install, install_secret_list(&mut tx, id).await?))
    };
    let (install, given) = state.store.read(&staff.ctx, read).await?;
    let out = |wish: &SecretWish| {
        let set_at = given.iter().find(|one| one.name == wish.name).map(|one| one.set_at);
        InstallSecretOut::new(wish, set_at, staff.ctx.locale)
    };
    Ok(Json(install.manifest.secrets.iter().map(out).collect()))
}

/// Gives a plugin a secret, in place of the one before.
#[utoipa::path(put, path = "/v1/installs/{install}/secrets/{name}", tag = "installs", request_body = SecretIn, responses((status = NO_CONTENT)))]
pub(super) async fn install_secret_set(
    State(state): State<AppState>,
    owner: Owner,
    PathOf((id, name)): PathOf<(InstallId, String)>,
    Body(input): Body<SecretIn>,
) -> ApiResult<StatusCode> {
    let vault = state.runtime.vault();
    let put = async |mut tx: Tx| install_secret_put(&mut tx, vault, id, &name, &input.value).await;
    state.store.write(&owner.ctx, put).await?;
    state.runtime.refresh().await;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes a secret back.
#[utoipa::path(delete, path = "/v1/installs/{install}/secrets/{name}", tag = "installs", responses((status = NO_CONTENT)))]
pub(super) async fn install_secret_remove(
    State(state): State<AppState>,
    owner: Owner,
    PathOf((id, name)): PathOf<(InstallId, String)>,
) -> ApiResult<StatusCode> {
    state.store.write(&owner.ctx, async |mut tx| install_secret_delete(&mut tx, id, &name).await).await?;
    state.runtime.refresh().await;
    Ok(StatusCode::NO_CONTENT)
}
