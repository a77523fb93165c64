//! Placing an order: a quote becomes an order if its prices still hold and no plugin objects.
//!
//! A snapshot is read and closed, the veto points are asked, and one transaction compares the versions again and
//! writes. The customer's version grows with each order, so that what a plugin read of a customer's history while it
//! was asked cannot have changed by the time of the write: of ten carts against a limit of three, three pass.

use std::time::{Duration, Instant};

use heptad_model::id::{CartId, OrderId, QuoteId};
use heptad_model::points::FailurePolicy;
use heptad_model::{Ctx, EventType, Minor, NewEvent, Point};
use heptad_store::{Store, Tx};

use super::order::{Order, OrderHead, OrderLine, OrderStatus};
use super::priced::view;
use super::quote::{Quote, quote_load};
use super::trace::{DenialTrace, Reason, Trace, TracedCall};
use super::versions::{Versions, changed, plugin_versions, skus_hold, stages};
use crate::extensions::{Denial, Extensions, Outcome};
use crate::idempotency::{self, Once};
use crate::{CapabilityError, IdempotencyKey};

/// The most denials of one plugin that are shown.
const MAX_DENIALS: usize = 100;
/// What order numbers begin after.
const FIRST_NUMBER: i64 = 1_000_000;

/// Places a quote: the order is made, or the reason why not is told.
///
/// `not-found`, `quote-expired`, `quote-stale` if anything changed since, `already-ordered`, `cart-denied` with the
/// plugins' reasons, `plugin-unavailable` if one that must agree gave no answer.
pub async fn order_place(
    store: &Store,
    extensions: &impl Extensions,
    ctx: &Ctx,
    quote: QuoteId,
    key: Option<&IdempotencyKey>,
) -> Result<Once<Order>, CapabilityError> {
    let turn = extensions.turn(ctx).await?;
    let read = async |mut tx: Tx| match idempotency::begin::<Order>(&mut tx, key).await? {
        Some(replay) => Ok(Err(replay)),
        None => load(&mut tx, quote).await.map(Ok),
    };
    let (quote, mut trace, versions) = match store.read(ctx, read).await {
        Ok(Ok(loaded)) => loaded,
        Ok(Err(replay)) => return Ok(replay),
        Err(error) => return Err(error),
    };
    if plugin_versions(&stages(extensions, ctx).await?) != versions.plugins {
        return Err(CapabilityError::QuoteStale { changed: vec!["plugins"] });
    }
    trace.calls.extend(ask(extensions, ctx, &quote, turn.plugins).await?);
    store.write(ctx, async |mut tx| write(&mut tx, &quote, &trace, &versions, key).await).await
}

/// The quote, if it can still be placed.
async fn load(tx: &mut Tx, id: QuoteId) -> Result<(Quote, Trace, Versions), CapabilityError> {
    let (quote, trace, versions) = quote_load(tx, id).await?;
    if let Some(order) = order_of_cart(tx, quote.cart).await? {
        return Err(CapabilityError::AlreadyOrdered { order });
    }
    if tx.ctx().now() >= quote.expires_at {
        return Err(CapabilityError::QuoteExpired);
    }
    match changed(tx, &versions, quote.cart, quote.customer).await? {
        changed if changed.is_empty() => Ok((quote, trace, versions)),
        changed => Err(CapabilityError::QuoteStale { changed }),
    }
}

async fn order_of_cart(tx: &mut Tx, cart: CartId) -> Result<Option<String>, CapabilityError> {
    const FIND: &str = "select id from orders where tenant_id = $1 and cart_id = $2";
    Ok(tx.query(FIND).text(cart).fetch_optional(|row| row.text("id")).await?)
}

/// Asks every plugin on the veto point, so that the shopper reads all reasons at once.
async fn ask(
    extensions: &impl Extensions,
    ctx: &Ctx,
    quote: &Quote,
    time: Duration,
) -> Result<Vec<TracedCall>, CapabilityError> {
    const POINT: Point = Point::CartValidateComplete;
    let lines = quote.lines.iter().map(|line| (line.sku.as_str(), line.quantity, line.unit_price, line.total));
    let cart = view(quote.cart, quote.customer, quote.currency, ctx.now(), lines);
    let until = Instant::now() + time;
    let (mut calls, mut denials, mut failed) = (Vec::new(), Vec::new(), None);
    for one in extensions.serving(ctx, POINT).await? {
        let answer = extensions.validate(ctx, &one, POINT, &cart, until).await;
        let plugin = one.manifest.name.clone();
        match &answer.trace.outcome {
            Outcome::Failed { code, message } | Outcome::Skipped { code, message } => {
                tracing::warn!(plugin, code, message, quote = %quote.id, "a plugin gave no answer on a cart to be placed");
                if one.policy(POINT) == FailurePolicy::Closed && failed.is_none() {
                    failed = Some(CapabilityError::PluginUnavailable { plugin: plugin.clone(), code: code.clone() });
                }
            }
            Outcome::Answered => {}
        }
        let traced = |denial: &Denial| DenialTrace {
            plugin: plugin.clone(),
            reason: Reason::render(&denial.reason, &one.manifest, ctx.tenant().locale),
            lines: denial.lines.iter().copied().filter(|line| (*line as usize) < quote.lines.len()).collect(),
        };
        let found: Vec<_> = answer.value.iter().flatten().take(MAX_DENIALS).map(traced).collect();
        denials.extend(found.iter().cloned());
        calls.push(TracedCall { call: answer.trace, operations: Vec::new(), ignored_candidates: 0, denials: found });
    }
    // A denial stands whatever the others say; without one, silence counts by the merchant's or the point's policy.
    match failed {
        _ if !denials.is_empty() => Err(CapabilityError::CartDenied(denials)),
        Some(error) => Err(error),
        None => Ok(calls),
    }
}

async fn write(
    tx: &mut Tx,
    quote: &Quote,
    trace: &Trace,
    versions: &Versions,
    key: Option<&IdempotencyKey>,
) -> Result<Once<Order>, CapabilityError> {
    if let Some(replay) = idempotency::begin(tx, key).await? {
        return Ok(replay);
    }
    claim(tx, quote, versions).await?;
    let order = order(tx, quote).await?;
    insert(tx, &order, trace).await?;
    let detail = serde_json::json!({ "quote": quote.id, "number": order.head.number, "total": order.head.total });
    tx.audit("order.placed", order.head.id, &detail).await?;
    tx.emit(placed(&order, quote));
    idempotency::finish(tx, key, order).await
}

fn placed(order: &Order, quote: &Quote) -> NewEvent {
    let data = serde_json::json!({
        "order": order.head.id, "number": order.head.number, "cart": quote.cart, "quote": quote.id,
        "customer": quote.customer, "lines": order.lines.len(), "discount": order.head.discount,
        "total": order.head.total, "currency": order.head.currency,
    });
    EventType::OrderPlaced.about(order.head.id, data)
}

/// Takes the cart and the customer at the versions that the quote read; who comes second finds no row.
async fn claim(tx: &mut Tx, quote: &Quote, versions: &Versions) -> Result<(), CapabilityError> {
    const CART: &str = "update carts set ordered_at = $4 \
                        where tenant_id = $1 and id = $2 and version = $3 and ordered_at is null";
    const CUSTOMER: &str = "update customers set version = version + 1 \
                            where tenant_id = $1 and id = $2 and version = $3";
    let now = tx.ctx().now();
    if tx.query(CART).text(quote.cart).bind(versions.cart).bind(now).execute().await? == 0 {
        return Err(match order_of_cart(tx, quote.cart).await? {
            Some(order) => CapabilityError::AlreadyOrdered { order },
            None => CapabilityError::QuoteStale { changed: vec!["cart"] },
        });
    }
    if let Some(customer) = quote.customer
        && tx.query(CUSTOMER).text(customer).bind(versions.customer).execute().await? == 0
    {
        return Err(CapabilityError::QuoteStale { changed: vec!["customer"] });
    }
    if !skus_hold(tx, versions).await? {
        return Err(CapabilityError::QuoteStale { changed: vec!["skus"] });
    }
    Ok(())
}

async fn order(tx: &mut Tx, quote: &Quote) -> Result<Order, CapabilityError> {
    const NUMBER: &str = "insert into counters (tenant_id, name, value) values ($1, 'order-number', $2) \
                          on conflict (tenant_id, name) do update set value = counters.value + 1 returning value";
    let number = tx.query(NUMBER).bind(FIRST_NUMBER + 1).fetch_one(|row| row.int("value")).await?;
    let ctx = tx.ctx().clone();
    let head = OrderHead {
        id: OrderId::generate(&ctx.env),
        number: number.to_string(),
        source: "shop".to_owned(),
        quote: Some(quote.id),
        cart: Some(quote.cart),
        customer: quote.customer,
        placed_at: ctx.now(),
        currency: quote.currency,
        subtotal: quote.subtotal,
        discount: quote.discount,
        total: quote.total,
        paid: Minor::ZERO,
        // Where nothing is to pay, nothing is waited for.
        status: if quote.total == Minor::ZERO { OrderStatus::Paid } else { OrderStatus::Created },
    };
    let lines = quote.lines.iter().map(|line| OrderLine {
        sku: line.sku.clone(),
        name: line.name.clone(),
        quantity: line.quantity,
        unit_price: line.unit_price,
        unit_price_derived: false,
        discount: line.discount,
        total: line.total,
    });
    Ok(Order { head, lines: lines.collect() })
}

async fn insert(tx: &mut Tx, order: &Order, trace: &Trace) -> Result<(), CapabilityError> {
    const ORDER: &str = "insert into orders (tenant_id, id, number, source, quote_id, cart_id, customer_id, placed_at, \
                         currency, subtotal, discount, total, paid, status, trace) \
                         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)";
    const LINES: &str = "insert into order_lines (tenant_id, order_id, position, sku, name, quantity, unit_price, \
                         unit_price_derived, discount, total) \
                         select $1, $2, cast(json_extract(value, '$.position') as bigint), json_extract(value, '$.sku'), \
                         json_extract(value, '$.name'), cast(json_extract(value, '$.quantity') as bigint), \
                         cast(json_extract(value, '$.unit_price') as bigint), 0, \
                         cast(json_extract(value, '$.discount') as bigint), cast(json_extract(value, '$.total') as bigint) \
                         from json_each($3, '$')";
    let head = &order.head;
    let statement = tx.query(ORDER).text(head.id).bind(&head.number).bind(&head.source).opt_text(head.quote);
    let statement = statement.opt_text(head.cart).opt_text(head.customer).bind(head.placed_at).text(head.currency);
    let statement = statement.bind(head.subtotal).bind(head.discount).bind(head.total).bind(head.paid);
    statement.bind(head.status.word()).json(trace).execute().await?;
    let row = |(position, line): (usize, &OrderLine)| {
        serde_json::json!({
            "position": position, "sku": line.sku, "name": line.name, "quantity": line.quantity,
            "unit_price": line.unit_price, "discount": line.discount, "total": line.total,
        })
    };
    let rows: Vec<_> = order.lines.iter().enumerate().map(row).collect();
    tx.query(LINES).text(head.id).json(&rows).execute().await?;
    Ok(())
}
