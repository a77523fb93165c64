//! The map of an import: which column of a file holds what.

use heptad_model::Currency;
use serde::Deserialize;

use super::orders::ImportError;

/// The most bytes of a map.
const MAX_MAP: usize = 64 * 1024;

/// How to read a file of order lines. Written in TOML; see `examples/data/superstore.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderMap {
    /// A short name for where the file comes from; orders are recognised by it and their number.
    pub source: String,
    /// The currency of the amounts; the tenant's must be the same.
    pub currency: Currency,
    /// How dates are written, such as `%Y-%m-%d`.
    pub date_format: String,
    /// The names of the columns.
    pub columns: Columns,
}

/// The names of the columns, as the file's first row has them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Columns {
    /// What tells a line of an order from its others; without it, the line's place within the order.
    pub row: Option<String>,
    /// The order's number.
    pub order: String,
    /// The day of the order; its lines have the same.
    pub date: String,
    /// The customer's code; without it, or where it is empty, the order is a guest's.
    pub customer: Option<String>,
    /// The customer's name.
    pub customer_name: Option<String>,
    /// What becomes tags of the customer.
    #[serde(default)]
    pub customer_tags: Vec<String>,
    /// The product's code.
    pub product: String,
    /// The product's name. One code with several names is one product with a SKU for each name.
    pub product_name: String,
    /// The product's category.
    pub category: Option<String>,
    /// What becomes tags of the product.
    #[serde(default)]
    pub product_tags: Vec<String>,
    /// How many.
    pub quantity: String,
    /// What the line cost in major units: the truth.
    pub total: String,
}

impl OrderMap {
    /// Reads a map.
    pub fn from_toml(text: &str) -> Result<Self, ImportError> {
        if text.len() > MAX_MAP {
            return Err(ImportError::Map(format!("it has {} bytes, at most {MAX_MAP} are allowed", text.len())));
        }
        let map: Self = toml::from_str(text).map_err(|error| ImportError::Map(error.to_string()))?;
        if !heptad_model::manifest::is_slug(&map.source) || map.source == "shop" {
            return Err(ImportError::Map(
                "`source`: 2 to 64 lower-case letters, digits and hyphens, not `shop`".to_owned(),
            ));
        }
        Ok(map)
    }
}
