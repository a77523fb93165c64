//! Upgrading a plugin of the shop, and going back.

use axum::Json;
use axum::extract::State;
use heptad_model::PermissionSet;
use heptad_model::id::InstallId;
use heptad_platform::install::{
    Grants, LostWrites, Previous, UpgradeIn as NewVersion, UpgradePlan, install_rollback, install_rollback_plan,
    install_upgrade, install_upgrade_plan,
};
use heptad_platform::{FieldError, PlatformError};
use heptad_store::Tx;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::installs::{InstallOut, seen};
use crate::auth::{Owner, Staff};
use crate::error::ApiResult;
use crate::extract::{Body, Params, PathOf};
use crate::state::AppState;

/// Which version.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct UpgradeQuery {
    /// The version; the latest one when absent.
    pub version: Option<String>,
}

/// The new version, with what it may do.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpgradeIn {
    /// The version; the latest one when absent.
    #[schema(example = "0.2.0")]
    pub version: Option<String>,
    /// What it is allowed: all that it requires, and those optional permissions that the merchant wants.
    #[schema(value_type = Vec<String>, example = json!(["members.tier.read", "mall.catalog.read"]))]
    pub granted: PermissionSet,
    /// The hosts that it may call, likewise.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// New settings, whole; those that are there when absent.
    #[schema(value_type = Option<Object>)]
    pub settings: Option<Value>,
}

/// A field that is missing or wrong.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MissingOut {
    /// A JSON pointer to the setting, or the secret's name.
    pub pointer: String,
    /// The rule.
    pub message: String,
}

/// What an upgrade would change.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UpgradePlanOut {
    /// The version that is there.
    #[schema(example = "0.1.0")]
    pub from: String,
    /// The version that it would be.
    #[schema(example = "0.2.0")]
    pub to: String,
    /// What the new version requires.
    pub required: Vec<&'static str>,
    /// Permissions that it asks for and the old one does not.
    pub new_permissions: Vec<&'static str>,
    /// Hosts likewise.
    pub new_hosts: Vec<String>,
    /// Permissions that it does not ask for any more.
    pub dropped_permissions: Vec<&'static str>,
    /// Settings that it wants and that are not there: an enabled plugin is not upgraded without.
    pub missing_settings: Vec<MissingOut>,
    /// Secrets likewise.
    pub missing_secrets: Vec<MissingOut>,
    /// Whether a rollback would lose nothing that was written meanwhile.
    pub compatible: bool,
}

/// Writes since an upgrade that a rollback loses.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LostOut {
    /// Keys of the plugin's store.
    pub keys: i64,
    /// Documents of its collections.
    pub documents: i64,
    /// The first hundred of them.
    #[schema(example = json!(["key visits", "document days/2026-01-01"]))]
    pub listed: Vec<String>,
}

/// What a rollback would lead to.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RollbackPlanOut {
    /// The version that it would be again.
    #[schema(example = "0.1.0")]
    pub to: String,
    /// Until when one can go back, in RFC 3339.
    pub until: String,
    /// What would be lost.
    pub lost: LostOut,
}

/// What a rollback has led to.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RolledBackOut {
    /// The plugin as it is now.
    pub install: InstallOut,
    /// What was lost.
    pub lost: LostOut,
}

impl From<LostWrites> for LostOut {
    fn from(LostWrites { keys, documents, listed }: LostWrites) -> Self {
        Self { keys, documents, listed }
    }
}

fn missing(fields: Vec<FieldError>) -> Vec<MissingOut> {
    fields.into_iter().map(|FieldError { pointer, message }| MissingOut { pointer, message }).collect()
}

impl From<UpgradePlan> for UpgradePlanOut {
    fn from(plan: UpgradePlan) -> Self {
        Self {
            required: plan.manifest.required().iter().map(|permission| permission.name()).collect(),
            new_permissions: plan.new_permissions.iter().map(|permission| permission.name()).collect(),
            new_hosts: plan.new_hosts,
            dropped_permissions: plan.dropped_permissions.iter().map(|permission| permission.name()).collect(),
            missing_settings: missing(plan.missing_settings),
            missing_secrets: missing(plan.missing_secrets),
            compatible: plan.is_compatible,
            from: plan.from,
            to: plan.to,
        }
    }
}

impl From<(Previous, LostWrites)> for RollbackPlanOut {
    fn from((previous, lost): (Previous, LostWrites)) -> Self {
        Self { until: previous.until().rfc3339(), to: previous.version, lost: lost.into() }
    }
}

/// Says what an upgrade would change: what is to be granted and set first.
#[utoipa::path(get, path = "/v1/installs/{install}/upgrade", tag = "installs", params(UpgradeQuery), responses((status = OK, body = UpgradePlanOut)))]
pub(super) async fn upgrade_plan(
    State(state): State<AppState>,
    staff: Staff,
    PathOf(id): PathOf<InstallId>,
    Params(query): Params<UpgradeQuery>,
) -> ApiResult<Json<UpgradePlanOut>> {
    let read = async |mut tx: Tx| install_upgrade_plan(&mut tx, id, query.version.as_deref()).await;
    Ok(Json(state.store.read(&staff.ctx, read).await?.into()))
}

/// Upgrades a plugin: all that the new version requires is granted, and an enabled one has what it needs; else nothing
/// changes. The old version runs until one transaction switches.
#[utoipa::path(post, path = "/v1/installs/{install}/upgrade", tag = "installs", request_body = UpgradeIn, responses((status = OK, body = InstallOut)))]
pub(super) async fn upgrade(
    State(state): State<AppState>,
    owner: Owner,
    PathOf(id): PathOf<InstallId>,
    Body(input): Body<UpgradeIn>,
) -> ApiResult<Json<InstallOut>> {
    let UpgradeIn { version, granted, hosts, settings } = input;
    let new = NewVersion { version, granted: Grants { permissions: granted, hosts }, settings };
    let write = async |mut tx: Tx| {
        let install = install_upgrade(&mut tx, id, &new).await?;
        seen(&mut tx, install).await
    };
    let install = state.store.write(&owner.ctx, write).await?;
    state.runtime.refresh().await;
    Ok(Json(InstallOut::new(install, &owner.ctx)))
}

/// Says where a rollback would lead, and what it would lose; within seven days of an upgrade.
#[utoipa::path(get, path = "/v1/installs/{install}/rollback", tag = "installs", responses((status = OK, body = RollbackPlanOut)))]
pub(super) async fn rollback_plan(
    State(state): State<AppState>,
    staff: Staff,
    PathOf(id): PathOf<InstallId>,
) -> ApiResult<Json<RollbackPlanOut>> {
    let read = async |mut tx: Tx| install_rollback_plan(&mut tx, id).await;
    Ok(Json(state.store.read(&staff.ctx, read).await?.into()))
}

/// Goes back to the version before the last upgrade, with the grants, settings and data of then.
#[utoipa::path(post, path = "/v1/installs/{install}/rollback", tag = "installs", responses((status = OK, body = RolledBackOut)))]
pub(super) async fn rollback(
    State(state): State<AppState>,
    owner: Owner,
    PathOf(id): PathOf<InstallId>,
) -> ApiResult<Json<RolledBackOut>> {
    let write = async |mut tx: Tx| {
        let (install, lost) = install_rollback(&mut tx, id).await?;
        Ok::<_, PlatformError>((seen(&mut tx, install).await?, lost))
    };
    let (install, lost) = state.store.write(&owner.ctx, write).await?;
    state.runtime.refresh().await;
    Ok(Json(RolledBackOut { install: InstallOut::new(install, &owner.ctx), lost: lost.into() }))
}
