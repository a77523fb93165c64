//! Products: what SKUs are variants of.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use heptad_capabilities::mall::catalog::{
    Product, ProductIn as NewProduct, ProductPatch as Change, product_create, product_get, product_list, product_update,
};
use heptad_model::id::ProductId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::shared::PageOut;
use crate::auth::{Shop, Staff};
use crate::error::ApiResult;
use crate::extract::{Body, PageQuery, Params, PathOf};
use crate::state::AppState;

/// A new product.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProductIn {
    /// The merchant's own code, unique in the shop: 1 to 64 characters without white space.
    #[schema(example = "TEA-01")]
    pub code: String,
    /// The name that people read: 1 to 200 characters.
    #[schema(example = "Longjing tea")]
    pub name: String,
    /// The category's name, up to 200 characters; empty for none.
    #[serde(default)]
    #[schema(example = "Tea")]
    pub category: String,
    /// At most 20, each up to 40 lower-case letters, digits and hyphens.
    #[serde(default)]
    #[schema(example = json!(["member-price"]))]
    pub tags: Vec<String>,
}

/// A change of a product: what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProductPatch {
    /// A new name.
    pub name: Option<String>,
    /// A new category.
    pub category: Option<String>,
    /// New tags, in place of the old.
    pub tags: Option<Vec<String>>,
}

/// A product.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProductOut {
    /// The id.
    #[schema(example = "prd_019380c2f2b07d1c8a4b9e5f60718293")]
    pub id: String,
    /// The merchant's own code.
    pub code: String,
    /// The name that people read.
    pub name: String,
    /// The category's name; empty for none.
    pub category: String,
    /// Tags in alphabetical order.
    pub tags: Vec<String>,
    /// Grows with each change.
    pub version: i64,
    /// When it was made, in RFC 3339.
    pub created_at: String,
}

impl From<Product> for ProductOut {
    fn from(product: Product) -> Self {
        Self {
            id: product.id.to_string(),
            code: product.code,
            name: product.name,
            category: product.category,
            tags: product.tags,
            version: product.version,
            created_at: product.created_at.rfc3339(),
        }
    }
}

/// Makes a product.
#[utoipa::path(post, path = "/v1/products", tag = "catalog of the shop", request_body = ProductIn, responses((status = CREATED, body = ProductOut)))]
pub(super) async fn product_post(
    State(state): State<AppState>,
    staff: Staff,
    Body(input): Body<ProductIn>,
) -> ApiResult<(StatusCode, Json<ProductOut>)> {
    let ProductIn { code, name, category, tags } = input;
    let new = NewProduct { code, name, category, tags };
    let made = state.store.write(&staff.ctx, async |mut tx| product_create(&mut tx, new.clone()).await).await?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

/// Lists the shop's products in the order of their making.
#[utoipa::path(get, path = "/v1/products", tag = "catalog of the shop", params(PageQuery), responses((status = OK, body = PageOut<ProductOut>)))]
pub(super) async fn product_page(
    State(state): State<AppState>,
    shop: Shop,
    Params(page): Params<PageQuery>,
) -> ApiResult<Json<PageOut<ProductOut>>> {
    let page = page.request()?;
    let page = state.store.read(&shop.ctx, async |mut tx| product_list(&mut tx, &page).await).await?;
    Ok(Json(PageOut::of(page, ProductOut::from)))
}

/// Reads a product.
#[utoipa::path(get, path = "/v1/products/{product}", tag = "catalog of the shop", responses((status = OK, body = ProductOut)))]
pub(super) async fn product_read(
    State(state): State<AppState>,
    shop: Shop,
    PathOf(id): PathOf<ProductId>,
) -> ApiResult<Json<ProductOut>> {
    Ok(Json(state.store.read(&shop.ctx, async |mut tx| product_get(&mut tx, id).await).await?.into()))
}

/// Changes a product.
#[utoipa::path(patch, path = "/v1/products/{product}", tag = "catalog of the shop", request_body = ProductPatch, responses((status = OK, body = ProductOut)))]
pub(super) async fn product_patch(
    State(state): State<AppState>,
    staff: Staff,
    PathOf(id): PathOf<ProductId>,
    Body(input): Body<ProductPatch>,
) -> ApiResult<Json<ProductOut>> {
    let ProductPatch { name, category, tags } = input;
    let change = Change { name, category, tags };
    let update = async |mut tx| product_update(&mut tx, id, change.clone()).await;
    Ok(Json(state.store.write(&staff.ctx, update).await?.into()))
}
