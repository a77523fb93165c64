//! The store: pools, and the closures that run in transactions.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use heptad_model::{Ctx, Event, Origin};
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyPool, AssertSqlSafe, Connection as _};
use tokio::time::{sleep, timeout};

use crate::StoreError;
use crate::dialect::Dialect;
use crate::group::{Scope, Writers};
use crate::observe::{self, Observed};
use crate::open::OpenTx;
use crate::outbox::{Telling, Told, outbox_of_each, outbox_put};
use crate::statement::Counter;
use crate::tx::{Addressed, Held, PlatformTx, Returned, Running, Slot, Tx};

/// How often a transaction is tried before its failure is reported. With five, three processes that sold one SKU to three
/// customers at a time refused an order now and then.
const ATTEMPTS: u32 = 10;
/// From which attempt on the pause does not grow any more.
const LONGEST_PAUSE: u32 = 5;

/// How long a caller waits for a connection while the database is away.
const BRIEF: Duration = Duration::from_secs(1);

/// The pause between two attempts to reach a database that is away.
const AGAIN: Duration = Duration::from_millis(200);

/// For how long a connection that was returned is taken to be there still. An older one is asked first, and replaced if it
/// has gone.
const FRESH: Duration = Duration::from_secs(1);

/// How many statements a connection to PostgreSQL keeps prepared, in a parameter of its URL. There are some 450; of those that
/// do not fit, each is parsed and planned anew.
const STATEMENTS: &str = "statement-cache-capacity";

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
#[derive(Clone)]
pub struct Store {
    dialect: Dialect,
    readers: AnyPool,
    writing: Writing,
    pub(crate) statements: Counter,
    commits: Counter,
    /// Whether the database could not be reached the last time; a task waits for it meanwhile.
    away: Arc<AtomicBool>,
    listener: Arc<OnceLock<Listener>>,
}

/// Who is told after a commit.
type Listener = Box<dyn Fn(&Ctx, &[Event]) + Send + Sync>;

/// How transactions that write get their connection and are committed.
#[derive(Clone, Debug)]
enum Writing {
    /// On SQLite: one connection, whose users share commits.
    Grouped(Writers),
    /// On PostgreSQL: the connections of all; the server groups commits by itself.
    Pooled(AnyPool),
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("dialect", &self.dialect).finish_non_exhaustive()
    }
}

impl Store {
    /// Connects; on SQLite makes the file when it is absent.
    pub async fn open(options: &StoreOptions) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let dialect = Dialect::of_url(&options.url).ok_or(StoreError::UnknownScheme)?;
        let pool = || {
            AnyPoolOptions::new()
                .max_connections(options.connections)
                .acquire_timeout(options.acquire_timeout)
                .test_before_acquire(false)
                .before_acquire(move |connection, state| {
                    Box::pin(async move {
                        // SQLite's are in this process: they do not go away.
                        if dialect == Dialect::Postgres && state.idle_for > FRESH {
                            connection.ping().await?;
                        }
                        Ok(true)
                    })
                })
                .after_connect(move |connection, _| {
                    Box::pin(async move { sqlx::raw_sql(dialect.session()).execute(connection).await.map(drop) })
                })
        };
        let failed = |error| StoreError::of(dialect, error);
        let url = match dialect {
            Dialect::Sqlite if !options.url.contains('?') => format!("{}?mode=rwc", options.url),
            Dialect::Postgres if !options.url.contains(STATEMENTS) => {
                format!("{}{}{STATEMENTS}=500", options.url, if options.url.contains('?') { '&' } else { '?' })
            }
            _ => options.url.clone(),
        };
        let connect: AnyConnectOptions = url.parse().map_err(failed)?;
        let (statements, commits) = (Counter::default(), Counter::default());
        let (readers, writing) = match dialect {
            Dialect::Sqlite => {
                // The writer first: it makes the file, and only one connection ever asks for the write lock.
                let counters = (statements.clone(), commits.clone());
                let writers = Writers::open(connect.clone(), options.acquire_timeout, counters).await?;
                let readers = snapshots(pool()).connect_with(connect).await.map_err(failed)?;
                (readers, Writing::Grouped(writers))
            }
            Dialect::Postgres => {
                let shared = pool().connect_with(connect).await.map_err(failed)?;
                (shared.clone(), Writing::Pooled(shared))
            }
        };
        let (away, listener) = (Arc::default(), Arc::default());
        Ok(Self { dialect, readers, writing, statements, commits, away, listener })
    }

    /// Which database serves.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// How many statements this store has run.
    pub fn statement_count(&self) -> u64 {
        self.statements.load(Ordering::Relaxed)
    }

    /// How often this store has committed what was written. On SQLite those who write at the same time share a commit.
    pub fn commit_count(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Asks the database whether it answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let asked = async { sqlx::raw_sql("select 1").execute(&mut *self.readers.acquire().await?).await.map(drop) };
        self.begin(asked).await
    }

    /// A connection or a transaction. While the database is away, callers wait for it [`BRIEF`] at most: whoever asks
    /// meanwhile is told soon, and does not pile up.
    async fn begin<T>(&self, begin: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, StoreError> {
        let begun = if self.away.load(Ordering::Relaxed) {
            timeout(BRIEF, begin).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
        } else {
            begin.await
        };
        let begun = begun.map_err(|error| StoreError::of(self.dialect, error));
        if let Err(error) = &begun {
            self.noticed(error);
        }
        begun
    }

    /// Notes whether an error says that the database is away; from then on a task waits for it.
    fn noticed(&self, error: &StoreError) {
        if matches!(error, StoreError::Away(_)) && !self.away.swap(true, Ordering::Relaxed) {
            tokio::spawn(wait_for(self.readers.clone(), self.away.clone()));
        }
    }

    /// Closes all connections, after those in use have been returned.
    pub async fn close(&self) {
        self.readers.close().await;
        if let Writing::Grouped(writers) = &self.writing {
            writers.close().await;
        }
    }

    /// Runs the closure on one snapshot of the tenant's data.
    pub async fn read<T, E, F>(&self, ctx: &Ctx, mut f: impl FnMut(Tx) -> F) -> Result<T, E>
    where
        E: From<StoreError>,
        F: Future<Output = Result<T, E>>,
    {
        let observed = Observed::begin(false);
        let (slot, running) = self.begin_read(Some(ctx)).await?;
        let value = f(Tx::new(running, ctx.clone())).await?;
        self.finish(&slot).await?;
        observed.committed();
        Ok(value)
    }

    /// Runs the closure in one transaction and commits it; an error rolls back.
    ///
    /// The closure is run up to ten times while the database reports a conflict, so it has no effects elsewhere. On
    /// SQLite it runs in a savepoint of a transaction that others may share; the answer comes after the commit, as
    /// everywhere, and an error of another member touches nobody else.
    pub async fn write<T, E, F>(&self, ctx: &Ctx, mut f: impl FnMut(Tx) -> F) -> Result<T, E>
    where
        E: From<StoreError> + AsStoreError,
        F: Future<Output = Result<T, E>>,
    {
        for attempt in 1.. {
            let result = async {
                let observed = Observed::begin(true);
                let (slot, running) = self.begin_write(attempt > 1, Some(ctx)).await?;
                let value = f(Tx::new(running, ctx.clone())).await?;
                let Returned { held, events } = slot.take().ok_or(StoreError::Leaked)?;
                self.commit(ctx.origin(), Some(ctx), held, events).await?;
                observed.committed();
                Ok(value)
            };
            if let Some(result) = self.settled(attempt, result.await).await {
                return result;
            }
        }
        unreachable!("the last attempt returns")
    }

    /// Begins a transaction that stays open between closures.
    pub async fn open_write(&self, ctx: &Ctx) -> Result<OpenTx, StoreError> {
        let (held, scope) = self.hold(false, Some(ctx)).await?;
        Ok(OpenTx::new(self.clone(), ctx.clone(), held, scope))
    }

    /// Calls `listener` after each commit that told of something. The first listener stays.
    pub fn on_events(&self, listener: impl Fn(&Ctx, &[Event]) + Send + Sync + 'static) {
        let _ = self.listener.set(Box::new(listener));
    }

    /// Runs the closure on one snapshot of the platform's tables.
    pub async fn platform_read<T, E, F>(&self, origin: &Origin, mut f: impl FnMut(PlatformTx) -> F) -> Result<T, E>
    where
        E: From<StoreError>,
        F: Future<Output = Result<T, E>>,
    {
        let observed = Observed::begin(false);
        let (slot, running) = self.begin_read(None).await?;
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
                let (slot, running) = self.begin_write(attempt > 1, None).await?;
                let value = f(PlatformTx::new(running, origin.clone())).await?;
                let Returned { held, events } = slot.take().ok_or(StoreError::Leaked)?;
                self.commit(origin, None, held, events).await?;
                observed.committed();
                Ok(value)
            };
            if let Some(result) = self.settled(attempt, result.await).await {
                return result;
            }
        }
        unreachable!("the last attempt returns")
    }

    async fn begin_read(&self, of: Option<&Ctx>) -> Result<(Slot, Running), StoreError> {
        let begun = Instant::now();
        let held = match self.dialect {
            Dialect::Sqlite => Held::Snapshot(self.begin(self.readers.acquire()).await?),
            Dialect::Postgres => {
                let begin = postgres_begin(self.dialect.begin_read(), of);
                Held::Read(self.begin(self.readers.begin_with(begin)).await?)
            }
        };
        observe::begun(false, begun.elapsed());
        Ok(Running::new(held, None, self.dialect, self.statements.clone()))
    }

    async fn begin_write(&self, alone: bool, of: Option<&Ctx>) -> Result<(Slot, Running), StoreError> {
        let (held, scope) = self.hold(alone, of).await?;
        Ok(Running::new(held, scope, self.dialect, self.statements.clone()))
    }

    /// Begins to write; `alone`: where commits are shared, in a commit of its own.
    async fn hold(&self, alone: bool, of: Option<&Ctx>) -> Result<(Held, Option<Scope>), StoreError> {
        let begun = Instant::now();
        let (held, scope) = match &self.writing {
            Writing::Grouped(writers) => {
                let (turn, scope) = writers.turn(alone).await?;
                (Held::Member(turn), Some(scope))
            }
            Writing::Pooled(pool) => {
                let begin = postgres_begin(self.dialect.begin_write(), of);
                (Held::Write(self.begin(pool.begin_with(begin)).await?), None)
            }
        };
        observe::begun(true, begun.elapsed());
        Ok((held, scope))
    }

    /// Writes what the transaction tells, commits, and lets those know who listen. `bound` is the tenant that the
    /// transaction is of, if it is of one.
    pub(crate) async fn commit(
        &self,
        origin: &Origin,
        bound: Option<&Ctx>,
        held: Held,
        events: Vec<Addressed>,
    ) -> Result<(), StoreError> {
        let tellings = outbox_of_each(origin, bound, events)?;
        let told = match held {
            Held::Member(turn) => turn.commit(tellings).await?,
            held => self.tell(bound, held, tellings).await?,
        };
        if let Some(listener) = self.listener.get() {
            told.iter().for_each(|told| listener(&told.ctx, &told.events));
        }
        Ok(())
    }

    /// Writes what a transaction tells, whose commit is its own, and commits.
    async fn tell(&self, bound: Option<&Ctx>, mut held: Held, tellings: Vec<Telling>) -> Result<Vec<Told>, StoreError> {
        let (mut told, mut binds) = (Vec::new(), bound.map(|bound| bound.tenant().id));
        for telling in tellings {
            let (slot, mut running) = Running::new(held, None, self.dialect, self.statements.clone());
            let tenant = telling.ctx.tenant().id;
            if binds.replace(tenant) != Some(tenant) {
                running.bind_tenant(tenant.to_string()).await?;
            }
            told.extend(outbox_put(&mut running.session(), tenant, vec![telling]).await?);
            drop(running);
            held = slot.take().ok_or(StoreError::Leaked)?.held;
        }
        self.end(held).await?;
        Ok(told)
    }

    async fn finish(&self, slot: &Slot) -> Result<(), StoreError> {
        self.end(slot.take().ok_or(StoreError::Leaked)?.held).await
    }

    async fn end(&self, held: Held) -> Result<(), StoreError> {
        let failed = |error| StoreError::of(self.dialect, error);
        match held {
            Held::Snapshot(_) => Ok(()),
            Held::Read(transaction) => transaction.commit().await.map_err(failed),
            Held::Write(transaction) => {
                transaction.commit().await.map_err(failed)?;
                self.commits.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            Held::Member(turn) => turn.commit(Vec::new()).await.map(drop),
        }
    }

    /// The result if it is final; `None` after a pause when the transaction is to be run again.
    async fn settled<T, E: AsStoreError>(&self, attempt: u32, result: Result<T, E>) -> Option<Result<T, E>> {
        if let Err(error) = &result {
            error.as_store_error().inspect(|error| self.noticed(error));
        }
        match &result {
            Err(error) if attempt < ATTEMPTS && error.as_store_error().is_some_and(StoreError::is_transient) => {
                observe::conflict();
                tracing::debug!(attempt, "transaction runs again after a conflict");
                sleep(pause(attempt)).await;
                None
            }
            _ => Some(result),
        }
    }
}

/// Begins a transaction on PostgreSQL and binds it to a tenant, on one way there and back.
fn postgres_begin(begin: &'static str, of: Option<&Ctx>) -> AssertSqlSafe<String> {
    // An id's text is letters, digits and an underscore.
    AssertSqlSafe(match of {
        Some(ctx) => format!("{begin}; set local heptad.tenant = '{}'", ctx.tenant().id),
        None => begin.to_owned(),
    })
}

/// Asks the database with patience until it answers, or until its pool is closed. That there is a connection does not say
/// so: one that was used a moment ago is handed out as it is.
async fn wait_for(pool: AnyPool, away: Arc<AtomicBool>) {
    loop {
        let asked = async { sqlx::raw_sql("select 1").execute(&mut *pool.acquire().await?).await };
        match asked.await {
            Ok(_) => return away.store(false, Ordering::Relaxed),
            Err(sqlx::Error::PoolClosed) => return,
            Err(_) => sleep(AGAIN).await,
        }
    }
}

/// How long a transaction rests before it is run again: longer each time, and by chance, since those that met once would
/// meet again if they rested alike.
fn pause(attempt: u32) -> Duration {
    let chance = RandomState::new().hash_one(attempt) % 1_000;
    Duration::from_micros((2_000 << attempt.min(LONGEST_PAUSE)) * (500 + chance) / 1_000)
}

/// Readers of SQLite whose transaction has begun before they are asked for, and ends when they are back: `begin` takes no
/// snapshot before the first statement. Each statement is a way to another thread and back; this saves a read two.
fn snapshots(pool: AnyPoolOptions) -> AnyPoolOptions {
    const SESSION: &str = Dialect::Sqlite.session();
    const BEGIN: &str = Dialect::Sqlite.begin_read();
    pool.after_connect(|connection, _| {
        Box::pin(async move {
            sqlx::raw_sql(SESSION).execute(&mut *connection).await?;
            sqlx::raw_sql(BEGIN).execute(connection).await.map(drop)
        })
    })
    .after_release(|connection, _| {
        Box::pin(async move { sqlx::raw_sql("rollback; begin").execute(connection).await.map(|_| true) })
    })
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
