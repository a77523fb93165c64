//! Events for tests.

use super::Shop;
use crate::{Delivery, Event};

/// An event that is being made, on its way to the plugin.
#[derive(Debug)]
pub struct DeliveryBuilder {
    delivery: Delivery,
}

impl Shop {
    /// Makes an event of a type about a key, with its data as anything that serialises to a JSON object: the first of its
    /// key, told for the first time.
    ///
    /// # Panics
    ///
    /// If the data cannot be JSON.
    #[track_caller]
    pub fn event(&self, kind: &str, key: &str, data: &impl serde::Serialize) -> DeliveryBuilder {
        let event = Event {
            id: "evt_00000000000000000000000000000001".to_owned(),
            kind: kind.to_owned(),
            schema_version: 1,
            key: key.to_owned(),
            seq: 1,
            at: 1_767_225_600_000,
            actor: "system:test".to_owned(),
            causation: None,
            correlation: "req_00000000000000000000000000000001".to_owned(),
            depth: 0,
            data: serde_json::to_string(data).unwrap_or_else(|error| panic!("data: {error}")),
        };
        let delivery = Delivery { subscription: "test".to_owned(), attempt: 1, gap: false, replayed: false, event };
        DeliveryBuilder { delivery }
    }
}

impl DeliveryBuilder {
    /// The name of the subscription in the manifest; without, `test`.
    #[must_use]
    pub fn subscription(mut self, name: &str) -> Self {
        self.delivery.subscription = name.to_owned();
        self
    }

    /// The event's place among those of its key.
    #[must_use]
    pub fn seq(mut self, seq: i64) -> Self {
        self.delivery.event.seq = seq;
        self
    }

    /// Which attempt it is.
    #[must_use]
    pub fn attempt(mut self, attempt: u32) -> Self {
        self.delivery.attempt = attempt;
        self
    }

    /// Whether an event of the key before it was given up.
    #[must_use]
    pub fn gap(mut self, gap: bool) -> Self {
        self.delivery.gap = gap;
        self
    }

    /// Whether the merchant asked to have it told again.
    #[must_use]
    pub fn replayed(mut self, replayed: bool) -> Self {
        self.delivery.replayed = replayed;
        self
    }

    /// The event on its way.
    pub fn build(self) -> Delivery {
        self.delivery
    }
}
