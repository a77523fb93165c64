//! Schema migrations: numbered files, each applied once, under a lock, in one transaction.
//!
//! They expand first and contract a release later, so that the previous binary still runs on the new schema: a column
//! is added with a default, written by both, read by the new one, and dropped by a later migration. One that contracts says
//! which binaries it leaves behind, by
//! `insert into generations (name, value) values ('oldest-schema', N) on conflict (name) do update set value = N`: those
//! that do not know migration N.

use heptad_model::{Env, Origin};
use sha2::{Digest, Sha256};
use sqlx::AnyConnection;
use sqlx::{AssertSqlSafe, Connection, Row as _};

use crate::StoreError;
use crate::dialect::Dialect;

/// Every migration: its number, its name, its text.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "foundation", include_str!("../migrations/0001_foundation.sql")),
    (2, "sandbox", include_str!("../migrations/0002_sandbox.sql")),
    (3, "events", include_str!("../migrations/0003_events.sql")),
    (4, "vault", include_str!("../migrations/0004_vault.sql")),
    (5, "schedules", include_str!("../migrations/0005_schedules.sql")),
    (6, "stream", include_str!("../migrations/0006_stream.sql")),
    (7, "webhooks", include_str!("../migrations/0007_webhooks.sql")),
    (8, "quotas", include_str!("../migrations/0008_quotas.sql")),
    (9, "writes", include_str!("../migrations/0009_writes.sql")),
    (10, "apps", include_str!("../migrations/0010_apps.sql")),
    (11, "outbound", include_str!("../migrations/0011_outbound.sql")),
    (12, "plugin_logs", include_str!("../migrations/0012_plugin_logs.sql")),
    (13, "publisher_tenants", include_str!("../migrations/0013_publisher_tenants.sql")),
    (14, "outbound_given_up", include_str!("../migrations/0014_outbound_given_up.sql")),
    (15, "json_objects", include_str!("../migrations/0015_json_objects.sql")),
    (16, "replays_done", include_str!("../migrations/0016_replays_done.sql")),
    (17, "audit_filters", include_str!("../migrations/0017_audit_filters.sql")),
    (18, "signing_keys", include_str!("../migrations/0018_signing_keys.sql")),
    (19, "plugin_life", include_str!("../migrations/0019_plugin_life.sql")),
    (20, "uninstalls", include_str!("../migrations/0020_uninstalls.sql")),
];

/// The newest that this binary knows.
const NEWEST: i64 = MIGRATIONS[MIGRATIONS.len() - 1].0;

/// Any number that no other program locks on a shared server.
const LOCK: &str = "select pg_advisory_xact_lock(4711004711)";

/// PostgreSQL reads a JSON list the way SQLite does, so that statements need no dialect: `json_each($n)` a list of texts or
/// numbers; `json_each($n, '$')` a list of objects, whose members `json_extract(value, '$.name')` picks. What comes back is
/// text here, so numbers are cast. Objects are parsed once, however many of their members are picked. A function that is
/// strict would not be inlined, and the planner would think of a thousand rows. The last one is for the binary before this
/// one, which goes on while processes are replaced.
const POSTGRES_JSON: &str = "\
    create or replace function json_each(list text) returns table (value text) \
    language sql immutable parallel safe as 'select json_array_elements_text(list::json)'; \
    create or replace function json_each(list text, path text) returns table (value jsonb) \
    language sql immutable parallel safe as 'select jsonb_array_elements(list::jsonb)'; \
    create or replace function json_extract(document jsonb, path text) returns text \
    language sql immutable strict parallel safe as 'select document ->> substr(path, 3)'; \
    create or replace function json_extract(document text, path text) returns text \
    language sql immutable strict parallel safe as 'select document::json ->> substr(path, 3)'";

/// How the database stands to this binary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MigrationState {
    /// As this binary wants it.
    Current,
    /// A newer binary has migrated it, up to this number, and has left nothing out that this one needs.
    Ahead(i64),
    /// These migrations are missing: run `heptad migrate`.
    Behind(Vec<String>),
    /// A newer binary has migrated it and left this one behind, or a migration was changed after it was applied.
    Unknown(String),
}

/// Applies what is missing; the names of what was applied.
///
/// On PostgreSQL the URL is the owner's, and `server_role` is the role of `heptad serve`: it gets the rights to read and
/// write rows, and row-level security binds it (and the owner) to one tenant a transaction.
pub async fn migrate(url: &str, server_role: Option<&str>, env: &Env) -> Result<Vec<String>, StoreError> {
    let (mut connection, dialect) = connect(url).await?;
    let failed = |error| StoreError::of(dialect, error);
    if let Some(role) = server_role.filter(|role| !is_identifier(role)) {
        return Err(StoreError::Schema(format!("`{role}` is not the name of a database role")));
    }
    let mut transaction = connection.begin_with(dialect.begin_write()).await.map_err(failed)?;
    if dialect == Dialect::Postgres {
        sqlx::raw_sql(LOCK).execute(&mut *transaction).await.map_err(failed)?;
        sqlx::raw_sql(POSTGRES_JSON).execute(&mut *transaction).await.map_err(failed)?;
    }
    sqlx::raw_sql(
        "create table if not exists schema_migrations \
         (version bigint primary key, name text not null, checksum text not null, applied_at bigint not null)",
    )
    .execute(&mut *transaction)
    .await
    .map_err(failed)?;
    let found = applied(&mut transaction).await.map_err(failed)?;
    let oldest = if found.is_empty() { 0 } else { oldest_schema(&mut transaction).await.map_err(failed)? };
    let missing = match compare(&found, oldest) {
        Ok(missing) => missing,
        Err(problem) => return Err(StoreError::Schema(problem)),
    };
    for (version, name, sql) in &missing {
        let sql = sql.replace("{bytes}", dialect.bytes_type()).replace(" text", dialect.text_type());
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *transaction).await.map_err(failed)?;
        sqlx::query("insert into schema_migrations (version, name, checksum, applied_at) values ($1, $2, $3, $4)")
            .bind(*version)
            .bind((*name).to_owned())
            .bind(checksum(*version))
            .bind(Origin::system("migrate", env.clone()).now().as_millis())
            .execute(&mut *transaction)
            .await
            .map_err(failed)?;
    }
    if dialect == Dialect::Postgres {
        protect(&mut transaction, server_role).await.map_err(failed)?;
    }
    transaction.commit().await.map_err(failed)?;
    connection.close().await.map_err(failed)?;
    Ok(missing.iter().map(|(version, name, _)| format!("{version:04}_{name}")).collect())
}

/// Compares the database with this binary; changes nothing.
pub async fn migration_state(url: &str) -> Result<MigrationState, StoreError> {
    let (mut connection, dialect) = connect(url).await?;
    let rows = match applied(&mut connection).await {
        Ok(rows) => rows,
        // No table yet: nothing was applied. Anything worse shows when the migration runs.
        Err(sqlx::Error::Database(_)) => Vec::new(),
        Err(error) => return Err(StoreError::of(dialect, error)),
    };
    let oldest = match rows.is_empty() {
        true => 0,
        false => oldest_schema(&mut connection).await.map_err(|error| StoreError::of(dialect, error))?,
    };
    connection.close().await.map_err(|error| StoreError::of(dialect, error))?;
    let newest = rows.last().map_or(0, |(version, _)| *version);
    Ok(match compare(&rows, oldest) {
        Ok(missing) if missing.is_empty() && newest > NEWEST => MigrationState::Ahead(newest),
        Ok(missing) if missing.is_empty() => MigrationState::Current,
        Ok(missing) => {
            MigrationState::Behind(missing.iter().map(|(version, name, _)| format!("{version:04}_{name}")).collect())
        }
        Err(problem) => MigrationState::Unknown(problem),
    })
}

pub(crate) async fn connect(url: &str) -> Result<(AnyConnection, Dialect), StoreError> {
    sqlx::any::install_default_drivers();
    let dialect = Dialect::of_url(url).ok_or(StoreError::UnknownScheme)?;
    let url = match dialect {
        Dialect::Sqlite if !url.contains('?') => format!("{url}?mode=rwc"),
        _ => url.to_owned(),
    };
    let failed = |error| StoreError::of(dialect, error);
    let mut connection = AnyConnection::connect(&url).await.map_err(failed)?;
    if dialect == Dialect::Sqlite {
        sqlx::raw_sql(dialect.session()).execute(&mut connection).await.map_err(failed)?;
    }
    Ok((connection, dialect))
}

pub(crate) async fn applied(connection: &mut AnyConnection) -> Result<Vec<(i64, String)>, sqlx::Error> {
    let rows =
        sqlx::query("select version, checksum from schema_migrations order by version").fetch_all(connection).await?;
    rows.iter().map(|row| Ok((row.try_get("version")?, row.try_get("checksum")?))).collect()
}

/// The least migration that a binary must know to run on the schema; 0 for every one.
async fn oldest_schema(connection: &mut AnyConnection) -> Result<i64, sqlx::Error> {
    const OLDEST: &str = "select value from generations where name = 'oldest-schema'";
    let row = sqlx::query(OLDEST).fetch_optional(connection).await?;
    row.map_or(Ok(0), |row| row.try_get("value"))
}

type Migration = (i64, &'static str, &'static str);

fn compare(applied: &[(i64, String)], oldest: i64) -> Result<Vec<Migration>, String> {
    for (version, found) in applied {
        if !MIGRATIONS.iter().any(|(known, ..)| known == version) {
            if oldest <= NEWEST {
                continue;
            }
            return Err(format!(
                "the database has migration {version}, which this binary does not know, and needs at least {oldest}: run \
                 a newer heptad"
            ));
        }
        if *found != checksum(*version) {
            return Err(format!("migration {version} was applied with another text than this binary has"));
        }
    }
    let missing = |migration: &&Migration| !applied.iter().any(|(version, _)| *version == migration.0);
    Ok(MIGRATIONS.iter().filter(missing).copied().collect())
}

fn checksum(version: i64) -> String {
    let text = MIGRATIONS.iter().find(|(known, ..)| *known == version).map_or("", |(.., text)| text);
    hex::encode(Sha256::digest(text))
}

/// Row-level security on every table with a tenant, and the server's rights.
async fn protect(connection: &mut AnyConnection, server_role: Option<&str>) -> Result<(), sqlx::Error> {
    let tables = sqlx::query(
        "select cast(table_name as text) as name from information_schema.columns \
         where table_schema = current_schema() and column_name = 'tenant_id' order by table_name",
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut sql = String::new();
    for row in &tables {
        let table: String = row.try_get("name")?;
        sql.push_str(&format!(
            "alter table {table} enable row level security; alter table {table} force row level security; \
             drop policy if exists tenant on {table}; \
             create policy tenant on {table} using (tenant_id = current_setting('heptad.tenant', true)) \
             with check (tenant_id = current_setting('heptad.tenant', true)); "
        ));
    }
    if let Some(role) = server_role {
        sql.push_str(&format!(
            "grant usage on schema public to {role}; \
             grant select, insert, update, delete on all tables in schema public to {role}; \
             revoke insert, update, delete on schema_migrations from {role};"
        ));
    }
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.map(drop)
}

fn is_identifier(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}
