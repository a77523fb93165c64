//! Loading orders and their lines. The lines of an order that are there already are told by their rows of the file.

use std::collections::{HashMap, HashSet};

use heptad_model::id::{CustomerId, OrderId};
use heptad_model::{EventType, Minor};
use heptad_store::Tx;
use serde_json::json;

use super::parse::{ParsedLine, ParsedOrder};
use crate::CapabilityError;

/// How many lines go into a statement.
const LINES: usize = 2_000;

/// Some orders of a file, with the ids of its customers and the codes of its SKUs by their places.
pub(super) struct OrderBatch<'p> {
    pub(super) source: &'p str,
    pub(super) orders: &'p [ParsedOrder],
    pub(super) customers: &'p [CustomerId],
    pub(super) skus: &'p [String],
}

/// What a batch wrote.
#[derive(Default)]
pub(super) struct Written {
    pub(super) orders: u64,
    pub(super) lines: u64,
    pub(super) skipped: u64,
    pub(super) total: Minor,
    /// The places of the SKUs that got lines.
    pub(super) touched: HashSet<usize>,
}

/// An order that is there already.
struct Existing {
    id: OrderId,
    rows: HashSet<String>,
    next_position: i64,
}

impl OrderBatch<'_> {
    /// Loads what is not there yet.
    pub(super) async fn write(&self, tx: &mut Tx) -> Result<Written, CapabilityError> {
        const TOUCH_CUSTOMERS: &str = "update customers set version = version + 1 \
                                       where tenant_id = $1 and id in (select value from json_each($2))";
        let ctx = tx.ctx().clone();
        let existing = existing(tx, self.source, self.orders).await?;
        let (mut written, mut new, mut grown, mut buyers) =
            (Written::default(), Vec::new(), Vec::new(), HashSet::new());
        let mut lines = Vec::new();
        for order in self.orders {
            let known = existing.get(&order.number);
            let id = known.map_or_else(|| OrderId::generate(&ctx.env), |known| known.id);
            let missing: Vec<&ParsedLine> = order
                .lines
                .iter()
                .filter(|line| known.is_none_or(|known| !known.rows.contains(&line.source_row)))
                .collect();
            written.skipped += (order.lines.len() - missing.len()) as u64;
            if missing.is_empty() {
                continue;
            }
            match known {
                Some(known) => grown.push((known.id, order.number.as_str())),
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
        self.tell(tx, &new, &grown);
        tx.audit("orders.imported", self.source, &json!({ "orders": written.orders, "lines": written.lines })).await?;
        Ok(written)
    }

    fn tell(&self, tx: &mut Tx, new: &[serde_json::Value], grown: &[(OrderId, &str)]) {
        for row in new {
            let data = json!({
                "order": row["id"], "number": row["number"], "source": row["source"], "customer": row["customer"],
                "placed_at": row["placed_at"],
            });
            tx.emit(EventType::OrderImported.about(row["id"].as_str().unwrap_or_default(), data));
        }
        for (id, number) in grown {
            let data = json!({ "order": id, "number": number, "source": self.source });
            tx.emit(EventType::OrderExtended.about(id, data));
        }
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

/// Those of the orders that are there already, by number.
async fn existing(
    tx: &mut Tx,
    source: &str,
    orders: &[ParsedOrder],
) -> Result<HashMap<String, Existing>, CapabilityError> {
    const ORDERS: &str = "select id, number from orders \
                          where tenant_id = $1 and source = $2 and number in (select value from json_each($3))";
    const ROWS: &str = "select order_id, position, source_row from order_lines \
                        where tenant_id = $1 and order_id in (select value from json_each($2))";
    let numbers: Vec<&str> = orders.iter().map(|order| order.number.as_str()).collect();
    let found = tx.query(ORDERS).bind(source).json(&numbers);
    let found = found.fetch_all(|row| Ok((row.parse::<OrderId>("id")?, row.text("number")?))).await?;
    if found.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<OrderId> = found.iter().map(|(id, _)| *id).collect();
    let rows = tx.query(ROWS).json(&ids);
    let rows = rows
        .fetch_all(|row| Ok((row.parse::<OrderId>("order_id")?, row.int("position")?, row.opt_text("source_row")?)))
        .await?;
    let mut by_order: HashMap<OrderId, (HashSet<String>, i64)> = HashMap::new();
    for (order, position, row) in rows {
        let (rows, next) = by_order.entry(order).or_default();
        rows.extend(row);
        *next = (*next).max(position + 1);
    }
    let existing = found.into_iter().map(|(id, number)| {
        let (rows, next_position) = by_order.remove(&id).unwrap_or_default();
        (number, Existing { id, rows, next_position })
    });
    Ok(existing.collect())
}

async fn insert(tx: &mut Tx, orders: &[serde_json::Value], lines: &[serde_json::Value]) -> Result<(), CapabilityError> {
    // The sums follow from the lines once these are there. `cross join` keeps SQLite from reading the list anew for
    // every SKU.
    const INSERT_ORDERS: &str = "insert into orders (tenant_id, id, number, source, customer_id, placed_at, currency, \
                                 subtotal, discount, total, paid, status, trace) \
                                 select $1, json_extract(value, '$.id'), json_extract(value, '$.number'), \
                                 json_extract(value, '$.source'), json_extract(value, '$.customer'), \
                                 cast(json_extract(value, '$.placed_at') as bigint), json_extract(value, '$.currency'), \
                                 0, 0, 0, 0, 'completed', '{\"calls\":[]}' from json_each($2, '$')";
    const INSERT_LINES: &str = "insert into order_lines (tenant_id, order_id, position, sku, name, quantity, unit_price, \
                                unit_price_derived, discount, total, source_row) \
                                select $1, json_extract(value, '$.order'), cast(json_extract(value, '$.position') as bigint), \
                                s.code, s.name, cast(json_extract(value, '$.quantity') as bigint), \
                                cast(json_extract(value, '$.unit_price') as bigint), 1, 0, \
                                cast(json_extract(value, '$.total') as bigint), json_extract(value, '$.source_row') \
                                from json_each($2, '$') cross join skus s \
                                where s.tenant_id = $1 and s.code = json_extract(value, '$.sku')";
    tx.query(INSERT_ORDERS).json(orders).execute().await?;
    for some in lines.chunks(LINES) {
        let inserted = tx.query(INSERT_LINES).json(some).execute().await?;
        if inserted != some.len() as u64 {
            return Err(CapabilityError::NotFound("SKU"));
        }
    }
    Ok(())
}

async fn settle(tx: &mut Tx, new: &[serde_json::Value], grown: &[(OrderId, &str)]) -> Result<(), CapabilityError> {
    const SUMS: &str = "update orders set subtotal = sums.total + sums.discount, discount = sums.discount, total = sums.total \
                        from (select order_id, cast(sum(total) as bigint) as total, cast(sum(discount) as bigint) as discount \
                        from order_lines where tenant_id = $1 and order_id in (select value from json_each($2)) \
                        group by order_id) as sums \
                        where orders.tenant_id = $1 and orders.id = sums.order_id";
    let ids: Vec<String> = new
        .iter()
        .filter_map(|row| row["id"].as_str().map(str::to_owned))
        .chain(grown.iter().map(|(id, _)| id.to_string()))
        .collect();
    tx.query(SUMS).json(&ids).execute().await?;
    Ok(())
}
