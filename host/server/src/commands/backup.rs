//! `heptad backup` and `heptad restore`: everything in one file, for SQLite and PostgreSQL alike.

use std::fs::{File, OpenOptions};
use std::io::BufWriter;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use heptad_runtime::components::Components;
use heptad_store::backup::{self, BackupError, Summary};
use serde::Serialize;

use crate::base::Base;
use crate::error::{CliError, Explain as _, Kind, Result};
use crate::lifecycle::bucket;
use crate::output::Output;
use crate::progress::Progress;

/// The options of `backup` and `restore`.
#[derive(Debug, clap::Args)]
pub(crate) struct BackupArgs {
    /// The backup
    file: PathBuf,
    #[command(flatten)]
    output: Output,
}

#[derive(Serialize)]
struct Report<'a> {
    file: &'a Path,
    created_at: String,
    row_count: u64,
    #[serde(flatten)]
    summary: &'a Summary,
}

/// Writes a backup of the running platform.
pub(crate) async fn backup(base: &Base, args: &BackupArgs) -> Result {
    base.check_schema().await?;
    let file = args.file.as_path();
    if file.exists() {
        let error = CliError::new(Kind::State, format!("{} exists already", file.display()));
        return Err(error.hint("name another file, or remove this one"));
    }
    fetch_components(base).await?;
    let partial = Partial::create(file)?;
    let mut progress = Progress::new("backing up", "rows");
    let out = BufWriter::new(&partial.out);
    let components = base.config.components();
    let made = backup::create(&base.config.database.url, &components, out, &base.env, |rows| {
        progress.set(rows, None);
    });
    let summary = interruptible(made).await?;
    drop(progress);
    partial.finish(file)?;
    print(args, &summary, "backed up", "into")?;
    // Said last, so that it is read.
    eprintln!(
        "note: the master key is not in the backup; keep a copy of {} apart from it",
        base.config.data.key_file.display()
    );
    Ok(())
}

/// Fills an empty, migrated database from a backup.
pub(crate) async fn restore(base: &Base, args: &BackupArgs) -> Result {
    base.check_schema().await?;
    let what = || format!("cannot read {}", args.file.display());
    let input = File::open(&args.file).during(what).kind(Kind::Input)?;
    let mut progress = Progress::new("restoring", "rows");
    let components = base.config.components();
    let restored = backup::restore(&base.config.database.url, &components, input, |rows| {
        progress.set(rows, None);
    });
    let summary = interruptible(restored).await?;
    drop(progress);
    if let Some(bucket) = bucket(&base.config)? {
        let sent = Components::open(components, Some(bucket))?.send_all().await;
        sent.during(|| "cannot put the plugins into the bucket".to_owned())?;
    }
    print(args, &summary, "restored", "from")
}

/// What this machine lacks of the components that all machines share: a backup holds them all.
async fn fetch_components(base: &Base) -> Result {
    if let Some(bucket) = bucket(&base.config)? {
        let fetched = Components::open(base.config.components(), Some(bucket))?.fetch_all().await;
        fetched.during(|| "cannot fetch the plugins from the bucket".to_owned())?;
    }
    Ok(())
}

fn print(args: &BackupArgs, summary: &Summary, done: &str, direction: &str) -> Result {
    let report =
        Report { file: &args.file, created_at: summary.created_at.rfc3339(), row_count: summary.row_count(), summary };
    args.output.print(&report, |report| {
        format!(
            "{done} {} rows of {} tables and {} plugin files {direction} {} (made {})",
            report.row_count,
            summary.rows.len(),
            summary.files,
            args.file.display(),
            report.created_at
        )
    })
}

/// Ctrl-C drops the work, and with it its transaction and its temporary files.
async fn interruptible(work: impl Future<Output = Result<Summary, BackupError>>) -> Result<Summary> {
    tokio::select! {
        done = work => done.map_err(failed),
        _ = tokio::signal::ctrl_c() => Err(CliError::new(Kind::Interrupted, "interrupted; nothing was changed")),
    }
}

fn failed(error: BackupError) -> CliError {
    let (kind, hint) = match &error {
        BackupError::NotEmpty(_) => {
            (Kind::State, Some("restore into a new database: `heptad migrate`, then `heptad restore`"))
        }
        BackupError::Schema { .. } => {
            (Kind::State, Some("restore with the heptad that made the backup, then migrate with this one"))
        }
        BackupError::Damaged { .. } => (Kind::Input, None),
        _ => (Kind::Failure, None),
    };
    let error = CliError::new(kind, error);
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// A file under a temporary name, for its owner alone; it goes away unless it is finished.
struct Partial {
    path: PathBuf,
    out: File,
}

impl Partial {
    fn create(file: &Path) -> Result<Self> {
        let mut name = file.as_os_str().to_owned();
        name.push(".partial");
        let path = PathBuf::from(name);
        // It holds personal data and hashes of secrets.
        let out = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path);
        let out = out.during(|| format!("cannot write {}", path.display())).kind(Kind::Input)?;
        Ok(Self { path, out })
    }

    fn finish(self, file: &Path) -> Result {
        let what = || format!("cannot write {}", file.display());
        self.out.sync_all().during(what)?;
        std::fs::rename(&self.path, file).during(what)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // After `finish` it has another name.
        let _ = std::fs::remove_file(&self.path);
    }
}
