//! Telling a plugin.

use heptad_capabilities::extensions::Outcome;
use heptad_model::id::InstallId;
use heptad_model::{Ctx, Event, Millis, Permission, PermissionSet};
use heptad_runtime::{EventDelivery, REFUSED};

use crate::Shared;
use crate::worker::{SOON, Told, ToldAs};

/// What a plugin may be told: nothing of a type whose permission the merchant did not grant.
pub(crate) fn may_hear(granted: PermissionSet, permission: Option<Permission>) -> bool {
    permission.is_none_or(|permission| granted.contains(permission))
}

/// Tells the plugin of an event.
pub(crate) async fn tell(shared: &Shared, ctx: &Ctx, install: InstallId, event: &Event, how: &ToldAs) -> Told {
    let now = shared.env.now();
    let serving = match shared.runtime.handler(ctx, install).await {
        Ok(Some((serving, _))) => serving,
        Ok(None) => return Told::NotNow { until: None },
        Err(error) => {
            tracing::debug!(%error, %install, "a plugin cannot be told now");
            return Told::NotNow { until: Some(now.plus(SOON)) };
        }
    };
    let delivery = EventDelivery {
        subscription: how.subscription.clone(),
        attempt: how.attempt,
        gap: how.gap,
        replayed: how.replayed,
        event: event.clone(),
    };
    let handled = shared.runtime.handle(ctx, &serving, &delivery).await;
    let micros = handled.trace.micros;
    match handled.trace.outcome {
        Outcome::Answered => Told::Done { written: handled.written.map(Box::new), micros },
        // The transaction met another one: at once again.
        Outcome::Failed { code, .. } if code == "conflict" => Told::Again,
        Outcome::Failed { code, .. } if code == "busy" => Told::NotNow { until: Some(now.plus(SOON)) },
        Outcome::Failed { code, message } => {
            let is_final = code == REFUSED;
            Told::Failed { code, message, is_final, micros }
        }
        Outcome::Skipped { code, .. } => {
            tracing::debug!(code, %install, "a plugin was not told now");
            let until = handled.retry_at.unwrap_or_else(|| now.plus(SOON));
            Told::NotNow { until: Some(Millis::new(until.as_millis())) }
        }
    }
}
