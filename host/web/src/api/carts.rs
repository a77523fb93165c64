//! Carts: what a shopper means to buy.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use heptad_capabilities::CapabilityError;
use heptad_capabilities::mall::cart::{
    Cart, CartLine, cart_create, cart_get, cart_lines_add, cart_lines_quantity, cart_lines_remove, cart_lines_set,
};
use heptad_model::id::{CartId, CustomerId};
use heptad_store::Tx;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::shared::moment;
use crate::auth::Shopper;
use crate::error::ApiResult;
use crate::extract::{Body, Params, PathOf};
use crate::state::AppState;

/// A line of a cart.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CartLineIn {
    /// The SKU's code.
    #[schema(example = "TEA-01-250G")]
    pub sku: String,
    /// How many, 1 to 1,000,000.
    #[schema(minimum = 1, maximum = 1000000, example = 2)]
    pub quantity: u32,
}

impl From<CartLineIn> for CartLine {
    fn from(line: CartLineIn) -> Self {
        Self { sku: line.sku, quantity: line.quantity }
    }
}

/// A new cart.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CartIn {
    /// The customer; absent for a guest. A shopper's cart is always its own.
    #[schema(value_type = Option<String>)]
    pub customer: Option<CustomerId>,
    /// At most 2,000 lines.
    #[serde(default)]
    pub lines: Vec<CartLineIn>,
}

/// New lines, in place of all.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CartLinesIn {
    /// At most 2,000 lines.
    pub lines: Vec<CartLineIn>,
}

/// A new quantity of a line.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CartLinePatch {
    /// How many, 1 to 1,000,000.
    #[schema(minimum = 1, maximum = 1000000, example = 3)]
    pub quantity: u32,
}

/// What the caller believes of the cart.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct VersionQuery {
    /// The cart's version as the caller read it; with another one the change is refused with `cart-changed`.
    pub version: Option<i64>,
}

/// A cart.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CartOut {
    /// The id.
    #[schema(example = "crt_019380c2f2b07d1c8a4b9e5f60718293")]
    pub id: String,
    /// The customer; absent for a guest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer: Option<String>,
    /// Grows with each change.
    pub version: i64,
    /// When it was made, in RFC 3339.
    pub created_at: String,
    /// When it became an order, in RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ordered_at: Option<String>,
    /// The lines; a line's index is its place, from 0.
    pub lines: Vec<CartLineOut>,
}

/// A line of a cart.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CartLineOut {
    /// The SKU's code.
    pub sku: String,
    /// How many.
    pub quantity: u32,
}

impl From<Cart> for CartOut {
    fn from(cart: Cart) -> Self {
        Self {
            id: cart.id.to_string(),
            customer: cart.customer.map(|id| id.to_string()),
            version: cart.version,
            created_at: cart.created_at.rfc3339(),
            ordered_at: moment(cart.ordered_at),
            lines: cart.lines.into_iter().map(|line| CartLineOut { sku: line.sku, quantity: line.quantity }).collect(),
        }
    }
}

/// Makes a cart.
#[utoipa::path(post, path = "/v1/carts", tag = "carts", request_body = CartIn, responses((status = CREATED, body = CartOut)))]
pub(super) async fn cart_post(
    State(state): State<AppState>,
    shopper: Shopper,
    Body(input): Body<CartIn>,
) -> ApiResult<(StatusCode, Json<CartOut>)> {
    let customer = shopper.own(input.customer)?;
    let lines: Vec<CartLine> = input.lines.into_iter().map(CartLine::from).collect();
    let create = async |mut tx| cart_create(&mut tx, customer, lines.clone()).await;
    let cart = state.store.write(&shopper.ctx, create).await?;
    Ok((StatusCode::CREATED, Json(cart.into())))
}

/// Reads a cart.
#[utoipa::path(get, path = "/v1/carts/{cart}", tag = "carts", responses((status = OK, body = CartOut)))]
pub(super) async fn cart_read(
    State(state): State<AppState>,
    shopper: Shopper,
    PathOf(id): PathOf<CartId>,
) -> ApiResult<Json<CartOut>> {
    let cart = state.store.read(&shopper.ctx, async |mut tx| cart_get(&mut tx, id).await).await?;
    shopper.may_see(cart.customer, "cart")?;
    Ok(Json(cart.into()))
}

/// A change of a cart's lines.
#[derive(Debug, Clone)]
enum Change {
    Set(Vec<CartLine>),
    Add(CartLine),
    Quantity(usize, u32),
    Remove(usize),
}

/// Changes a cart that the caller may know of, in one transaction.
async fn apply(
    state: &AppState,
    shopper: &Shopper,
    id: CartId,
    version: Option<i64>,
    change: Change,
) -> ApiResult<Json<CartOut>> {
    let write = async |mut tx: Tx| -> Result<Cart, CapabilityError> {
        let tx = &mut tx;
        if shopper.principal.customer.is_some() && cart_get(tx, id).await?.customer != shopper.principal.customer {
            return Err(CapabilityError::NotFound("cart"));
        }
        match change.clone() {
            Change::Set(lines) => cart_lines_set(tx, id, lines, version).await,
            Change::Add(line) => cart_lines_add(tx, id, line, version).await,
            Change::Quantity(index, quantity) => cart_lines_quantity(tx, id, index, quantity, version).await,
            Change::Remove(index) => cart_lines_remove(tx, id, index, version).await,
        }
    };
    Ok(Json(state.store.write(&shopper.ctx, write).await?.into()))
}

/// Puts these lines in place of all.
#[utoipa::path(put, path = "/v1/carts/{cart}/lines", tag = "carts", params(VersionQuery), request_body = CartLinesIn, responses((status = OK, body = CartOut)))]
pub(super) async fn cart_lines_put(
    State(state): State<AppState>,
    shopper: Shopper,
    PathOf(id): PathOf<CartId>,
    Params(query): Params<VersionQuery>,
    Body(input): Body<CartLinesIn>,
) -> ApiResult<Json<CartOut>> {
    let lines: Vec<CartLine> = input.lines.into_iter().map(CartLine::from).collect();
    apply(&state, &shopper, id, query.version, Change::Set(lines)).await
}

/// Adds a line; a SKU that the cart has already gets the sum of the quantities.
#[utoipa::path(post, path = "/v1/carts/{cart}/lines", tag = "carts", params(VersionQuery), request_body = CartLineIn, responses((status = OK, body = CartOut)))]
pub(super) async fn cart_lines_post(
    State(state): State<AppState>,
    shopper: Shopper,
    PathOf(id): PathOf<CartId>,
    Params(query): Params<VersionQuery>,
    Body(input): Body<CartLineIn>,
) -> ApiResult<Json<CartOut>> {
    apply(&state, &shopper, id, query.version, Change::Add(input.into())).await
}

/// Changes a line's quantity, by the line's index.
#[utoipa::path(patch, path = "/v1/carts/{cart}/lines/{index}", tag = "carts", params(VersionQuery), request_body = CartLinePatch, responses((status = OK, body = CartOut)))]
pub(super) async fn cart_line_patch(
    State(state): State<AppState>,
    shopper: Shopper,
    PathOf((id, index)): PathOf<(CartId, usize)>,
    Params(query): Params<VersionQuery>,
    Body(input): Body<CartLinePatch>,
) -> ApiResult<Json<CartOut>> {
    apply(&state, &shopper, id, query.version, Change::Quantity(index, input.quantity)).await
}

/// Removes a line by its index; those behind it move up.
#[utoipa::path(delete, path = "/v1/carts/{cart}/lines/{index}", tag = "carts", params(VersionQuery), responses((status = OK, body = CartOut)))]
pub(super) async fn cart_line_delete(
    State(state): State<AppState>,
    shopper: Shopper,
    PathOf((id, index)): PathOf<(CartId, usize)>,
    Params(query): Params<VersionQuery>,
) -> ApiResult<Json<CartOut>> {
    apply(&state, &shopper, id, query.version, Change::Remove(index)).await
}
