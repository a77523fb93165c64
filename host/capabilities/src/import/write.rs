//! Loading parsed orders in batches: each a transaction, each a handful of statements however many rows it has.

use std::collections::{HashMap, HashSet};

use heptad_model::id::{CustomerId, ProductId};
use heptad_model::{Ctx, EventType, Minor};
use heptad_store::{Row, Store, Tx, by_keys};
use serde_json::json;

use super::orders::ImportReport;
use super::parse::Parsed;
use super::write_catalog::catalog_batch;
use super::write_orders::OrderBatch;
use crate::CapabilityError;
use crate::mall::catalog::sku_changed;

/// How many customers, products or orders go into a transaction.
const BATCH: usize = 500;

/// Loads one parsed file.
pub(super) struct Writer<'p> {
    store: &'p Store,
    ctx: &'p Ctx,
    source: &'p str,
    parsed: &'p Parsed,
    customers: Vec<CustomerId>,
    /// The code of each parsed SKU.
    skus: Vec<String>,
    next: usize,
    touched: HashSet<usize>,
    pub(super) report: ImportReport,
}

impl<'p> Writer<'p> {
    pub(super) fn new(store: &'p Store, ctx: &'p Ctx, source: &'p str, parsed: &'p Parsed) -> Self {
        Self {
            store,
            ctx,
            source,
            parsed,
            customers: Vec::new(),
            skus: vec![String::new(); parsed.skus.len()],
            next: 0,
            touched: HashSet::new(),
            report: ImportReport::default(),
        }
    }

    /// Makes the customers that are missing.
    pub(super) async fn customers(&mut self) -> Result<(), CapabilityError> {
        for batch in self.parsed.customers.chunks(BATCH) {
            let rows = |tx: &Tx| -> Vec<_> {
                let row = |customer: &super::parse::ParsedCustomer| {
                    json!({
                        "id": CustomerId::generate(&tx.ctx().env), "code": customer.code, "name": customer.name,
                        "tags": json!(customer.tags).to_string(), "since": customer.since,
                    })
                };
                batch.iter().map(row).collect()
            };
            let codes: Vec<&str> = batch.iter().map(|customer| customer.code.as_str()).collect();
            let write = async |mut tx: Tx| {
                let rows = rows(&tx);
                customers_batch(&mut tx, &codes, &rows).await
            };
            let (made, ids) = self.store.write(self.ctx, write).await?;
            self.report.customers += made;
            self.customers.extend(ids);
        }
        Ok(())
    }

    /// Makes the products and SKUs that are missing.
    pub(super) async fn catalog(&mut self) -> Result<(), CapabilityError> {
        let mut names: Vec<Vec<usize>> = vec![Vec::new(); self.parsed.products.len()];
        for (place, sku) in self.parsed.skus.iter().enumerate() {
            names[sku.product].push(place);
        }
        for (batch, names) in self.parsed.products.chunks(BATCH).zip(names.chunks(BATCH)) {
            let skus = &self.parsed.skus;
            let write = async |mut tx: Tx| catalog_batch(&mut tx, batch, names, skus).await;
            let written = self.store.write(self.ctx, write).await?;
            self.report.products += written.products;
            self.report.skus += written.skus;
            for (place, code) in written.codes {
                self.skus[place] = code;
            }
        }
        Ok(())
    }

    /// Loads the next orders; how many of their lines were dealt with, `None` at the end.
    pub(super) async fn next_orders(&mut self) -> Result<Option<u64>, CapabilityError> {
        let parsed = self.parsed;
        let orders = &parsed.orders[self.next..parsed.orders.len().min(self.next + BATCH)];
        if orders.is_empty() {
            return Ok(None);
        }
        let batch = OrderBatch { source: self.source, orders, customers: &self.customers, skus: &self.skus };
        let written = self.store.write(self.ctx, async |mut tx| batch.write(&mut tx).await).await?;
        self.next += orders.len();
        self.report.orders += written.orders;
        self.report.loaded += written.lines;
        self.report.skipped += written.skipped;
        self.report.loaded_total = self.report.loaded_total.plus(written.total)?;
        self.touched.extend(written.touched);
        Ok(Some(orders.iter().map(|order| order.lines.len() as u64).sum()))
    }

    /// Sets the derived prices of SKUs that got lines, unless a later order than the file's is there.
    pub(super) async fn prices(&mut self) -> Result<(), CapabilityError> {
        // SQLite reads the list anew for every SKU unless it is told to keep it; `cross join` fixes the order of a join.
        const PRICE: &str = "with latest as materialized (select json_extract(value, '$.code') as code, \
                             cast(json_extract(value, '$.price') as bigint) as price, \
                             cast(json_extract(value, '$.at') as bigint) as at from json_each($2, '$')) \
                             update skus set price = latest.price, version = skus.version + 1 from latest \
                             where skus.tenant_id = $1 and skus.code = latest.code \
                             and skus.code in (select code from latest) and skus.price_derived = 1 \
                             and skus.price <> latest.price and not exists (select 1 from order_lines l \
                             cross join orders o where l.tenant_id = $1 and l.sku = skus.code \
                             and o.tenant_id = $1 and o.id = l.order_id and o.placed_at > latest.at) \
                             returning skus.code as code, skus.product_id as product, skus.price as price, \
                             skus.version as version";
        const BEFORE: (&str, &str) = by_keys!("select code, price from skus where tenant_id = $1 and code", "$2");
        let mut touched: Vec<usize> = self.touched.iter().copied().collect();
        touched.sort_unstable();
        for batch in touched.chunks(BATCH) {
            let row = |place: &usize| {
                let sku = &self.parsed.skus[*place];
                json!({ "code": self.skus[*place], "price": sku.price, "at": sku.price_at })
            };
            let rows: Vec<_> = batch.iter().map(row).collect();
            let codes: Vec<&str> = batch.iter().map(|place| self.skus[*place].as_str()).collect();
            let write = async |mut tx: Tx| {
                let before = |row: &Row| Ok((row.text("code")?, row.minor("price")?));
                let before: HashMap<String, Minor> =
                    tx.query_of(BEFORE).json(&codes).fetch_all(before).await?.into_iter().collect();
                let after = |row: &Row| {
                    let product: ProductId = row.parse("product")?;
                    Ok((row.text("code")?, product, row.minor("price")?, row.int("version")?))
                };
                let changed = tx.query(PRICE).json(&rows).fetch_all(after).await?;
                for (code, product, price, version) in &changed {
                    let before = before.get(code).copied().unwrap_or_default();
                    sku_changed(&mut tx, code, *product, *version, before, *price).await?;
                }
                Ok::<_, CapabilityError>(())
            };
            self.store.write(self.ctx, write).await?;
        }
        Ok(())
    }
}

async fn customers_batch(
    tx: &mut Tx,
    codes: &[&str],
    rows: &[serde_json::Value],
) -> Result<(u64, Vec<CustomerId>), CapabilityError> {
    const INSERT: &str = "insert into customers (tenant_id, id, code, name, tags, version, since) \
                          select $1, json_extract(value, '$.id'), json_extract(value, '$.code'), json_extract(value, '$.name'), \
                          json_extract(value, '$.tags'), 1, cast(json_extract(value, '$.since') as bigint) \
                          from json_each($2, '$') where true on conflict (tenant_id, code) do nothing";
    const IDS: (&str, &str) = by_keys!("select code, id from customers where tenant_id = $1 and code", "$2");
    let made = tx.query(INSERT).json(rows).execute().await?;
    let ids = tx.query_of(IDS).json(codes).fetch_all(|row| Ok((row.text("code")?, row.parse("id")?))).await?;
    let ids: HashMap<String, CustomerId> = ids.into_iter().collect();
    let ids: Option<Vec<CustomerId>> = codes.iter().map(|code| ids.get(*code).copied()).collect();
    let ids = ids.ok_or(CapabilityError::NotFound("customer"))?;
    if made > 0 {
        tx.audit("customers.imported", "import", &json!({ "customers": made })).await?;
        tx.emit(EventType::CustomersImported.about("import", json!({ "customers": made })));
    }
    Ok((made, ids))
}
