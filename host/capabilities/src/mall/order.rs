//! Orders: what was bought, at which price, and why.

use std::collections::HashMap;

use heptad_model::id::{CartId, CustomerId, OrderId, QuoteId};
use heptad_model::{Currency, Millis, Minor, Page, PageRequest};
use heptad_store::{Row, StoreError, Tx};
use serde::{Deserialize, Serialize};

pub use super::placing::order_place;
use super::trace::Trace;
use crate::{CapabilityError, bounds};

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OrderStatus {
    /// Placed, not fully paid.
    Created,
    /// Paid in full.
    Paid,
    /// Imported from another system, where it was completed.
    Completed,
    /// Cancelled.
    Cancelled,
}

impl OrderStatus {
    /// The word in the database and in the API.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Paid => "paid",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
        }
    }
}

impl std::str::FromStr for OrderStatus {
    type Err = String;
    fn from_str(word: &str) -> Result<Self, String> {
        [Self::Created, Self::Paid, Self::Completed, Self::Cancelled]
            .into_iter()
            .find(|status| status.word() == word)
            .ok_or_else(|| format!("`{word}` is not an order's status"))
    }
}

/// An order without its lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderHead {
    /// The id.
    pub id: OrderId,
    /// The number that people read; unique within its source.
    pub number: String,
    /// `shop`, or the name of the import.
    pub source: String,
    /// The quote that was placed.
    pub quote: Option<QuoteId>,
    /// The cart that it was.
    pub cart: Option<CartId>,
    /// The customer; `None` for a guest.
    pub customer: Option<CustomerId>,
    /// When it was placed.
    pub placed_at: Millis,
    /// The currency of every amount.
    pub currency: Currency,
    /// The sum of the lines before discounts.
    pub subtotal: Minor,
    /// The sum of the lines' discounts.
    pub discount: Minor,
    /// What the order costs.
    pub total: Minor,
    /// The sum of the payments that were recorded here.
    pub paid: Minor,
    /// Where it stands.
    pub status: OrderStatus,
}

/// A line of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderLine {
    /// The SKU's code.
    pub sku: String,
    /// The SKU's name at that time.
    pub name: String,
    /// How many.
    pub quantity: u32,
    /// The price of one before discounts.
    pub unit_price: Minor,
    /// Whether the total is the truth and the price of one was computed from it, so that it may be rounded.
    pub unit_price_derived: bool,
    /// What all discounts took off this line.
    pub discount: Minor,
    /// What the line cost.
    pub total: Minor,
}

/// An order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// All but the lines.
    #[serde(flatten)]
    pub head: OrderHead,
    /// The lines in their order.
    pub lines: Vec<OrderLine>,
}

/// How many of a SKU a customer has bought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purchase {
    /// The SKU's code.
    pub sku: String,
    /// The sum of the quantities of all orders that are not cancelled.
    pub quantity: i64,
}

fn head(row: &Row) -> Result<OrderHead, StoreError> {
    Ok(OrderHead {
        id: row.parse("id")?,
        number: row.text("number")?,
        source: row.text("source")?,
        quote: row.opt_parse("quote_id")?,
        cart: row.opt_parse("cart_id")?,
        customer: row.opt_parse("customer_id")?,
        placed_at: row.millis("placed_at")?,
        currency: row.parse("currency")?,
        subtotal: row.minor("subtotal")?,
        discount: row.minor("discount")?,
        total: row.minor("total")?,
        paid: row.minor("paid")?,
        status: row.parse("status")?,
    })
}

/// The order with this id.
pub async fn order_get(tx: &mut Tx, id: OrderId) -> Result<Order, CapabilityError> {
    const LINES: &str = "select sku, name, quantity, unit_price, unit_price_derived, discount, total from order_lines \
                         where tenant_id = $1 and order_id = $2 order by position";
    let head = order_head(tx, id).await?;
    let lines = tx.query(LINES).text(id);
    let lines = lines.fetch_all(|row| {
        Ok(OrderLine {
            sku: row.text("sku")?,
            name: row.text("name")?,
            quantity: row.count("quantity")?,
            unit_price: row.minor("unit_price")?,
            unit_price_derived: row.flag("unit_price_derived")?,
            discount: row.minor("discount")?,
            total: row.minor("total")?,
        })
    });
    Ok(Order { head, lines: lines.await? })
}

/// The order with this id, without its lines.
pub async fn order_head(tx: &mut Tx, id: OrderId) -> Result<OrderHead, CapabilityError> {
    const GET: &str = "select id, number, source, quote_id, cart_id, customer_id, placed_at, currency, subtotal, discount, \
                       total, paid, status from orders where tenant_id = $1 and id = $2";
    tx.query(GET).text(id).fetch_optional(head).await?.ok_or(CapabilityError::NotFound("order"))
}

/// Why the order's prices are what they are, and which plugins agreed to it. Kept as long as the order.
pub async fn order_trace(tx: &mut Tx, id: OrderId) -> Result<Trace, CapabilityError> {
    const GET: &str = "select trace from orders where tenant_id = $1 and id = $2";
    tx.query(GET).text(id).fetch_optional(|row| row.json("trace")).await?.ok_or(CapabilityError::NotFound("order"))
}

/// The shop's orders, those placed last first.
pub async fn order_list(tx: &mut Tx, page: &PageRequest) -> Result<Page<OrderHead>, CapabilityError> {
    const LIST: &str = "select id, number, source, quote_id, cart_id, customer_id, placed_at, currency, subtotal, discount, \
                        total, paid, status from orders \
                        where tenant_id = $1 and (placed_at < $2 or (placed_at = $2 and id < $3)) \
                        order by placed_at desc, id desc limit $4";
    // The key is the moment and the id; before the first page stands the end of time.
    let (at, id) = match page.after() {
        "" => (i64::MAX, String::new()),
        key => {
            let (at, id) = key.split_once('/').ok_or(heptad_model::page::PageError::Cursor)?;
            (at.parse().map_err(|_| heptad_model::page::PageError::Cursor)?, id.to_owned())
        }
    };
    let rows = tx.query(LIST).bind(at).bind(id).bind(page.fetch()).fetch_all(head).await?;
    Ok(page.page(rows, |order| format!("{}/{}", order.placed_at.as_millis(), order.id)))
}

/// How many of these SKUs the customer has bought since that moment, in the order asked for; SKUs never bought with 0.
/// Imported orders count, cancelled ones do not. `not-found` if there is no such customer; at most 2,000 codes.
pub async fn orders_purchased(
    tx: &mut Tx,
    customer: &str,
    skus: &[String],
    since: Millis,
) -> Result<Vec<Purchase>, CapabilityError> {
    const CUSTOMER: &str = "select id from customers where tenant_id = $1 and id = $2";
    const SUM: &str = "select l.sku, cast(sum(l.quantity) as bigint) as quantity from orders o \
                       join order_lines l on l.tenant_id = o.tenant_id and l.order_id = o.id \
                       where o.tenant_id = $1 and o.customer_id = $2 and o.placed_at >= $3 and o.status <> 'cancelled' \
                       and l.sku in (select value from json_each($4)) group by l.sku";
    bounds::batch("skus", skus)?;
    let known = tx.query(CUSTOMER).bind(customer).fetch_optional(|row| row.text("id")).await?;
    known.ok_or(CapabilityError::NotFound("customer"))?;
    let statement = tx.query(SUM).bind(customer).bind(since).json(skus);
    let rows = statement.fetch_all(|row| Ok((row.text("sku")?, row.int("quantity")?))).await?;
    let sums: HashMap<String, i64> = rows.into_iter().collect();
    let purchase = |sku: &String| Purchase { sku: sku.clone(), quantity: sums.get(sku).copied().unwrap_or_default() };
    Ok(skus.iter().map(purchase).collect())
}
