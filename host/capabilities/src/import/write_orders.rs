//! Loading orders and their lines. The lines of an order that are there already are told by their rows of the file.

use std::collections::{HashMap, HashSet};

use heptad_model::id::{CustomerId, OrderId};
use heptad_model::{EventType, Minor};
use heptad_store::{Tx, by_keys};
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

/// An order that is there already, and gets more lines.
struct Grown<'p> {
    id: OrderId,
    number: &'p str,
    /// What the new lines cost.
    by: Minor,
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
        const TOUCH_CUSTOMERS: (&str, &str) = (
            "update customers set version = version + 1 where tenant_id = $1 and id in (select value from json_each($2))",
            "update customers set version = version + 1 where tenant_id = $1 and ctid = any (array (\
             select found.place from json_each($2) cross join lateral (\
             select ctid as place from customers where tenant_id = $1 and id = value offset 0) found))",
        );
        const GROW: &str =
            "update orders set subtotal = subtotal + $3, total = total + $3 where tenant_id = $1 and id = $2";
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
            buyers.extend(order.customer.map(|customer| self.customers[customer]));
            let mut total = Minor::ZERO;
            for (position, line) in (known.map_or(0, |known| known.next_position)..).zip(missing) {
                written.lines += 1;
                total = total.plus(line.total)?;
                written.touched.insert(line.sku);
                lines.push(self.line_row(id, position, line));
            }
            written.total = written.total.plus(total)?;
            match known {
                Some(_) => grown.push(Grown { id, number: &order.number, by: total }),
                None => new.push(self.order_row(id, order, total, ctx.tenant().currency.code())),
            }
        }
        written.orders = new.len() as u64;
        if lines.is_empty() {
            return Ok(written);
        }
        insert(tx, &new, &lines).await?;
        for order in &grown {
            tx.query(GROW).text(order.id).bind(order.by).execute().await?;
        }
        tx.query_of(TOUCH_CUSTOMERS).json(&buyers).execute().await?;
        self.tell(tx, &new, &grown);
        tx.audit("orders.imported", self.source, &json!({ "orders": written.orders, "lines": written.lines })).await?;
        Ok(written)
    }

    fn tell(&self, tx: &mut Tx, new: &[serde_json::Value], grown: &[Grown<'_>]) {
        for row in new {
            let data = json!({
                "order": row["id"], "number": row["number"], "source": row["source"], "customer": row["customer"],
                "placed_at": row["placed_at"],
            });
            tx.emit(EventType::OrderImported.about(row["id"].as_str().unwrap_or_default(), data));
        }
        for order in grown {
            let data = json!({ "order": order.id, "number": order.number, "source": self.source });
            tx.emit(EventType::OrderExtended.about(order.id, data));
        }
    }

    fn order_row(&self, id: OrderId, order: &ParsedOrder, total: Minor, currency: &str) -> serde_json::Value {
        let customer = order.customer.map(|customer| self.customers[customer]);
        json!({
            "id": id, "number": order.number, "source": self.source, "customer": customer,
            "placed_at": order.placed_at, "currency": currency, "total": total,
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
    const ORDERS: (&str, &str) =
        by_keys!("select id, number from orders where tenant_id = $1 and source = $2 and number", "$3");
    const ROWS: (&str, &str) =
        by_keys!("select order_id, position, source_row from order_lines where tenant_id = $1 and order_id", "$2");
    let numbers: Vec<&str> = orders.iter().map(|order| order.number.as_str()).collect();
    let found = tx.query_of(ORDERS).bind(source).json(&numbers);
    let found = found.fetch_all(|row| Ok((row.parse::<OrderId>("id")?, row.text("number")?))).await?;
    if found.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<OrderId> = found.iter().map(|(id, _)| *id).collect();
    let rows = tx.query_of(ROWS).json(&ids);
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
    const INSERT_ORDERS: &str = "insert into orders (tenant_id, id, number, source, customer_id, placed_at, currency, \
                                 subtotal, discount, total, paid, status, trace) \
                                 select $1, json_extract(value, '$.id'), json_extract(value, '$.number'), \
                                 json_extract(value, '$.source'), json_extract(value, '$.customer'), \
                                 cast(json_extract(value, '$.placed_at') as bigint), json_extract(value, '$.currency'), \
                                 cast(json_extract(value, '$.total') as bigint), 0, \
                                 cast(json_extract(value, '$.total') as bigint), 0, 'completed', '{\"calls\":[]}' from json_each($2, '$')";
    // The names one by one, so that each is found by its key, whatever the planner thinks of the list or of the shop.
    const INSERT_LINES: &str = "with line as materialized (select json_extract(value, '$.order') as order_id, \
                                cast(json_extract(value, '$.position') as bigint) as position, \
                                json_extract(value, '$.sku') as sku, \
                                cast(json_extract(value, '$.quantity') as bigint) as quantity, \
                                cast(json_extract(value, '$.unit_price') as bigint) as unit_price, \
                                cast(json_extract(value, '$.total') as bigint) as total, \
                                json_extract(value, '$.source_row') as source_row, (select s.name from skus s \
                                where s.tenant_id = $1 and s.code = json_extract(value, '$.sku')) as name \
                                from json_each($2, '$')) \
                                insert into order_lines (tenant_id, order_id, position, sku, name, quantity, unit_price, \
                                unit_price_derived, discount, total, source_row) \
                                select $1, order_id, position, sku, name, quantity, unit_price, 1, 0, total, source_row \
                                from line where name is not null";
    tx.query(INSERT_ORDERS).json(orders).execute().await?;
    for some in lines.chunks(LINES) {
        let inserted = tx.query(INSERT_LINES).json(some).execute().await?;
        if inserted != some.len() as u64 {
            return Err(CapabilityError::NotFound("SKU"));
        }
    }
    Ok(())
}
