//! Loading products and SKUs: a product's first name has the product's own code, the others `CODE~2`, `CODE~3`, …

use std::collections::{HashMap, HashSet};

use heptad_model::EventType;
use heptad_model::id::ProductId;
use heptad_store::{Tx, by_keys};
use serde_json::json;

use super::parse::{ParsedProduct, ParsedSku};
use crate::CapabilityError;

/// What a batch wrote, and the code of each parsed SKU by its place.
#[derive(Default)]
pub(super) struct WrittenCatalog {
    pub(super) products: u64,
    pub(super) skus: u64,
    pub(super) codes: Vec<(usize, String)>,
}

/// Makes the products that are missing, and a SKU for each of their names; `names` are the places of a product's SKUs.
pub(super) async fn catalog_batch(
    tx: &mut Tx,
    products: &[ParsedProduct],
    names: &[Vec<usize>],
    skus: &[ParsedSku],
) -> Result<WrittenCatalog, CapabilityError> {
    let (made, ids) = insert_products(tx, products).await?;
    let known = known_skus(tx, &ids).await?;
    let mut written = WrittenCatalog { products: made, ..WrittenCatalog::default() };
    let mut taken: HashSet<String> = known.values().cloned().collect();
    // A code may belong to another product; then the next one is tried.
    let missing = loop {
        let mut missing: Vec<(usize, ProductId, String)> = Vec::new();
        let mut used = taken.clone();
        written.codes.clear();
        for ((product, id), names) in products.iter().zip(&ids).zip(names) {
            for place in names {
                let code = match known.get(&(*id, skus[*place].name.clone())) {
                    Some(code) => code.clone(),
                    None => {
                        let code = free_code(&product.code, &used);
                        missing.push((*place, *id, code.clone()));
                        code
                    }
                };
                used.insert(code.clone());
                written.codes.push((*place, code));
            }
        }
        let collisions = existing_codes(tx, missing.iter().map(|(.., code)| code.as_str()).collect()).await?;
        if collisions.is_empty() {
            break missing;
        }
        taken.extend(collisions);
    };
    written.skus = insert_skus(tx, &missing, skus).await?;
    if written.products + written.skus > 0 {
        let detail = json!({ "products": written.products, "skus": written.skus });
        tx.audit("catalog.imported", "import", &detail).await?;
        tx.emit(EventType::CatalogImported.about("import", detail));
    }
    Ok(written)
}

fn free_code(product: &str, used: &HashSet<String>) -> String {
    if !used.contains(product) {
        return product.to_owned();
    }
    let mut number = 2_u64;
    loop {
        let code = format!("{product}~{number}");
        if !used.contains(&code) {
            return code;
        }
        number += 1;
    }
}

async fn insert_products(tx: &mut Tx, products: &[ParsedProduct]) -> Result<(u64, Vec<ProductId>), CapabilityError> {
    const INSERT: &str = "insert into products (tenant_id, id, code, name, category, tags, version, created_at) \
                          select $1, json_extract(value, '$.id'), json_extract(value, '$.code'), json_extract(value, '$.name'), \
                          json_extract(value, '$.category'), json_extract(value, '$.tags'), 1, $3 \
                          from json_each($2, '$') where true on conflict (tenant_id, code) do nothing";
    const IDS: (&str, &str) = by_keys!("select code, id from products where tenant_id = $1 and code", "$2");
    let ctx = tx.ctx().clone();
    let row = |product: &ParsedProduct| {
        json!({
            "id": ProductId::generate(&ctx.env), "code": product.code, "name": product.name,
            "category": product.category, "tags": json!(product.tags).to_string(),
        })
    };
    let rows: Vec<_> = products.iter().map(row).collect();
    let made = tx.query(INSERT).json(&rows).bind(ctx.now()).execute().await?;
    let codes: Vec<&str> = products.iter().map(|product| product.code.as_str()).collect();
    let ids = tx.query_of(IDS).json(&codes).fetch_all(|row| Ok((row.text("code")?, row.parse("id")?))).await?;
    let ids: HashMap<String, ProductId> = ids.into_iter().collect();
    let ids: Option<Vec<ProductId>> = codes.iter().map(|code| ids.get(*code).copied()).collect();
    Ok((made, ids.ok_or(CapabilityError::NotFound("product"))?))
}

/// The codes of the SKUs that these products have, by product and name.
async fn known_skus(
    tx: &mut Tx,
    products: &[ProductId],
) -> Result<HashMap<(ProductId, String), String>, CapabilityError> {
    const KNOWN: (&str, &str) =
        by_keys!("select product_id, name, code from skus where tenant_id = $1 and product_id", "$2");
    let rows = tx.query_of(KNOWN).json(products);
    let mut rows = rows.fetch_all(|row| Ok(((row.parse("product_id")?, row.text("name")?), row.text("code")?))).await?;
    // Of two SKUs with one name the first code is meant: it comes last.
    rows.sort_by(|one: &((ProductId, String), String), other| other.1.cmp(&one.1));
    Ok(rows.into_iter().collect())
}

async fn existing_codes(tx: &mut Tx, codes: Vec<&str>) -> Result<Vec<String>, CapabilityError> {
    const EXISTING: (&str, &str) = by_keys!("select code from skus where tenant_id = $1 and code", "$2");
    Ok(tx.query_of(EXISTING).json(&codes).fetch_all(|row| row.text("code")).await?)
}

async fn insert_skus(
    tx: &mut Tx,
    missing: &[(usize, ProductId, String)],
    skus: &[ParsedSku],
) -> Result<u64, CapabilityError> {
    const INSERT: &str = "insert into skus (tenant_id, code, product_id, name, price, price_derived, version, created_at) \
                          select $1, json_extract(value, '$.code'), json_extract(value, '$.product'), \
                          json_extract(value, '$.name'), cast(json_extract(value, '$.price') as bigint), 1, 1, $3 \
                          from json_each($2, '$')";
    let row = |(place, product, code): &(usize, ProductId, String)| {
        let sku = &skus[*place];
        json!({ "code": code, "product": product, "name": sku.name, "price": sku.price })
    };
    let rows: Vec<_> = missing.iter().map(row).collect();
    let now = tx.ctx().now();
    Ok(tx.query(INSERT).json(&rows).bind(now).execute().await?)
}
