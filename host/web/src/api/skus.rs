//! SKUs: what a shop sells and counts. A SKU is named by its code.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use heptad_capabilities::mall::catalog::{
    Sku, SkuIn as NewSku, SkuPatch as Change, sku_create, sku_get, sku_list, sku_update,
};
use heptad_model::Currency;
use heptad_model::id::ProductId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::shared::{MoneyIn, MoneyOut, PageOut};
use crate::auth::{Shop, Staff};
use crate::error::{ApiError, ApiResult};
use crate::extract::{Body, PageQuery, Params, PathOf};
use crate::state::AppState;

/// A new SKU.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SkuIn {
    /// Unique in the shop: 1 to 64 characters without white space.
    #[schema(example = "TEA-01-250G")]
    pub code: String,
    /// The product's id.
    #[schema(value_type = String, example = "prd_019380c2f2b07d1c8a4b9e5f60718293")]
    pub product: ProductId,
    /// 1 to 200 characters.
    #[schema(example = "Longjing tea, 250 g")]
    pub name: String,
    /// The price of one before discounts: 0 to 10^12 minor units.
    pub price: MoneyIn,
}

/// A change of a SKU: what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SkuPatch {
    /// A new name.
    pub name: Option<String>,
    /// A new price.
    pub price: Option<MoneyIn>,
}

/// A SKU.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SkuOut {
    /// The code.
    #[schema(example = "TEA-01-250G")]
    pub code: String,
    /// The product's id.
    pub product: String,
    /// The SKU's own name.
    pub name: String,
    /// The product's name.
    pub product_name: String,
    /// The product's tags in alphabetical order.
    pub tags: Vec<String>,
    /// The price of one before discounts.
    pub price: MoneyOut,
    /// Whether the price was computed from a line of an imported order.
    pub price_derived: bool,
    /// Grows with each change of the SKU and of its product.
    pub version: i64,
    /// When it was made, in RFC 3339.
    pub created_at: String,
}

impl SkuOut {
    fn new(sku: Sku, currency: Currency) -> Self {
        Self {
            code: sku.code,
            product: sku.product.to_string(),
            name: sku.name,
            product_name: sku.product_name,
            tags: sku.tags,
            price: MoneyOut::new(sku.price, currency),
            price_derived: sku.price_derived,
            version: sku.version,
            created_at: sku.created_at.rfc3339(),
        }
    }
}

/// Makes a SKU.
#[utoipa::path(post, path = "/v1/skus", tag = "catalog of the shop", request_body = SkuIn, responses((status = CREATED, body = SkuOut)))]
pub(super) async fn sku_post(
    State(state): State<AppState>,
    staff: Staff,
    Body(input): Body<SkuIn>,
) -> ApiResult<(StatusCode, Json<SkuOut>)> {
    let tenant = staff.ctx.tenant();
    let price = input.price.in_currency_of(tenant, "price")?;
    let new = NewSku { code: input.code, product: input.product, name: input.name, price };
    let made = state.store.write(&staff.ctx, async |mut tx| sku_create(&mut tx, new.clone()).await).await;
    let made = made.map_err(|error| ApiError::from(error).with_renamed("price", "price.amount"))?;
    Ok((StatusCode::CREATED, Json(SkuOut::new(made, tenant.currency))))
}

/// Lists the shop's SKUs in the order of their codes.
#[utoipa::path(get, path = "/v1/skus", tag = "catalog of the shop", params(PageQuery), responses((status = OK, body = PageOut<SkuOut>)))]
pub(super) async fn sku_page(
    State(state): State<AppState>,
    shop: Shop,
    Params(page): Params<PageQuery>,
) -> ApiResult<Json<PageOut<SkuOut>>> {
    let page = page.request()?;
    let page = state.store.read(&shop.ctx, async |mut tx| sku_list(&mut tx, &page).await).await?;
    let currency = shop.ctx.tenant().currency;
    Ok(Json(PageOut::of(page, |sku| SkuOut::new(sku, currency))))
}

/// Reads a SKU.
#[utoipa::path(get, path = "/v1/skus/{sku}", tag = "catalog of the shop", responses((status = OK, body = SkuOut)))]
pub(super) async fn sku_read(
    State(state): State<AppState>,
    shop: Shop,
    PathOf(code): PathOf<String>,
) -> ApiResult<Json<SkuOut>> {
    let sku = state.store.read(&shop.ctx, async |mut tx| sku_get(&mut tx, &code).await).await?;
    Ok(Json(SkuOut::new(sku, shop.ctx.tenant().currency)))
}

/// Changes a SKU.
#[utoipa::path(patch, path = "/v1/skus/{sku}", tag = "catalog of the shop", request_body = SkuPatch, responses((status = OK, body = SkuOut)))]
pub(super) async fn sku_patch(
    State(state): State<AppState>,
    staff: Staff,
    PathOf(code): PathOf<String>,
    Body(input): Body<SkuPatch>,
) -> ApiResult<Json<SkuOut>> {
    let tenant = staff.ctx.tenant();
    let price = input.price.map(|price| price.in_currency_of(tenant, "price")).transpose()?;
    let change = Change { name: input.name, price };
    let changed = state.store.write(&staff.ctx, async |mut tx| sku_update(&mut tx, &code, change.clone()).await).await;
    let changed = changed.map_err(|error| ApiError::from(error).with_renamed("price", "price.amount"))?;
    Ok(Json(SkuOut::new(changed, tenant.currency)))
}
