//! The audit log: who did what to which thing. A row goes with the transaction that it tells of.

use heptad_model::audit::{OF_PLATFORM, OF_TENANTS, is_known};
use heptad_model::id::AuditId;
use serde::Serialize;

use crate::{PlatformTx, StoreError, Tx};

impl Tx {
    /// Writes a row: `action` is a word of [`OF_TENANTS`] such as `order.placed`, `subject` an id, `detail` ids and numbers,
    /// never personal data.
    pub async fn audit(
        &mut self,
        action: &str,
        subject: impl std::fmt::Display,
        detail: &impl Serialize,
    ) -> Result<(), StoreError> {
        const INSERT: &str = "insert into audit (tenant_id, id, at, actor, action, subject, detail, request_id) \
                              values ($1, $2, $3, $4, $5, $6, $7, $8)";
        debug_assert!(is_known(OF_TENANTS, action), "`{action}` is no action of a tenant's log");
        let ctx = self.ctx().clone();
        self.query(INSERT)
            .text(AuditId::generate(&ctx.env))
            .bind(ctx.now())
            .text(&ctx.actor)
            .bind(action)
            .text(subject)
            .json(detail)
            .text(ctx.request)
            .execute()
            .await
            .map(drop)
    }
}

impl PlatformTx {
    /// The same for what belongs to no tenant: publishers, plugins, users. The words are those of [`OF_PLATFORM`].
    pub async fn audit(
        &mut self,
        action: &str,
        subject: impl std::fmt::Display,
        detail: &impl Serialize,
    ) -> Result<(), StoreError> {
        const INSERT: &str = "insert into platform_audit (id, at, actor, action, subject, detail, request_id) \
                              values ($1, $2, $3, $4, $5, $6, $7)";
        debug_assert!(is_known(OF_PLATFORM, action), "`{action}` is no action of the platform's log");
        let origin = self.origin().clone();
        self.query(INSERT)
            .text(AuditId::generate(&origin.env))
            .bind(origin.now())
            .text(&origin.actor)
            .bind(action)
            .text(subject)
            .json(detail)
            .text(origin.request)
            .execute()
            .await
            .map(drop)
    }
}
