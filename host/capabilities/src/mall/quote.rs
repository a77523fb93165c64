//! Quotes: a cart priced by the tenant's plugins, valid for 15 minutes.
//!
//! One snapshot is read and closed; then plugins are asked, stage by stage, each seeing what those before it left; then
//! the quote is stored with its trace and with the versions of all that its prices depend on. No database connection
//! is held while a plugin runs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use heptad_model::id::{CartId, CustomerId, QuoteId};
use heptad_model::retention;
use heptad_model::time::span::MINUTE;
use heptad_model::{Ctx, Currency, Millis, Minor, Point};
use heptad_store::{Store, Tx};
use serde::{Deserialize, Serialize};

use super::cart::{self, Cart, CartLine, cart_get};
use super::catalog::{Sku, sku_get_many};
pub use super::priced::PricedLine;
use super::priced::view;
use super::pricing::Pricing;
use super::trace::{Reason, Trace, TracedCall};
use super::versions::{Versions, customer_version, plugin_versions, stages};
use crate::CapabilityError;
use crate::extensions::{Extensions, Serving};

/// How long a quote can be placed.
pub const VALID_FOR: i64 = 15 * MINUTE;

/// What to price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QuoteIn {
    /// A cart that exists.
    Cart(CartId),
    /// Lines; a cart is made of them with the quote.
    Lines {
        /// The customer; `None` for a guest.
        customer: Option<CustomerId>,
        /// 1 to 2,000 lines.
        lines: Vec<CartLine>,
    },
}

/// A priced cart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// The id.
    pub id: QuoteId,
    /// The cart.
    pub cart: CartId,
    /// The customer; `None` for a guest.
    pub customer: Option<CustomerId>,
    /// The currency of every amount.
    pub currency: Currency,
    /// The lines in the cart's order.
    pub lines: Vec<PricedLine>,
    /// The sum of the lines before discounts.
    pub subtotal: Minor,
    /// The sum of the lines' discounts.
    pub discount: Minor,
    /// What the cart costs.
    pub total: Minor,
    /// When it was priced.
    pub created_at: Millis,
    /// From when on it cannot be placed.
    pub expires_at: Millis,
}

/// A new quote and why its prices are what they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Quoted {
    /// The quote.
    pub quote: Quote,
    /// The trace.
    pub trace: Trace,
}

/// What a quote reads.
struct Snapshot {
    cart: Cart,
    is_new: bool,
    skus: Vec<Sku>,
    customer_version: Option<i64>,
}

/// Prices a cart with the tenant's plugins and keeps the quote.
///
/// `not-found` for an unknown cart or customer, `cart-ordered` for a cart that is an order, `invalid` with the line's
/// field for an unknown SKU or a cart without lines, `amount` if the sum is beyond what the platform counts.
pub async fn quote_create(
    store: &Store,
    extensions: &impl Extensions,
    ctx: &Ctx,
    input: QuoteIn,
) -> Result<Quoted, CapabilityError> {
    let turn = extensions.turn(ctx).await?;
    let snapshot = store.read(ctx, async |mut tx| read(&mut tx, &input).await).await?;
    let stages = stages(extensions, ctx).await?;
    let (quote, trace) = price(extensions, ctx, &snapshot, &stages, turn.plugins).await?;
    let versions = Versions {
        cart: snapshot.cart.version,
        customer: snapshot.customer_version,
        skus: snapshot.skus.iter().map(|sku| (sku.code.clone(), sku.version)).collect(),
        plugins: plugin_versions(&stages),
    };
    let kept = async |mut tx: Tx| {
        if snapshot.is_new {
            cart::insert(&mut tx, &snapshot.cart).await?;
        }
        keep(&mut tx, &quote, &trace, &versions).await
    };
    store.write(ctx, kept).await?;
    Ok(Quoted { quote, trace })
}

async fn read(tx: &mut Tx, input: &QuoteIn) -> Result<Snapshot, CapabilityError> {
    let (cart, is_new) = match input {
        QuoteIn::Cart(id) => (cart_get(tx, *id).await?, false),
        QuoteIn::Lines { customer, lines } => {
            let ctx = tx.ctx().clone();
            let (id, created_at) = (CartId::generate(&ctx.env), ctx.now());
            let lines = cart::checked(lines.clone())?;
            (Cart { id, customer: *customer, version: 1, created_at, ordered_at: None, lines }, true)
        }
    };
    if cart.ordered_at.is_some() {
        return Err(CapabilityError::CartOrdered);
    }
    if cart.lines.is_empty() {
        return Err(CapabilityError::invalid("lines", "the cart has no lines"));
    }
    let customer_version = match cart.customer {
        None => None,
        Some(customer) => Some(customer_version(tx, customer).await?.ok_or(CapabilityError::NotFound("customer"))?),
    };
    let codes: Vec<String> = cart.lines.iter().map(|line| line.sku.clone()).collect();
    let skus = sku_get_many(tx, &codes).await?;
    if skus.len() < codes.len() {
        // The first line whose SKU is missing: the others keep the order of the lines.
        let index = codes.iter().zip(&skus).position(|(code, sku)| *code != sku.code).unwrap_or(skus.len());
        return Err(cart::unknown_sku(index));
    }
    Ok(Snapshot { cart, is_new, skus, customer_version })
}

async fn price(
    extensions: &impl Extensions,
    ctx: &Ctx,
    snapshot: &Snapshot,
    stages: &[(Point, Vec<Arc<Serving>>)],
    time: Duration,
) -> Result<(Quote, Trace), CapabilityError> {
    let (cart, tenant, now) = (&snapshot.cart, ctx.tenant(), ctx.now());
    let prices = cart.lines.iter().zip(&snapshot.skus).map(|(line, sku)| (sku.price, line.quantity));
    let mut pricing = Pricing::new(tenant.currency, prices)?;
    let until = Instant::now() + time;
    let mut calls = Vec::new();
    for (point, serving) in stages {
        for one in serving {
            let lines = pricing.lines().iter().zip(&cart.lines);
            let lines = lines.map(|(line, of)| (of.sku.as_str(), line.quantity, line.unit_price, line.remaining));
            let seen = view(cart.id, cart.customer, tenant.currency, now, lines);
            let answer = extensions.discounts(ctx, one, *point, &seen, until).await;
            let operations = answer.value.unwrap_or_default();
            let render = |text: &_| Reason::render(text, &one.manifest, tenant.locale);
            let ignored = pricing.apply(&one.manifest.name, &operations, render);
            calls.push((answer.trace, ignored));
        }
    }
    let (lines, operations) = pricing.finish();
    let calls = calls.into_iter().zip(operations).map(|((call, ignored_candidates), operations)| TracedCall {
        call,
        operations,
        ignored_candidates,
        denials: Vec::new(),
    });
    let trace = Trace { calls: calls.collect() };
    let named = lines.iter().zip(&snapshot.skus);
    let quote = Quote {
        id: QuoteId::generate(&ctx.env),
        cart: cart.id,
        customer: cart.customer,
        currency: tenant.currency,
        subtotal: Minor::sum(lines.iter().map(|line| line.subtotal))?,
        discount: Minor::sum(lines.iter().map(|line| line.discount()))?,
        total: Minor::sum(lines.iter().map(|line| line.remaining))?,
        lines: named.map(|(line, sku)| PricedLine::new(sku.code.clone(), sku.name.clone(), line)).collect(),
        created_at: now,
        expires_at: now.plus(VALID_FOR),
    };
    Ok((quote, trace))
}

async fn keep(tx: &mut Tx, quote: &Quote, trace: &Trace, versions: &Versions) -> Result<(), CapabilityError> {
    const INSERT: &str = "insert into quotes (tenant_id, id, cart_id, customer_id, created_at, expires_at, body, trace, versions) \
                          values ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    let statement = tx.query(INSERT).text(quote.id).text(quote.cart).opt_text(quote.customer).bind(quote.created_at);
    statement.bind(quote.expires_at).json(quote).json(trace).json(versions).execute().await?;
    Ok(())
}

/// The quote with this id, expired or not.
pub async fn quote_get(tx: &mut Tx, id: QuoteId) -> Result<Quote, CapabilityError> {
    const GET: &str = "select body from quotes where tenant_id = $1 and id = $2";
    tx.query(GET).text(id).fetch_optional(|row| row.json("body")).await?.ok_or(CapabilityError::NotFound("quote"))
}

/// Why the quote's prices are what they are.
pub async fn quote_trace(tx: &mut Tx, id: QuoteId) -> Result<Trace, CapabilityError> {
    const GET: &str = "select trace from quotes where tenant_id = $1 and id = $2";
    tx.query(GET).text(id).fetch_optional(|row| row.json("trace")).await?.ok_or(CapabilityError::NotFound("quote"))
}

/// A quote with all that placing it needs.
pub(super) async fn quote_load(tx: &mut Tx, id: QuoteId) -> Result<(Quote, Trace, Versions), CapabilityError> {
    const GET: &str = "select body, trace, versions from quotes where tenant_id = $1 and id = $2";
    let statement = tx.query(GET).text(id);
    let found =
        statement.fetch_optional(|row| Ok((row.json("body")?, row.json("trace")?, row.json("versions")?))).await?;
    found.ok_or(CapabilityError::NotFound("quote"))
}

/// Removes up to `most` quotes that expired a day ago or earlier; how many there were. Orders have copies of their own.
pub async fn quote_purge(tx: &mut Tx, most: u32) -> Result<u64, CapabilityError> {
    const PURGE: &str = "delete from quotes where tenant_id = $1 and id in \
                         (select id from quotes where tenant_id = $1 and expires_at <= $2 order by expires_at limit $3)";
    let before = tx.ctx().now().plus(-retention::QUOTES.millis);
    Ok(tx.query(PURGE).bind(before).bind(most).execute().await?)
}
