//! The ways of misbehaving.

use serde::Deserialize;

/// The settings.
#[derive(Debug, Clone, Deserialize)]
pub struct Settings {
    /// What to do.
    pub mode: Mode,
    /// The point at which to do it; `everywhere` for all.
    pub at: String,
}

impl Settings {
    /// Whether the plugin misbehaves at this point.
    pub fn applies_at(&self, point: &str) -> bool {
        self.at == "everywhere" || self.at == point
    }
}

/// A way of misbehaving. `plugin.toml` lists the same names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Behaves: no discounts, no denials.
    None,
    /// Computes for ever.
    Loop,
    /// Calls the host for ever.
    HostCallLoop,
    /// Fills 8 MiB for ever, one uninterruptible operation at a time.
    BulkLoop,
    /// Takes memory without end.
    Memory,
    /// Calls itself without end.
    Recursion,
    /// Stops at an `unreachable`.
    Trap,
    /// Panics with a message.
    Panic,
    /// Computes for some milliseconds, then answers.
    Slow,
    /// Returns an error.
    Error,
    /// Writes 400 KB to its log, then answers.
    LogFlood,
    /// Answers with a text of 10 MiB.
    HugeAnswer,
    /// Answers with 2,000 operations or denials.
    ManyOperations,
    /// A discount below zero.
    Negative,
    /// A discount of 200 %.
    OverPercent,
    /// Names line 9,999.
    UnknownLine,
    /// A discount in another currency.
    OtherCurrency,
    /// A discount larger than what is left.
    TooLarge,
    /// Numbers beyond ±(2^53 − 1).
    OutOfRange,
    /// A text argument of 100 KiB.
    BadText,
    /// Denies the cart.
    Deny,
    /// Writes to its store, and reports the error's code.
    Write,
    /// Reads the catalog, and reports the error's code.
    ReadDenied,
    /// Reports how often this instance was called.
    Remember,
    /// Reports the system's time in milliseconds.
    Clock,
    /// Reports a random number.
    Random,
}

impl Mode {
    /// Whether the mode reports something in its answer's text.
    pub fn reports(self) -> bool {
        matches!(self, Self::Write | Self::ReadDenied | Self::Remember | Self::Clock | Self::Random)
    }
}
