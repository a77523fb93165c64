//! Moments and clocks. Nobody but [`SystemClock`] reads the machine's clock.

use std::sync::atomic::{AtomicI64, Ordering};

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Millis(i64);

impl Millis {
    /// From milliseconds since 1970 UTC.
    pub const fn new(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970 UTC.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// The moment so many milliseconds later, at the most the last one that can be told.
    #[must_use]
    pub const fn plus(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// Reads RFC 3339, such as `2026-01-02T03:04:05Z` or `2026-01-02T11:04:05+08:00`.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        (text.len() <= 64).then(|| text.parse::<jiff::Timestamp>().ok()).flatten().map(|at| Self(at.as_millisecond()))
    }

    /// Reads a date of HTTP (RFC 9110), such as `Sun, 01 Mar 2026 00:02:00 GMT`.
    pub fn parse_http_date(text: &str) -> Option<Self> {
        let parsed = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text);
        (text.len() <= 64).then(|| parsed.ok()).flatten().map(|at| Self(at.as_millisecond()))
    }

    /// RFC 3339 in UTC with milliseconds, such as `2026-01-02T03:04:05.678Z`; out of the calendar, the bare number.
    pub fn rfc3339(self) -> String {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(moment) => format!("{moment:.3}"),
            Err(_) => self.0.to_string(),
        }
    }
}

/// Seconds, minutes, hours and days in milliseconds.
pub mod span {
    /// A second.
    pub const SECOND: i64 = 1_000;
    /// A minute.
    pub const MINUTE: i64 = 60 * SECOND;
    /// An hour.
    pub const HOUR: i64 = 60 * MINUTE;
    /// A day of 24 hours.
    pub const DAY: i64 = 24 * HOUR;
}

/// What tells the time.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Millis;
}

/// The machine's clock.
#[derive(Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    fn now(&self) -> Millis {
        Millis(jiff::Timestamp::now().as_millisecond())
    }
}

/// A clock that moves when it is told to.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that stands at this moment.
    pub const fn at(millis: i64) -> Self {
        Self(AtomicI64::new(millis))
    }

    /// Moves the clock forward.
    pub fn advance(&self, millis: i64) {
        self.0.fetch_add(millis, Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Millis {
        Millis(self.0.load(Ordering::Relaxed))
    }
}
