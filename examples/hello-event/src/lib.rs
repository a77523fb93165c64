//! A plugin that hears of events: a member gets a point for each whole unit of money of an order that was paid.

use heptad_sdk::Movement;
use heptad_sdk::prelude::*;

/// Gives points for paid orders.
pub struct HelloEvent;

/// What `order.paid` holds, as `/v1/event-types` has it. The manifest's filter lets no event through without a customer.
#[derive(serde::Deserialize)]
struct Paid {
    customer: String,
    total: i64,
}

/// Minor units of a yuan.
const UNIT: i64 = 100;

impl EventHandler for HelloEvent {
    fn handle(host: &impl Host, delivery: &Delivery) -> Result<(), Error> {
        let Paid { customer, total } = delivery.event.data()?;
        if total < UNIT {
            return Ok(());
        }
        // An event may be told twice. The request has its id, so the points are given once all the same.
        let request = format!("paid-{}", delivery.event.id);
        host.points_earn(&[Movement { request, customer, amount: total / UNIT, reason: "order".to_owned() }])?;
        Ok(())
    }
}

heptad_sdk::plugin!(HelloEvent: event_handler);
