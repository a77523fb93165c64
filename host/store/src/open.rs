//! A transaction that stays open between closures: for a plugin's handler, which writes when it likes.

use heptad_model::Ctx;

use crate::group::Scope;
use crate::tx::{Addressed, Held, Running, Tx};
use crate::{Store, StoreError};

/// A transaction that writes, begun and not yet committed. Dropped, it rolls back.
///
/// On SQLite it holds the one writing connection, so whoever holds it is quick.
pub struct OpenTx {
    store: Store,
    ctx: Ctx,
    /// `None` while a closure has it, and for ever after one was dropped half-way.
    held: Option<Held>,
    events: Vec<Addressed>,
    /// Falls after `held`, so that a group gets its connection back first.
    _scope: Option<Scope>,
}

impl OpenTx {
    pub(crate) fn new(store: Store, ctx: Ctx, held: Held, scope: Option<Scope>) -> Self {
        Self { store, ctx, held: Some(held), events: Vec::new(), _scope: scope }
    }

    /// Runs the closure in the transaction; what it reads is what was written so far.
    pub async fn read<T, E, F>(&mut self, f: impl FnOnce(Tx) -> F) -> Result<T, E>
    where
        E: From<StoreError>,
        F: Future<Output = Result<T, E>>,
    {
        let held = self.held.take().ok_or(StoreError::Leaked)?;
        let (slot, mut running) = Running::new(held, None, self.store.dialect(), self.store.statements.clone());
        running.events = std::mem::take(&mut self.events);
        let value = f(Tx::new(running, self.ctx.clone())).await;
        let returned = slot.take().ok_or(StoreError::Leaked)?;
        (self.held, self.events) = (Some(returned.held), returned.events);
        value
    }

    /// Runs the closure in a savepoint: an error undoes what it wrote, and the transaction goes on.
    pub async fn write<T, E, F>(&mut self, f: impl FnOnce(Tx) -> F) -> Result<T, E>
    where
        E: From<StoreError>,
        F: Future<Output = Result<T, E>>,
    {
        let told = self.events.len();
        self.run("savepoint step").await?;
        let value = self.read(f).await;
        match &value {
            Ok(_) => self.run("release step").await?,
            Err(_) => {
                self.events.truncate(told);
                self.run("rollback to step").await?;
                self.run("release step").await?;
            }
        }
        value
    }

    /// Commits, and tells of the events; an error has rolled back.
    pub async fn commit(mut self) -> Result<(), StoreError> {
        let held = self.held.take().ok_or(StoreError::Leaked)?;
        let events = std::mem::take(&mut self.events);
        self.store.commit(self.ctx.origin(), Some(&self.ctx), held, events).await
    }

    async fn run(&mut self, sql: &'static str) -> Result<(), StoreError> {
        self.read(async |mut tx| tx.platform_query(sql).execute().await.map(drop)).await
    }
}
