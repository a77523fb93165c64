//! Payments: what was paid for an order.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use heptad_capabilities::CapabilityError;
use heptad_capabilities::mall::payment::{Payment, PaymentIn as NewPayment, payment_list, payment_record};
use heptad_model::id::OrderId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::shared::{MoneyIn, MoneyOut};
use crate::auth::Shop;
use crate::error::{ApiError, ApiResult};
use crate::extract::PathOf;
use crate::idempotency::{Keyed, answer};
use crate::state::AppState;

/// A payment to record.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PaymentIn {
    /// At least 1 minor unit, at most what is left to pay, in the order's currency.
    pub amount: MoneyIn,
    /// How it was paid: up to 40 lower-case letters, digits and hyphens.
    #[schema(example = "wechat-pay")]
    pub method: String,
    /// The payment provider's own reference: 1 to 200 characters.
    #[schema(example = "4200001234202601010000000001")]
    pub reference: String,
}

/// A recorded payment.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PaymentOut {
    /// The id.
    #[schema(example = "pay_019380c2f2b07d1c8a4b9e5f60718293")]
    pub id: String,
    /// The order.
    pub order: String,
    /// How much.
    pub amount: MoneyOut,
    /// How it was paid.
    pub method: String,
    /// The payment provider's own reference.
    pub reference: String,
    /// When it was recorded, in RFC 3339.
    pub created_at: String,
    /// Where the order stands: `created` or `paid`.
    #[schema(example = "paid")]
    pub order_status: &'static str,
}

/// The payments of an order.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PaymentsOut {
    /// In the order of their recording.
    pub items: Vec<PaymentOut>,
}

impl From<Payment> for PaymentOut {
    fn from(payment: Payment) -> Self {
        Self {
            id: payment.id.to_string(),
            order: payment.order.to_string(),
            amount: MoneyOut::new(payment.amount, payment.currency),
            method: payment.method,
            reference: payment.reference,
            created_at: payment.created_at.rfc3339(),
            order_status: payment.order_status.word(),
        }
    }
}

/// Records a payment; an order that is paid in full becomes `paid`. Repeated with the same key, it is recorded once.
#[utoipa::path(
    post, path = "/v1/orders/{order}/payments", tag = "orders", request_body = PaymentIn,
    params(("Idempotency-Key" = String, Header, description = "1 to 255 printable ASCII characters, new for each new request.")),
    responses((status = CREATED, body = PaymentOut)),
)]
pub(super) async fn payment_post(
    State(state): State<AppState>,
    shop: Shop,
    PathOf(order): PathOf<OrderId>,
    keyed: Keyed<PaymentIn>,
) -> ApiResult<Response> {
    let key = keyed.key("POST /v1/orders/{order}/payments", &order.to_string())?;
    let PaymentIn { amount, method, reference } = keyed.body;
    let new = NewPayment { amount: amount.money(), method, reference };
    let record = async |mut tx| payment_record(&mut tx, order, new.clone(), Some(&key)).await;
    let recorded = state.store.write(&shop.ctx, record).await.map_err(refused)?;
    Ok(answer(recorded, |payment| (StatusCode::CREATED, Json(PaymentOut::from(payment)))))
}

/// The API's amounts have two parts.
fn refused(error: CapabilityError) -> ApiError {
    let error =
        ApiError::from(error).with_renamed("amount", "amount.amount").with_renamed("currency", "amount.currency");
    match error.fields() {
        [field] if field.field == "amount.currency" => error.with_code("currency-mismatch"),
        _ => error,
    }
}

/// Lists the payments of an order in the order of their recording.
#[utoipa::path(get, path = "/v1/orders/{order}/payments", tag = "orders", responses((status = OK, body = PaymentsOut)))]
pub(super) async fn payment_all(
    State(state): State<AppState>,
    shop: Shop,
    PathOf(order): PathOf<OrderId>,
) -> ApiResult<Json<PaymentsOut>> {
    let found = state.store.read(&shop.ctx, async |mut tx| payment_list(&mut tx, order).await).await?;
    Ok(Json(PaymentsOut { items: found.into_iter().map(PaymentOut::from).collect() }))
}
