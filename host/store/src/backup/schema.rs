//! Which tables and columns a database has, told by itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sqlx::{AnyConnection, Row as _};

use super::BackupError;
use crate::StoreError;
use crate::dialect::Dialect;

/// The migrator's own table: its rows are in the head of a backup.
const MIGRATIONS: &str = "schema_migrations";
/// Tables that a migration fills: their rows do not make a database non-empty, and a restore replaces them.
pub(super) const SEEDED: &[&str] = &["generations"];
/// The column that makes a table a tenant's.
const TENANT: &str = "tenant_id";

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kind {
    Text,
    Int,
    Bytes,
}

impl Kind {
    /// By the name of a type, in either database.
    fn of(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "text" => Some(Self::Text),
            "bigint" | "integer" => Some(Self::Int),
            "blob" | "bytea" => Some(Self::Bytes),
            _ => None,
        }
    }
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: Kind,
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) name: String,
    pub(super) columns: Vec<Column>,
}

impl Table {
    /// Whether its rows belong to tenants.
    pub(super) fn is_tenants(&self) -> bool {
        self.columns.iter().any(|column| column.name == TENANT)
    }

    /// The quoted names of the columns, for a statement.
    pub(super) fn column_list(&self) -> String {
        self.columns.iter().map(|column| format!("\"{}\"", column.name)).collect::<Vec<_>>().join(", ")
    }
}

const fn columns_statement(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => {
            "select cast(m.name as text) as table_name, cast(c.name as text) as column_name, cast(c.type as text) as type_name \
             from sqlite_master m join pragma_table_info(m.name) c \
             where m.type = 'table' and m.name not like 'sqlite%' order by m.name, c.cid"
        }
        Dialect::Postgres => {
            "select cast(c.table_name as text) as table_name, cast(c.column_name as text) as column_name, \
             cast(c.data_type as text) as type_name from information_schema.columns c \
             join information_schema.tables t on t.table_schema = c.table_schema and t.table_name = c.table_name \
             where c.table_schema = current_schema() and t.table_type = 'BASE TABLE' \
             order by c.table_name, c.ordinal_position"
        }
    }
}

const fn references_statement(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => {
            "select distinct cast(m.name as text) as child, cast(f.\"table\" as text) as parent \
             from sqlite_master m join pragma_foreign_key_list(m.name) f where m.type = 'table'"
        }
        Dialect::Postgres => {
            "select distinct cast(child.relname as text) as child, cast(parent.relname as text) as parent from pg_constraint c \
             join pg_class child on child.oid = c.conrelid join pg_class parent on parent.oid = c.confrelid \
             join pg_namespace n on n.oid = child.relnamespace \
             where c.contype = 'f' and n.nspname = current_schema()"
        }
    }
}

/// All tables but the migrator's, each after those that it refers to.
pub(super) async fn tables(connection: &mut AnyConnection, dialect: Dialect) -> Result<Vec<Table>, BackupError> {
    let failed = |error| StoreError::of(dialect, error);
    let mut found: BTreeMap<String, Vec<Column>> = BTreeMap::new();
    for row in sqlx::query(columns_statement(dialect)).fetch_all(&mut *connection).await.map_err(failed)? {
        let text = |name: &str| row.try_get::<String, _>(name).map_err(failed);
        let (table, name, kind) = (text("table_name")?, text("column_name")?, text("type_name")?);
        if table == MIGRATIONS {
            continue;
        }
        let Some(kind) = Kind::of(&kind) else {
            return Err(BackupError::ColumnType { table, column: name, kind });
        };
        found.entry(table).or_default().push(Column { name, kind });
    }
    let mut references = Vec::new();
    for row in sqlx::query(references_statement(dialect)).fetch_all(connection).await.map_err(failed)? {
        let text = |name: &str| row.try_get::<String, _>(name).map_err(failed);
        references.push((text("child")?, text("parent")?));
    }
    sorted(found, &references)
}

/// Puts parents before their children; within that, by name.
fn sorted(
    mut found: BTreeMap<String, Vec<Column>>,
    references: &[(String, String)],
) -> Result<Vec<Table>, BackupError> {
    let mut tables: Vec<Table> = Vec::new();
    while !found.is_empty() {
        let waits = |table: &str| {
            references.iter().any(|(child, parent)| child == table && parent != table && found.contains_key(parent))
        };
        let ready: Vec<String> = found.keys().filter(|name| !waits(name)).cloned().collect();
        if ready.is_empty() {
            return Err(BackupError::Circle(found.into_keys().collect::<Vec<_>>().join(", ")));
        }
        for name in ready {
            let columns = found.remove(&name).unwrap_or_default();
            tables.push(Table { name, columns });
        }
    }
    Ok(tables)
}

/// Binds the transaction to a tenant, where the database asks for it.
pub(super) async fn bind_tenant(
    connection: &mut AnyConnection,
    dialect: Dialect,
    tenant: &str,
) -> Result<(), StoreError> {
    if dialect == Dialect::Postgres {
        let bind = sqlx::query("select set_config('heptad.tenant', $1, true)").bind(tenant.to_owned());
        bind.execute(connection).await.map_err(|error| StoreError::of(dialect, error))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(tables: &[&str], references: &[(&str, &str)]) -> Result<Vec<String>, BackupError> {
        let found = tables.iter().map(|name| ((*name).to_owned(), Vec::new())).collect();
        let references: Vec<_> =
            references.iter().map(|(child, parent)| ((*child).to_owned(), (*parent).to_owned())).collect();
        Ok(sorted(found, &references)?.into_iter().map(|table| table.name).collect())
    }

    #[test]
    fn parents_come_before_children() {
        let references = [("a", "c"), ("c", "d"), ("b", "b"), ("a", "elsewhere")];
        assert_eq!(names(&["a", "b", "c", "d"], &references).unwrap(), ["b", "d", "c", "a"]);
    }

    #[test]
    fn a_circle_is_named() {
        let error = names(&["a", "b", "c"], &[("a", "b"), ("b", "a")]).unwrap_err();
        assert_eq!(error.to_string(), "tables refer to each other in a circle: a, b");
    }
}
