//! Telling a plugin.

use heptad_capabilities::extensions::{Outcome, Serving};
use heptad_model::{Ctx, Event, Millis};
use heptad_runtime::{Due, EventDelivery, Handled, REFUSED};
use serde_json::Value;

use crate::Shared;
use crate::receiver::{Then, Told, ToldAs, Took};
use crate::worker::SOON;

/// Tells the plugin of an event.
pub(crate) async fn tell(shared: &Shared, ctx: &Ctx, plugin: &Serving, event: &Event, how: &ToldAs) -> Told {
    let delivery = EventDelivery {
        subscription: how.subscription.clone(),
        attempt: how.attempt,
        gap: how.gap,
        replayed: how.replayed,
        event: event.clone(),
    };
    let handled = shared.runtime.handle(ctx, plugin, &delivery).await;
    told(shared, plugin, handled)
}

/// Lets the plugin do what an event says is due.
pub(crate) async fn run(shared: &Shared, ctx: &Ctx, plugin: &Serving, event: &Event, how: &ToldAs) -> Told {
    let number = |name: &str| event.data.get(name).and_then(Value::as_i64);
    let due = Due {
        run: event.id,
        schedule: how.subscription.clone(),
        at: number("at").map_or(event.at, Millis::new),
        attempt: how.attempt,
        missed: number("missed").unwrap_or_default(),
        by_hand: event.data["cause"] == "person",
        replayed: how.replayed,
    };
    let handled = shared.runtime.run_due(ctx, plugin, &due).await;
    told(shared, plugin, handled)
}

fn told(shared: &Shared, plugin: &Serving, handled: Handled) -> Told {
    let now = shared.env.now();
    let took = Took { micros: handled.trace.micros, ..Took::default() };
    match handled.trace.outcome {
        Outcome::Answered => Told::Done { written: handled.written.map(Box::new), took },
        // The transaction met another one: at once again.
        Outcome::Failed { code, .. } if code == "conflict" => Told::Again,
        Outcome::Failed { code, .. } if code == "busy" => Told::NotNow { until: now.plus(SOON) },
        Outcome::Failed { code, message } => {
            let then = if code == REFUSED { Then::GiveUp } else { Then::Retry };
            Told::Failed { code, message, then, took }
        }
        Outcome::Skipped { code, .. } => {
            tracing::debug!(code, install = %plugin.install, "a plugin was not told now");
            Told::NotNow { until: handled.retry_at.unwrap_or_else(|| now.plus(SOON)) }
        }
    }
}
