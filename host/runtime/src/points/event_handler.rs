//! `heptad:points/event-handler`.

use heptad_bindings::event_handler::exports::heptad::points::event_handler as wit;
use heptad_bindings::host::heptad::types::types::Error;
use heptad_model::{Event, Point};
use wasmtime::Store;

use super::{Ask, absent};
use crate::call::Call;
use crate::code::Code;

/// An event on its way to a plugin.
#[derive(Debug, Clone, PartialEq)]
pub struct EventDelivery {
    /// The name of the subscription in the manifest.
    pub subscription: String,
    /// Which attempt, from 1.
    pub attempt: u32,
    /// Whether an event of the key before it was given up.
    pub gap: bool,
    /// Whether it is told again because somebody asked.
    pub replayed: bool,
    /// What happened, with what the plugin may see filled in.
    pub event: Event,
}

impl EventDelivery {
    /// What names the delivery, the same at each attempt: the event, and the subscription that heard of it.
    pub(crate) fn name(&self) -> String {
        format!("{}.{}", self.event.id, self.subscription)
    }
}

/// Asks a plugin to deal with an event.
pub(crate) struct Handle<'a> {
    pub(crate) delivery: &'a EventDelivery,
}

impl Ask for Handle<'_> {
    type Reply = ();

    fn bytes(&self) -> usize {
        let event = &self.delivery.event;
        event.data.to_string().len() + event.key.len() + event.kind.len() + 256
    }

    async fn ask(&self, code: &Code, store: &mut Store<Call>) -> wasmtime::Result<Result<(), Error>> {
        let plugin = code.event_handler.as_ref().ok_or_else(absent)?.instantiate_async(&mut *store).await?;
        let handler = plugin.heptad_points_event_handler();
        handler.call_handle(store, Point::EventHandle.name(), &delivery(self.delivery)).await
    }
}

fn delivery(from: &EventDelivery) -> wit::Delivery {
    let event = &from.event;
    wit::Delivery {
        subscription: from.subscription.clone(),
        attempt: from.attempt,
        gap: from.gap,
        replayed: from.replayed,
        event: wit::Event {
            id: event.id.to_string(),
            kind: event.kind.clone(),
            schema_version: event.schema_version,
            key: event.key.clone(),
            seq: event.seq,
            at: event.at.as_millis(),
            actor: event.actor.clone(),
            causation: event.causation.map(|id| id.to_string()),
            correlation: event.correlation.to_string(),
            depth: event.depth,
            data: event.data.to_string(),
        },
    }
}
