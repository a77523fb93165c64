//! Durations and rates, and what they come to.

use std::time::{Duration, Instant};

/// Durations of single calls, in nanoseconds, in order of size.
pub(crate) struct Series(Vec<u64>);

impl Series {
    /// Of durations in any order.
    pub(crate) fn new(mut nanos: Vec<u64>) -> Self {
        nanos.sort_unstable();
        Self(nanos)
    }

    /// The value below which this part of the calls lies, in microseconds; 0 of none.
    pub(crate) fn quantile(&self, part: f64) -> f64 {
        let last = self.0.len().saturating_sub(1);
        let index = (last as f64 * part).round() as usize;
        self.0.get(index).map_or(0.0, |nanos| *nanos as f64 / 1_000.0)
    }
}

/// The time since then, in nanoseconds.
pub(crate) fn nanos(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// The middle value; 0 of none.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// Calls per second.
pub(crate) fn rate(calls: usize, elapsed: Duration) -> f64 {
    calls as f64 / elapsed.as_secs_f64()
}
