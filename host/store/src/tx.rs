//! The two kinds of transaction: bound to a tenant, and of the platform.

use std::sync::{Arc, Mutex, PoisonError};

use heptad_model::{Ctx, NewEvent, Tenant};
use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyConnection, Transaction};

use crate::dialect::Dialect;
use crate::group::{Scope, Turn};
use crate::statement::{Bind, Counter, Session, Statement};

/// A transaction on its connection.
pub(crate) enum Held {
    /// A reader of SQLite, which ends its transaction when it goes back.
    Snapshot(PoolConnection<Any>),
    Read(Transaction<'static, Any>),
    Write(Transaction<'static, Any>),
    /// One that writes, in a group.
    Member(Turn),
}

impl Held {
    fn connection(&mut self) -> &mut AnyConnection {
        match self {
            Self::Snapshot(connection) => connection,
            Self::Read(transaction) | Self::Write(transaction) => transaction,
            Self::Member(turn) => turn.connection(),
        }
    }
}

/// Where a transaction returns to when its closure drops it, so that [`crate::Store`] can commit it.
type Place = Arc<Mutex<Option<Returned>>>;

/// An event on its way to a tenant's outbox.
pub(crate) struct Addressed {
    pub(crate) tenant: Arc<Tenant>,
    pub(crate) event: NewEvent,
}

/// What a transaction gives back: itself, and what it wants to tell.
pub(crate) struct Returned {
    pub(crate) held: Held,
    pub(crate) events: Vec<Addressed>,
}

/// The store's end of a running transaction. Dropped without [`Slot::take`], it rolls back.
pub(crate) struct Slot {
    place: Place,
    /// Falls after the place, so that a group gets its connection back first.
    _scope: Option<Scope>,
}

impl Slot {
    /// The transaction, once its closure has dropped it.
    pub(crate) fn take(&self) -> Option<Returned> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A running transaction, and the way back.
pub(crate) struct Running {
    held: Option<Held>,
    /// What it has told so far.
    pub(crate) events: Vec<Addressed>,
    place: Place,
    dialect: Dialect,
    counter: Counter,
}

impl Running {
    pub(crate) fn new(held: Held, scope: Option<Scope>, dialect: Dialect, counter: Counter) -> (Slot, Self) {
        let place = Place::default();
        let slot = Slot { place: place.clone(), _scope: scope };
        (slot, Self { held: Some(held), events: Vec::new(), place, dialect, counter })
    }

    /// Its connection.
    pub(crate) fn session(&mut self) -> Session<'_> {
        let connection = self.held.as_mut().expect("only `drop` takes the transaction").connection();
        Session { connection, dialect: self.dialect, counter: &self.counter }
    }

    fn statement(&mut self, sql: &'static str) -> Statement<'_> {
        self.session().into_statement(sql)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let events = std::mem::take(&mut self.events);
        let returned = self.held.take().map(|held| Returned { held, events });
        *self.place.lock().unwrap_or_else(PoisonError::into_inner) = returned;
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

    /// The same where the databases need different words: first SQLite's, then PostgreSQL's.
    pub fn query_of(&mut self, (sqlite, postgres): (&'static str, &'static str)) -> Statement<'_> {
        match self.running.dialect {
            Dialect::Sqlite => self.query(sqlite),
            Dialect::Postgres => self.query(postgres),
        }
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
    /// Binds the rest of the transaction to another tenant.
    pub(crate) async fn bind_tenant(&mut self, tenant: impl Bind) -> Result<(), crate::StoreError> {
        if self.dialect == Dialect::Postgres {
            const BIND: &str = "select set_config('heptad.tenant', $1, true) as tenant";
            self.statement(BIND).bind(tenant).fetch_one(|row| row.text("tenant")).await?;
        }
        Ok(())
    }
}
