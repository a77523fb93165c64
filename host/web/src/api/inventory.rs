//! Stock by SKU and location.

use axum::Json;
use axum::extract::State;
use heptad_capabilities::mall::inventory::{Level, level_set, levels};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::auth::{Shop, Staff};
use crate::error::ApiResult;
use crate::extract::{Body, Params, PathOf};
use crate::state::AppState;

/// What lies somewhere.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LevelIn {
    /// How many, 0 to 10^9.
    #[schema(example = 120)]
    pub on_hand: i64,
}

/// Which SKUs.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct LevelQuery {
    /// The SKUs' codes, with commas between them; at most 2,000.
    #[param(example = "TEA-01-250G,TEA-01-500G")]
    pub skus: String,
}

/// The stock of a SKU at a location.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LevelOut {
    /// The SKU's code.
    pub sku: String,
    /// The location's code.
    #[schema(example = "shanghai")]
    pub location: String,
    /// What lies there.
    pub on_hand: i64,
    /// What is held for orders.
    pub reserved: i64,
    /// What can still be sold.
    pub available: i64,
}

/// Stock of several SKUs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LevelsOut {
    /// By SKU and location.
    pub items: Vec<LevelOut>,
}

impl From<Level> for LevelOut {
    fn from(level: Level) -> Self {
        let available = level.available();
        let Level { sku, location, on_hand, reserved } = level;
        Self { sku, location, on_hand, reserved, available }
    }
}

/// Reads the stock of SKUs at every location; SKUs without stock records are left out.
#[utoipa::path(get, path = "/v1/inventory-levels", tag = "catalog of the shop", params(LevelQuery), responses((status = OK, body = LevelsOut)))]
pub(super) async fn level_all(
    State(state): State<AppState>,
    shop: Shop,
    Params(query): Params<LevelQuery>,
) -> ApiResult<Json<LevelsOut>> {
    let skus: Vec<String> = query.skus.split(',').filter(|code| !code.is_empty()).map(str::to_owned).collect();
    let found = state.store.read(&shop.ctx, async |mut tx| levels(&mut tx, &skus).await).await?;
    Ok(Json(LevelsOut { items: found.into_iter().map(LevelOut::from).collect() }))
}

/// Sets what lies of a SKU at a location.
#[utoipa::path(put, path = "/v1/inventory-levels/{sku}/{location}", tag = "catalog of the shop", request_body = LevelIn, responses((status = OK, body = LevelOut)))]
pub(super) async fn level_put(
    State(state): State<AppState>,
    staff: Staff,
    PathOf((sku, location)): PathOf<(String, String)>,
    Body(input): Body<LevelIn>,
) -> ApiResult<Json<LevelOut>> {
    let set = async |mut tx| level_set(&mut tx, &sku, &location, input.on_hand).await;
    Ok(Json(state.store.write(&staff.ctx, set).await?.into()))
}
