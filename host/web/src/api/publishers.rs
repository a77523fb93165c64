//! Publishers: an operator registers them, a publisher reads its own master data and its plugins' names.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use heptad_model::id::PublisherId;
use heptad_platform::principal::Role;
use heptad_platform::publisher::{Publisher, publisher_create, publisher_get, publisher_list};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::shared::PageOut;
use crate::auth::{MakerOrOperator, Operator};
use crate::error::{ApiError, ApiResult};
use crate::extract::{Body, PageQuery, Params, PathOf};
use crate::state::AppState;

/// A new maker of plugins.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PublisherIn {
    /// The short name, as manifests name it: 2 to 64 lower-case letters, digits and hyphens.
    #[schema(example = "green-leaf")]
    pub slug: String,
    /// The name that people see.
    #[schema(example = "Green Leaf Software")]
    pub name: String,
}

/// A maker of plugins.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PublisherOut {
    /// The id.
    #[schema(example = "pub_019380c2f2b07d1c8a4b9e5f60718293")]
    pub id: String,
    /// The tenant that holds its webhooks and what it is told: an operator may give it a limit profile as it does a
    /// merchant.
    #[schema(example = "ten_019380c2f2b07d1c8a4b9e5f60718293")]
    pub tenant: String,
    /// The short name.
    pub slug: String,
    /// The name that people see.
    pub name: String,
    /// When it was registered, in RFC 3339.
    pub created_at: String,
}

impl From<Publisher> for PublisherOut {
    fn from(publisher: Publisher) -> Self {
        Self {
            id: publisher.id.to_string(),
            tenant: publisher.tenant.to_string(),
            slug: publisher.slug,
            name: publisher.name,
            created_at: publisher.created_at.rfc3339(),
        }
    }
}

/// Registers a publisher.
#[utoipa::path(post, path = "/v1/publishers", tag = "publishers", request_body = PublisherIn, responses((status = CREATED, body = PublisherOut)))]
pub(super) async fn publisher_post(
    State(state): State<AppState>,
    operator: Operator,
    Body(input): Body<PublisherIn>,
) -> ApiResult<(StatusCode, Json<PublisherOut>)> {
    let create = async |mut tx| publisher_create(&mut tx, &input.slug, &input.name).await;
    let made = state.store.platform_write(&operator.origin, create).await?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

/// Lists all publishers, the oldest first.
#[utoipa::path(get, path = "/v1/publishers", tag = "publishers", params(PageQuery), responses((status = OK, body = PageOut<PublisherOut>)))]
pub(super) async fn publisher_page(
    State(state): State<AppState>,
    operator: Operator,
    Params(page): Params<PageQuery>,
) -> ApiResult<Json<PageOut<PublisherOut>>> {
    let page = page.request()?;
    let page = state.store.platform_read(&operator.origin, async |mut tx| publisher_list(&mut tx, &page).await).await?;
    Ok(Json(PageOut::of(page, PublisherOut::from)))
}

/// Reads a publisher's master data; a publisher reads its own.
#[utoipa::path(get, path = "/v1/publishers/{publisher}", tag = "publishers", responses((status = OK, body = PublisherOut)))]
pub(super) async fn publisher_read(
    State(state): State<AppState>,
    reader: MakerOrOperator,
    PathOf(id): PathOf<PublisherId>,
) -> ApiResult<Json<PublisherOut>> {
    if reader.principal.role != Role::Operator && reader.principal.publisher() != Some(id) {
        return Err(ApiError::not_found("publisher"));
    }
    let found = state.store.platform_read(&reader.origin, async |mut tx| publisher_get(&mut tx, id).await).await?;
    Ok(Json(found.into()))
}
