//! How a command fails: a sentence, a hint that can be pasted, and a kind that decides the exit code.

use std::fmt;

/// The kind of a failure, and with it the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The machine, the database or the host failed: exit code 1.
    Failure,
    /// The command line, a file or a row of it is wrong: exit code 2, which clap uses for the command line, too.
    Input,
    /// The configuration is wrong: exit code 3.
    Config,
    /// The present state refuses: schema behind, database not empty, name taken: exit code 4.
    State,
    /// Ctrl-C ended the command before its work was done: exit code 130, by the shells' convention.
    Interrupted,
}

impl Kind {
    /// The exit code.
    pub(crate) const fn exit_code(self) -> u8 {
        match self {
            Self::Failure => 1,
            Self::Input => 2,
            Self::Config => 3,
            Self::State => 4,
            Self::Interrupted => 130,
        }
    }
}

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct CliError {
    kind: Kind,
    error: anyhow::Error,
    hint: Option<String>,
}

/// The result of a command.
pub(crate) type Result<T = (), E = CliError> = std::result::Result<T, E>;

impl CliError {
    /// A failure that is no other error's consequence.
    pub(crate) fn new(kind: Kind, message: impl fmt::Display) -> Self {
        Self { kind, error: anyhow::Error::msg(message.to_string()), hint: None }
    }

    /// Adds what the reader can do about it, best as a command to paste.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The kind.
    pub(crate) const fn kind(&self) -> Kind {
        self.kind
    }

    /// The sentence, with its causes.
    pub(crate) fn text(&self) -> String {
        format!("{:#}", self.error)
    }

    /// Writes `error: …` and `hint: …` to standard error.
    pub(crate) fn print(&self) {
        eprintln!("error: {}", self.text());
        if let Some(hint) = &self.hint {
            eprintln!("hint: {hint}");
        }
    }
}

impl<E: Into<anyhow::Error>> From<E> for CliError {
    fn from(error: E) -> Self {
        Self { kind: Kind::Failure, error: error.into(), hint: None }
    }
}

/// Says of an error what kind it is, and what was being done.
pub(crate) trait Explain<T> {
    /// Sets the kind.
    fn kind(self, kind: Kind) -> Result<T>;
    /// Puts a sentence before the cause.
    fn during(self, what: impl FnOnce() -> String) -> Result<T>;
    /// Adds what the reader can do about it.
    fn or_hint(self, hint: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: Into<CliError>> Explain<T> for Result<T, E> {
    fn kind(self, kind: Kind) -> Result<T> {
        self.map_err(|error| CliError { kind, ..error.into() })
    }

    fn during(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| {
            let error: CliError = error.into();
            CliError { error: error.error.context(what()), ..error }
        })
    }

    fn or_hint(self, hint: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| error.into().hint(hint()))
    }
}
