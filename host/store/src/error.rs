//! What can go wrong between an operation and the database.

use crate::dialect::Dialect;

/// Why a statement or a transaction failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database URL has no scheme that we know.
    #[error("the database URL must begin with `sqlite:` or `postgres:`")]
    UnknownScheme,
    /// Serialisation failure, deadlock or a busy database; the transaction may succeed when it is run again.
    #[error("the database was busy: {0}")]
    Busy(#[source] sqlx::Error),
    /// The database does not answer, or has no connection left: nothing was begun, or what was begun is undone, but for a
    /// commit whose answer was lost.
    #[error("the database cannot be reached: {0}")]
    Away(#[source] sqlx::Error),
    /// A unique constraint was violated; the name as far as the database tells it.
    #[error("a row with this key exists already ({0})")]
    Duplicate(String),
    /// A column does not hold what the operation expects.
    #[error("column `{column}`: {problem}")]
    Column {
        /// The column's name.
        column: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// The database is of another version than this binary.
    #[error("{0}")]
    Schema(String),
    /// A transaction that shared a commit with others, which failed; it may succeed alone.
    #[error("a commit shared with other transactions failed: {0}")]
    Group(String),
    /// An event breaks the bounds of the outbox.
    #[error("an event `{kind}` cannot be told: {problem}")]
    Event {
        /// Its type.
        kind: String,
        /// The rule that it breaks.
        problem: String,
    },
    /// The closure kept the transaction beyond its end.
    #[error("a transaction outlived its closure")]
    Leaked,
    /// Everything else: disk full, a wrong statement.
    #[error("the database failed: {0}")]
    Database(#[source] sqlx::Error),
}

impl StoreError {
    pub(crate) fn of(dialect: Dialect, error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(cause) if dialect.is_transient(cause.as_ref()) => Self::Busy(error),
            sqlx::Error::Database(cause) if cause.is_unique_violation() => {
                Self::Duplicate(cause.constraint().map_or_else(|| cause.message().to_owned(), str::to_owned))
            }
            sqlx::Error::Database(cause) if dialect.is_away(cause.as_ref()) => Self::Away(error),
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
                Self::Away(error)
            }
            _ => Self::Database(error),
        }
    }

    /// Whether running the transaction again may help.
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Busy(_) | Self::Group(_))
    }
}
