//! Orders: placed quotes and imported ones.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use heptad_capabilities::mall::order::{Order, OrderHead, OrderLine, order_get, order_list, order_place, order_trace};
use heptad_capabilities::mall::quote::quote_get;
use heptad_model::id::{OrderId, QuoteId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::shared::PageOut;
use super::trace::TraceOut;
use crate::auth::{Shop, Shopper};
use crate::error::{ApiError, ApiResult};
use crate::extract::{PageQuery, Params, PathOf};
use crate::idempotency::{Keyed, answer};
use crate::state::AppState;

/// What to order.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OrderIn {
    /// The quote, not older than 15 minutes.
    #[schema(value_type = String, example = "quo_019380c2f2b07d1c8a4b9e5f60718293")]
    pub quote: QuoteId,
}

/// An order without its lines.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OrderHeadOut {
    /// The id.
    #[schema(example = "ord_019380c2f2b07d1c8a4b9e5f60718293")]
    pub id: String,
    /// The merchant's own number.
    #[schema(example = "1000001")]
    pub number: String,
    /// `shop`, or the name of the import.
    #[schema(example = "shop")]
    pub source: String,
    /// The quote that was placed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quote: Option<String>,
    /// The cart that it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cart: Option<String>,
    /// The customer; absent for a guest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer: Option<String>,
    /// When it was placed, in RFC 3339.
    pub placed_at: String,
    /// The currency of every amount, ISO 4217.
    #[schema(example = "CNY")]
    pub currency: &'static str,
    /// The sum of the lines before discounts, in minor units.
    pub subtotal: i64,
    /// The sum of the lines' discounts, in minor units.
    pub discount: i64,
    /// What the order costs, in minor units.
    pub total: i64,
    /// The sum of the payments, in minor units.
    pub paid: i64,
    /// `created`, `paid`, `completed` or `cancelled`.
    #[schema(example = "created")]
    pub status: &'static str,
}

/// An order.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OrderOut {
    /// All but the lines.
    #[serde(flatten)]
    pub head: OrderHeadOut,
    /// The lines in their order.
    pub lines: Vec<OrderLineOut>,
}

/// A line of an order.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OrderLineOut {
    /// The SKU's code.
    pub sku: String,
    /// The SKU's name at that time.
    pub name: String,
    /// How many.
    pub quantity: u32,
    /// The price of one before discounts, in minor units.
    pub unit_price: i64,
    /// Whether the total is the truth and the price of one was computed from it, so that it may be rounded.
    pub unit_price_derived: bool,
    /// What all discounts took off this line, in minor units.
    pub discount: i64,
    /// What the line cost, in minor units.
    pub total: i64,
}

impl From<OrderHead> for OrderHeadOut {
    fn from(head: OrderHead) -> Self {
        Self {
            id: head.id.to_string(),
            number: head.number,
            source: head.source,
            quote: head.quote.map(|id| id.to_string()),
            cart: head.cart.map(|id| id.to_string()),
            customer: head.customer.map(|id| id.to_string()),
            placed_at: head.placed_at.rfc3339(),
            currency: head.currency.code(),
            subtotal: head.subtotal.get(),
            discount: head.discount.get(),
            total: head.total.get(),
            paid: head.paid.get(),
            status: head.status.word(),
        }
    }
}

impl From<Order> for OrderOut {
    fn from(order: Order) -> Self {
        let line = |line: OrderLine| OrderLineOut {
            sku: line.sku,
            name: line.name,
            quantity: line.quantity,
            unit_price: line.unit_price.get(),
            unit_price_derived: line.unit_price_derived,
            discount: line.discount.get(),
            total: line.total.get(),
        };
        Self { head: order.head.into(), lines: order.lines.into_iter().map(line).collect() }
    }
}

/// Places a quote.
///
/// Plugins may object: `cart-denied`, with their sentences in the reader's language. Repeated with the same key, it
/// answers with the same order.
#[utoipa::path(
    post, path = "/v1/orders", tag = "orders", request_body = OrderIn,
    params(("Idempotency-Key" = String, Header, description = "1 to 255 printable ASCII characters, new for each new request.")),
    responses((status = CREATED, body = OrderOut)),
)]
pub(super) async fn order_post(
    State(state): State<AppState>,
    shopper: Shopper,
    keyed: Keyed<OrderIn>,
) -> ApiResult<Response> {
    let key = keyed.key("POST /v1/orders", "")?;
    let quote = keyed.body.quote;
    if shopper.principal.customer.is_some() {
        let owner = state.store.read(&shopper.ctx, async |mut tx| quote_get(&mut tx, quote).await).await?.customer;
        shopper.may_see(owner, "quote")?;
    }
    let placed = order_place(&state.store, &*state.runtime, &shopper.ctx, quote, Some(&key)).await;
    let placed = placed.map_err(|error| ApiError::of_capability(error, shopper.ctx.locale))?;
    Ok(answer(placed, |order| (StatusCode::CREATED, Json(OrderOut::from(order)))))
}

/// Lists the shop's orders, those placed last first.
#[utoipa::path(get, path = "/v1/orders", tag = "orders", params(PageQuery), responses((status = OK, body = PageOut<OrderHeadOut>)))]
pub(super) async fn order_page(
    State(state): State<AppState>,
    shop: Shop,
    Params(page): Params<PageQuery>,
) -> ApiResult<Json<PageOut<OrderHeadOut>>> {
    let page = page.request()?;
    let page = state.store.read(&shop.ctx, async |mut tx| order_list(&mut tx, &page).await).await?;
    Ok(Json(PageOut::of(page, OrderHeadOut::from)))
}

/// Reads an order.
#[utoipa::path(get, path = "/v1/orders/{order}", tag = "orders", responses((status = OK, body = OrderOut)))]
pub(super) async fn order_read(
    State(state): State<AppState>,
    shopper: Shopper,
    PathOf(id): PathOf<OrderId>,
) -> ApiResult<Json<OrderOut>> {
    let order = state.store.read(&shopper.ctx, async |mut tx| order_get(&mut tx, id).await).await?;
    shopper.may_see(order.head.customer, "order")?;
    Ok(Json(order.into()))
}

/// Tells why the order's prices are what they are, and which plugins agreed to it; kept as long as the order.
#[utoipa::path(get, path = "/v1/orders/{order}/trace", tag = "orders", responses((status = OK, body = TraceOut)))]
pub(super) async fn order_why(
    State(state): State<AppState>,
    shop: Shop,
    PathOf(id): PathOf<OrderId>,
) -> ApiResult<Json<TraceOut>> {
    let trace = state.store.read(&shop.ctx, async |mut tx| order_trace(&mut tx, id).await).await?;
    Ok(Json(TraceOut::new(trace, shop.ctx.locale)))
}
