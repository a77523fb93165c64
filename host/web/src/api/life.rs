//! The life of a version after its review, what it changes, and the switch that stops it in all shops.

use axum::Json;
use axum::extract::State;
use heptad_model::id::VersionId;
use heptad_model::{Permission, Point};
use heptad_platform::PlatformError;
use heptad_platform::catalog::{
    Fate, PluginVersion, VersionDiff, version_before, version_diff, version_fate_put, version_get, version_kill,
    version_killed_tell, version_revived_go_on,
};
use heptad_platform::principal::Role;
use heptad_platform::publisher::publisher_get;
use heptad_store::PlatformTx;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::plugins::VersionOut;
use crate::auth::{MakerOrOperator, Operator};
use crate::error::{ApiError, ApiResult};
use crate::extract::{Body, PathOf};
use crate::state::AppState;

/// What becomes of a version.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FateIn {
    /// `approved` (recommended), `deprecated` (there is something better) or `withdrawn` (nobody new gets it).
    #[schema(example = "deprecated")]
    pub state: String,
}

/// Why a version is stopped.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct KillIn {
    /// To the merchants who have it; 1 to 500 bytes.
    #[schema(example = "It sent order numbers to a server that it does not name.")]
    pub reason: String,
}

/// A version that was stopped.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KilledOut {
    /// The version.
    pub version: VersionOut,
    /// How many shops have it and were told.
    pub shops: usize,
}

/// What a version changes against the last approved one before it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChangesOut {
    /// The version before; absent for the first one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Permissions that it asks for and the one before does not.
    pub permissions_added: Vec<&'static str>,
    /// The other way round.
    pub permissions_removed: Vec<&'static str>,
    /// Points likewise.
    pub points_added: Vec<&'static str>,
    /// The other way round.
    pub points_removed: Vec<&'static str>,
    /// Hosts likewise.
    pub hosts_added: Vec<String>,
    /// The other way round.
    pub hosts_removed: Vec<String>,
    /// Host functions that it imports likewise.
    pub imports_added: Vec<String>,
    /// The other way round.
    pub imports_removed: Vec<String>,
    /// Bytes of the one before; 0 for the first.
    pub size_before: u64,
    /// Bytes.
    pub size: u64,
    /// Memory of a call in MiB, of the one before; 0 for the first.
    pub memory_mib_before: u32,
    /// Memory of a call in MiB.
    pub memory_mib: u32,
}

impl ChangesOut {
    fn new(diff: VersionDiff) -> Self {
        let permissions = |of: &[Permission]| of.iter().map(|permission| permission.name()).collect();
        let points = |of: &[Point]| of.iter().map(|point| point.name()).collect();
        Self {
            from: Some(diff.from).filter(|from| !from.is_empty()),
            permissions_added: permissions(&diff.permissions_added),
            permissions_removed: permissions(&diff.permissions_removed),
            points_added: points(&diff.points_added),
            points_removed: points(&diff.points_removed),
            hosts_added: diff.hosts_added,
            hosts_removed: diff.hosts_removed,
            imports_added: diff.imports_added,
            imports_removed: diff.imports_removed,
            size_before: diff.sizes.0,
            size: diff.sizes.1,
            memory_mib_before: diff.memory_mib.0,
            memory_mib: diff.memory_mib.1,
        }
    }
}

/// Says what a version changes against the last approved one before it: the first thing that a reviewer reads.
#[utoipa::path(get, path = "/v1/versions/{version}/changes", tag = "publishing", responses((status = OK, body = ChangesOut)))]
pub(super) async fn version_changes(
    State(state): State<AppState>,
    reader: MakerOrOperator,
    PathOf(id): PathOf<VersionId>,
) -> ApiResult<Json<ChangesOut>> {
    own(&state, &reader, id).await?;
    let read = async |mut tx: PlatformTx| {
        let version = version_get(&mut tx, id).await?;
        let before = version_before(&mut tx, &version).await?;
        Ok::<_, PlatformError>(version_diff(before.as_ref(), &version))
    };
    Ok(Json(ChangesOut::new(state.store.platform_read(&reader.origin, read).await?)))
}

/// Deprecates or withdraws a version that was approved, or recommends it again.
#[utoipa::path(put, path = "/v1/versions/{version}/state", tag = "publishing", request_body = FateIn, responses((status = OK, body = VersionOut)))]
pub(super) async fn version_fate(
    State(state): State<AppState>,
    reader: MakerOrOperator,
    PathOf(id): PathOf<VersionId>,
    Body(input): Body<FateIn>,
) -> ApiResult<Json<VersionOut>> {
    let fate = Fate::parse(&input.state);
    let fate = fate.ok_or_else(|| ApiError::invalid("state", "approved, deprecated or withdrawn"))?;
    own(&state, &reader, id).await?;
    let is_operator = reader.principal.role == Role::Operator;
    let put = async |mut tx: PlatformTx| version_fate_put(&mut tx, id, fate, is_operator).await;
    Ok(Json(state.store.platform_write(&reader.origin, put).await?.into()))
}

/// Stops a version in all shops within a second, and tells them. They keep its settings and data.
#[utoipa::path(post, path = "/v1/versions/{version}/kill", tag = "publishing", request_body = KillIn, responses((status = OK, body = KilledOut)))]
pub(super) async fn version_stop(
    State(state): State<AppState>,
    operator: Operator,
    PathOf(id): PathOf<VersionId>,
    Body(input): Body<KillIn>,
) -> ApiResult<Json<KilledOut>> {
    let reason = input.reason.trim();
    if reason.is_empty() || reason.len() > 500 {
        return Err(ApiError::invalid("reason", "1 to 500 bytes"));
    }
    let kill = async |mut tx: PlatformTx| version_kill(&mut tx, id, Some(reason)).await;
    let version = state.store.platform_write(&operator.origin, kill).await?;
    state.runtime.refresh().await;
    let shops = version_killed_tell(&state.store, &operator.origin, &version, reason).await?;
    Ok(Json(KilledOut { version: version.into(), shops }))
}

/// Lets a version run again that was stopped.
#[utoipa::path(post, path = "/v1/versions/{version}/revive", tag = "publishing", responses((status = OK, body = VersionOut)))]
pub(super) async fn version_revival(
    State(state): State<AppState>,
    operator: Operator,
    PathOf(id): PathOf<VersionId>,
) -> ApiResult<Json<VersionOut>> {
    let revive = async |mut tx: PlatformTx| version_kill(&mut tx, id, None).await;
    let version = state.store.platform_write(&operator.origin, revive).await?;
    state.runtime.refresh().await;
    version_revived_go_on(&state.store, &operator.origin, id).await?;
    Ok(Json(version.into()))
}

/// 404 unless the version is of the publisher's own plugin, or an operator asks.
async fn own(state: &AppState, reader: &MakerOrOperator, id: VersionId) -> ApiResult<()> {
    let read = async |mut tx: PlatformTx| -> Result<Option<PluginVersion>, PlatformError> {
        let version = version_get(&mut tx, id).await?;
        if reader.principal.role == Role::Operator {
            return Ok(Some(version));
        }
        let Some(publisher) = reader.principal.publisher() else { return Ok(None) };
        let own = publisher_get(&mut tx, publisher).await?.slug == version.manifest.publisher;
        Ok(Some(version).filter(|_| own))
    };
    let found = state.store.platform_read(&reader.origin, read).await?;
    found.map(drop).ok_or_else(|| ApiError::not_found("version"))
}
