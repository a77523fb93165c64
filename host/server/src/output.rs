//! What a command prints: sentences for people or one JSON document for programs, on standard output.

use std::io::{self, Write as _};

use serde::Serialize;

use crate::error::Result;

/// How data is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(crate) enum Format {
    /// Sentences and tables for people; they may change with any version.
    #[default]
    Human,
    /// One JSON document; fields are only added.
    Json,
}

/// The option `--output`, of every command that prints data.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub(crate) struct Output {
    /// How the result is printed
    #[arg(long = "output", value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,
}

impl Output {
    /// Prints the value as JSON, or what `human` makes of it, by the option.
    pub(crate) fn print<T: Serialize>(self, value: &T, human: impl FnOnce(&T) -> String) -> Result {
        match self.format {
            Format::Human => line(human(value)),
            Format::Json => line(serde_json::to_string_pretty(value)?),
        }
    }
}

/// Prints a text and a line feed. A reader that went away, such as `head`, is no failure.
pub(crate) fn line(text: impl AsRef<str>) -> Result {
    let mut out = io::stdout().lock();
    match writeln!(out, "{}", text.as_ref().trim_end_matches('\n')).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
