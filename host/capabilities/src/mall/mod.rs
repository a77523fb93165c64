//! The mall: catalog, stock, carts, quotes, orders and payments.

pub mod annotation;
pub mod cart;
pub mod catalog;
pub mod inventory;
pub mod order;
pub mod payment;
mod placing;
mod priced;
pub mod pricing;
pub mod quote;
mod sku;
pub mod trace;
mod versions;
