//! `heptad:mall/orders-write`: notes and tags of orders.

use heptad_bindings::Failure;
use heptad_bindings::host::heptad::mall::orders_write::{Annotation, Host};
use heptad_capabilities::CapabilityError;
use heptad_capabilities::mall::annotation::{self, MAX_ORDERS, order_annotate};
use heptad_model::Permission;
use heptad_model::id::OrderId;

use crate::call::{Call, bounded};

impl Host for Call {
    async fn annotate(&mut self, annotations: Vec<Annotation>) -> Result<(), Failure> {
        let write = async |mut tx| {
            bounded(&annotations, MAX_ORDERS, "orders")?;
            for Annotation { order, note, add_tags, remove_tags } in &annotations {
                let order = OrderId::parse(order).map_err(|_| CapabilityError::NotFound("order"))?;
                let (note, add_tags, remove_tags) = (note.clone(), add_tags.clone(), remove_tags.clone());
                order_annotate(&mut tx, order, &annotation::Annotation { note, add_tags, remove_tags }).await?;
            }
            Ok(())
        };
        self.write(Permission::MallOrdersAnnotate, "heptad:mall/orders-write#annotate", &annotations, write).await
    }
}
