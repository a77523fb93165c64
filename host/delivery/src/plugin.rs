//! Telling a plugin.

use heptad_capabilities::extensions::{Outcome, Serving};
use heptad_model::{Ctx, Event, Permission, PermissionSet};
use heptad_runtime::{EventDelivery, REFUSED};

use crate::Shared;
use crate::worker::{SOON, Told, ToldAs};

/// What a plugin may be told: nothing of a type whose permission the merchant did not grant.
pub(crate) fn may_hear(granted: PermissionSet, permission: Option<Permission>) -> bool {
    permission.is_none_or(|permission| granted.contains(permission))
}

/// Tells the plugin of an event.
pub(crate) async fn tell(shared: &Shared, ctx: &Ctx, plugin: &Serving, event: &Event, how: &ToldAs) -> Told {
    let now = shared.env.now();
    let delivery = EventDelivery {
        subscription: how.subscription.clone(),
        attempt: how.attempt,
        gap: how.gap,
        replayed: how.replayed,
        event: event.clone(),
    };
    let handled = shared.runtime.handle(ctx, plugin, &delivery).await;
    let micros = handled.trace.micros;
    match handled.trace.outcome {
        Outcome::Answered => Told::Done { written: handled.written.map(Box::new), micros },
        // The transaction met another one: at once again.
        Outcome::Failed { code, .. } if code == "conflict" => Told::Again,
        Outcome::Failed { code, .. } if code == "busy" => Told::NotNow { until: now.plus(SOON) },
        Outcome::Failed { code, message } => {
            let is_final = code == REFUSED;
            Told::Failed { code, message, is_final, micros }
        }
        Outcome::Skipped { code, .. } => {
            tracing::debug!(code, install = %plugin.install, "a plugin was not told now");
            Told::NotNow { until: handled.retry_at.unwrap_or_else(|| now.plus(SOON)) }
        }
    }
}
