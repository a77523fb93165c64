//! The tenants by id: what a context needs of each is fixed from its creation.

use std::sync::Arc;

use heptad_model::event::Cause;
use heptad_model::id::{RequestId, TenantId};
use heptad_model::{Ctx, Env, Event, Origin, Tenant};
use heptad_platform::PlatformError;
use heptad_platform::tenant::tenant_any_get;
use heptad_store::Store;
use moka::future::Cache;

/// How many stay in memory.
const TENANTS: u64 = 20_000;

pub(crate) struct Tenants {
    store: Store,
    env: Env,
    known: Cache<TenantId, Arc<Tenant>>,
}

impl Tenants {
    pub(crate) fn new(store: Store, env: Env) -> Self {
        Self { store, env, known: Cache::new(TENANTS) }
    }

    /// The context of delivery for a tenant.
    pub(crate) async fn ctx(&self, id: TenantId) -> Result<Ctx, PlatformError> {
        let origin = Origin::system("delivery", self.env.clone());
        if let Some(tenant) = self.known.get(&id).await {
            return Ok(origin.for_tenant(tenant));
        }
        let record = self.store.platform_read(&origin, async |mut tx| tenant_any_get(&mut tx, id).await).await?;
        self.known.insert(id, record.tenant.clone()).await;
        Ok(origin.for_tenant(record.tenant))
    }
}

/// The same context for what an event leads to.
pub fn caused(ctx: &Ctx, event: &Event) -> Ctx {
    let request = RequestId::generate(&ctx.env);
    let cause = Some(Cause { event: event.id, correlation: event.correlation, depth: event.depth });
    let trace = event.traceparent.as_deref().and_then(|text| text.parse().ok());
    Origin { cause, trace, request, ..ctx.origin().clone() }.for_tenant(ctx.tenant().clone())
}
