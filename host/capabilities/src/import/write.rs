//! Loading parsed orders in batches: each a transaction, each a handful of statements however many rows it has.

use std::collections::{HashMap, HashSet};

use heptad_model::id::{CustomerId, OrderId};
use heptad_model::{Ctx, Minor};
use heptad_store::{Store, Tx};
use serde_json::json;

use super::orders::ImportReport;
use super::parse::{Errors, Parsed, ParsedLine, ParsedOrder};
use super::write_catalog::catalog_batch;
use crate::CapabilityError;

/// How many customers, products or orders go into a transaction.
const BATCH: usize = 500;
/// How many lines go into a statement.
const LINES: usize = 2_000;

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
        self.report.failed += written.errors.count;
        self.report.errors.extend(written.errors.kept);
        self.touched.extend(written.touched);
        Ok(Some(orders.iter().map(|order| order.lines.len() as u64).sum()))
    }

    /// Sets the derived prices of SKUs that got lines, unless a later order than the file's is there.
    pub(super) async fn prices(&mut self) -> Result<(), CapabilityError> {
        const PRICE: &str = "update skus set price = latest.price, version = skus.version + 1 \
                             from (select json_extract(value, '$.code') as code, \
                             cast(json_extract(value, '$.price') as bigint) as price, \
                             cast(json_extract(value, '$.at') as bigint) as at from json_each($2)) as latest \
                             where skus.tenant_id = $1 and skus.code = latest.code and skus.price_derived = 1 \
                             and skus.price <> latest.price and not exists (select 1 from order_lines l \
                             join orders o on o.tenant_id = l.tenant_id and o.id = l.order_id \
                             where l.tenant_id = $1 and l.sku = skus.code and o.placed_at > latest.at)";
        let mut touched: Vec<usize> = self.touched.iter().copied().collect();
        touched.sort_unstable();
        for batch in touched.chunks(BATCH) {
            let row = |place: &usize| {
                let sku = &self.parsed.skus[*place];
                json!({ "code": self.skus[*place], "price": sku.price, "at": sku.price_at })
            };
            let rows: Vec<_> = batch.iter().map(row).collect();
            let write = async |mut tx: Tx| tx.query(PRICE).json(&rows).execute().await.map_err(CapabilityError::from);
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
                          from json_each($2) where true on conflict (tenant_id, code) do nothing";
    const IDS: &str = "select code, id from customers \
                       where tenant_id = $1 and code in (select value from json_each($2))";
    let made = tx.query(INSERT).json(rows).execute().await?;
    let ids = tx.query(IDS).json(codes).fetch_all(|row| Ok((row.text("code")?, row.parse("id")?))).await?;
    let ids: HashMap<String, CustomerId> = ids.into_iter().collect();
    let ids: Option<Vec<CustomerId>> = codes.iter().map(|code| ids.get(*code).copied()).collect();
    let ids = ids.ok_or(CapabilityError::NotFound("customer"))?;
    if made > 0 {
        tx.audit("customers.imported", "import", &json!({ "customers": made })).await?;
    }
    Ok((made, ids))
}

/// Some orders of a file.
struct OrderBatch<'p> {
    source: &'p str,
    orders: &'p [ParsedOrder],
    customers: &'p [CustomerId],
    skus: &'p [String],
}

/// What a batch wrote.
#[derive(Default)]
struct Written {
    orders: u64,
    lines: u64,
    skipped: u64,
    total: Minor,
    errors: Errors,
    touched: HashSet<usize>,
}

/// An order that is there already.
struct Existing {
    id: OrderId,
    source: String,
    rows: HashSet<String>,
    next_position: i64,
}

impl OrderBatch<'_> {
    async fn write(&self, tx: &mut Tx) -> Result<Written, CapabilityError> {
        const TOUCH_CUSTOMERS: &str = "update customers set version = version + 1 \
                                       where tenant_id = $1 and id in (select value from json_each($2))";
        let ctx = tx.ctx().clone();
        let existing = existing(tx, self.orders).await?;
        let (mut written, mut new, mut grown, mut buyers) = (Written::default(), Vec::new(), Vec::new(), HashSet::new());
        let mut lines = Vec::new();
        for order in self.orders {
            let known = existing.get(&order.number);
            if known.is_some_and(|known| known.source != self.source) {
                for line in &order.lines {
                    written.errors.push(line.line, format!("the shop has another order with the number {}", order.number));
                }
                continue;
            }
            let id = known.map_or_else(|| OrderId::generate(&ctx.env), |known| known.id);
            let missing: Vec<&ParsedLine> =
                order.lines.iter().filter(|line| known.is_none_or(|known| !known.rows.contains(&line.source_row))).collect();
            written.skipped += (order.lines.len() - missing.len()) as u64;
            if missing.is_empty() {
                continue;
            }
            match known {
                Some(known) => grown.push(known.id),
                None => new.push(self.order_row(id, order, ctx.tenant().currency.code())),
            }
            buyers.extend(order.customer.map(|customer| self.customers[customer]));
            for (position, line) in (known.map_or(0, |known| known.next_position)..).zip(missing) {
                written.lines += 1;
                written.total = written.total.plus(line.total)?;
                written.touched.insert(line.sku);
                lines.push(self.line_row(id, position, line));
            }
        }
        written.orders = new.len() as u64;
        if lines.is_empty() {
            return Ok(written);
        }
        insert(tx, &new, &lines).await?;
        settle(tx, &new, &grown).await?;
        tx.query(TOUCH_CUSTOMERS).json(&buyers).execute().await?;
        tx.audit("orders.imported", self.source, &json!({ "orders": written.orders, "lines": written.lines })).await?;
        Ok(written)
    }

    fn order_row(&self, id: OrderId, order: &ParsedOrder, currency: &str) -> serde_json::Value {
        let customer = order.customer.map(|customer| self.customers[customer]);
        json!({
            "id": id, "number": order.number, "source": self.source, "customer": customer,
            "placed_at": order.placed_at, "currency": currency,
        })
    }

    fn line_row(&self, order: OrderId, position: i64, line: &ParsedLine) -> serde_json::Value {
        json!({
            "order": order, "position": position, "sku": self.skus[line.sku],
            "quantity": line.quantity, "unit_price": line.unit_price, "total": line.total, "source_row": line.source_row,
        })
    }
}

async fn existing(tx: &mut Tx, orders: &[ParsedOrder]) -> Result<HashMap<String, Existing>, CapabilityError> {
    const ORDERS: &str = "select id, number, source from orders \
                          where tenant_id = $1 and number in (select value from json_each($2))";
    const ROWS: &str = "select order_id, position, source_row from order_lines \
                        where tenant_id = $1 and order_id in (select value from json_each($2))";
    let numbers: Vec<&str> = orders.iter().map(|order| order.number.as_str()).collect();
    let found = tx.query(ORDERS).json(&numbers);
    let found = found.fetch_all(|row| Ok((row.parse::<OrderId>("id")?, row.text("number")?, row.text("source")?))).await?;
    if found.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<OrderId> = found.iter().map(|(id, ..)| *id).collect();
    let rows = tx.query(ROWS).json(&ids);
    let rows = rows.fetch_all(|row| Ok((row.parse::<OrderId>("order_id")?, row.int("position")?, row.opt_text("source_row")?))).await?;
    let mut by_order: HashMap<OrderId, (HashSet<String>, i64)> = HashMap::new();
    for (order, position, row) in rows {
        let (rows, next) = by_order.entry(order).or_default();
        rows.extend(row);
        *next = (*next).max(position + 1);
    }
    let existing = found.into_iter().map(|(id, number, source)| {
        let (rows, next_position) = by_order.remove(&id).unwrap_or_default();
        (number, Existing { id, source, rows, next_position })
    });
    Ok(existing.collect())
}

async fn insert(tx: &mut Tx, orders: &[serde_json::Value], lines: &[serde_json::Value]) -> Result<(), CapabilityError> {
    // The sums follow from the lines once these are there.
    const INSERT_ORDERS: &str = "insert into orders (tenant_id, id, number, source, customer_id, placed_at, currency, \
                                 subtotal, discount, total, paid, status, trace) \
                                 select $1, json_extract(value, '$.id'), json_extract(value, '$.number'), \
                                 json_extract(value, '$.source'), json_extract(value, '$.customer'), \
                                 cast(json_extract(value, '$.placed_at') as bigint), json_extract(value, '$.currency'), \
                                 0, 0, 0, 0, 'completed', '{\"calls\":[]}' from json_each($2)";
    const INSERT_LINES: &str = "insert into order_lines (tenant_id, order_id, position, sku, name, quantity, unit_price, \
                                unit_price_derived, discount, total, source_row) \
                                select $1, json_extract(value, '$.order'), cast(json_extract(value, '$.position') as bigint), \
                                s.code, s.name, cast(json_extract(value, '$.quantity') as bigint), \
                                cast(json_extract(value, '$.unit_price') as bigint), 1, 0, \
                                cast(json_extract(value, '$.total') as bigint), json_extract(value, '$.source_row') \
                                from json_each($2) join skus s on s.tenant_id = $1 and s.code = json_extract(value, '$.sku')";
    tx.query(INSERT_ORDERS).json(orders).execute().await?;
    for some in lines.chunks(LINES) {
        let inserted = tx.query(INSERT_LINES).json(some).execute().await?;
        if inserted != some.len() as u64 {
            return Err(CapabilityError::NotFound("SKU"));
        }
    }
    Ok(())
}

async fn settle(tx: &mut Tx, new: &[serde_json::Value], grown: &[OrderId]) -> Result<(), CapabilityError> {
    const SUMS: &str = "update orders set subtotal = sums.total + sums.discount, discount = sums.discount, total = sums.total \
                        from (select order_id, cast(sum(total) as bigint) as total, cast(sum(discount) as bigint) as discount \
                        from order_lines where tenant_id = $1 and order_id in (select value from json_each($2)) \
                        group by order_id) as sums \
                        where orders.tenant_id = $1 and orders.id = sums.order_id";
    let ids: Vec<String> =
        new.iter().filter_map(|row| row["id"].as_str().map(str::to_owned)).chain(grown.iter().map(OrderId::to_string)).collect();
    tx.query(SUMS).json(&ids).execute().await?;
    Ok(())
}
