//! The two kinds of transaction: bound to a tenant, and of the platform.

use std::sync::{Arc, Mutex, PoisonError};

use heptad_model::Ctx;
use sqlx::any::AnyArguments;
use sqlx::{Any, Transaction};

use crate::dialect::Dialect;
use crate::statement::{Bind, Counter, Statement};

/// Where a transaction returns to when its closure drops it, so that [`crate::Store`] can commit it.
pub(crate) type Slot = Arc<Mutex<Option<Transaction<'static, Any>>>>;

/// A running transaction, and the way back.
pub(crate) struct Running {
    transaction: Option<Transaction<'static, Any>>,
    slot: Slot,
    dialect: Dialect,
    counter: Counter,
}

impl Running {
    pub(crate) fn new(transaction: Transaction<'static, Any>, slot: Slot, dialect: Dialect, counter: Counter) -> Self {
        Self { transaction: Some(transaction), slot, dialect, counter }
    }

    fn statement(&mut self, sql: &'static str) -> Statement<'_> {
        let transaction = self.transaction.as_mut().expect("only `drop` takes the transaction");
        Statement {
            connection: transaction,
            dialect: self.dialect,
            counter: &self.counter,
            sql,
            arguments: Ok(AnyArguments::default()),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        *self.slot.lock().unwrap_or_else(PoisonError::into_inner) = self.transaction.take();
    }
}

/// A transaction that knows its tenant. Parameter `$1` of every statement is the tenant's id.
pub struct Tx {
    pub(crate) running: Running,
    ctx: Ctx,
}

impl Tx {
    pub(crate) fn new(running: Running, ctx: Ctx) -> Self {
        Self { running, ctx }
    }

    /// Who asks, for which tenant, at what time.
    pub fn ctx(&self) -> &Ctx {
        &self.ctx
    }

    /// A statement whose first parameter, `$1`, is bound to the tenant already; the others follow from `$2`.
    pub fn query(&mut self, sql: &'static str) -> Statement<'_> {
        debug_assert!(sql.contains("$1"), "a tenant's statement names its tenant: {sql}");
        let tenant = self.ctx.tenant().id;
        self.running.statement(sql).text(tenant)
    }

    /// A statement on tables that belong to no tenant, such as the plugin catalog. Parameters begin with `$1`.
    pub fn platform_query(&mut self, sql: &'static str) -> Statement<'_> {
        self.running.statement(sql)
    }
}

/// A transaction on the tables without a tenant. On PostgreSQL it sees no row of a tenant's table.
pub struct PlatformTx {
    pub(crate) running: Running,
    origin: heptad_model::Origin,
}

impl PlatformTx {
    pub(crate) fn new(running: Running, origin: heptad_model::Origin) -> Self {
        Self { running, origin }
    }

    /// Who asks, and at what time.
    pub fn origin(&self) -> &heptad_model::Origin {
        &self.origin
    }

    /// A statement; parameters begin with `$1`.
    pub fn query(&mut self, sql: &'static str) -> Statement<'_> {
        self.running.statement(sql)
    }
}

impl Running {
    pub(crate) async fn bind_tenant(&mut self, tenant: impl Bind) -> Result<(), crate::StoreError> {
        if self.dialect == Dialect::Postgres {
            const BIND: &str = "select set_config('heptad.tenant', $1, true) as tenant";
            self.statement(BIND).bind(tenant).fetch_one(|row| row.text("tenant")).await?;
        }
        Ok(())
    }
}
