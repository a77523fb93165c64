//! SKUs: what a shop sells and counts.

use std::collections::HashMap;

use heptad_model::id::ProductId;
use heptad_model::{EventType, Millis, Minor, Page, PageRequest};
use heptad_store::{Row, StoreError, Tx, by_keys};
use serde::{Deserialize, Serialize};

use crate::{CapabilityError, bounds};

/// A SKU with what is asked of its product again and again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sku {
    /// The code, unique in the shop.
    pub code: String,
    /// The product's id.
    pub product: ProductId,
    /// The SKU's own name.
    pub name: String,
    /// The product's name.
    pub product_name: String,
    /// The product's tags in alphabetical order.
    pub tags: Vec<String>,
    /// The price of one in minor units of the shop's currency, before any discount.
    pub price: Minor,
    /// Whether the price was computed from a line of an imported order.
    pub price_derived: bool,
    /// Grows with each change of the SKU and of its product.
    pub version: i64,
    /// When it was made.
    pub created_at: Millis,
}

/// A new SKU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkuIn {
    /// 1 to 64 characters without white space.
    pub code: String,
    /// The product's id.
    pub product: ProductId,
    /// 1 to 200 characters.
    pub name: String,
    /// 0 to 10^12 minor units.
    pub price: Minor,
}

/// A change of a SKU: what is `None` stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SkuPatch {
    /// A new name.
    pub name: Option<String>,
    /// A new price; it is the merchant's word, no longer derived.
    pub price: Option<Minor>,
}

fn sku(row: &Row) -> Result<Sku, StoreError> {
    Ok(Sku {
        code: row.text("code")?,
        product: row.parse("product_id")?,
        name: row.text("name")?,
        product_name: row.text("product_name")?,
        tags: row.json("tags")?,
        price: row.minor("price")?,
        price_derived: row.flag("price_derived")?,
        version: row.int("version")?,
        created_at: row.millis("created_at")?,
    })
}

/// Makes a SKU. `already-exists` if the code is taken, `not-found` if there is no such product.
pub async fn sku_create(tx: &mut Tx, input: SkuIn) -> Result<Sku, CapabilityError> {
    const INSERT: &str = "insert into skus (tenant_id, code, product_id, name, price, price_derived, version, created_at) \
                          values ($1, $2, $3, $4, $5, 0, 1, $6) on conflict (tenant_id, code) do nothing";
    bounds::code("code", &input.code)?;
    bounds::name("name", &input.name)?;
    bounds::price("price", input.price)?;
    super::catalog::product_get(tx, input.product).await?;
    let now = tx.ctx().now();
    let statement = tx.query(INSERT).bind(&input.code).text(input.product).bind(&input.name).bind(input.price);
    if statement.bind(now).execute().await? == 0 {
        return Err(CapabilityError::AlreadyExists { what: "SKU", code: input.code });
    }
    tx.audit("sku.created", &input.code, &serde_json::json!({ "price": input.price })).await?;
    let currency = tx.ctx().tenant().currency;
    let data = serde_json::json!({
        "sku": input.code, "product": input.product, "price": input.price, "currency": currency,
    });
    tx.emit(EventType::SkuCreated.about(&input.code, data));
    sku_get(tx, &input.code).await
}

/// Changes a SKU and its version.
pub async fn sku_update(tx: &mut Tx, code: &str, patch: SkuPatch) -> Result<Sku, CapabilityError> {
    const UPDATE: &str = "update skus set name = $3, price = $4, price_derived = $5, version = version + 1 \
                          where tenant_id = $1 and code = $2 and version = $6";
    let before = sku_get(tx, code).await?;
    let name = patch.name.unwrap_or_else(|| before.name.clone());
    let price = patch.price.unwrap_or(before.price);
    bounds::name("name", &name)?;
    bounds::price("price", price)?;
    let derived = before.price_derived && patch.price.is_none();
    let statement = tx.query(UPDATE).bind(code).bind(&name).bind(price).bind(derived).bind(before.version);
    if statement.execute().await? == 0 {
        return Err(CapabilityError::NotFound("SKU"));
    }
    let was = before.price;
    let sku = Sku { name, price, price_derived: derived, version: before.version + 1, ..before };
    sku_changed(tx, code, sku.product, sku.version, was, price).await?;
    Ok(sku)
}

/// Writes down and tells that a SKU is of this version now, and that its price changed, if it did.
pub(crate) async fn sku_changed(
    tx: &mut Tx,
    code: &str,
    product: ProductId,
    version: i64,
    before: Minor,
    price: Minor,
) -> Result<(), StoreError> {
    tx.audit("sku.updated", code, &serde_json::json!({ "price": price, "before": before })).await?;
    let data = serde_json::json!({ "sku": code, "product": product, "version": version });
    tx.emit(EventType::SkuUpdated.about(code, data));
    if price != before {
        let currency = tx.ctx().tenant().currency;
        let data = serde_json::json!({ "sku": code, "before": before, "after": price, "currency": currency });
        tx.emit(EventType::PriceChanged.about(code, data));
    }
    Ok(())
}

/// The SKU with this code.
pub async fn sku_get(tx: &mut Tx, code: &str) -> Result<Sku, CapabilityError> {
    let found = sku_get_many(tx, &[code.to_owned()]).await?;
    found.into_iter().next().ok_or(CapabilityError::NotFound("SKU"))
}

/// The SKUs with these codes, in the order asked for; codes that the shop does not have are left out.
/// At most 2,000 codes.
pub async fn sku_get_many(tx: &mut Tx, codes: &[String]) -> Result<Vec<Sku>, CapabilityError> {
    const GET: (&str, &str) = by_keys!(
        "select s.code, s.product_id, s.name, p.name as product_name, p.tags, s.price, s.price_derived, \
         s.version, s.created_at from skus s join products p on p.tenant_id = s.tenant_id and p.id = s.product_id \
         where s.tenant_id = $1 and s.code",
        "$2"
    );
    bounds::batch("codes", codes)?;
    let rows = tx.query_of(GET).json(codes).fetch_all(sku).await?;
    let by_code: HashMap<&str, &Sku> = rows.iter().map(|sku| (sku.code.as_str(), sku)).collect();
    Ok(codes.iter().filter_map(|code| by_code.get(code.as_str()).map(|sku| (*sku).clone())).collect())
}

/// The shop's SKUs in the order of their codes.
pub async fn sku_list(tx: &mut Tx, page: &PageRequest) -> Result<Page<Sku>, CapabilityError> {
    const LIST: &str = "select s.code, s.product_id, s.name, p.name as product_name, p.tags, s.price, s.price_derived, \
                        s.version, s.created_at from skus s \
                        join products p on p.tenant_id = s.tenant_id and p.id = s.product_id \
                        where s.tenant_id = $1 and s.code > $2 order by s.code limit $3";
    let rows = tx.query(LIST).bind(page.after()).bind(page.fetch()).fetch_all(sku).await?;
    Ok(page.page(rows, |sku| sku.code.clone()))
}

/// The SKUs whose code or name, or whose product's name or tags, hold a text, in the order of their codes.
pub async fn sku_find(tx: &mut Tx, text: &str, most: u32) -> Result<Vec<Sku>, CapabilityError> {
    const FIND: &str = "select s.code, s.product_id, s.name, p.name as product_name, p.tags, s.price, s.price_derived, \
                        s.version, s.created_at from skus s \
                        join products p on p.tenant_id = s.tenant_id and p.id = s.product_id \
                        where s.tenant_id = $1 and (lower(s.code) like $2 escape '!' or lower(s.name) like $2 escape '!' \
                        or lower(p.name) like $2 escape '!' or p.tags like $2 escape '!') order by s.code limit $3";
    let statement = tx.query(FIND).bind(bounds::find_pattern(text)).bind(most);
    Ok(statement.fetch_all(sku).await?)
}

/// The SKUs of a product in the order of their codes, at most 200.
pub async fn sku_of_product(tx: &mut Tx, product: ProductId) -> Result<Vec<Sku>, CapabilityError> {
    const LIST: &str = "select s.code, s.product_id, s.name, p.name as product_name, p.tags, s.price, s.price_derived, \
                        s.version, s.created_at from skus s \
                        join products p on p.tenant_id = s.tenant_id and p.id = s.product_id \
                        where s.tenant_id = $1 and s.product_id = $2 order by s.code limit 200";
    Ok(tx.query(LIST).text(product).fetch_all(sku).await?)
}
