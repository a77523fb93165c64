//! Making a backup.

use std::collections::BTreeMap;
use std::io::{Read as _, Write};
use std::path::{Path, PathBuf};

use futures_util::TryStreamExt as _;
use heptad_model::{Env, Millis};
use sha2::{Digest, Sha256};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Connection as _, Row as _};

use super::format::{Cell, FORMAT, LineWriter, Mark, PIECE};
use super::schema::{self, Kind, Table};
use super::{BackupError, Summary};
use crate::dialect::Dialect;
use crate::{StoreError, migrate};

/// Writes all rows of the database, of one snapshot, and the files `*.wasm` of the folder to `out`. The platform may run.
///
/// `url` is the server's; `on_rows` is told now and then how many rows are written. It blocks its thread while it writes:
/// it is for commands.
pub async fn create(
    url: &str,
    folder: &Path,
    out: impl Write,
    env: &Env,
    mut on_rows: impl FnMut(u64),
) -> Result<Summary, BackupError> {
    let (mut connection, dialect) = migrate::connect(url).await?;
    let failed = |error| BackupError::from(StoreError::of(dialect, error));
    let mut transaction = connection.begin_with(dialect.begin_read()).await.map_err(failed)?;
    let created_at = env.now();
    let mut lines = LineWriter::new(out);
    let migrations = migrate::applied(&mut transaction).await.map_err(failed)?;
    lines.line(&Mark::Head { format: FORMAT, created_at: created_at.as_millis(), migrations })?;

    let tables = schema::tables(&mut transaction, dialect).await?;
    let mut rows = Rows { lines, counts: BTreeMap::new(), total: 0, dialect, on_rows: &mut on_rows };
    for table in tables.iter().filter(|table| !table.is_tenants()) {
        rows.write(&mut transaction, table, None).await?;
    }
    let tenants =
        sqlx::query("select id from tenants order by id").fetch_all(&mut *transaction).await.map_err(failed)?;
    for tenant in tenants {
        let tenant: String = tenant.try_get("id").map_err(failed)?;
        schema::bind_tenant(&mut transaction, dialect, &tenant).await?;
        for table in tables.iter().filter(|table| table.is_tenants()) {
            rows.write(&mut transaction, table, Some(&tenant)).await?;
        }
    }
    // After the rows: a file is there before its row, so every row of the snapshot has its file.
    let Rows { mut lines, counts, .. } = rows;
    let files = write_files(&mut lines, folder)?;
    let summary =
        Summary { created_at: Millis::new(created_at.as_millis()), rows: counts.clone(), files: files.len() as u64 };
    lines.end(counts, files)?;
    transaction.rollback().await.map_err(failed)?;
    connection.close().await.map_err(failed)?;
    Ok(summary)
}

/// How many rows pass between two words about progress.
const TOLD_EVERY: u64 = 500;

struct Rows<'a, W: Write> {
    lines: LineWriter<W>,
    counts: BTreeMap<String, u64>,
    total: u64,
    dialect: Dialect,
    on_rows: &'a mut dyn FnMut(u64),
}

impl<W: Write> Rows<'_, W> {
    async fn write(
        &mut self,
        connection: &mut AnyConnection,
        table: &Table,
        tenant: Option<&str>,
    ) -> Result<(), BackupError> {
        let count = self.counts.entry(table.name.clone()).or_default();
        let list = table.column_list();
        let sql = match tenant {
            None => format!("select {list} from \"{}\"", table.name),
            Some(_) => format!("select {list} from \"{}\" where tenant_id = $1", table.name),
        };
        let mut query = sqlx::query(AssertSqlSafe(sql));
        if let Some(tenant) = tenant {
            query = query.bind(tenant.to_owned());
        }
        let failed = |error| StoreError::of(self.dialect, error);
        let mut found = query.fetch(connection);
        let mut is_marked = false;
        while let Some(row) = found.try_next().await.map_err(failed)? {
            if !is_marked {
                let tenant = tenant.map(str::to_owned);
                self.lines.line(&Mark::Table { name: table.name.clone(), tenant, columns: table.columns.clone() })?;
                is_marked = true;
            }
            self.lines.line(&cells(&row, table).map_err(failed)?)?;
            *count += 1;
            self.total += 1;
            if self.total.is_multiple_of(TOLD_EVERY) {
                (self.on_rows)(self.total);
            }
        }
        Ok(())
    }
}

fn cells(row: &AnyRow, table: &Table) -> Result<Vec<Cell>, sqlx::Error> {
    let cell = |(place, column): (usize, &schema::Column)| {
        Ok(match column.kind {
            Kind::Text => Cell::Text(row.try_get(place)?),
            Kind::Int => Cell::Int(row.try_get(place)?),
            Kind::Bytes => Cell::Bytes(row.try_get(place)?),
        })
    };
    table.columns.iter().enumerate().map(cell).collect()
}

/// Writes the folder's files; their checksums by name. A folder that is not there has no files.
fn write_files<W: Write>(lines: &mut LineWriter<W>, folder: &Path) -> Result<BTreeMap<String, String>, BackupError> {
    let mut files = BTreeMap::new();
    for path in components(folder).map_err(BackupError::io(format!("cannot read {}", folder.display())))? {
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        let failed = || BackupError::io(format!("cannot read {}", path.display()));
        lines.line(&Mark::File { name: name.to_owned() })?;
        let (mut file, mut sum) = (std::fs::File::open(&path).map_err(failed())?, Sha256::new());
        loop {
            let mut piece = Vec::with_capacity(PIECE);
            (&mut file).take(PIECE as u64).read_to_end(&mut piece).map_err(failed())?;
            if piece.is_empty() {
                break;
            }
            sum.update(&piece);
            lines.piece(&piece)?;
        }
        files.insert(name.to_owned(), hex::encode(sum.finalize()));
    }
    Ok(files)
}

fn components(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_file() && entry.path().extension().is_some_and(|extension| extension == "wasm") {
            files.push(entry.path());
        }
    }
    files.sort();
    Ok(files)
}
