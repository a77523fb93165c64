//! Coupons: batches, issuing, taking back.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use heptad_capabilities::CapabilityError;
use heptad_capabilities::members::coupons::{
    Coupon, CouponBatch, CouponBatchIn as NewBatch, CouponStatus, Grant, Off, Withdrawal, Worth, coupon_batch_close,
    coupon_batch_create, coupon_batch_get, coupon_batch_list, coupon_get, coupons_held, coupons_issue, coupons_void,
};
use heptad_model::id::{CouponBatchId, CouponId, CustomerId};
use heptad_model::{Millis, Minor};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::shared::PageOut;
use crate::auth::{Shop, Shopper, Staff};
use crate::error::ApiResult;
use crate::extract::{Body, PageQuery, Params, PathOf};
use crate::state::AppState;

/// Coupons to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CouponBatchIn {
    /// Your own code of the batch: 1 to 64 characters without white space.
    #[schema(example = "autumn-80")]
    pub code: String,
    /// What people read: 1 to 200 characters.
    #[schema(example = "满500减80")]
    pub name: String,
    /// What a coupon takes off, in minor units of the shop's currency; this or `basis_points`.
    #[schema(example = 8000)]
    pub amount: Option<i64>,
    /// What a coupon takes off, in hundredths of a percent, 1 to 10,000; this or `amount`.
    pub basis_points: Option<u32>,
    /// From which total of an order on, in minor units of the shop's currency.
    #[serde(default)]
    #[schema(example = 50000)]
    pub from_total: i64,
    /// How many days a coupon is valid from its issue on, 1 to 1,100.
    #[schema(example = 30)]
    pub valid_days: i64,
    /// When no coupon of the batch is valid any more, in RFC 3339.
    pub ends_at: Option<String>,
    /// The most coupons that are issued.
    #[schema(example = 10000)]
    pub cap: Option<i64>,
}

/// A batch of coupons.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CouponBatchOut {
    /// The id.
    #[schema(example = "cpb_019380c2f2b07d1c8a4b9e5f60718293")]
    pub id: String,
    /// Your own code.
    pub code: String,
    /// What people read.
    pub name: String,
    /// What a coupon takes off, in minor units of the shop's currency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<i64>,
    /// What a coupon takes off, in hundredths of a percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub basis_points: Option<u32>,
    /// From which total of an order on.
    pub from_total: i64,
    /// How many days a coupon is valid.
    pub valid_days: i64,
    /// When no coupon of the batch is valid any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<String>,
    /// The most coupons that are issued.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cap: Option<i64>,
    /// How many were issued.
    pub issued: i64,
    /// `open` or `closed`.
    pub state: &'static str,
    /// When it was made, in RFC 3339.
    pub created_at: String,
}

/// A coupon for a customer.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GrantIn {
    /// Your own id of the operation, 1 to 128 bytes: repeated, it gives the same coupon.
    pub request: String,
    /// The batch's code.
    pub batch: String,
    /// The customer's id.
    pub customer: String,
}

/// Coupons to issue, at most 100: all of them, or none.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GrantsIn {
    /// In the order in which they are issued.
    pub grants: Vec<GrantIn>,
}

/// Why a coupon is taken back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VoidIn {
    /// Up to 40 lower-case letters, digits and hyphens.
    #[schema(example = "returned")]
    pub reason: String,
}

/// A coupon of a customer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CouponOut {
    /// The id.
    #[schema(example = "cpn_019380c2f2b07d1c8a4b9e5f60718293")]
    pub id: String,
    /// What the customer shows.
    #[schema(example = "7K2M9QX4TB0Z")]
    pub code: String,
    /// The batch's code.
    pub batch: String,
    /// The customer's id.
    pub customer: String,
    /// `issued`, `void` or `expired`.
    pub status: &'static str,
    /// Why it was taken back.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// When it was issued, in RFC 3339.
    pub issued_at: String,
    /// When it can no longer be used, in RFC 3339.
    pub expires_at: String,
}

/// Coupons.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CouponsOut {
    /// In the order asked for, or the latest first.
    pub items: Vec<CouponOut>,
}

impl From<CouponBatch> for CouponBatchOut {
    fn from(batch: CouponBatch) -> Self {
        let (amount, basis_points) = match batch.worth.off {
            Off::Amount(amount) => (Some(amount.get()), None),
            Off::BasisPoints(points) => (None, Some(points)),
        };
        Self {
            id: batch.id.to_string(),
            code: batch.code,
            name: batch.name,
            amount,
            basis_points,
            from_total: batch.worth.from_total.get(),
            valid_days: batch.valid_days,
            ends_at: batch.ends_at.map(|end| end.rfc3339()),
            cap: batch.cap,
            issued: batch.issued,
            state: batch.state.word(),
            created_at: batch.created_at.rfc3339(),
        }
    }
}

impl From<Coupon> for CouponOut {
    fn from(coupon: Coupon) -> Self {
        Self {
            id: coupon.id.to_string(),
            code: coupon.code,
            batch: coupon.batch,
            customer: coupon.customer.to_string(),
            status: match coupon.status {
                CouponStatus::Issued => "issued",
                CouponStatus::Void => "void",
                CouponStatus::Expired => "expired",
            },
            reason: coupon.reason,
            issued_at: coupon.issued_at.rfc3339(),
            expires_at: coupon.expires_at.rfc3339(),
        }
    }
}

fn new_batch(input: CouponBatchIn) -> Result<NewBatch, CapabilityError> {
    let CouponBatchIn { code, name, amount, basis_points, from_total, valid_days, ends_at, cap } = input;
    let off = match (amount, basis_points) {
        (Some(amount), None) => Off::Amount(Minor::new(amount)?),
        (None, Some(points)) => Off::BasisPoints(points),
        _ => return Err(CapabilityError::invalid("amount", "either `amount` or `basis_points`")),
    };
    let moment = |text: String| {
        Millis::parse_rfc3339(&text).ok_or_else(|| CapabilityError::invalid("ends_at", "a moment in RFC 3339"))
    };
    let worth = Worth { off, from_total: Minor::new(from_total)? };
    Ok(NewBatch { code, name, worth, valid_days, ends_at: ends_at.map(moment).transpose()?, cap })
}

/// Makes a batch of coupons.
#[utoipa::path(post, path = "/v1/coupon-batches", tag = "customers", request_body = CouponBatchIn, responses((status = CREATED, body = CouponBatchOut)))]
pub(super) async fn batch_post(
    State(state): State<AppState>,
    staff: Staff,
    Body(input): Body<CouponBatchIn>,
) -> ApiResult<(StatusCode, Json<CouponBatchOut>)> {
    let new = new_batch(input)?;
    let made = state.store.write(&staff.ctx, async |mut tx| coupon_batch_create(&mut tx, new.clone()).await).await?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

/// Lists the batches in the order of their making.
#[utoipa::path(get, path = "/v1/coupon-batches", tag = "customers", params(PageQuery), responses((status = OK, body = PageOut<CouponBatchOut>)))]
pub(super) async fn batch_page(
    State(state): State<AppState>,
    staff: Staff,
    Params(page): Params<PageQuery>,
) -> ApiResult<Json<PageOut<CouponBatchOut>>> {
    let page = page.request()?;
    let found = state.store.read(&staff.ctx, async |mut tx| coupon_batch_list(&mut tx, &page).await).await?;
    Ok(Json(PageOut::of(found, CouponBatchOut::from)))
}

/// Reads a batch.
#[utoipa::path(get, path = "/v1/coupon-batches/{batch}", tag = "customers", responses((status = OK, body = CouponBatchOut)))]
pub(super) async fn batch_read(
    State(state): State<AppState>,
    staff: Staff,
    PathOf(id): PathOf<CouponBatchId>,
) -> ApiResult<Json<CouponBatchOut>> {
    Ok(Json(state.store.read(&staff.ctx, async |mut tx| coupon_batch_get(&mut tx, id).await).await?.into()))
}

/// Closes a batch: no more coupons of it are issued, and those that were stay.
#[utoipa::path(post, path = "/v1/coupon-batches/{batch}/close", tag = "customers", responses((status = OK, body = CouponBatchOut)))]
pub(super) async fn batch_close(
    State(state): State<AppState>,
    staff: Staff,
    PathOf(id): PathOf<CouponBatchId>,
) -> ApiResult<Json<CouponBatchOut>> {
    Ok(Json(state.store.write(&staff.ctx, async |mut tx| coupon_batch_close(&mut tx, id).await).await?.into()))
}

/// Issues coupons; 409 `batch-empty` when the batch has no more.
#[utoipa::path(post, path = "/v1/coupons", tag = "customers", request_body = GrantsIn, responses((status = OK, body = CouponsOut)))]
pub(super) async fn issue(
    State(state): State<AppState>,
    shop: Shop,
    Body(input): Body<GrantsIn>,
) -> ApiResult<Json<CouponsOut>> {
    let grant = |GrantIn { request, batch, customer }: GrantIn| Grant { request, batch, customer };
    let grants: Vec<Grant> = input.grants.into_iter().map(grant).collect();
    let issued = state.store.write(&shop.ctx, async |mut tx| coupons_issue(&mut tx, &grants).await).await?;
    Ok(Json(CouponsOut { items: issued.into_iter().map(CouponOut::from).collect() }))
}

/// Takes a coupon back; one that is void already stays so.
#[utoipa::path(post, path = "/v1/coupons/{coupon}/void", tag = "customers", request_body = VoidIn, responses((status = OK, body = CouponOut)))]
pub(super) async fn void(
    State(state): State<AppState>,
    staff: Staff,
    PathOf(id): PathOf<CouponId>,
    Body(input): Body<VoidIn>,
) -> ApiResult<Json<CouponOut>> {
    let withdrawal = [Withdrawal { coupon: id.to_string(), reason: input.reason }];
    let void = async |mut tx| {
        coupons_void(&mut tx, &withdrawal).await?;
        coupon_get(&mut tx, id).await
    };
    Ok(Json(state.store.write(&staff.ctx, void).await?.into()))
}

/// Lists the coupons of a customer, the latest first, at most 50; a shopper reads its own.
#[utoipa::path(get, path = "/v1/customers/{customer}/coupons", tag = "customers", responses((status = OK, body = CouponsOut)))]
pub(super) async fn held(
    State(state): State<AppState>,
    shopper: Shopper,
    PathOf(id): PathOf<CustomerId>,
) -> ApiResult<Json<CouponsOut>> {
    shopper.may_see(Some(id), "customer")?;
    let ids = [id.to_string()];
    let read = async |mut tx| {
        heptad_capabilities::members::customer_get(&mut tx, id).await?;
        coupons_held(&mut tx, &ids).await
    };
    let found = state.store.read(&shopper.ctx, read).await?;
    Ok(Json(CouponsOut { items: found.into_iter().map(CouponOut::from).collect() }))
}
