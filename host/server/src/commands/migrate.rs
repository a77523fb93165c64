//! `heptad migrate`: brings the database to the schema of this binary, under a lock.

use heptad_store::{MigrationState, migrate, migration_state};
use serde::Serialize;

use crate::base::Base;
use crate::error::{CliError, Explain as _, Kind, Result};
use crate::output::Output;

/// The options of `migrate`.
#[derive(Debug, clap::Args)]
pub(crate) struct MigrateArgs {
    /// Change nothing; fail when a migration is missing
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    output: Output,
}

#[derive(Serialize)]
struct Report {
    applied: Vec<String>,
}

/// Runs the command.
pub(crate) async fn run(base: &Base, args: &MigrateArgs) -> Result {
    let report = match args.check {
        true => check(base).await?,
        false => apply(base).await?,
    };
    args.output.print(&report, |report| match report.applied.as_slice() {
        [] => "the schema is up to date".to_owned(),
        applied => format!("applied {}", applied.join(", ")),
    })
}

async fn check(base: &Base) -> Result<Report> {
    // Asking must not make the file of a database that is not there.
    let file = base.config.owner_url().strip_prefix("sqlite:").map(|path| path.split('?').next().unwrap_or(path));
    if let Some(file) = file.filter(|file| !std::path::Path::new(file).exists()) {
        let error = CliError::new(Kind::State, format!("there is no database {file}"));
        return Err(error.hint(format!("run `{}`", base.command("migrate"))));
    }
    let state = migration_state(base.config.owner_url()).await.during(|| "cannot read the schema".to_owned())?;
    match state {
        MigrationState::Current | MigrationState::Ahead(_) => Ok(Report { applied: Vec::new() }),
        MigrationState::Behind(missing) => {
            let error = CliError::new(Kind::State, format!("these migrations are missing: {}", missing.join(", ")));
            Err(error.hint(format!("run `{}`", base.command("migrate"))))
        }
        MigrationState::Unknown(problem) => Err(CliError::new(Kind::State, problem)),
    }
}

/// Applies what is missing.
async fn apply(base: &Base) -> Result<Report> {
    let applied = migrate(base.config.owner_url(), base.config.server_role(), &base.env).await;
    let applied = applied.map_err(|error| match error {
        error @ heptad_store::StoreError::Schema(_) => CliError::new(Kind::State, error),
        error => CliError::from(error),
    })?;
    Ok(Report { applied })
}
