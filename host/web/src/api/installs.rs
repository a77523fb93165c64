//! Installs: the plugins of a shop, what it allows them, how it set them up, in which order they run, and how they fare.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use heptad_model::id::InstallId;
use heptad_model::{Ctx, PermissionSet};
use heptad_platform::PlatformError;
use heptad_platform::breaker::{Breaker, breaker_list};
use heptad_platform::install::{
    Grants, Install, InstallIn as NewInstall, install_create, install_disable, install_enable, install_get,
    install_grants_put, install_list, install_reorder, install_settings_put,
};
use heptad_store::Tx;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::failures::{BreakerOut, FailureOut};
use super::shared::moment;
use crate::auth::{Owner, Staff};
use crate::error::ApiResult;
use crate::extract::{Body, PathOf};
use crate::state::AppState;

/// A plugin to install.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InstallIn {
    /// The plugin's name in the catalog.
    #[schema(example = "member-pricing")]
    pub plugin: String,
    /// An approved version; the latest one when absent.
    #[schema(example = "0.1.0")]
    pub version: Option<String>,
    /// What it is allowed: all that it requires, and those optional permissions that the merchant wants.
    #[schema(value_type = Vec<String>, example = json!(["members.tier.read", "mall.catalog.read"]))]
    pub granted: PermissionSet,
    /// The hosts that it may call: all that it requires, and those optional ones that the merchant wants.
    #[serde(default)]
    #[schema(example = json!(["api.partner.example"]))]
    pub hosts: Vec<String>,
    /// The settings; the defaults when absent.
    #[schema(value_type = Option<Object>)]
    pub settings: Option<Value>,
}

/// New settings, in place of all.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SettingsIn {
    /// Checked by the schema of the plugin's manifest.
    #[schema(value_type = Object)]
    pub settings: Value,
}

/// What is allowed, in place of all.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GrantsIn {
    /// All that the plugin requires, and those optional permissions that the merchant wants.
    #[schema(value_type = Vec<String>, example = json!(["mall.catalog.read"]))]
    pub granted: PermissionSet,
    /// The hosts that it may call, likewise.
    #[serde(default)]
    pub hosts: Vec<String>,
}

/// The order of all plugins.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OrderIn {
    /// Every install exactly once, the first one first.
    #[schema(value_type = Vec<String>)]
    pub order: Vec<InstallId>,
}

/// A plugin as the shop has it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InstallOut {
    /// The id.
    #[schema(example = "ins_019380c2f2b07d1c8a4b9e5f60718293")]
    pub id: String,
    /// The plugin's name in the catalog.
    #[schema(example = "member-pricing")]
    pub plugin: String,
    /// Its name in the reader's language.
    #[schema(example = "Member pricing")]
    pub title: String,
    /// The version.
    #[schema(example = "0.1.0")]
    pub version: String,
    /// The version's id.
    pub version_id: String,
    /// SHA-256 of the version's bytes, in hexadecimal digits.
    pub digest: String,
    /// `enabled` or `disabled`.
    #[schema(example = "enabled")]
    pub state: &'static str,
    /// Since when the operator keeps this version from running in any shop, in RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped_at: Option<String>,
    /// Its place in the shop's order; smaller runs earlier.
    #[schema(example = 1)]
    pub position: i64,
    /// The points that it serves.
    pub points: Vec<&'static str>,
    /// What happens when it fails, by point.
    pub failure: Vec<FailureOut>,
    /// The points at which it failed so often that it was not asked for a while.
    pub breakers: Vec<BreakerOut>,
    /// What it is allowed.
    pub granted: Vec<&'static str>,
    /// The hosts that it may call.
    pub hosts: Vec<String>,
    /// The settings, with the defaults filled in.
    #[schema(value_type = Object)]
    pub settings: Value,
    /// When it was installed, in RFC 3339.
    pub created_at: String,
    /// When it was last changed, in RFC 3339.
    pub updated_at: String,
}

/// The plugins of the shop.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InstallsOut {
    /// All of them in the order in which they run.
    pub items: Vec<InstallOut>,
}

impl InstallOut {
    pub(super) fn new(Seen { install, breakers }: Seen, ctx: &Ctx) -> Self {
        let (reader, now) = (ctx.locale, ctx.now());
        Self {
            id: install.id.to_string(),
            failure: install.manifest.points.iter().map(|point| FailureOut::of(&install, *point)).collect(),
            breakers: breakers.into_iter().map(|breaker| BreakerOut::of(breaker, now)).collect(),
            title: install.manifest.words(reader).map(|words| words.name.clone()).unwrap_or_default(),
            plugin: install.plugin,
            version: install.version,
            version_id: install.version_id.to_string(),
            digest: install.digest,
            state: install.state.name(),
            stopped_at: moment(install.killed_at),
            position: install.position,
            points: install.manifest.points.iter().map(|point| point.name()).collect(),
            granted: install.granted.iter().map(|permission| permission.name()).collect(),
            hosts: install.hosts,
            settings: install.settings,
            created_at: install.created_at.rfc3339(),
            updated_at: install.updated_at.rfc3339(),
        }
    }
}

/// An install with its breakers.
pub(crate) struct Seen {
    install: Install,
    breakers: Vec<Breaker>,
}

/// The install as an answer shows it, in the transaction of what was done.
pub(super) async fn seen(tx: &mut Tx, install: Install) -> Result<Seen, PlatformError> {
    let mut breakers = breaker_list(tx).await?;
    breakers.retain(|breaker| breaker.install == install.id);
    Ok(Seen { install, breakers })
}

async fn all_seen(tx: &mut Tx, installs: Vec<Install>) -> Result<Vec<Seen>, PlatformError> {
    let breakers = breaker_list(tx).await?;
    let of = |id| breakers.iter().filter(move |breaker: &&Breaker| breaker.install == id).cloned().collect();
    Ok(installs.into_iter().map(|install| Seen { breakers: of(install.id), install }).collect())
}

fn all(installs: Vec<Seen>, ctx: &Ctx) -> Json<InstallsOut> {
    Json(InstallsOut { items: installs.into_iter().map(|install| InstallOut::new(install, ctx)).collect() })
}

/// Lists the shop's plugins in the order in which they run.
#[utoipa::path(get, path = "/v1/installs", tag = "installs", responses((status = OK, body = InstallsOut)))]
pub(super) async fn install_all(State(state): State<AppState>, staff: Staff) -> ApiResult<Json<InstallsOut>> {
    let read = async |mut tx: Tx| {
        let installs = install_list(&mut tx).await?;
        all_seen(&mut tx, installs).await
    };
    let installs = state.store.read(&staff.ctx, read).await?;
    Ok(all(installs, &staff.ctx))
}

/// Installs a plugin, disabled, behind those that the shop has.
#[utoipa::path(post, path = "/v1/installs", tag = "installs", request_body = InstallIn, responses((status = CREATED, body = InstallOut)))]
pub(super) async fn install_post(
    State(state): State<AppState>,
    owner: Owner,
    Body(input): Body<InstallIn>,
) -> ApiResult<(StatusCode, Json<InstallOut>)> {
    let InstallIn { plugin, version, granted, hosts, settings } = input;
    let new = NewInstall { plugin, version, granted: Grants { permissions: granted, hosts }, settings };
    let create = async |mut tx: Tx| {
        let install = install_create(&mut tx, &new).await?;
        seen(&mut tx, install).await
    };
    let install = state.store.write(&owner.ctx, create).await?;
    state.runtime.refresh().await;
    Ok((StatusCode::CREATED, Json(InstallOut::new(install, &owner.ctx))))
}

/// Reads an install.
#[utoipa::path(get, path = "/v1/installs/{install}", tag = "installs", responses((status = OK, body = InstallOut)))]
pub(super) async fn install_read(
    State(state): State<AppState>,
    staff: Staff,
    PathOf(id): PathOf<InstallId>,
) -> ApiResult<Json<InstallOut>> {
    let read = async |mut tx: Tx| {
        let install = install_get(&mut tx, id).await?;
        seen(&mut tx, install).await
    };
    let install = state.store.read(&staff.ctx, read).await?;
    Ok(Json(InstallOut::new(install, &staff.ctx)))
}

/// Replaces the settings; the next call of the plugin sees them.
#[utoipa::path(put, path = "/v1/installs/{install}/settings", tag = "installs", request_body = SettingsIn, responses((status = OK, body = InstallOut)))]
pub(super) async fn install_settings(
    State(state): State<AppState>,
    staff: Staff,
    PathOf(id): PathOf<InstallId>,
    Body(input): Body<SettingsIn>,
) -> ApiResult<Json<InstallOut>> {
    let put = async |mut tx: Tx| {
        let install = install_settings_put(&mut tx, id, &input.settings).await?;
        seen(&mut tx, install).await
    };
    let install = state.store.write(&staff.ctx, put).await?;
    state.runtime.refresh().await;
    Ok(Json(InstallOut::new(install, &staff.ctx)))
}

/// Replaces what the plugin is allowed.
#[utoipa::path(put, path = "/v1/installs/{install}/grants", tag = "installs", request_body = GrantsIn, responses((status = OK, body = InstallOut)))]
pub(super) async fn install_grants(
    State(state): State<AppState>,
    owner: Owner,
    PathOf(id): PathOf<InstallId>,
    Body(input): Body<GrantsIn>,
) -> ApiResult<Json<InstallOut>> {
    let granted = Grants { permissions: input.granted, hosts: input.hosts };
    let put = async |mut tx: Tx| {
        let install = install_grants_put(&mut tx, id, &granted).await?;
        seen(&mut tx, install).await
    };
    let install = state.store.write(&owner.ctx, put).await?;
    state.runtime.refresh().await;
    Ok(Json(InstallOut::new(install, &owner.ctx)))
}

/// Enables a plugin; `needs-setup` while required settings are missing.
#[utoipa::path(post, path = "/v1/installs/{install}/enable", tag = "installs", responses((status = OK, body = InstallOut)))]
pub(super) async fn install_on(
    State(state): State<AppState>,
    staff: Staff,
    PathOf(id): PathOf<InstallId>,
) -> ApiResult<Json<InstallOut>> {
    let write = async |mut tx: Tx| {
        let install = install_enable(&mut tx, id).await?;
        seen(&mut tx, install).await
    };
    let install = state.store.write(&staff.ctx, write).await?;
    state.runtime.refresh().await;
    Ok(Json(InstallOut::new(install, &staff.ctx)))
}

/// Disables a plugin; it keeps its place, settings and data.
#[utoipa::path(post, path = "/v1/installs/{install}/disable", tag = "installs", responses((status = OK, body = InstallOut)))]
pub(super) async fn install_off(
    State(state): State<AppState>,
    staff: Staff,
    PathOf(id): PathOf<InstallId>,
) -> ApiResult<Json<InstallOut>> {
    let write = async |mut tx: Tx| {
        let install = install_disable(&mut tx, id).await?;
        seen(&mut tx, install).await
    };
    let install = state.store.write(&staff.ctx, write).await?;
    state.runtime.refresh().await;
    Ok(Json(InstallOut::new(install, &staff.ctx)))
}

/// Puts the shop's plugins into this order.
#[utoipa::path(put, path = "/v1/install-order", tag = "installs", request_body = OrderIn, responses((status = OK, body = InstallsOut)))]
pub(super) async fn install_order(
    State(state): State<AppState>,
    staff: Staff,
    Body(input): Body<OrderIn>,
) -> ApiResult<Json<InstallsOut>> {
    let reorder = async |mut tx: Tx| {
        let installs = install_reorder(&mut tx, &input.order).await?;
        all_seen(&mut tx, installs).await
    };
    let installs = state.store.write(&staff.ctx, reorder).await?;
    state.runtime.refresh().await;
    Ok(all(installs, &staff.ctx))
}
