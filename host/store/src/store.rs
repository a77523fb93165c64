//! The store: pools, and the closures that run in transactions.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use heptad_model::{Ctx, Origin};
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{Any, AnyPool, Transaction};

use crate::StoreError;
use crate::dialect::Dialect;
use crate::observe::{self, Observed};
use crate::statement::Counter;
use crate::tx::{PlatformTx, Running, Slot, Tx};

/// How often a transaction is tried before its failure is reported.
const ATTEMPTS: u32 = 5;

/// How to connect.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// `sqlite:PATH` or `postgres://USER@HOST/DATABASE`.
    pub url: String,
    /// The most connections; on SQLite those that read, one more writes.
    pub connections: u32,
    /// How long a caller waits for a connection.
    pub acquire_timeout: Duration,
}

impl StoreOptions {
    /// The defaults: 8 connections, 5 seconds.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), connections: 8, acquire_timeout: Duration::from_secs(5) }
    }
}

/// The database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    dialect: Dialect,
    readers: AnyPool,
    writer: AnyPool,
    statements: Counter,
}

impl Store {
    /// Connects; on SQLite makes the file when it is absent.
    pub async fn open(options: &StoreOptions) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let dialect = Dialect::of_url(&options.url).ok_or(StoreError::UnknownScheme)?;
        let pool = |connections: u32| {
            AnyPoolOptions::new().max_connections(connections).acquire_timeout(options.acquire_timeout).after_connect(
                move |connection, _| {
                    Box::pin(async move { sqlx::raw_sql(dialect.session()).execute(connection).await.map(drop) })
                },
            )
        };
        let failed = |error| StoreError::of(dialect, error);
        let url = match dialect {
            Dialect::Sqlite if !options.url.contains('?') => format!("{}?mode=rwc", options.url),
            _ => options.url.clone(),
        };
        let connect: AnyConnectOptions = url.parse().map_err(failed)?;
        let (readers, writer) = match dialect {
            Dialect::Sqlite => {
                // The writer first: it makes the file, and only one connection ever asks for the write lock.
                let writer = pool(1).connect_with(connect.clone()).await.map_err(failed)?;
                (pool(options.connections).connect_with(connect).await.map_err(failed)?, writer)
            }
            Dialect::Postgres => {
                let shared = pool(options.connections).connect_with(connect).await.map_err(failed)?;
                (shared.clone(), shared)
            }
        };
        Ok(Self { dialect, readers, writer, statements: Arc::new(AtomicU64::new(0)) })
    }

    /// Which database serves.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// How many statements this store has run.
    pub fn statement_count(&self) -> u64 {
        self.statements.load(Ordering::Relaxed)
    }

    /// Asks the database whether it answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let mut connection = self.readers.acquire().await.map_err(|error| StoreError::of(self.dialect, error))?;
        sqlx::raw_sql("select 1")
            .execute(&mut *connection)
            .await
            .map(drop)
            .map_err(|error| StoreError::of(self.dialect, error))
    }

    /// Closes all connections, after those in use have been returned.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// Runs the closure on one snapshot of the tenant's data.
    pub async fn read<T, E, F>(&self, ctx: &Ctx, mut f: impl FnMut(Tx) -> F) -> Result<T, E>
    where
        E: From<StoreError>,
        F: Future<Output = Result<T, E>>,
    {
        let observed = Observed::begin(false);
        let (slot, mut running) = self.begin(false).await?;
        running.bind_tenant(ctx.tenant().id.to_string()).await?;
        let value = f(Tx::new(running, ctx.clone())).await?;
        self.finish(&slot).await?;
        observed.committed();
        Ok(value)
    }

    /// Runs the closure in one transaction and commits it; an error rolls back.
    ///
    /// The closure is run up to five times while the database reports a conflict, so it has no effects elsewhere.
    pub async fn write<T, E, F>(&self, ctx: &Ctx, mut f: impl FnMut(Tx) -> F) -> Result<T, E>
    where
        E: From<StoreError> + AsStoreError,
        F: Future<Output = Result<T, E>>,
    {
        for attempt in 1.. {
            let result = async {
                let observed = Observed::begin(true);
                let (slot, mut running) = self.begin(true).await?;
                running.bind_tenant(ctx.tenant().id.to_string()).await?;
                let value = f(Tx::new(running, ctx.clone())).await?;
                self.finish(&slot).await?;
                observed.committed();
                Ok(value)
            };
            if let Some(result) = self.settled(attempt, result.await).await {
                return result;
            }
        }
        unreachable!("the last attempt returns")
    }

    /// Runs the closure on one snapshot of the platform's tables.
    pub async fn platform_read<T, E, F>(&self, origin: &Origin, mut f: impl FnMut(PlatformTx) -> F) -> Result<T, E>
    where
        E: From<StoreError>,
        F: Future<Output = Result<T, E>>,
    {
        let observed = Observed::begin(false);
        let (slot, running) = self.begin(false).await?;
        let value = f(PlatformTx::new(running, origin.clone())).await?;
        self.finish(&slot).await?;
        observed.committed();
        Ok(value)
    }

    /// Runs the closure in one transaction on the platform's tables; like [`Store::write`].
    pub async fn platform_write<T, E, F>(&self, origin: &Origin, mut f: impl FnMut(PlatformTx) -> F) -> Result<T, E>
    where
        E: From<StoreError> + AsStoreError,
        F: Future<Output = Result<T, E>>,
    {
        for attempt in 1.. {
            let result = async {
                let observed = Observed::begin(true);
                let (slot, running) = self.begin(true).await?;
                let value = f(PlatformTx::new(running, origin.clone())).await?;
                self.finish(&slot).await?;
                observed.committed();
                Ok(value)
            };
            if let Some(result) = self.settled(attempt, result.await).await {
                return result;
            }
        }
        unreachable!("the last attempt returns")
    }

    pub(crate) async fn begin(&self, write: bool) -> Result<(Slot, Running), StoreError> {
        let (pool, statement) = match write {
            true => (&self.writer, self.dialect.begin_write()),
            false => (&self.readers, self.dialect.begin_read()),
        };
        let begun = Instant::now();
        let transaction = pool.begin_with(statement).await.map_err(|error| StoreError::of(self.dialect, error));
        observe::begun(write, begun.elapsed());
        let transaction = transaction?;
        let slot: Slot = Arc::new(Mutex::new(None));
        Ok((slot.clone(), Running::new(transaction, slot, self.dialect, self.statements.clone())))
    }

    pub(crate) async fn finish(&self, slot: &Slot) -> Result<(), StoreError> {
        let transaction: Option<Transaction<'static, Any>> = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
        let transaction = transaction.ok_or(StoreError::Leaked)?;
        transaction.commit().await.map_err(|error| StoreError::of(self.dialect, error))
    }

    /// The result if it is final; `None` after a pause when the transaction is to be run again.
    async fn settled<T, E: AsStoreError>(&self, attempt: u32, result: Result<T, E>) -> Option<Result<T, E>> {
        match &result {
            Err(error) if attempt < ATTEMPTS && error.as_store_error().is_some_and(StoreError::is_transient) => {
                observe::conflict();
                tracing::debug!(attempt, "transaction runs again after a conflict");
                tokio::time::sleep(Duration::from_millis(2 << attempt)).await;
                None
            }
            _ => Some(result),
        }
    }
}

/// An error that may come from the store, so that a transaction knows whether to run again.
pub trait AsStoreError {
    /// The store's error, if it is one.
    fn as_store_error(&self) -> Option<&StoreError>;
}

impl AsStoreError for StoreError {
    fn as_store_error(&self) -> Option<&StoreError> {
        Some(self)
    }
}
