//! Quotes: a cart priced by the shop's plugins.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use heptad_capabilities::mall::cart::{CartLine, cart_get};
use heptad_capabilities::mall::quote::{Quote, QuoteIn as Ask, quote_create, quote_get, quote_trace};
use heptad_model::id::{CartId, CustomerId, QuoteId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::carts::CartLineIn;
use super::trace::TraceOut;
use crate::auth::{Shop, Shopper};
use crate::error::{ApiError, ApiResult};
use crate::extract::{Body, Params, PathOf};
use crate::state::AppState;

/// What to price: a cart that exists, or lines, of which a cart is made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct QuoteIn {
    /// The cart; absent when lines are given.
    #[schema(value_type = Option<String>, example = "crt_019380c2f2b07d1c8a4b9e5f60718293")]
    pub cart: Option<CartId>,
    /// The customer, with lines; absent for a guest.
    #[schema(value_type = Option<String>)]
    pub customer: Option<CustomerId>,
    /// 1 to 2,000 lines; absent when a cart is given.
    pub lines: Option<Vec<CartLineIn>>,
}

/// What else to tell.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct IncludeQuery {
    /// `trace`: why the prices are what they are.
    #[param(inline)]
    pub include: Option<Include>,
}

/// What can be told with a quote.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Include {
    /// Why the prices are what they are.
    Trace,
}

/// A priced cart, valid for 15 minutes.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct QuoteOut {
    /// The id.
    #[schema(example = "quo_019380c2f2b07d1c8a4b9e5f60718293")]
    pub id: String,
    /// The cart.
    pub cart: String,
    /// The customer; absent for a guest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer: Option<String>,
    /// The currency of every amount, ISO 4217.
    #[schema(example = "CNY")]
    pub currency: &'static str,
    /// The lines in the cart's order.
    pub lines: Vec<PricedLineOut>,
    /// The sum of the lines before discounts, in minor units.
    #[schema(example = 39800)]
    pub subtotal: i64,
    /// The sum of the lines' discounts, in minor units.
    #[schema(example = 3980)]
    pub discount: i64,
    /// What the cart costs, in minor units.
    #[schema(example = 35820)]
    pub total: i64,
    /// When it was priced, in RFC 3339.
    pub created_at: String,
    /// From when on it cannot be placed, in RFC 3339.
    pub expires_at: String,
    /// Why the prices are what they are, if it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceOut>,
}

/// A line with its price.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PricedLineOut {
    /// The SKU's code.
    pub sku: String,
    /// The SKU's name.
    pub name: String,
    /// How many.
    pub quantity: u32,
    /// The price of one before discounts, in minor units.
    pub unit_price: i64,
    /// Price times quantity, in minor units.
    pub subtotal: i64,
    /// What all discounts take off this line, in minor units.
    pub discount: i64,
    /// What the line costs, in minor units.
    pub total: i64,
}

impl QuoteOut {
    fn new(quote: Quote, trace: Option<TraceOut>) -> Self {
        let line = |line: heptad_capabilities::mall::quote::PricedLine| PricedLineOut {
            sku: line.sku,
            name: line.name,
            quantity: line.quantity,
            unit_price: line.unit_price.get(),
            subtotal: line.subtotal.get(),
            discount: line.discount.get(),
            total: line.total.get(),
        };
        Self {
            id: quote.id.to_string(),
            cart: quote.cart.to_string(),
            customer: quote.customer.map(|id| id.to_string()),
            currency: quote.currency.code(),
            lines: quote.lines.into_iter().map(line).collect(),
            subtotal: quote.subtotal.get(),
            discount: quote.discount.get(),
            total: quote.total.get(),
            created_at: quote.created_at.rfc3339(),
            expires_at: quote.expires_at.rfc3339(),
            trace,
        }
    }
}

/// Prices a cart with the shop's plugins.
#[utoipa::path(post, path = "/v1/quotes", tag = "quotes", params(IncludeQuery), request_body = QuoteIn, responses((status = CREATED, body = QuoteOut)))]
pub(super) async fn quote_post(
    State(state): State<AppState>,
    shopper: Shopper,
    Params(query): Params<IncludeQuery>,
    Body(input): Body<QuoteIn>,
) -> ApiResult<(StatusCode, Json<QuoteOut>)> {
    if query.include.is_some() {
        shopper.no_customer()?;
    }
    let ask = match (input.cart, input.lines) {
        (Some(_), Some(_)) => return Err(ApiError::invalid("lines", "give a cart or lines, not both")),
        (None, None) => return Err(ApiError::invalid("cart", "give a cart or lines")),
        (Some(_), None) if input.customer.is_some() => {
            return Err(ApiError::invalid("customer", "the cart has its customer"));
        }
        (Some(cart), None) => {
            if shopper.principal.customer.is_some() {
                let owner =
                    state.store.read(&shopper.ctx, async |mut tx| cart_get(&mut tx, cart).await).await?.customer;
                shopper.may_see(owner, "cart")?;
            }
            Ask::Cart(cart)
        }
        (None, Some(lines)) => Ask::Lines {
            customer: shopper.own(input.customer)?,
            lines: lines.into_iter().map(CartLine::from).collect(),
        },
    };
    let quoted = quote_create(&state.store, &*state.runtime, &shopper.ctx, ask).await?;
    let trace = query.include.map(|Include::Trace| TraceOut::new(quoted.trace, shopper.ctx.locale));
    Ok((StatusCode::CREATED, Json(QuoteOut::new(quoted.quote, trace))))
}

/// Reads a quote, expired or not.
#[utoipa::path(get, path = "/v1/quotes/{quote}", tag = "quotes", responses((status = OK, body = QuoteOut)))]
pub(super) async fn quote_read(
    State(state): State<AppState>,
    shopper: Shopper,
    PathOf(id): PathOf<QuoteId>,
) -> ApiResult<Json<QuoteOut>> {
    let quote = state.store.read(&shopper.ctx, async |mut tx| quote_get(&mut tx, id).await).await?;
    shopper.may_see(quote.customer, "quote")?;
    Ok(Json(QuoteOut::new(quote, None)))
}

/// Tells why the quote's prices are what they are: every plugin that was asked, in the order of application.
#[utoipa::path(get, path = "/v1/quotes/{quote}/trace", tag = "quotes", responses((status = OK, body = TraceOut)))]
pub(super) async fn quote_why(
    State(state): State<AppState>,
    shop: Shop,
    PathOf(id): PathOf<QuoteId>,
) -> ApiResult<Json<TraceOut>> {
    let trace = state.store.read(&shop.ctx, async |mut tx| quote_trace(&mut tx, id).await).await?;
    Ok(Json(TraceOut::new(trace, shop.ctx.locale)))
}
