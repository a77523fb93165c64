//! Telling plugins that it is time. Every process looks; whose conditional update meets the schedule's turn tells of the
//! run, in the same transaction. Nobody leads, and a process that dies leaves the turn to the others.

use std::sync::Arc;
use std::time::Duration;

use heptad_model::Origin;
use heptad_model::id::{ScheduleId, TenantId};
use heptad_platform::PlatformError;
use heptad_platform::schedule::{schedule_turn, schedules_due};

use crate::{Shared, observe};

/// How often the process looks.
const EVERY: Duration = Duration::from_millis(500);
/// The most schedules at a look.
const MOST: u32 = 500;

/// Tells until the process stops.
pub(crate) async fn run(shared: Arc<Shared>) {
    while !shared.is_stopping() {
        if let Err(error) = look(&shared).await {
            tracing::warn!(%error, "schedules that are due cannot be read: {error}");
        }
        shared.pause(tokio::time::sleep(EVERY)).await;
    }
}

/// Takes the turns that have come.
async fn look(shared: &Shared) -> Result<(), PlatformError> {
    let origin = Origin::system("schedules", shared.env.clone());
    let due = async |mut tx| schedules_due(&mut tx, MOST).await;
    for (tenant, schedule) in shared.store.platform_read(&origin, due).await? {
        if shared.is_stopping() {
            break;
        }
        match turn(shared, tenant, schedule).await {
            Ok(runs) => observe::due_runs(runs),
            // The others are not kept waiting for it; it stays due.
            Err(error) => tracing::warn!(%error, %schedule, "the turn of {schedule} cannot be taken: {error}"),
        }
    }
    Ok(())
}

async fn turn(shared: &Shared, tenant: TenantId, schedule: ScheduleId) -> Result<usize, PlatformError> {
    let ctx = match shared.tenants.ctx(tenant).await {
        Ok(ctx) => ctx,
        // Removed meanwhile.
        Err(PlatformError::NotFound { .. }) => return Ok(0),
        Err(error) => return Err(error),
    };
    shared.store.write(&ctx, async |mut tx| schedule_turn(&mut tx, schedule).await).await
}
