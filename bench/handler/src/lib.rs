//! A handler of events that does nothing, or writes one key of its store: as the subscription's name says, so that the one
//! that does nothing does not even read a setting.

use heptad_sdk::prelude::*;

/// The plugin.
#[derive(Debug)]
pub struct BenchHandler;

impl EventHandler for BenchHandler {
    fn handle(host: &impl Host, delivery: &Delivery) -> Result<(), Error> {
        if delivery.subscription == "write" {
            let value = format!("{:020}", delivery.event.seq).into_bytes();
            host.kv_set(&[Entry { key: delivery.event.key.clone(), value }])?;
        }
        Ok(())
    }
}

heptad_sdk::plugin!(BenchHandler: event_handler);
