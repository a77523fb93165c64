//! Where SQLite and PostgreSQL differ: how a transaction begins, session settings, and which errors mean "try again".
//!
//! Lists go into a statement as one JSON parameter, read by `json_each($n)`; lists of objects by `json_each($n, '$')`, and
//! their members by `json_extract(value, '$.name')`: SQLite has these functions, and the migrator makes them for PostgreSQL.

use sqlx::error::DatabaseError;

/// A statement that finds rows by a list of keys, for SQLite and for PostgreSQL: what is selected up to the column of the key,
/// the parameter with the list, and what may follow, such as an order. For [`crate::Tx::query_of`].
///
/// What PostgreSQL knows of a tenant is some minutes old, and of a new one it thinks that it has a single row: it would look
/// through the list for each row of the tenant. A subquery that it may not take apart (`offset 0`) finds each key by the index.
#[macro_export]
macro_rules! by_keys {
    ($select:literal, $list:literal) => {
        $crate::by_keys!($select, $list, "")
    };
    ($select:literal, $list:literal, $then:literal) => {
        (
            concat!($select, " in (select value from json_each(", $list, ")) ", $then),
            concat!(
                "select found.* from (select distinct value from json_each(",
                $list,
                ")) wanted cross join lateral (",
                $select,
                " = wanted.value offset 0) found ",
                $then
            ),
        )
    };
}

/// Which database serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// One file, one writer.
    Sqlite,
    /// A server.
    Postgres,
}

impl Dialect {
    /// By the scheme of a database URL: `sqlite:` or `postgres:`.
    pub fn of_url(url: &str) -> Option<Self> {
        match url.split(':').next()? {
            "sqlite" => Some(Self::Sqlite),
            "postgres" | "postgresql" => Some(Self::Postgres),
            _ => None,
        }
    }

    /// The word for messages and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }

    pub(crate) const fn begin_read(self) -> &'static str {
        match self {
            Self::Sqlite => "begin",
            Self::Postgres => "begin isolation level repeatable read read only",
        }
    }

    /// SQLite takes the write lock at once: a transaction that reads first and locks later fails when another writes.
    pub(crate) const fn begin_write(self) -> &'static str {
        match self {
            Self::Sqlite => "begin immediate",
            Self::Postgres => "begin isolation level repeatable read",
        }
    }

    /// What each new connection runs.
    pub(crate) const fn session(self) -> &'static str {
        match self {
            Self::Sqlite => {
                "pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = on; \
                 pragma busy_timeout = 5000; pragma temp_store = memory; pragma cache_size = -16000; \
                 pragma wal_autocheckpoint = 4000"
            }
            Self::Postgres => "set statement_timeout = '30s'; set idle_in_transaction_session_timeout = '60s'",
        }
    }

    /// How the tables' column types differ: `{bytes}` in a migration.
    pub(crate) const fn bytes_type(self) -> &'static str {
        match self {
            Self::Sqlite => "blob",
            Self::Postgres => "bytea",
        }
    }

    /// Text is ordered by its bytes on both, so that a page ends at the same place on either.
    pub(crate) const fn text_type(self) -> &'static str {
        match self {
            Self::Sqlite => " text",
            Self::Postgres => " text collate \"C\"",
        }
    }

    /// Whether a failed transaction may succeed when it is run again.
    pub(crate) fn is_transient(self, error: &dyn DatabaseError) -> bool {
        let code = error.code();
        let code = code.as_deref().unwrap_or_default();
        match self {
            // SQLITE_BUSY, SQLITE_LOCKED, SQLITE_BUSY_RECOVERY, SQLITE_BUSY_SNAPSHOT.
            Self::Sqlite => matches!(code, "5" | "6" | "261" | "517"),
            // Serialisation failure, deadlock.
            Self::Postgres => matches!(code, "40001" | "40P01"),
        }
    }

    /// Whether the server is going, coming, or takes nobody else in.
    pub(crate) fn is_away(self, error: &dyn DatabaseError) -> bool {
        let code = error.code();
        let code = code.as_deref().unwrap_or_default();
        match self {
            Self::Sqlite => false,
            // Connection exceptions, too many connections, shutdown, crash, not yet up.
            Self::Postgres => code.starts_with("08") || matches!(code, "53300" | "57P01" | "57P02" | "57P03"),
        }
    }
}
