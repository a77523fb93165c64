//! Restoring a backup.

use std::collections::BTreeMap;
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};

use heptad_model::Millis;
use sha2::{Digest, Sha256};
use sqlx::{AnyConnection, AssertSqlSafe, Connection as _, Row as _};

use super::format::{Cell, FORMAT, Line, LineReader, Mark};
use super::schema::{self, SEEDED, Table};
use super::{BackupError, Summary};
use crate::dialect::Dialect;
use crate::{StoreError, migrate};

/// The most parameters of one statement, under the limits of both databases (32,766 and 65,535).
const PARAMETERS: usize = 16_000;
/// The most rows of one statement.
const BATCH: usize = 500;

/// Fills an empty, migrated database and the folder from a backup.
///
/// `url` is the server's. Rows are committed and files get their names only when the last line has confirmed all counts
/// and checksums. `on_rows` is told now and then how many rows are in. It blocks its thread while it reads: it is for
/// commands.
pub async fn restore(
    url: &str,
    folder: &Path,
    input: impl Read,
    mut on_rows: impl FnMut(u64),
) -> Result<Summary, BackupError> {
    let (mut connection, dialect) = migrate::connect(url).await?;
    let failed = |error| BackupError::from(StoreError::of(dialect, error));
    let mut lines = LineReader::new(input);
    let Line::Mark(Mark::Head { format, created_at, migrations }) = lines.next()? else {
        return Err(lines.damaged("a backup begins with its head"));
    };
    if format != FORMAT {
        return Err(lines.damaged(format!("format {format}, this binary reads format {FORMAT}")));
    }
    let mut transaction = connection.begin_with(dialect.begin_write()).await.map_err(failed)?;
    let applied = migrate::applied(&mut transaction).await.map_err(failed)?;
    if applied != migrations {
        return Err(BackupError::Schema { backup: versions(&migrations), database: versions(&applied) });
    }
    let tables = schema::tables(&mut transaction, dialect).await?;
    make_empty(&mut transaction, dialect, &tables).await?;

    let counts = tables.iter().map(|table| (table.name.clone(), 0)).collect();
    let mut rows = Rows { connection: &mut transaction, dialect, table: None, batch: Vec::new(), counts, total: 0 };
    let mut files = Files { folder, current: None, done: BTreeMap::new() };
    let (row_counts, sums) = loop {
        match lines.next()? {
            Line::Row(values) => {
                let Some(table) = &rows.table else { return Err(lines.damaged("a row without its table")) };
                let cells = lines.cells(values, &table.columns)?;
                if rows.push(cells).await? {
                    on_rows(rows.total);
                }
            }
            Line::Piece(bytes) => files.push(&bytes).map_err(|problem| problem.at(&lines))?,
            Line::Mark(Mark::Table { name, tenant, columns }) => {
                rows.flush().await?;
                files.close()?;
                let Some(table) = tables.iter().find(|table| table.name == name) else {
                    return Err(lines.damaged(format!("the database has no table `{name}`")));
                };
                let mut sorted = (columns.clone(), table.columns.clone());
                sorted.0.sort_by(|a, b| a.name.cmp(&b.name));
                sorted.1.sort_by(|a, b| a.name.cmp(&b.name));
                if sorted.0 != sorted.1 {
                    return Err(lines.damaged(format!("the columns of table `{name}` are others than in the database")));
                }
                if let Some(tenant) = tenant {
                    schema::bind_tenant(rows.connection, dialect, &tenant).await?;
                }
                // The backup's order of columns, in names that the database itself gave.
                rows.table = Some(Table { name, columns });
            }
            Line::Mark(Mark::File { name }) => {
                rows.flush().await?;
                rows.table = None;
                files.close()?;
                files.open(&name).map_err(|problem| problem.at(&lines))?;
            }
            Line::Mark(Mark::End { rows, files, sha256 }) => {
                if sha256 != lines.sum_before() {
                    return Err(lines.damaged("the checksum is wrong: the file was changed"));
                }
                break (rows, files);
            }
            Line::Mark(Mark::Head { .. }) => return Err(lines.damaged("a second head")),
        }
    };
    rows.flush().await?;
    files.close()?;
    if !lines.is_at_end()? {
        return Err(lines.damaged("something follows the last line"));
    }
    if row_counts != rows.counts {
        return Err(lines.damaged("the numbers of rows are others than the file tells"));
    }
    if sums != files.sums() {
        return Err(lines.damaged("the files are others than the file tells"));
    }
    let summary = Summary { created_at: Millis::new(created_at), rows: row_counts, files: sums.len() as u64 };
    // Files first: a file without a row harms nobody.
    files.keep()?;
    transaction.commit().await.map_err(failed)?;
    connection.close().await.map_err(failed)?;
    Ok(summary)
}

fn versions(migrations: &[(i64, String)]) -> String {
    let one =
        |(version, checksum): &(i64, String)| format!("{version} ({})", checksum.chars().take(8).collect::<String>());
    migrations.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Refuses a database with rows; takes away those that the migrations made.
async fn make_empty(connection: &mut AnyConnection, dialect: Dialect, tables: &[Table]) -> Result<(), BackupError> {
    let failed = |error| StoreError::of(dialect, error);
    for table in tables {
        if SEEDED.contains(&table.name.as_str()) {
            let delete = AssertSqlSafe(format!("delete from \"{}\"", table.name));
            sqlx::query(delete).execute(&mut *connection).await.map_err(failed)?;
            continue;
        }
        // On PostgreSQL a tenant's table shows no rows here; but tenants themselves would show.
        let count = AssertSqlSafe(format!(
            "select count(*) as n from (select 1 as one from \"{}\" limit 1) as found",
            table.name
        ));
        let row = sqlx::query(count).fetch_one(&mut *connection).await.map_err(failed)?;
        if row.try_get::<i64, _>("n").map_err(failed)? > 0 {
            return Err(BackupError::NotEmpty(table.name.clone()));
        }
    }
    Ok(())
}

/// Rows on their way in.
struct Rows<'a> {
    connection: &'a mut AnyConnection,
    dialect: Dialect,
    table: Option<Table>,
    batch: Vec<Vec<Cell>>,
    counts: BTreeMap<String, u64>,
    total: u64,
}

impl Rows<'_> {
    /// Takes a row; whether a batch was written.
    async fn push(&mut self, cells: Vec<Cell>) -> Result<bool, StoreError> {
        let most = BATCH.min(PARAMETERS / cells.len().max(1));
        self.batch.push(cells);
        if self.batch.len() < most {
            return Ok(false);
        }
        self.flush().await?;
        Ok(true)
    }

    async fn flush(&mut self) -> Result<(), StoreError> {
        let Some(table) = &self.table else { return Ok(()) };
        if self.batch.is_empty() {
            return Ok(());
        }
        let width = table.columns.len();
        let places = |row: usize| {
            let places: Vec<String> = (1..=width).map(|column| format!("${}", row * width + column)).collect();
            format!("({})", places.join(", "))
        };
        let values = (0..self.batch.len()).map(places).collect::<Vec<_>>().join(", ");
        let sql = format!("insert into \"{}\" ({}) values {values}", table.name, table.column_list());
        let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(false);
        for cell in self.batch.drain(..).flatten() {
            query = match cell {
                Cell::Text(value) => query.bind(value),
                Cell::Int(value) => query.bind(value),
                Cell::Bytes(value) => query.bind(value),
            };
        }
        let done = query.execute(&mut *self.connection).await.map_err(|error| StoreError::of(self.dialect, error))?;
        *self.counts.entry(table.name.clone()).or_default() += done.rows_affected();
        self.total += done.rows_affected();
        Ok(())
    }
}

/// A problem with a file, which has no line of its own yet.
enum FileProblem {
    Damaged(&'static str),
    Other(BackupError),
}

impl From<BackupError> for FileProblem {
    fn from(error: BackupError) -> Self {
        Self::Other(error)
    }
}

impl FileProblem {
    fn at<R: Read>(self, lines: &LineReader<R>) -> BackupError {
        match self {
            Self::Damaged(problem) => lines.damaged(problem),
            Self::Other(error) => error,
        }
    }
}

/// A file that is being written.
struct Open {
    name: String,
    file: std::fs::File,
    sum: Sha256,
}

/// Files on their way in: under temporary names until the end. Dropping it removes what was not kept.
struct Files<'a> {
    folder: &'a Path,
    current: Option<Open>,
    done: BTreeMap<String, String>,
}

impl Files<'_> {
    fn temporary(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.restoring"))
    }

    fn open(&mut self, name: &str) -> Result<(), FileProblem> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        if name.is_empty() || name.len() > 200 || name.starts_with('.') || !name.bytes().all(is_plain) {
            return Err(FileProblem::Damaged("the name of a file has letters, digits, `.`, `-` and `_` only"));
        }
        if self.done.contains_key(name) {
            return Err(FileProblem::Damaged("a file is there twice"));
        }
        std::fs::create_dir_all(self.folder)
            .map_err(BackupError::io(format!("cannot make {}", self.folder.display())))?;
        let path = self.temporary(name);
        let file = std::fs::File::create(&path).map_err(BackupError::io(format!("cannot write {}", path.display())))?;
        self.current = Some(Open { name: name.to_owned(), file, sum: Sha256::new() });
        Ok(())
    }

    fn push(&mut self, bytes: &[u8]) -> Result<(), FileProblem> {
        let Some(current) = &mut self.current else {
            return Err(FileProblem::Damaged("a piece without its file"));
        };
        current.sum.update(bytes);
        let written = current.file.write_all(bytes);
        Ok(written.map_err(BackupError::io(format!("cannot write {}", current.name)))?)
    }

    fn close(&mut self) -> Result<(), BackupError> {
        if let Some(Open { name, file, sum }) = self.current.take() {
            file.sync_all().map_err(BackupError::io(format!("cannot write {name}")))?;
            self.done.insert(name, hex::encode(sum.finalize()));
        }
        Ok(())
    }

    fn sums(&self) -> BTreeMap<String, String> {
        self.done.clone()
    }

    fn keep(&self) -> Result<(), BackupError> {
        for name in self.done.keys() {
            let kept = std::fs::rename(self.temporary(name), self.folder.join(name));
            kept.map_err(BackupError::io(format!("cannot keep {name}")))?;
        }
        Ok(())
    }
}

impl Drop for Files<'_> {
    fn drop(&mut self) {
        let current = self.current.iter().map(|open| &open.name);
        for name in self.done.keys().chain(current) {
            // Those that were kept have another name by now.
            let _ = std::fs::remove_file(self.temporary(name));
        }
    }
}
