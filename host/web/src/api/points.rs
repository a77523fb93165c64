//! Points of customers: balances, the ledger, and giving and taking.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use heptad_capabilities::members::points::{
    Balance, Hold, Movement, PointEntry, Reversal, points_balances, points_confirm, points_earn, points_freeze,
    points_ledger, points_refund, points_spend, points_unfreeze,
};
use heptad_capabilities::{CapabilityError, members};
use heptad_model::Millis;
use heptad_model::id::CustomerId;
use heptad_store::Tx;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::shared::PageOut;
use crate::auth::{Shop, Shopper, Staff};
use crate::error::ApiResult;
use crate::extract::{Body, PageQuery, Params, PathOf};
use crate::state::AppState;

/// Points that a customer gets or spends.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MovementIn {
    /// Your own id of the operation, 1 to 128 bytes: repeated, it changes nothing.
    #[schema(example = "order-4711")]
    pub request: String,
    /// The customer's id.
    pub customer: String,
    /// How many, 1 to 10^12.
    #[schema(example = 300)]
    pub amount: i64,
    /// What for: up to 40 lower-case letters, digits and hyphens.
    #[schema(example = "order")]
    pub reason: String,
}

/// Points to freeze.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HoldIn {
    /// Your own id of the freeze, 1 to 128 bytes; confirm, unfreeze and refund name it.
    pub request: String,
    /// The customer's id.
    pub customer: String,
    /// How many, 1 to 10^12.
    pub amount: i64,
    /// What for: up to 40 lower-case letters, digits and hyphens.
    pub reason: String,
    /// When they are unfrozen if nothing was decided, in RFC 3339; at most 30 days away.
    #[schema(example = "2026-12-01T08:00:00Z")]
    pub until: String,
}

/// Points to give back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReversalIn {
    /// Your own id of the refund, 1 to 128 bytes.
    pub request: String,
    /// The request that took them: a spending, or a freeze that was confirmed.
    pub of: String,
    /// How many, from 1.
    pub amount: i64,
}

/// Operations, at most 100: all of them, or none.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MovementsIn {
    /// In the order in which they are done.
    pub operations: Vec<MovementIn>,
}

/// Freezes, at most 100: all of them, or none.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HoldsIn {
    /// In the order in which they are done.
    pub operations: Vec<HoldIn>,
}

/// Refunds, at most 100: all of them, or none.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReversalsIn {
    /// In the order in which they are done.
    pub operations: Vec<ReversalIn>,
}

/// Freezes to decide, by their requests, at most 100: all of them, or none.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DecisionIn {
    /// The requests of the freezes.
    pub requests: Vec<String>,
}

/// What a customer has.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BalanceOut {
    /// The customer's id.
    pub customer: String,
    /// What may be spent.
    pub available: i64,
    /// What is frozen for something that is not decided yet.
    pub frozen: i64,
}

/// A line of the ledger.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PointEntryOut {
    /// The id.
    #[schema(example = "pte_019380c2f2b07d1c8a4b9e5f60718293")]
    pub id: String,
    /// `earned`, `spent`, `frozen`, `confirmed`, `unfrozen`, `lapsed` or `refunded`.
    pub change: String,
    /// What `available` changed by.
    pub amount: i64,
    /// What `frozen` changed by.
    pub frozen_amount: i64,
    /// What was available after it.
    pub available: i64,
    /// What was frozen after it.
    pub frozen: i64,
    /// The caller's id of the operation.
    pub request: String,
    /// What for.
    pub reason: String,
    /// Who did it: a plugin's install, a token, a user.
    pub actor: String,
    /// When, in RFC 3339.
    pub at: String,
}

impl From<Balance> for BalanceOut {
    fn from(Balance { customer, available, frozen }: Balance) -> Self {
        Self { customer: customer.to_string(), available, frozen }
    }
}

impl From<PointEntry> for PointEntryOut {
    fn from(entry: PointEntry) -> Self {
        Self {
            id: entry.id.to_string(),
            change: entry.change,
            amount: entry.amount,
            frozen_amount: entry.frozen_amount,
            available: entry.available,
            frozen: entry.frozen,
            request: entry.request,
            reason: entry.reason,
            actor: entry.actor,
            at: entry.at.rfc3339(),
        }
    }
}

fn movement(MovementIn { request, customer, amount, reason }: MovementIn) -> Movement {
    Movement { request, customer, amount, reason }
}

async fn done<F>(state: &AppState, shop: &Shop, write: impl FnMut(Tx) -> F) -> ApiResult<StatusCode>
where
    F: Future<Output = Result<(), CapabilityError>>,
{
    state.store.write(&shop.ctx, write).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Reads the points of a customer; a shopper reads its own.
#[utoipa::path(get, path = "/v1/customers/{customer}/points", tag = "customers", responses((status = OK, body = BalanceOut)))]
pub(super) async fn balance_read(
    State(state): State<AppState>,
    shopper: Shopper,
    PathOf(id): PathOf<CustomerId>,
) -> ApiResult<Json<BalanceOut>> {
    shopper.may_see(Some(id), "customer")?;
    let ids = [id.to_string()];
    let found = state.store.read(&shopper.ctx, async |mut tx| points_balances(&mut tx, &ids).await).await?;
    let balance = found.into_iter().next().ok_or(CapabilityError::NotFound("customer"))?;
    Ok(Json(balance.into()))
}

/// Lists what happened to a customer's points, the latest first.
#[utoipa::path(get, path = "/v1/customers/{customer}/points/entries", tag = "customers", params(PageQuery), responses((status = OK, body = PageOut<PointEntryOut>)))]
pub(super) async fn entry_page(
    State(state): State<AppState>,
    staff: Staff,
    PathOf(id): PathOf<CustomerId>,
    Params(page): Params<PageQuery>,
) -> ApiResult<Json<PageOut<PointEntryOut>>> {
    let page = page.request()?;
    let read = async |mut tx| {
        members::customer_get(&mut tx, id).await?;
        points_ledger(&mut tx, id, &page).await
    };
    let found = state.store.read(&staff.ctx, read).await?;
    Ok(Json(PageOut::of(found, PointEntryOut::from)))
}

/// Gives points.
#[utoipa::path(post, path = "/v1/points/earn", tag = "customers", request_body = MovementsIn, responses((status = NO_CONTENT)))]
pub(super) async fn earn(
    State(state): State<AppState>,
    shop: Shop,
    Body(input): Body<MovementsIn>,
) -> ApiResult<StatusCode> {
    let movements: Vec<Movement> = input.operations.into_iter().map(movement).collect();
    done(&state, &shop, async |mut tx| points_earn(&mut tx, &movements).await).await
}

/// Takes points at once; 409 `points-insufficient` if fewer are available.
#[utoipa::path(post, path = "/v1/points/spend", tag = "customers", request_body = MovementsIn, responses((status = NO_CONTENT)))]
pub(super) async fn spend(
    State(state): State<AppState>,
    shop: Shop,
    Body(input): Body<MovementsIn>,
) -> ApiResult<StatusCode> {
    let movements: Vec<Movement> = input.operations.into_iter().map(movement).collect();
    done(&state, &shop, async |mut tx| points_spend(&mut tx, &movements).await).await
}

/// Freezes points, so that nobody else can spend them; 409 `points-insufficient` if fewer are available.
#[utoipa::path(post, path = "/v1/points/freeze", tag = "customers", request_body = HoldsIn, responses((status = NO_CONTENT)))]
pub(super) async fn freeze(
    State(state): State<AppState>,
    shop: Shop,
    Body(input): Body<HoldsIn>,
) -> ApiResult<StatusCode> {
    let hold = |(place, HoldIn { request, customer, amount, reason, until }): (usize, HoldIn)| {
        let field = || CapabilityError::invalid(format!("operations.{place}.until"), "a moment in RFC 3339");
        let until = Millis::parse_rfc3339(&until).ok_or_else(field)?;
        Ok(Hold { movement: Movement { request, customer, amount, reason }, until })
    };
    let holds: Vec<Hold> =
        input.operations.into_iter().enumerate().map(hold).collect::<Result<_, CapabilityError>>()?;
    done(&state, &shop, async |mut tx| points_freeze(&mut tx, &holds).await).await
}

/// Takes what was frozen; 409 `hold-unfrozen` if it was unfrozen, or its time has passed.
#[utoipa::path(post, path = "/v1/points/confirm", tag = "customers", request_body = DecisionIn, responses((status = NO_CONTENT)))]
pub(super) async fn confirm(
    State(state): State<AppState>,
    shop: Shop,
    Body(input): Body<DecisionIn>,
) -> ApiResult<StatusCode> {
    done(&state, &shop, async |mut tx| points_confirm(&mut tx, &input.requests).await).await
}

/// Gives back what was frozen; 409 `hold-confirmed` if it was confirmed.
#[utoipa::path(post, path = "/v1/points/unfreeze", tag = "customers", request_body = DecisionIn, responses((status = NO_CONTENT)))]
pub(super) async fn unfreeze(
    State(state): State<AppState>,
    shop: Shop,
    Body(input): Body<DecisionIn>,
) -> ApiResult<StatusCode> {
    done(&state, &shop, async |mut tx| points_unfreeze(&mut tx, &input.requests).await).await
}

/// Gives back what was spent or confirmed, or a part of it; 409 `refund-exceeds` beyond.
#[utoipa::path(post, path = "/v1/points/refund", tag = "customers", request_body = ReversalsIn, responses((status = NO_CONTENT)))]
pub(super) async fn refund(
    State(state): State<AppState>,
    shop: Shop,
    Body(input): Body<ReversalsIn>,
) -> ApiResult<StatusCode> {
    let reversal = |ReversalIn { request, of, amount }: ReversalIn| Reversal { request, of, amount };
    let reversals: Vec<Reversal> = input.operations.into_iter().map(reversal).collect();
    done(&state, &shop, async |mut tx| points_refund(&mut tx, &reversals).await).await
}
