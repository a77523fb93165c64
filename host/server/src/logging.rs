//! Logs: to standard error, for people or as JSON. Secrets and personal data are never logged.

use std::io::{self, IsTerminal as _};

use heptad_model::telemetry::SPANS;
use serde::{Deserialize, Serialize};
use tracing_subscriber::filter::{FilterExt as _, filter_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, fmt, registry};

use crate::config::Log;
use crate::error::{CliError, Kind, Result};
use crate::telemetry::Telemetry;

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

/// Begins to log, and to trace. The option on the command line goes before the configuration, and RUST_LOG before its
/// level.
pub(crate) fn init(log: &Log, format: Option<LogFormat>, telemetry: &Telemetry) -> Result {
    let rules = std::env::var("RUST_LOG").ok().filter(|rules| !rules.is_empty());
    let filter = filter(rules.as_deref().unwrap_or(&log.level))
        .map_err(|error| CliError::new(Kind::Config, format!("the log level: {error}")).hint("try RUST_LOG=info"))?;
    // Spans for telemetry say again what the log says already.
    let filter = filter.and(filter_fn(|metadata| metadata.target() != SPANS));
    let lines = fmt::layer().with_writer(io::stderr);
    let lines = match format.unwrap_or(log.format) {
        LogFormat::Human => lines.with_ansi(io::stderr().is_terminal()).with_target(false).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).boxed(),
    };
    let started = registry().with(telemetry.layer()).with(lines.with_filter(filter)).try_init();
    started.map_err(|error| CliError::new(Kind::Failure, format!("logging does not start: {error}")))
}
