//! Databases for tests: a fresh one for each test, on SQLite and on PostgreSQL alike.
//!
//! `cargo xtask test` starts PostgreSQL and passes `HEPTAD_TEST_POSTGRES`, the owner's URL, and
//! `HEPTAD_TEST_POSTGRES_SERVER_ROLE`, the role that is bound by row-level security.

use heptad_model::Env;
use sqlx::{AssertSqlSafe, Connection, Row as _};
use tempfile::TempDir;

use crate::dialect::Dialect;
use crate::{Store, StoreOptions, migrate};

/// A migrated, empty database.
pub struct TestDatabase {
    /// The URL of the server's role.
    pub url: String,
    /// The URL of the role that migrates.
    pub owner_url: String,
    /// The role that migrations grant rights to.
    pub server_role: Option<String>,
    _directory: Option<TempDir>,
}

impl TestDatabase {
    /// Makes one.
    pub async fn create(dialect: Dialect) -> Self {
        match dialect {
            Dialect::Sqlite => Self::sqlite().await,
            Dialect::Postgres => Self::postgres().await,
        }
    }

    /// Connects as the server does.
    pub async fn open(&self) -> Store {
        Store::open(&StoreOptions::new(self.url.clone())).await.expect("a test database opens")
    }

    /// Connects with so many connections.
    pub async fn open_with(&self, connections: u32) -> Store {
        let options = StoreOptions { connections, ..StoreOptions::new(self.url.clone()) };
        Store::open(&options).await.expect("a test database opens")
    }

    async fn sqlite() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let url = format!("sqlite:{}", directory.path().join("heptad.db").display());
        migrate(&url, None, &Env::system()).await.expect("an empty database migrates");
        Self { owner_url: url.clone(), url, server_role: None, _directory: Some(directory) }
    }

    async fn postgres() -> Self {
        sqlx::any::install_default_drivers();
        let hint = "PostgreSQL tests run under `cargo xtask test`, which starts a server and sets HEPTAD_TEST_POSTGRES";
        let admin = std::env::var("HEPTAD_TEST_POSTGRES").expect(hint);
        let role = std::env::var("HEPTAD_TEST_POSTGRES_SERVER_ROLE").expect(hint);
        let template = "heptad_template";
        let mut connection = sqlx::AnyConnection::connect(&admin).await.expect("the test server answers");
        // Tests are processes of their own: the first makes the template, the others wait for it.
        run(&mut connection, "select pg_advisory_lock(4711)".to_owned()).await;
        let exists = sqlx::query("select count(*) as n from pg_database where datname = 'heptad_template'");
        let exists: i64 = exists.fetch_one(&mut connection).await.and_then(|row| row.try_get("n")).expect("a count");
        if exists == 0 {
            run(&mut connection, format!("create database {template}_new")).await;
            let url = database_url(&admin, &format!("{template}_new"), None);
            migrate(&url, Some(&role), &Env::system()).await.expect("an empty database migrates");
            run(&mut connection, format!("alter database {template}_new rename to {template}")).await;
        }
        let mut random = [0; 8];
        Env::system().fill(&mut random);
        let name = format!("test_{}", hex::encode(random));
        run(&mut connection, format!("create database {name} template {template}")).await;
        run(&mut connection, "select pg_advisory_unlock(4711)".to_owned()).await;
        Self {
            url: database_url(&admin, &name, Some(&role)),
            owner_url: database_url(&admin, &name, None),
            server_role: Some(role),
            _directory: None,
        }
    }
}

async fn run(connection: &mut sqlx::AnyConnection, sql: String) {
    sqlx::raw_sql(AssertSqlSafe(sql.clone()))
        .execute(connection)
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// The same server, another database and perhaps another role.
fn database_url(admin: &str, database: &str, role: Option<&str>) -> String {
    let (start, _) = admin.rsplit_once('/').expect("a database URL has a path");
    let (scheme, rest) = start.split_once("://").expect("a database URL has a scheme");
    let (user, host) = rest.split_once('@').expect("a database URL has a user");
    format!("{scheme}://{}@{host}/{database}", role.unwrap_or(user))
}

/// Makes of each function two tests, `NAME::sqlite` and `NAME::postgres`, each with a database of its own.
#[macro_export]
macro_rules! both_databases {
    ($($(#[$attribute:meta])* async fn $name:ident($database:ident: TestDatabase) $body:block)*) => {$(
        mod $name {
            #[expect(unused_imports, reason = "a test may need nothing of its surroundings")]
            use super::*;
            use $crate::testing::TestDatabase;

            async fn check($database: TestDatabase) $body

            $(#[$attribute])*
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                check(TestDatabase::create($crate::dialect::Dialect::Sqlite).await).await;
            }

            $(#[$attribute])*
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                check(TestDatabase::create($crate::dialect::Dialect::Postgres).await).await;
            }
        }
    )*};
}
