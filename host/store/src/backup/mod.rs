//! Backup and restore: the whole database, and a folder of files that goes with it, in one portable file.
//!
//! [`create`] reads one snapshot while the platform runs; [`restore`] fills an empty, migrated database in one
//! transaction. The file is the same for SQLite and PostgreSQL, so one can be restored into the other. Tables and columns
//! are read from the database itself, so a new table cannot be forgotten. Both stream: memory holds a batch of rows.
//!
//! The file is gzip over lines of JSON, told in `format.rs`. On PostgreSQL everything is read and written as the server's role,
//! tenant by tenant, so no role needs to see all tenants at once.

mod create;
mod format;
mod restore;
mod schema;

use std::collections::BTreeMap;

use heptad_model::Millis;
use serde::Serialize;

pub use create::create;
pub use restore::restore;

use crate::StoreError;

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// When the backup was made.
    pub created_at: Millis,
    /// Rows by table.
    pub rows: BTreeMap<String, u64>,
    /// How many files.
    pub files: u64,
}

impl Summary {
    /// Rows of all tables.
    pub fn row_count(&self) -> u64 {
        self.rows.values().sum()
    }
}

/// Why a backup was not made or not restored. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The database failed, or refused a row.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file could not be read or written.
    #[error("{what}: {error}")]
    Io {
        /// What was being done.
        what: String,
        /// The cause.
        #[source]
        error: std::io::Error,
    },
    /// The file is not a backup, was cut off, or was changed.
    #[error("line {line} of the backup: {problem}")]
    Damaged {
        /// The line of the unpacked file, from 1.
        line: u64,
        /// What is wrong with it.
        problem: String,
    },
    /// The backup's schema is not the database's.
    #[error("the backup has schema {backup}, the database has {database}")]
    Schema {
        /// The backup's migrations.
        backup: String,
        /// The database's migrations.
        database: String,
    },
    /// A backup is restored into an empty database only.
    #[error("the database is not empty: table `{0}` has rows")]
    NotEmpty(String),
    /// A column has a type that backups do not know.
    #[error("column `{column}` of table `{table}` has type `{kind}`, which backups do not know")]
    ColumnType {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// The type's name in the database.
        kind: String,
    },
    /// No order of the tables puts every row before those that refer to it.
    #[error("tables refer to each other in a circle: {0}")]
    Circle(String),
}

impl BackupError {
    fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |error| Self::Io { what, error }
    }
}
