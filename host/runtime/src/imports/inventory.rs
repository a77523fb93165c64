//! `heptad:mall/inventory`: what a plugin may know about stock.

use heptad_bindings::Failure;
use heptad_bindings::host::heptad::mall::inventory::{Host, Level};
use heptad_capabilities::mall::inventory::levels;
use heptad_model::Permission;

use crate::call::Call;

impl Host for Call {
    async fn levels(&mut self, skus: Vec<String>) -> Result<Vec<Level>, Failure> {
        let level = |level: heptad_capabilities::mall::inventory::Level| Level {
            available: level.available(),
            sku: level.sku,
            location: level.location,
            on_hand: level.on_hand,
        };
        let read = async |mut tx| Ok(levels(&mut tx, &skus).await?.into_iter().map(level).collect());
        self.read(Permission::MallInventoryRead, "heptad:mall/inventory#levels", &skus, read).await
    }
}
