//! Imports of what a merchant brings from elsewhere.

pub mod map;
pub mod orders;
mod parse;
mod row;
mod write;
mod write_catalog;

pub use map::OrderMap;
pub use orders::{ImportError, ImportReport, Progress, RowError, import_orders};
