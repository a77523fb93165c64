//! Group commit on SQLite: those who wait for the one writing connection share a transaction, and so its one way to the
//! disk.
//!
//! A task of its own holds the connection and lends it to one member after the other as a [`Turn`]; the member's
//! closure runs in its caller's task, in a savepoint. Whatever ends it early (an error, a panic, a caller that has
//! gone) drops the turn, and that brings the connection back and undoes the savepoint. What a member keeps is answered
//! only when the commit of the whole group has succeeded. What the members tell is written once before it, those who tell
//! the same tenant together. If any of that fails, nothing of the group is there, and each member runs again, alone.
//!
//! Nobody waits for a group to fill: it ends when nobody else is waiting, so a lone writer commits at once.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::atomic::Ordering;
use std::time::Duration;

use heptad_model::id::TenantId;
use sqlx::any::{AnyArguments, AnyConnectOptions};
use sqlx::{AnyConnection, Connection as _};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};

use crate::StoreError;
use crate::dialect::Dialect;
use crate::outbox::{Telling, Told, outbox_put};
use crate::statement::{Counter, Session};

/// The most members of a group.
const MEMBERS: usize = 64;
/// How long a group takes members in, from the begin of its first. Those who wait for the commit wait no longer than this
/// and the closure that was let in last.
const OPEN: Duration = Duration::from_millis(5);
/// The most callers in the queue; those beyond wait for a place in it.
const QUEUE: usize = 1_024;

const BEGIN: &str = "begin immediate; savepoint member";
const NEXT: &str = "release member; savepoint member";
const UNDO: &str = "rollback to member";
/// Releasing fails where SQLite has rolled back by itself, after a full disk for example: then there is nothing to commit.
const COMMIT: &str = "release member; commit";
const ROLLBACK: &str = "rollback";

/// The way to the writing connection. Cheap to clone; the connection is closed after the last.
#[derive(Clone, Debug)]
pub(crate) struct Writers {
    queue: mpsc::Sender<Message>,
    patience: Duration,
}

enum Message {
    Write(Ask),
    Close(oneshot::Sender<()>),
}

/// A caller who waits for its turn.
struct Ask {
    alone: bool,
    turn: oneshot::Sender<Result<(Turn, Scope), StoreError>>,
}

/// A member that keeps what it did.
struct Kept {
    /// What it wants to tell.
    tellings: Vec<Telling>,
    /// What it has told.
    told: Vec<Told>,
    /// Where it learns whether the commit succeeded.
    answer: oneshot::Sender<Result<Vec<Told>, StoreError>>,
}

impl Writers {
    /// Connects, and begins to serve those who write; each waits at most `patience` for its turn.
    pub(crate) async fn open(
        options: AnyConnectOptions,
        patience: Duration,
        (statements, commits): (Counter, Counter),
    ) -> Result<Self, StoreError> {
        let connection = Some(connect(&options).await?);
        let (queue, waiting) = mpsc::channel(QUEUE);
        tokio::spawn(Server { options, connection, waiting, next: None, statements, commits }.run());
        Ok(Self { queue, patience })
    }

    /// Waits for a turn; `alone` in a group of its own.
    pub(crate) async fn turn(&self, alone: bool) -> Result<(Turn, Scope), StoreError> {
        let (turn, granted) = oneshot::channel();
        let asked = async {
            self.queue.send(Message::Write(Ask { alone, turn })).await.map_err(|_| closed())?;
            granted.await.map_err(|_| closed())?
        };
        timeout(self.patience, asked).await.map_err(|_| StoreError::Away(sqlx::Error::PoolTimedOut))?
    }

    /// Closes the connection after the group that is open; who waits or comes later is told so.
    pub(crate) async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.queue.send(Message::Close(done)).await.is_ok() {
            // An error says that it was closed before.
            let _ = closed.await;
        }
    }
}

fn closed() -> StoreError {
    StoreError::Away(sqlx::Error::PoolClosed)
}

async fn connect(options: &AnyConnectOptions) -> Result<AnyConnection, StoreError> {
    let failed = |error| StoreError::of(Dialect::Sqlite, error);
    let mut connection = AnyConnection::connect_with(options).await.map_err(failed)?;
    sqlx::raw_sql(Dialect::Sqlite.session()).execute(&mut connection).await.map_err(failed)?;
    Ok(connection)
}

/// The writing connection, lent to one member. Dropping it undoes what the member did.
pub(crate) struct Turn {
    connection: Option<AnyConnection>,
    back: Option<oneshot::Sender<Returned>>,
}

/// The caller holds it while its closure runs. When it falls before the turn has come back, the closure has let its
/// transaction escape.
pub(crate) type Scope = oneshot::Sender<Infallible>;

struct Returned {
    connection: AnyConnection,
    /// `None` undoes.
    kept: Option<Kept>,
}

impl Turn {
    /// The connection.
    pub(crate) fn connection(&mut self) -> &mut AnyConnection {
        self.connection.as_mut().expect("only giving it back takes it")
    }

    /// Gives the connection back and waits for the commit of the group, and of what this member tells in it.
    pub(crate) async fn commit(mut self, tellings: Vec<Telling>) -> Result<Vec<Told>, StoreError> {
        let (answer, committed) = oneshot::channel();
        self.give_back(Some(Kept { tellings, told: Vec::new(), answer }));
        committed.await.map_err(|_| closed())?
    }

    fn give_back(&mut self, kept: Option<Kept>) {
        if let (Some(connection), Some(back)) = (self.connection.take(), self.back.take()) {
            // Where the task is gone, the connection falls here, and SQLite rolls back.
            let _ = back.send(Returned { connection, kept });
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.give_back(None);
    }
}

/// The task that holds the connection.
struct Server {
    options: AnyConnectOptions,
    /// `None` after a failure; the next group connects anew.
    connection: Option<AnyConnection>,
    waiting: mpsc::Receiver<Message>,
    /// Taken from the queue, but not for the group that was open.
    next: Option<Message>,
    statements: Counter,
    commits: Counter,
}

impl Server {
    async fn run(mut self) {
        loop {
            let message = match self.next.take() {
                Some(message) => Some(message),
                None => self.waiting.recv().await,
            };
            match message {
                Some(Message::Write(ask)) if ask.turn.is_closed() => {}
                Some(Message::Write(ask)) => self.group(ask).await,
                Some(Message::Close(done)) => {
                    self.disconnect().await;
                    self.waiting.close();
                    let _ = done.send(());
                    return;
                }
                None => return self.disconnect().await,
            }
        }
    }

    async fn disconnect(&mut self) {
        if let Some(connection) = self.connection.take()
            && let Err(error) = connection.close().await
        {
            tracing::warn!(%error, "the writing connection was not closed cleanly: {error}");
        }
    }

    /// Begins a group with this caller, lets others join, and commits.
    async fn group(&mut self, first: Ask) {
        if let Err(error) = self.begin().await {
            let _ = first.turn.send(Err(error));
            return;
        }
        let (until, is_alone) = (Instant::now() + OPEN, first.alone);
        let (mut members, mut kept) = (1, Vec::new());
        let mut ended = self.member(first, &mut kept).await;
        while ended.is_ok() && !is_alone && members < MEMBERS && Instant::now() < until {
            let Some(ask) = self.joining() else { break };
            members += 1;
            ended = match self.execute(NEXT).await {
                Ok(()) => self.member(ask, &mut kept).await,
                Err(error) => {
                    self.next = Some(Message::Write(ask));
                    Err(error)
                }
            };
        }
        if ended.is_ok() {
            ended = self.tell(&mut kept).await;
        }
        if ended.is_ok() {
            ended = self.execute(if kept.is_empty() { ROLLBACK } else { COMMIT }).await;
        }
        self.settle(members, kept, ended).await;
    }

    /// Writes what the members tell, tenant by tenant.
    async fn tell(&mut self, kept: &mut [Kept]) -> Result<(), StoreError> {
        let mut by_tenant: BTreeMap<TenantId, (Vec<usize>, Vec<Telling>)> = BTreeMap::new();
        for (member, kept) in kept.iter_mut().enumerate() {
            for telling in kept.tellings.drain(..) {
                let (members, tellings) = by_tenant.entry(telling.ctx.tenant().id).or_default();
                members.push(member);
                tellings.push(telling);
            }
        }
        for (tenant, (members, tellings)) in by_tenant {
            let connection = self.connection.as_mut().ok_or_else(closed)?;
            let mut session = Session { connection, dialect: Dialect::Sqlite, counter: &self.statements };
            let told = outbox_put(&mut session, tenant, tellings).await?;
            members.into_iter().zip(told).for_each(|(member, told)| kept[member].told.push(told));
        }
        Ok(())
    }

    /// Tells those who kept something what became of it. Whoever has gone meanwhile has written, or not, all the same.
    async fn settle(&mut self, members: usize, kept: Vec<Kept>, ended: Result<(), StoreError>) {
        let Err(error) = ended else {
            self.commits.fetch_add(u64::from(!kept.is_empty()), Ordering::Relaxed);
            kept.into_iter().for_each(|kept| drop(kept.answer.send(Ok(kept.told))));
            return;
        };
        tracing::debug!(members, %error, "a group of {members} was not committed: {error}");
        // Whatever state the connection is in, closing it rolls back.
        self.disconnect().await;
        match kept {
            kept if members > 1 => again(kept, &error),
            mut kept => drop(kept.pop().map(|kept| kept.answer.send(Err(error)))),
        }
    }

    /// The next caller in the queue that joins the open group, if somebody is waiting.
    fn joining(&mut self) -> Option<Ask> {
        loop {
            match self.waiting.try_recv().ok()? {
                Message::Write(ask) if ask.turn.is_closed() => {}
                Message::Write(ask) if !ask.alone => return Some(ask),
                other => {
                    self.next = Some(other);
                    return None;
                }
            }
        }
    }

    /// Lends the connection to a member, and undoes its savepoint unless it kept what it did.
    async fn member(&mut self, ask: Ask, kept: &mut Vec<Kept>) -> Result<(), StoreError> {
        let (back, mut returned) = oneshot::channel();
        let (scope, mut over) = oneshot::channel();
        let turn = Turn { connection: self.connection.take(), back: Some(back) };
        // A caller that has gone drops the turn, here or on its way.
        let _ = ask.turn.send(Ok((turn, scope)));
        let (returned, leaked) = tokio::select! {
            biased;
            returned = &mut returned => (returned, false),
            _ = &mut over => {
                // The transaction may come back late or never. The others need not wait for that.
                again(std::mem::take(kept), &StoreError::Leaked);
                (returned.await, true)
            }
        };
        let Returned { connection, kept: keeps } = returned.map_err(|_| StoreError::Leaked)?;
        self.connection = Some(connection);
        match keeps {
            _ if leaked => Err(StoreError::Leaked),
            Some(keeps) => {
                kept.push(keeps);
                Ok(())
            }
            None => self.execute(UNDO).await,
        }
    }

    async fn begin(&mut self) -> Result<(), StoreError> {
        if self.connection.is_none() {
            self.connection = Some(connect(&self.options).await?);
        }
        let begun = self.execute(BEGIN).await;
        if begun.is_err() {
            self.disconnect().await;
        }
        begun
    }

    async fn execute(&mut self, sql: &'static str) -> Result<(), StoreError> {
        let connection = self.connection.as_mut().ok_or_else(closed)?;
        // With arguments, even none, SQLite keeps the statement prepared.
        let query = sqlx::query_with(sql, AnyArguments::default());
        query.execute(connection).await.map(drop).map_err(|error| StoreError::of(Dialect::Sqlite, error))
    }
}

/// Tells members that nothing of their group is there, by whosever fault: each is to run again, alone.
fn again(kept: Vec<Kept>, error: &StoreError) {
    for kept in kept {
        let _ = kept.answer.send(Err(StoreError::Group(error.to_string())));
    }
}
