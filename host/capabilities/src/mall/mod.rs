//! The mall: catalog, stock, carts, quotes, orders and payments.

pub mod cart;
pub mod catalog;
pub mod inventory;
pub mod order;
pub mod payment;
mod placing;
pub mod pricing;
mod priced;
pub mod quote;
mod sku;
pub mod trace;
mod versions;
