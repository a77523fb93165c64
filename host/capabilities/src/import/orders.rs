//! Importing a file of order lines: products, SKUs, customers and orders.
//!
//! The line total is the truth, rounded once to the minor unit; the price of one is computed from it and marked so. A
//! product code with several names is one product with a SKU for each name, so that nothing is lost. A bad row is
//! reported and the others are loaded; importing a file again loads only what is not there yet, so a mended file can
//! be imported as it is.

use std::io::Read;

use heptad_model::{Ctx, Minor};
use heptad_store::Store;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::map::OrderMap;
pub use super::parse::RowError;
use super::parse::parse;
use super::write::Writer;
use crate::CapabilityError;

/// Why nothing, or not all of a file, was imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The map cannot be used.
    #[error("the map: {0}")]
    Map(String),
    /// The file has no such column.
    #[error("the file has no column `{0}`, which the map names")]
    Column(String),
    /// The file cannot be read.
    #[error("the file: {0}")]
    File(String),
    /// The tenant sells in another currency.
    #[error("the map's currency is {map}, the shop's is {tenant}")]
    Currency {
        /// The map's.
        map: String,
        /// The tenant's.
        tenant: String,
    },
    /// The tenant's time zone is not known.
    #[error("`{0}` is no time zone that is known here")]
    TimeZone(String),
    /// Loading stopped; what was loaded stays, and the import can be run again.
    #[error(transparent)]
    Load(#[from] CapabilityError),
}

/// How far an import is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Lines that were dealt with.
    pub done: u64,
    /// Lines of the file that can be loaded.
    pub of: u64,
}

/// What an import did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ImportReport {
    /// Rows of the file, without its header.
    pub rows: u64,
    /// Order lines that were loaded.
    pub loaded: u64,
    /// The sum of their totals in minor units.
    pub loaded_total: Minor,
    /// Order lines that were there already.
    pub skipped: u64,
    /// New orders.
    pub orders: u64,
    /// New customers.
    pub customers: u64,
    /// New products.
    pub products: u64,
    /// New SKUs.
    pub skus: u64,
    /// Rows that were not loaded.
    pub failed: u64,
    /// Why: the first thousand of them, by their lines.
    pub errors: Vec<RowError>,
}

/// Imports a file of order lines, plain or packed with gzip. `progress` is told after each batch.
pub async fn import_orders(
    store: &Store,
    ctx: &Ctx,
    map: &OrderMap,
    file: impl Read,
    mut progress: impl FnMut(Progress),
) -> Result<ImportReport, ImportError> {
    let tenant = ctx.tenant();
    if tenant.currency != map.currency {
        return Err(ImportError::Currency { map: map.currency.to_string(), tenant: tenant.currency.to_string() });
    }
    let zone = TimeZone::get(&tenant.time_zone).map_err(|_| ImportError::TimeZone(tenant.time_zone.clone()))?;
    let parsed = parse(map, &zone, file)?;
    let of = parsed.orders.iter().map(|order| order.lines.len() as u64).sum();
    let mut writer = Writer::new(store, ctx, &map.source, &parsed);
    progress(Progress { done: 0, of });
    writer.customers().await?;
    writer.catalog().await?;
    let mut done = 0;
    while let Some(lines) = writer.next_orders().await? {
        done += lines;
        progress(Progress { done, of });
    }
    writer.prices().await?;
    let mut report = writer.report;
    report.rows = parsed.rows;
    report.failed = parsed.errors.count;
    report.errors = parsed.errors.kept;
    Ok(report)
}
