//! Logs: to standard error, for people or as JSON. Secrets and personal data are never logged.

use std::io::{self, IsTerminal as _};

use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;

use crate::config::Log;
use crate::error::{CliError, Kind, Result};

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LogFormat {
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}

/// The filter of a level or of rules.
pub(crate) fn filter(rules: &str) -> Result<EnvFilter, String> {
    if rules.trim().is_empty() {
        return Err("a level such as `info`, or rules".to_owned());
    }
    EnvFilter::builder().parse(rules).map_err(|error| error.to_string())
}

/// Begins to log. The option on the command line goes before the configuration, and RUST_LOG before its level.
pub(crate) fn init(log: &Log, format: Option<LogFormat>) -> Result {
    let rules = std::env::var("RUST_LOG").ok().filter(|rules| !rules.is_empty());
    let filter = filter(rules.as_deref().unwrap_or(&log.level))
        .map_err(|error| CliError::new(Kind::Config, format!("the log level: {error}")).hint("try RUST_LOG=info"))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let started = match format.unwrap_or(log.format) {
        LogFormat::Human => builder.with_ansi(io::stderr().is_terminal()).with_target(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(false).try_init(),
    };
    started.map_err(|error| CliError::new(Kind::Failure, format!("logging does not start: {error}")))
}
