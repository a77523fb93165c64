//! Carts: what a shopper means to buy. A cart's version grows with each change; a cart that was ordered stays as it is.

use std::collections::HashSet;

use heptad_model::id::{CartId, CustomerId};
use heptad_model::{EventType, Millis};
use heptad_store::{Tx, by_keys};
use serde::{Deserialize, Serialize};

use crate::{CapabilityError, bounds, members};

/// The most lines of a cart.
pub const MAX_LINES: usize = 2_000;
/// The most of one line.
pub const MAX_QUANTITY: u32 = 1_000_000;

/// A line of a cart; its index is its place in the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CartLine {
    /// The SKU's code.
    pub sku: String,
    /// How many, 1 to 1,000,000.
    pub quantity: u32,
}

/// A cart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cart {
    /// The id.
    pub id: CartId,
    /// The customer; `None` for a guest.
    pub customer: Option<CustomerId>,
    /// Grows with each change.
    pub version: i64,
    /// When it was made.
    pub created_at: Millis,
    /// When it became an order.
    pub ordered_at: Option<Millis>,
    /// The lines in their order.
    pub lines: Vec<CartLine>,
}

fn check(lines: &[CartLine]) -> Result<(), CapabilityError> {
    if lines.len() > MAX_LINES {
        return Err(CapabilityError::invalid("lines", format!("{} given, at most {MAX_LINES}", lines.len())));
    }
    for (index, line) in lines.iter().enumerate() {
        bounds::code(&format!("lines.{index}.sku"), &line.sku)?;
        if !(1..=MAX_QUANTITY).contains(&line.quantity) {
            return Err(CapabilityError::invalid(format!("lines.{index}.quantity"), format!("1 to {MAX_QUANTITY}")));
        }
    }
    Ok(())
}

/// Makes a cart. `not-found` if there is no such customer, `invalid` with the line's field if there is no such SKU.
pub async fn cart_create(
    tx: &mut Tx,
    customer: Option<CustomerId>,
    lines: Vec<CartLine>,
) -> Result<Cart, CapabilityError> {
    check(&lines)?;
    if let Some(customer) = customer {
        members::customer_get(tx, customer).await?;
    }
    skus_exist(tx, &lines).await?;
    let ctx = tx.ctx().clone();
    let id = CartId::generate(&ctx.env);
    let cart = Cart { id, customer, version: 1, created_at: ctx.now(), ordered_at: None, lines };
    insert(tx, &cart).await?;
    Ok(cart)
}

/// Writes a new cart whose customer and lines were checked.
pub(super) async fn insert(tx: &mut Tx, cart: &Cart) -> Result<(), CapabilityError> {
    const INSERT: &str =
        "insert into carts (tenant_id, id, customer_id, version, created_at) values ($1, $2, $3, $4, $5)";
    let statement = tx.query(INSERT).text(cart.id).opt_text(cart.customer).bind(cart.version);
    statement.bind(cart.created_at).execute().await?;
    insert_lines(tx, cart.id, &cart.lines).await?;
    tx.audit("cart.created", cart.id, &serde_json::json!({ "lines": cart.lines.len() })).await?;
    let data = serde_json::json!({ "cart": cart.id, "customer": cart.customer, "lines": cart.lines.len() });
    tx.emit(EventType::CartCreated.about(cart.id, data));
    Ok(())
}

/// The lines of a cart that is not made yet, checked like those of [`cart_create`] except that SKUs are not looked up.
pub(super) fn checked(lines: Vec<CartLine>) -> Result<Vec<CartLine>, CapabilityError> {
    check(&lines)?;
    Ok(lines)
}

/// The cart with this id.
pub async fn cart_get(tx: &mut Tx, id: CartId) -> Result<Cart, CapabilityError> {
    const GET: &str = "select customer_id, version, created_at, ordered_at from carts where tenant_id = $1 and id = $2";
    const LINES: &str = "select sku, quantity from cart_lines where tenant_id = $1 and cart_id = $2 order by position";
    let head = tx.query(GET).text(id);
    let found = head
        .fetch_optional(|row| {
            Ok(Cart {
                id,
                customer: row.opt_parse("customer_id")?,
                version: row.int("version")?,
                created_at: row.millis("created_at")?,
                ordered_at: row.opt_int("ordered_at")?.map(Millis::new),
                lines: Vec::new(),
            })
        })
        .await?;
    let cart = found.ok_or(CapabilityError::NotFound("cart"))?;
    let lines = tx.query(LINES).text(id);
    let lines = lines.fetch_all(|row| Ok(CartLine { sku: row.text("sku")?, quantity: row.count("quantity")? })).await?;
    Ok(Cart { lines, ..cart })
}

/// Puts these lines in place of all. With `expected`, only if the cart has that version.
pub async fn cart_lines_set(
    tx: &mut Tx,
    id: CartId,
    lines: Vec<CartLine>,
    expected: Option<i64>,
) -> Result<Cart, CapabilityError> {
    edit(tx, id, expected, |all| {
        *all = lines;
        Ok(())
    })
    .await
}

/// Adds a line; a SKU that the cart has already gets the sum of the quantities.
pub async fn cart_lines_add(
    tx: &mut Tx,
    id: CartId,
    line: CartLine,
    expected: Option<i64>,
) -> Result<Cart, CapabilityError> {
    edit(tx, id, expected, |all| {
        match all.iter_mut().find(|known| known.sku == line.sku) {
            // Beyond the bound the check of the whole cart names the line.
            Some(known) => known.quantity = known.quantity.saturating_add(line.quantity),
            None => all.push(line),
        }
        Ok(())
    })
    .await
}

/// Removes a line by its index; those behind it move up.
pub async fn cart_lines_remove(
    tx: &mut Tx,
    id: CartId,
    index: usize,
    expected: Option<i64>,
) -> Result<Cart, CapabilityError> {
    edit(tx, id, expected, |all| {
        if index >= all.len() {
            return Err(CapabilityError::NotFound("cart line"));
        }
        all.remove(index);
        Ok(())
    })
    .await
}

/// Sets a line's quantity, by the line's index.
pub async fn cart_lines_quantity(
    tx: &mut Tx,
    id: CartId,
    index: usize,
    quantity: u32,
    expected: Option<i64>,
) -> Result<Cart, CapabilityError> {
    edit(tx, id, expected, |all| {
        all.get_mut(index).ok_or(CapabilityError::NotFound("cart line"))?.quantity = quantity;
        Ok(())
    })
    .await
}

/// Changes the lines by a rule: the number of statements does not grow with the lines.
async fn edit(
    tx: &mut Tx,
    id: CartId,
    expected: Option<i64>,
    rule: impl FnOnce(&mut Vec<CartLine>) -> Result<(), CapabilityError>,
) -> Result<Cart, CapabilityError> {
    const BUMP: &str = "update carts set version = version + 1 \
                        where tenant_id = $1 and id = $2 and version = $3 and ordered_at is null";
    const CLEAR: &str = "delete from cart_lines where tenant_id = $1 and cart_id = $2";
    let mut cart = cart_get(tx, id).await?;
    if let Some(expected) = expected.filter(|expected| *expected != cart.version) {
        return Err(CapabilityError::CartChanged { expected, found: cart.version });
    }
    rule(&mut cart.lines)?;
    check(&cart.lines)?;
    if tx.query(BUMP).text(id).bind(cart.version).execute().await? == 0 {
        return Err(CapabilityError::CartOrdered);
    }
    cart.version += 1;
    skus_exist(tx, &cart.lines).await?;
    tx.query(CLEAR).text(id).execute().await?;
    insert_lines(tx, id, &cart.lines).await?;
    let (lines, version) = (cart.lines.len(), cart.version);
    tx.audit("cart.changed", id, &serde_json::json!({ "lines": lines, "version": version })).await?;
    let data = serde_json::json!({ "cart": id, "customer": cart.customer, "lines": lines, "version": version });
    tx.emit(EventType::CartChanged.about(id, data));
    Ok(cart)
}

async fn skus_exist(tx: &mut Tx, lines: &[CartLine]) -> Result<(), CapabilityError> {
    const KNOWN: (&str, &str) = by_keys!("select code from skus where tenant_id = $1 and code", "$2");
    let codes: Vec<&str> = lines.iter().map(|line| line.sku.as_str()).collect();
    let known = tx.query_of(KNOWN).json(&codes).fetch_all(|row| row.text("code")).await?;
    let known: HashSet<String> = known.into_iter().collect();
    match codes.iter().position(|code| !known.contains(*code)) {
        Some(index) => Err(unknown_sku(index)),
        None => Ok(()),
    }
}

/// The error of a line whose SKU the shop does not have.
pub(super) fn unknown_sku(index: usize) -> CapabilityError {
    CapabilityError::invalid(format!("lines.{index}.sku"), "the shop has no such SKU")
}

async fn insert_lines(tx: &mut Tx, id: CartId, lines: &[CartLine]) -> Result<(), CapabilityError> {
    const INSERT: &str = "insert into cart_lines (tenant_id, cart_id, position, sku, quantity) \
                          select $1, $2, cast(json_extract(value, '$.position') as bigint), json_extract(value, '$.sku'), \
                          cast(json_extract(value, '$.quantity') as bigint) from json_each($3, '$')";
    let rows: Vec<_> = lines
        .iter()
        .enumerate()
        .map(|(position, line)| serde_json::json!({ "position": position, "sku": line.sku, "quantity": line.quantity }))
        .collect();
    tx.query(INSERT).text(id).json(&rows).execute().await?;
    Ok(())
}
