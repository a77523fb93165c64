//! What a call may do to the platform: nothing at points that only calculate; at the others, one transaction.
//!
//! The transaction begins with the first write and ends with the call: whoever asked commits it, together with the mark
//! that the work was done. Where a request is answered, it ends before the answer's head goes out, and nothing is written
//! after that. From the first write on the call has little time, since others wait to write.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use heptad_capabilities::extensions::Serving;
use heptad_model::Ctx;
use heptad_model::collection::Collection;
use heptad_platform::document::{Document, document_get};
use heptad_platform::install::install_runs;
use heptad_platform::kv::{KvEntry, kv_get};
use heptad_store::dialect::Dialect;
use heptad_store::{OpenTx, Store, StoreError, Tx};

use crate::call::HostError;
use crate::ration::Payer;

/// How long a call may take from its first write on.
pub(crate) const fn write_time(dialect: Dialect) -> Duration {
    match dialect {
        // One connection writes for everybody.
        Dialect::Sqlite => Duration::from_millis(50),
        Dialect::Postgres => Duration::from_millis(500),
    }
}

/// What a call may do to the platform.
pub(crate) enum Effects {
    /// Nothing: it only reads, each time on a snapshot of its own.
    None,
    /// It may write.
    Writing(Box<Writing>),
}

/// The transaction of a call that may write.
pub(crate) struct Writing {
    open: Option<OpenTx>,
    /// When the transaction was begun.
    begun: Option<Instant>,
    /// How long those were open that were given up, since their first write was refused.
    given_up: Duration,
    /// How long it was open, once it is ended.
    ended: Option<Duration>,
    deadline: Arc<Deadline>,
    /// What it read of its own before it wrote.
    seen: Vec<Seen>,
    /// Pays for the time that the transaction is open, however the call ends.
    payer: Payer,
}

impl Writing {
    /// How long the transaction has been open.
    fn open_for(&self) -> Duration {
        self.ended.unwrap_or_else(|| self.given_up + self.begun.map_or(Duration::ZERO, |begun| begun.elapsed()))
    }
}

impl Writing {
    /// Begins the transaction with its first write. That needs no savepoint: an error gives all of it up, and the next write
    /// begins another one.
    async fn begin<T, F>(
        &mut self,
        store: &Store,
        ctx: &Ctx,
        serving: &Serving,
        f: impl FnOnce(Tx) -> F,
    ) -> Result<T, HostError>
    where
        F: Future<Output = Result<T, HostError>>,
    {
        let mut open = store.open_write(ctx).await?;
        let now = Instant::now();
        self.begun = Some(now);
        self.deadline.lower(now + write_time(store.dialect()));
        let seen = &self.seen;
        let written = async {
            open.read(async |tx| still_so(tx, serving, seen).await).await?;
            open.read(f).await
        };
        let value = written.await;
        if value.is_ok() {
            self.open = Some(open);
        } else {
            drop(open);
            self.begun = None;
            self.given_up += now.elapsed();
        }
        value
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.payer.pay(self.open_for());
    }
}

/// What a call read of its plugin's own data: what it asked for, and what was there.
enum Seen {
    Entries { keys: Vec<String>, found: Vec<KvEntry> },
    Documents { collection: Collection, ids: Vec<String>, found: Vec<Document> },
}

/// When a call is ended; it may come nearer while the call runs.
pub(crate) struct Deadline {
    base: Instant,
    nanos: AtomicU64,
}

impl Deadline {
    pub(crate) fn new(at: Instant) -> Self {
        let base = Instant::now();
        let deadline = Self { base, nanos: AtomicU64::new(u64::MAX) };
        deadline.lower(at);
        deadline
    }

    pub(crate) fn at(&self) -> Instant {
        self.base + Duration::from_nanos(self.nanos.load(Ordering::Acquire))
    }

    /// Ends the call at this moment, unless it ends before.
    pub(crate) fn lower(&self, at: Instant) {
        self.nanos.fetch_min(self.nanos_to(at), Ordering::AcqRel);
    }

    /// Puts the end at this moment, however near it was.
    fn put(&self, at: Instant) {
        self.nanos.store(self.nanos_to(at), Ordering::Release);
    }

    fn nanos_to(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.base).as_nanos()).unwrap_or(u64::MAX)
    }
}

impl Effects {
    /// May write, until the deadline.
    pub(crate) fn writing(deadline: Arc<Deadline>, payer: Payer) -> Self {
        let (given_up, seen) = (Duration::ZERO, Vec::new());
        Self::Writing(Box::new(Writing { open: None, begun: None, given_up, ended: None, deadline, seen, payer }))
    }

    /// Whether the call may write.
    pub(crate) const fn may_write(&self) -> bool {
        matches!(self, Self::Writing(_))
    }

    /// Whether the call has a transaction open.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self, Self::Writing(writing) if writing.begun.is_some() && writing.ended.is_none())
    }

    /// How long the transaction has been open.
    pub(crate) fn open_for(&self) -> Duration {
        match self {
            Self::Writing(writing) => writing.open_for(),
            Self::None => Duration::ZERO,
        }
    }

    /// The call's deadline, where it may move.
    pub(crate) fn deadline(&self) -> Option<Arc<Deadline>> {
        match self {
            Self::Writing(writing) => Some(writing.deadline.clone()),
            Self::None => None,
        }
    }

    /// The transaction, if the call has written.
    pub(crate) fn into_open(self) -> Option<OpenTx> {
        match self {
            Self::Writing(mut writing) => writing.open.take(),
            Self::None => None,
        }
    }

    /// Ends the call's transaction: commits what was written, or undoes it. From here on nothing may be written, and the
    /// call has its time again.
    pub(crate) async fn end(&mut self, commits: bool, until: Instant) -> Result<(), StoreError> {
        let Self::Writing(writing) = self else { return Ok(()) };
        let open = writing.open.take();
        let result = match open {
            Some(open) if commits => open.commit().await,
            _ => Ok(()),
        };
        writing.ended = Some(writing.open_for());
        writing.deadline.put(until);
        result
    }

    /// Reads: in the call's transaction, if it has one.
    pub(crate) async fn read<T, F>(&mut self, store: &Store, ctx: &Ctx, f: impl FnMut(Tx) -> F) -> Result<T, HostError>
    where
        F: Future<Output = Result<T, HostError>>,
    {
        match self {
            Self::Writing(writing) if writing.begun.is_some() && writing.ended.is_none() => match &mut writing.open {
                Some(open) => open.read(f).await,
                None => Err(StoreError::Leaked.into()),
            },
            _ => store.read(ctx, f).await,
        }
    }

    /// Remembers what the call read of its own store: it is compared when the call begins to write.
    pub(crate) fn saw(&mut self, keys: &[String], found: impl Iterator<Item = KvEntry>) {
        if let Self::Writing(writing) = self
            && writing.begun.is_none()
        {
            writing.seen.push(Seen::Entries { keys: keys.to_vec(), found: found.collect() });
        }
    }

    /// Remembers which documents the call read, likewise.
    pub(crate) fn saw_documents(
        &mut self,
        collection: Collection,
        ids: &[String],
        found: impl Iterator<Item = Document>,
    ) {
        if let Self::Writing(writing) = self
            && writing.begun.is_none()
        {
            writing.seen.push(Seen::Documents { collection, ids: ids.to_vec(), found: found.collect() });
        }
    }

    /// Writes, in the call's transaction, which begins now if it has not; an error undoes what this write did.
    pub(crate) async fn write<T, F>(
        &mut self,
        store: &Store,
        ctx: &Ctx,
        serving: &Serving,
        f: impl FnOnce(Tx) -> F,
    ) -> Result<T, HostError>
    where
        F: Future<Output = Result<T, HostError>>,
    {
        let Self::Writing(writing) = self else {
            return Err(HostError::denied("read-only", "a point that only calculates may not write"));
        };
        if writing.ended.is_some() {
            return Err(HostError::conflict("response-sent", "the response's head is out: write before it"));
        }
        if writing.begun.is_none() {
            return writing.begin(store, ctx, serving, f).await;
        }
        match &mut writing.open {
            Some(open) => open.write(f).await,
            None => Err(StoreError::Leaked.into()),
        }
    }
}

/// Whether the plugin's own data is still what the call read of it, and the call's version the one that the shop has and that
/// runs. If not, somebody else has written meanwhile, perhaps the same plugin at another event, and the call is run again on
/// what is there now.
async fn still_so(mut tx: Tx, serving: &Serving, seen: &[Seen]) -> Result<(), HostError> {
    let install = serving.install;
    if !install_runs(&mut tx, install, serving.version).await? {
        return Err(HostError::conflicting());
    }
    for seen in seen {
        let is_so = match seen {
            Seen::Entries { keys, found } => kv_get(&mut tx, install, keys).await? == *found,
            Seen::Documents { collection, ids, found } => {
                document_get(&mut tx, install, collection, ids).await? == *found
            }
        };
        if !is_so {
            return Err(HostError::conflicting());
        }
    }
    Ok(())
}
