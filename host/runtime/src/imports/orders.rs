//! `heptad:mall/orders`: what customers have bought.

use heptad_bindings::Failure;
use heptad_bindings::host::heptad::mall::orders::{Host, Purchase};
use heptad_capabilities::mall::order::orders_purchased;
use heptad_model::{Millis, Permission};

use crate::call::Call;

impl Host for Call {
    async fn purchased(&mut self, customer: String, skus: Vec<String>, since: i64) -> Result<Vec<Purchase>, Failure> {
        let read = async |mut tx| {
            let found = orders_purchased(&mut tx, &customer, &skus, Millis::new(since)).await?;
            Ok(found.into_iter().map(|purchase| Purchase { sku: purchase.sku, quantity: purchase.quantity }).collect())
        };
        let arguments = (&customer, &skus, since);
        self.read(Permission::MallOrdersRead, "heptad:mall/orders#purchased", &arguments, read).await
    }
}
