//! Stock by SKU and location.

use heptad_model::EventType;
use heptad_store::{Row, StoreError, Tx, by_keys};
use serde::{Deserialize, Serialize};

use crate::{CapabilityError, bounds};

/// The most of a SKU at a location.
const MAX_ON_HAND: i64 = 1_000_000_000;

/// The stock of a SKU at a location.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Level {
    /// The SKU's code.
    pub sku: String,
    /// The location's code.
    pub location: String,
    /// What lies there.
    pub on_hand: i64,
    /// What is held for orders.
    pub reserved: i64,
}

impl Level {
    /// What can still be sold.
    pub const fn available(&self) -> i64 {
        self.on_hand - self.reserved
    }
}

fn level(row: &Row) -> Result<Level, StoreError> {
    Ok(Level {
        sku: row.text("sku")?,
        location: row.text("location")?,
        on_hand: row.int("on_hand")?,
        reserved: row.int("reserved")?,
    })
}

/// Sets what lies of a SKU at a location: 0 to 10^9. `not-found` if there is no such SKU.
pub async fn level_set(tx: &mut Tx, sku: &str, location: &str, on_hand: i64) -> Result<Level, CapabilityError> {
    const SET: &str = "insert into inventory_levels (tenant_id, sku, location, on_hand, reserved) values ($1, $2, $3, $4, 0) \
                       on conflict (tenant_id, sku, location) do update set on_hand = excluded.on_hand \
                       returning sku, location, on_hand, reserved";
    bounds::code("location", location)?;
    if !(0..=MAX_ON_HAND).contains(&on_hand) {
        return Err(CapabilityError::invalid("on_hand", format!("0 to {MAX_ON_HAND}")));
    }
    super::catalog::sku_get(tx, sku).await?;
    let set = tx.query(SET).bind(sku).bind(location).bind(on_hand).fetch_one(level).await?;
    let detail = serde_json::json!({ "location": location, "on_hand": on_hand });
    tx.audit("inventory.level-set", sku, &detail).await?;
    let data = serde_json::json!({ "sku": sku, "location": location, "on_hand": on_hand });
    tx.emit(EventType::InventoryChanged.about(sku, data));
    Ok(set)
}

/// The stock of these SKUs at every location, by SKU and location; SKUs without stock records are left out.
/// At most 2,000 codes.
pub async fn levels(tx: &mut Tx, skus: &[String]) -> Result<Vec<Level>, CapabilityError> {
    const LEVELS: (&str, &str) = by_keys!(
        "select sku, location, on_hand, reserved from inventory_levels where tenant_id = $1 and sku",
        "$2",
        "order by sku, location"
    );
    bounds::batch("skus", skus)?;
    Ok(tx.query_of(LEVELS).json(skus).fetch_all(level).await?)
}
