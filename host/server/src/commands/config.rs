//! `heptad config check`: says what is wrong with a configuration, key by key.

use std::path::Path;

use serde::Serialize;

use crate::config::{Config, Problem};
use crate::error::{CliError, Kind, Result};
use crate::output::{self, Output};

/// What can be done with the configuration.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum ConfigCommand {
    /// Check every key, and say of each that is wrong which rule it breaks
    Check {
        /// Print the configuration that comes out of defaults, file and environment, passwords covered
        #[arg(long, conflicts_with = "format")]
        print: bool,
        #[command(flatten)]
        output: Output,
    },
    /// Print all keys with their defaults and what they mean
    Default,
}

#[derive(Serialize)]
struct Report {
    problems: Vec<Problem>,
}

/// Runs the command.
pub(crate) fn run(file: Option<&Path>, command: &ConfigCommand) -> Result {
    match command {
        ConfigCommand::Default => output::line(crate::config::DEFAULTS),
        ConfigCommand::Check { print: true, .. } => output::line(Config::load(file)?.shown()?),
        ConfigCommand::Check { output, .. } => {
            let report = Report { problems: Config::read(file).err().unwrap_or_default() };
            output.print(&report, |report| match report.problems.as_slice() {
                [] => "the configuration is valid".to_owned(),
                problems => problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n"),
            })?;
            match report.problems.len() {
                0 => Ok(()),
                1 => Err(CliError::new(Kind::Config, "a key is wrong")),
                many => Err(CliError::new(Kind::Config, format!("{many} keys are wrong"))),
            }
        }
    }
}
