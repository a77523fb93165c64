//! Versions of plugins: a publisher submits them and sees its own, an operator reviews them.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use heptad_model::Origin;
use heptad_model::id::VersionId;
use heptad_platform::PlatformError;
use heptad_platform::catalog::{
    PluginVersion, Review, plugin_of_publisher_list, version_get, version_list, version_queue, version_review,
};
use heptad_platform::principal::Role;
use heptad_platform::publisher::publisher_get;
use heptad_store::PlatformTx;
use serde::Deserialize;
use utoipa::ToSchema;

use super::plugins::VersionOut;
use super::shared::PageOut;
use crate::auth::{Maker, MakerOrOperator, Operator};
use crate::error::{ApiError, ApiResult};
use crate::extract::{Body, PageQuery, Params, PathOf, Upload};
use crate::state::AppState;
use crate::upload;

/// The reviewer's words.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReviewIn {
    /// To the publisher; up to 2,000 bytes, may be empty.
    #[serde(default)]
    #[schema(example = "The purpose of the permission is not clear to a merchant.")]
    pub note: String,
}

/// Submits a version: the packed plugin file is the body.
///
/// The component is read, compiled apart and tried out; what is refused leaves nothing behind. The same bytes again
/// give the version that is there (200).
#[utoipa::path(
    post, path = "/v1/versions", tag = "publishing",
    request_body(content = Vec<u8>, content_type = "application/wasm", description = "The file that `heptad plugin pack` wrote, at most 32 MiB."),
    responses((status = CREATED, body = VersionOut), (status = OK, description = "The same bytes were submitted before.", body = VersionOut)),
)]
pub(super) async fn version_post(
    State(state): State<AppState>,
    maker: Maker,
    Upload(bytes, _place): Upload,
) -> ApiResult<(StatusCode, Json<VersionOut>)> {
    let publisher = maker.publisher()?;
    let submitted = upload::submit(&state, &maker.origin, publisher, bytes.into()).await?;
    let status = if submitted.created { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(submitted.version.into())))
}

/// Lists the versions that wait for a review, the oldest first.
#[utoipa::path(get, path = "/v1/versions", tag = "publishing", params(PageQuery), responses((status = OK, body = PageOut<VersionOut>)))]
pub(super) async fn version_queue_page(
    State(state): State<AppState>,
    operator: Operator,
    Params(page): Params<PageQuery>,
) -> ApiResult<Json<PageOut<VersionOut>>> {
    let page = page.request()?;
    let page = state.store.platform_read(&operator.origin, async |mut tx| version_queue(&mut tx, &page).await).await?;
    Ok(Json(PageOut::of(page, VersionOut::from)))
}

/// Reads a version, in whatever state; a publisher reads its own.
#[utoipa::path(get, path = "/v1/versions/{version}", tag = "publishing", responses((status = OK, body = VersionOut)))]
pub(super) async fn version_read(
    State(state): State<AppState>,
    reader: MakerOrOperator,
    PathOf(id): PathOf<VersionId>,
) -> ApiResult<Json<VersionOut>> {
    let read = async |mut tx: PlatformTx| -> Result<Option<PluginVersion>, PlatformError> {
        let version = version_get(&mut tx, id).await?;
        if reader.principal.role == Role::Operator {
            return Ok(Some(version));
        }
        let Some(publisher) = reader.principal.publisher() else { return Ok(None) };
        // A submission is refused unless the manifest names the publisher that submits.
        let own = publisher_get(&mut tx, publisher).await?.slug == version.manifest.publisher;
        Ok(Some(version).filter(|_| own))
    };
    let version = state.store.platform_read(&reader.origin, read).await?;
    Ok(Json(version.ok_or_else(|| ApiError::not_found("version"))?.into()))
}

/// Approves a version: from now on merchants may install it.
#[utoipa::path(post, path = "/v1/versions/{version}/approve", tag = "publishing", request_body = ReviewIn, responses((status = OK, body = VersionOut)))]
pub(super) async fn version_approve(
    State(state): State<AppState>,
    operator: Operator,
    PathOf(id): PathOf<VersionId>,
    Body(input): Body<ReviewIn>,
) -> ApiResult<Json<VersionOut>> {
    review(&state, &operator.origin, id, Review::Approve, &input.note).await
}

/// Rejects a version: nobody may install it.
#[utoipa::path(post, path = "/v1/versions/{version}/reject", tag = "publishing", request_body = ReviewIn, responses((status = OK, body = VersionOut)))]
pub(super) async fn version_reject(
    State(state): State<AppState>,
    operator: Operator,
    PathOf(id): PathOf<VersionId>,
    Body(input): Body<ReviewIn>,
) -> ApiResult<Json<VersionOut>> {
    review(&state, &operator.origin, id, Review::Reject, &input.note).await
}

async fn review(
    state: &AppState,
    origin: &Origin,
    id: VersionId,
    review: Review,
    note: &str,
) -> ApiResult<Json<VersionOut>> {
    let decide = async |mut tx| version_review(&mut tx, id, review, note).await;
    Ok(Json(state.store.platform_write(origin, decide).await?.into()))
}

/// Lists the names of the publisher's own plugins, approved or not.
#[utoipa::path(get, path = "/v1/own-plugins", tag = "publishing", params(PageQuery), responses((status = OK, body = PageOut<String>)))]
pub(super) async fn own_plugin_page(
    State(state): State<AppState>,
    maker: Maker,
    Params(page): Params<PageQuery>,
) -> ApiResult<Json<PageOut<String>>> {
    let (page, publisher) = (page.request()?, maker.publisher()?);
    let list = async |mut tx| plugin_of_publisher_list(&mut tx, publisher, &page).await;
    Ok(Json(PageOut::of(state.store.platform_read(&maker.origin, list).await?, |name| name)))
}

/// Lists all versions of one of the publisher's own plugins, in whatever state.
#[utoipa::path(get, path = "/v1/own-plugins/{plugin}/versions", tag = "publishing", params(PageQuery), responses((status = OK, body = PageOut<VersionOut>)))]
pub(super) async fn own_version_page(
    State(state): State<AppState>,
    maker: Maker,
    PathOf(plugin): PathOf<String>,
    Params(page): Params<PageQuery>,
) -> ApiResult<Json<PageOut<VersionOut>>> {
    let (page, publisher) = (page.request()?, maker.publisher()?);
    let list = async |mut tx: PlatformTx| -> Result<_, PlatformError> {
        let slug = publisher_get(&mut tx, publisher).await?.slug;
        let versions = version_list(&mut tx, &plugin, &page).await?;
        // All versions of a plugin are one publisher's.
        Ok(Some(versions)
            .filter(|versions| versions.items.first().is_some_and(|first| first.manifest.publisher == slug)))
    };
    let versions = state.store.platform_read(&maker.origin, list).await?;
    Ok(Json(PageOut::of(versions.ok_or_else(|| ApiError::not_found("plugin"))?, VersionOut::from)))
}
