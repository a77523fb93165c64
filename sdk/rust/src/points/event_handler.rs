//! Hearing of what happened: the interface `heptad:points/event-handler`, point `event.handle`.

pub use crate::bindings::event_handler_point::exports::heptad::points::event_handler::{Delivery, Event};
use crate::{Error, Host};

/// Deals with events.
///
/// What the plugin writes and the mark that the event was dealt with are one transaction, so it happens exactly once,
/// however often the event is delivered. An error is tried again, later and later, for a day; meanwhile the other events of
/// its key wait. One of kind [`Invalid`](crate::ErrorKind::Invalid) is not tried again: the event goes to the dead letters.
pub trait EventHandler {
    /// Deals with an event. From the first write on there are 50 ms (500 ms on PostgreSQL) to come to the end.
    fn handle(host: &impl Host, delivery: &Delivery) -> Result<(), Error>;
}

impl Event {
    /// Reads the data into a type.
    ///
    /// # Errors
    ///
    /// [`Error`] of kind `invalid` when the data is not what the type wants: another attempt would find the same.
    pub fn data<T: serde::de::DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_str(&self.data)
            .map_err(|error| Error::invalid("event-data", format!("{}: {error}", self.kind)))
    }
}

/// What the exported function answers.
#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub fn answer<P: EventHandler>(point: &str, delivery: &Delivery) -> Result<(), crate::HostError> {
    if point != "event.handle" {
        return Err(super::unknown(point));
    }
    Ok(P::handle(&crate::Component, delivery)?)
}
