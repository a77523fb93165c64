//! What is personal is not in an event: it is filled in when the event is told, as far as it is still there.

use heptad_capabilities::CapabilityError;
use heptad_capabilities::members::customer_get;
use heptad_model::event_type::Fill;
use heptad_model::id::CustomerId;
use heptad_model::{Ctx, Event, EventType};
use heptad_platform::PlatformError;
use heptad_store::{Store, StoreError, Tx};
use serde_json::json;

/// The event with name, e-mail address and phone number of its customer, for a receiver that may see them.
pub async fn filled(store: &Store, ctx: &Ctx, event: &Event) -> Result<Event, PlatformError> {
    let mut event = event.clone();
    let fill = EventType::parse(&event.kind).and_then(|kind| kind.row().fill);
    if fill == Some(Fill::Profile)
        && let Some(id) = event.data["customer"].as_str().and_then(|id| CustomerId::parse(id).ok())
    {
        let get = async |mut tx: Tx| match customer_get(&mut tx, id).await {
            Ok(customer) => Ok(Some(customer)),
            Err(CapabilityError::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        };
        let customer = store.read(ctx, get).await.map_err(as_platform)?;
        if let Some(customer) = customer {
            let mut profile = json!({});
            for (name, value) in [("name", customer.name), ("email", customer.email), ("phone", customer.phone)] {
                if let Some(value) = value {
                    profile[name] = value.into();
                }
            }
            event.data["profile"] = profile;
        }
    }
    Ok(event)
}

/// Reading a customer fails for no reason but the database.
fn as_platform(error: CapabilityError) -> PlatformError {
    match error {
        CapabilityError::Store(error) => error.into(),
        other => PlatformError::Store(StoreError::Schema(other.to_string())),
    }
}
