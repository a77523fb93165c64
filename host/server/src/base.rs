//! What every command that works on a database starts from: configuration, logs, clock, and a checked database.

use std::path::PathBuf;

use heptad_capabilities::CapabilityError;
use heptad_model::{Ctx, Env, Origin};
use heptad_platform::tenant::{TenantRecord, tenant_by_slug};
use heptad_platform::{ErrorClass, PlatformError};
use heptad_store::{MigrationState, PlatformTx, Store, StoreOptions, migration_state};

use crate::config::Config;
use crate::error::{CliError, Explain as _, Kind, Result};
use crate::logging::{self, LogFormat};
use crate::telemetry::Telemetry;

/// What stands above these options in the help.
const HEADING: &str = "Options of every command";

/// The options of every command.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Global {
    /// The configuration; without it the defaults and the environment
    #[arg(long, global = true, env = "HEPTAD_CONFIG", hide_env_values = true, value_name = "FILE", help_heading = HEADING)]
    pub(crate) config: Option<PathBuf>,
    /// How log lines are written to standard error
    #[arg(long, global = true, value_enum, value_name = "FORMAT", help_heading = HEADING)]
    pub(crate) log_format: Option<LogFormat>,
}

/// Where a command starts from.
#[derive(Debug, Clone)]
pub(crate) struct Base {
    /// The configuration.
    pub(crate) config: Config,
    /// The clock and the randomness.
    pub(crate) env: Env,
    file: Option<PathBuf>,
}

impl Base {
    /// Reads the configuration and begins to log.
    pub(crate) fn load(global: Global) -> Result<Self> {
        let config = Config::load(global.config.as_deref())?;
        logging::init(&config.log, global.log_format, &Telemetry::off())?;
        Ok(Self { config, env: Env::system(), file: global.config })
    }

    /// The same for a server, which traces, too.
    pub(crate) fn load_traced(global: Global) -> Result<(Self, Telemetry)> {
        let config = Config::load(global.config.as_deref())?;
        let telemetry = Telemetry::start(&config.telemetry)?;
        logging::init(&config.log, global.log_format, &telemetry)?;
        Ok((Self { config, env: Env::system(), file: global.config }, telemetry))
    }

    /// With this configuration, which was not read from a file.
    pub(crate) fn of(config: Config) -> Self {
        Self { config, env: Env::system(), file: None }
    }

    /// A command line that works on the same configuration, for hints.
    pub(crate) fn command(&self, command: &str) -> String {
        match &self.file {
            Some(file) => format!("heptad {command} --config {}", file.display()),
            None => format!("heptad {command}"),
        }
    }

    /// Who acts: this command.
    pub(crate) fn origin(&self, word: &str) -> Origin {
        Origin::system(word, self.env.clone())
    }

    /// Opens the database, when its schema is the one that this binary knows.
    pub(crate) async fn store(&self) -> Result<Store> {
        self.check_schema().await?;
        let database = &self.config.database;
        let acquire_timeout = std::time::Duration::from_millis(database.acquire_timeout_millis.into());
        let options = StoreOptions { url: database.url.clone(), connections: database.connections, acquire_timeout };
        Store::open(&options).await.during(|| "cannot open the database".to_owned())
    }

    /// Refuses a schema that is behind or unknown, with the command that helps.
    pub(crate) async fn check_schema(&self) -> Result {
        let state = migration_state(&self.config.database.url).await;
        match state.during(|| "cannot read the schema of the database".to_owned())? {
            MigrationState::Current => Ok(()),
            MigrationState::Ahead(newest) => {
                tracing::info!(newest, "a newer heptad has migrated the database; this one runs on it");
                Ok(())
            }
            MigrationState::Behind(missing) => {
                let message = format!("the database lacks the migrations {}", missing.join(", "));
                Err(CliError::new(Kind::State, message).hint(format!("run `{}`", self.command("migrate"))))
            }
            MigrationState::Unknown(problem) => {
                Err(CliError::new(Kind::State, problem).hint("run the newer heptad, or restore a backup of this one"))
            }
        }
    }
}

/// A tenant by its short name.
pub(crate) async fn tenant(store: &Store, origin: &Origin, slug: &str) -> Result<TenantRecord> {
    let read = async |mut tx: PlatformTx| tenant_by_slug(&mut tx, slug).await;
    store.platform_read(origin, read).await.map_err(platform)
}

/// The command acting for a tenant.
pub(crate) fn bound(origin: Origin, record: &TenantRecord) -> Ctx {
    Origin { locale: record.tenant.locale, ..origin }.for_tenant(record.tenant.clone())
}

/// What kind of failure a refusal of the platform is to a command.
pub(crate) fn platform(error: PlatformError) -> CliError {
    let kind = match error.class() {
        ErrorClass::NotFound | ErrorClass::Invalid => Kind::Input,
        ErrorClass::Conflict | ErrorClass::Denied | ErrorClass::Unauthenticated | ErrorClass::Limit => Kind::State,
        ErrorClass::Internal => Kind::Failure,
    };
    CliError::new(kind, error)
}

/// The same for the capabilities.
pub(crate) fn capability(error: CapabilityError) -> CliError {
    use heptad_capabilities::ErrorClass as Class;
    let kind = match error.class() {
        Class::NotFound | Class::Invalid => Kind::Input,
        Class::Unavailable | Class::Internal => Kind::Failure,
        _ => Kind::State,
    };
    let hint = error.hint();
    let error = CliError::new(kind, error);
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}
