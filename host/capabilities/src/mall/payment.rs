//! Payments: what was paid for an order, and the ledger that says so for ever.

use heptad_model::id::{OrderId, PaymentId};
use heptad_model::{Currency, EventType, Millis, Minor, Money};
use heptad_store::{Row, StoreError, Tx};
use serde::{Deserialize, Serialize};

use super::order::{OrderHead, OrderStatus, order_head};
use crate::idempotency::{self, Once};
use crate::{CapabilityError, IdempotencyKey, bounds};

/// A payment to record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentIn {
    /// At least 1 minor unit, at most what is left to pay, in the order's currency.
    pub amount: Money,
    /// How it was paid, such as `wechat-pay`: up to 40 lower-case letters, digits and hyphens.
    pub method: String,
    /// The payment provider's own reference: 1 to 200 characters.
    pub reference: String,
}

/// A recorded payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// The id.
    pub id: PaymentId,
    /// The order.
    pub order: OrderId,
    /// Minor units.
    pub amount: Minor,
    /// The currency.
    pub currency: Currency,
    /// How it was paid.
    pub method: String,
    /// The payment provider's own reference.
    pub reference: String,
    /// When it was recorded.
    pub created_at: Millis,
    /// Where the order stands after it.
    pub order_status: OrderStatus,
}

/// An entry of the ledger. Entries are never changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// The payment that it books.
    pub payment: PaymentId,
    /// What it books: `payment`.
    pub kind: String,
    /// Minor units.
    pub amount: Minor,
    /// The currency.
    pub currency: Currency,
    /// When.
    pub at: Millis,
}

/// Records a payment of an order; one that is paid in full becomes `paid`.
///
/// `not-found`, `invalid` for a currency that is not the order's, `overpaid` for more than is left,
/// `order-not-payable` for an order that is not waiting for payment.
pub async fn payment_record(
    tx: &mut Tx,
    order: OrderId,
    input: PaymentIn,
    key: Option<&IdempotencyKey>,
) -> Result<Once<Payment>, CapabilityError> {
    const PAY: &str = "update orders set paid = paid + $3, status = case when paid + $3 = total then 'paid' else status end \
                       where tenant_id = $1 and id = $2 and status = 'created' and paid + $3 <= total returning status";
    if let Some(replay) = idempotency::begin(tx, key).await? {
        return Ok(replay);
    }
    bounds::word("method", &input.method)?;
    bounds::sentence("reference", &input.reference, 200)?;
    if input.amount.amount <= Minor::ZERO {
        return Err(CapabilityError::invalid("amount", "at least 1 minor unit"));
    }
    let head = order_head(tx, order).await?;
    if head.currency != input.amount.currency {
        return Err(CapabilityError::invalid("currency", format!("the order is in {}", head.currency)));
    }
    let amount = input.amount.amount;
    let paid = tx.query(PAY).text(order).bind(amount).fetch_optional(|row| row.parse("status")).await?;
    let Some(order_status) = paid else { return Err(refused(&head)) };
    let ctx = tx.ctx().clone();
    let payment = Payment {
        id: PaymentId::generate(&ctx.env),
        order,
        amount,
        currency: head.currency,
        method: input.method,
        reference: input.reference,
        created_at: ctx.now(),
        order_status,
    };
    insert(tx, &payment).await?;
    tx.audit("payment.recorded", payment.id, &serde_json::json!({ "order": order, "amount": amount })).await?;
    let data = serde_json::json!({
        "payment": payment.id, "order": order, "method": payment.method, "amount": amount,
        "currency": payment.currency,
    });
    tx.emit(EventType::PaymentRecorded.about(order, data));
    if order_status == OrderStatus::Paid {
        let data = serde_json::json!({
            "order": order, "customer": head.customer, "total": head.total, "currency": head.currency,
        });
        tx.emit(EventType::OrderPaid.about(order, data));
    }
    idempotency::finish(tx, key, payment).await
}

fn refused(order: &OrderHead) -> CapabilityError {
    match order.status {
        OrderStatus::Created => CapabilityError::Overpaid { left: order.total.get() - order.paid.get() },
        status => CapabilityError::OrderNotPayable { status: status.word().to_owned() },
    }
}

async fn insert(tx: &mut Tx, payment: &Payment) -> Result<(), CapabilityError> {
    const PAYMENT: &str = "insert into payments (tenant_id, id, order_id, amount, currency, method, reference, created_at) \
                           values ($1, $2, $3, $4, $5, $6, $7, $8)";
    // One entry for each payment: it has the payment's id.
    const LEDGER: &str = "insert into ledger_entries (tenant_id, id, order_id, payment_id, kind, amount, currency, at) \
                          values ($1, $2, $3, $2, 'payment', $4, $5, $6)";
    let statement = tx.query(PAYMENT).text(payment.id).text(payment.order).bind(payment.amount).text(payment.currency);
    statement.bind(&payment.method).bind(&payment.reference).bind(payment.created_at).execute().await?;
    let statement = tx.query(LEDGER).text(payment.id).text(payment.order).bind(payment.amount).text(payment.currency);
    statement.bind(payment.created_at).execute().await?;
    Ok(())
}

fn payment(row: &Row) -> Result<Payment, StoreError> {
    Ok(Payment {
        id: row.parse("id")?,
        order: row.parse("order_id")?,
        amount: row.minor("amount")?,
        currency: row.parse("currency")?,
        method: row.text("method")?,
        reference: row.text("reference")?,
        created_at: row.millis("created_at")?,
        order_status: row.parse("status")?,
    })
}

/// The payments of an order in the order of their recording, with where the order stands now.
pub async fn payment_list(tx: &mut Tx, order: OrderId) -> Result<Vec<Payment>, CapabilityError> {
    const LIST: &str = "select p.id, p.order_id, p.amount, p.currency, p.method, p.reference, p.created_at, o.status \
                        from payments p join orders o on o.tenant_id = p.tenant_id and o.id = p.order_id \
                        where p.tenant_id = $1 and p.order_id = $2 order by p.created_at, p.id";
    order_head(tx, order).await?;
    Ok(tx.query(LIST).text(order).fetch_all(payment).await?)
}

/// The ledger's entries of an order, the earliest first.
pub async fn ledger_list(tx: &mut Tx, order: OrderId) -> Result<Vec<LedgerEntry>, CapabilityError> {
    const LIST: &str = "select payment_id, kind, amount, currency, at from ledger_entries \
                        where tenant_id = $1 and order_id = $2 order by at, id";
    order_head(tx, order).await?;
    let entry = |row: &Row| {
        Ok(LedgerEntry {
            payment: row.parse("payment_id")?,
            kind: row.text("kind")?,
            amount: row.minor("amount")?,
            currency: row.parse("currency")?,
            at: row.millis("at")?,
        })
    };
    Ok(tx.query(LIST).text(order).fetch_all(entry).await?)
}
