//! Imports of what a merchant brings from elsewhere.

pub mod map;
pub mod orders;
mod parse;
mod row;
mod write;
mod write_catalog;
mod write_orders;

pub use map::OrderMap;
pub use orders::{ImportError, ImportReport, Progress, RowError, import_orders};
