//! What a host keeps its data in: a folder, and a database in it or on PostgreSQL.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use heptad_bus::BusOptions;
use heptad_store::dialect::Dialect;
use heptad_store::testing::TestDatabase;

use crate::setup::variable;

/// A database, with what belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Database {
    /// One process, WAL, `synchronous = full`.
    Sqlite,
    /// With NATS; `fsync` and `synchronous_commit` on.
    Postgres,
}

impl Database {
    /// Both.
    pub(crate) const ALL: [Self; 2] = [Self::Sqlite, Self::Postgres];

    /// For people.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL and NATS",
        }
    }
}

/// A folder of data: the components and their compiled code, on SQLite the database as well.
pub(crate) struct Data {
    folder: PathBuf,
    /// The database as the server's role.
    pub(crate) url: String,
    /// The database as the role that migrates, and the role that it grants rights to.
    pub(crate) owner_url: String,
    pub(crate) server_role: Option<String>,
    /// NATS, where there is one.
    pub(crate) bus: Option<BusOptions>,
    _temporary: Option<tempfile::TempDir>,
}

impl Data {
    /// Empty, on SQLite, and gone with this value.
    pub(crate) fn new() -> Result<Self> {
        let temporary = tempfile::tempdir()?;
        let data = Self::at(temporary.path());
        Ok(Self { _temporary: Some(temporary), ..data })
    }

    /// The same on either database; one on PostgreSQL is gone with the server.
    pub(crate) async fn on(database: Database) -> Result<Self> {
        let data = Self::new()?;
        if database == Database::Sqlite {
            return Ok(data);
        }
        let nats = variable("HEPTAD_TEST_NATS")?.display().to_string();
        let TestDatabase { url, owner_url, server_role, .. } = TestDatabase::create(Dialect::Postgres).await;
        let prefix = url.rsplit('/').next().context("a database's URL ends with its name")?.to_owned();
        let bus = Some(BusOptions { url: nats, prefix, ..BusOptions::default() });
        Ok(Self { url, owner_url, server_role, bus, ..data })
    }

    /// A folder of another process, on SQLite.
    pub(crate) fn at(folder: impl Into<PathBuf>) -> Self {
        let folder = folder.into();
        let url = format!("sqlite:{}", folder.join("bench.db").display());
        Self { folder, owner_url: url.clone(), url, server_role: None, bus: None, _temporary: None }
    }

    /// Where it lies.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }
}
