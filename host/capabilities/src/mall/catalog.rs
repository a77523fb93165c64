//! Products and their SKUs.
//!
//! A SKU's version grows with every change of it and of its product, since prices depend on both: plugins look at tags.

use heptad_model::id::ProductId;
use heptad_model::{EventType, Millis, Page, PageRequest};
use heptad_store::{Row, StoreError, Tx};
use serde::{Deserialize, Serialize};

pub(crate) use super::sku::sku_changed;
pub use super::sku::{
    Sku, SkuIn, SkuPatch, sku_create, sku_find, sku_get, sku_get_many, sku_list, sku_of_product, sku_update,
};
use crate::{CapabilityError, bounds};

/// A product (SPU): what SKUs are variants of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    /// The id.
    pub id: ProductId,
    /// The merchant's own code, unique in the shop.
    pub code: String,
    /// The name that people read.
    pub name: String,
    /// The category's name; empty for none.
    pub category: String,
    /// Tags in alphabetical order.
    pub tags: Vec<String>,
    /// Grows with each change.
    pub version: i64,
    /// When it was made.
    pub created_at: Millis,
}

/// A new product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductIn {
    /// See [`Product::code`]; 1 to 64 characters without white space.
    pub code: String,
    /// 1 to 200 characters.
    pub name: String,
    /// Up to 200 characters; empty for none.
    pub category: String,
    /// At most 20, each up to 40 lower-case letters, digits and hyphens.
    pub tags: Vec<String>,
}

/// A change of a product: what is `None` stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProductPatch {
    /// A new name.
    pub name: Option<String>,
    /// A new category.
    pub category: Option<String>,
    /// New tags, in place of the old.
    pub tags: Option<Vec<String>>,
}

fn product(row: &Row) -> Result<Product, StoreError> {
    Ok(Product {
        id: row.parse("id")?,
        code: row.text("code")?,
        name: row.text("name")?,
        category: row.text("category")?,
        tags: row.json("tags")?,
        version: row.int("version")?,
        created_at: row.millis("created_at")?,
    })
}

fn check(name: &str, category: &str) -> Result<(), CapabilityError> {
    bounds::name("name", name)?;
    if category.is_empty() { Ok(()) } else { bounds::name("category", category) }
}

/// Makes a product. `already-exists` if the code is taken.
pub async fn product_create(tx: &mut Tx, input: ProductIn) -> Result<Product, CapabilityError> {
    const INSERT: &str = "insert into products (tenant_id, id, code, name, category, tags, version, created_at) \
                          values ($1, $2, $3, $4, $5, $6, 1, $7) on conflict (tenant_id, code) do nothing";
    bounds::code("code", &input.code)?;
    check(&input.name, &input.category)?;
    let ctx = tx.ctx().clone();
    let product = Product {
        id: ProductId::generate(&ctx.env),
        tags: bounds::tags("tags", &input.tags)?,
        code: input.code,
        name: input.name,
        category: input.category,
        version: 1,
        created_at: ctx.now(),
    };
    let statement = tx.query(INSERT).text(product.id).bind(&product.code).bind(&product.name).bind(&product.category);
    if statement.json(&product.tags).bind(product.created_at).execute().await? == 0 {
        return Err(CapabilityError::AlreadyExists { what: "product", code: product.code });
    }
    tx.audit("product.created", product.id, &serde_json::json!({ "code": product.code })).await?;
    let data = serde_json::json!({ "product": product.id, "code": product.code });
    tx.emit(EventType::ProductCreated.about(product.id, data));
    Ok(product)
}

/// The product with this id.
pub async fn product_get(tx: &mut Tx, id: ProductId) -> Result<Product, CapabilityError> {
    const GET: &str = "select id, code, name, category, tags, version, created_at from products \
                       where tenant_id = $1 and id = $2";
    tx.query(GET).text(id).fetch_optional(product).await?.ok_or(CapabilityError::NotFound("product"))
}

/// The shop's products in the order of their making.
pub async fn product_list(tx: &mut Tx, page: &PageRequest) -> Result<Page<Product>, CapabilityError> {
    const LIST: &str = "select id, code, name, category, tags, version, created_at from products \
                        where tenant_id = $1 and id > $2 order by id limit $3";
    let rows = tx.query(LIST).bind(page.after()).bind(page.fetch()).fetch_all(product).await?;
    Ok(page.page(rows, |product| product.id.to_string()))
}

/// The products whose code, name, category or tags hold a text, in the order of their making.
pub async fn product_find(tx: &mut Tx, text: &str, most: u32) -> Result<Vec<Product>, CapabilityError> {
    const FIND: &str = "select id, code, name, category, tags, version, created_at from products \
                        where tenant_id = $1 and (lower(code) like $2 escape '!' or lower(name) like $2 escape '!' \
                        or lower(category) like $2 escape '!' or tags like $2 escape '!') order by id limit $3";
    let statement = tx.query(FIND).bind(bounds::find_pattern(text)).bind(most);
    Ok(statement.fetch_all(product).await?)
}

/// Changes a product, and with it the versions of its SKUs.
pub async fn product_update(tx: &mut Tx, id: ProductId, patch: ProductPatch) -> Result<Product, CapabilityError> {
    const UPDATE: &str = "update products set name = $3, category = $4, tags = $5, version = version + 1 \
                          where tenant_id = $1 and id = $2 and version = $6";
    const TOUCH_SKUS: &str = "update skus set version = version + 1 where tenant_id = $1 and product_id = $2";
    let before = product_get(tx, id).await?;
    let after = Product {
        name: patch.name.unwrap_or_else(|| before.name.clone()),
        category: patch.category.unwrap_or_else(|| before.category.clone()),
        tags: patch.tags.map_or_else(|| Ok(before.tags.clone()), |tags| bounds::tags("tags", &tags))?,
        version: before.version + 1,
        ..before.clone()
    };
    check(&after.name, &after.category)?;
    let statement = tx.query(UPDATE).text(id).bind(&after.name).bind(&after.category).json(&after.tags);
    if statement.bind(before.version).execute().await? == 0 {
        return Err(CapabilityError::NotFound("product"));
    }
    tx.query(TOUCH_SKUS).text(id).execute().await?;
    tx.audit("product.updated", id, &serde_json::json!({ "version": after.version })).await?;
    tx.emit(EventType::ProductUpdated.about(id, serde_json::json!({ "product": id, "version": after.version })));
    Ok(after)
}
