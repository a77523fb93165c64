//! Printing, and the statistics of a series.

use std::time::Duration;

/// Durations of single calls, in nanoseconds.
pub(crate) struct Series(Vec<u64>);

impl Series {
    pub(crate) fn new(mut nanos: Vec<u64>) -> Self {
        nanos.sort_unstable();
        Self(nanos)
    }

    /// The value below which this part of the calls lies, in microseconds.
    pub(crate) fn quantile(&self, part: f64) -> f64 {
        let last = self.0.len().saturating_sub(1);
        let index = (last as f64 * part).round() as usize;
        self.0.get(index).map_or(0.0, |nanos| *nanos as f64 / 1_000.0)
    }
}

/// The middle of five rounds.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// What the figures were taken on.
pub(crate) fn machine() {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(": unknown");
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!("machine: {cores} cores, {}", model.trim_start_matches([' ', '\t', ':']));
}

/// A row that compares Heptad with bare wasmtime.
pub(crate) fn compare(what: &str, unit: &str, bare: f64, heptad: f64) {
    println!("{what:<44} bare {bare:>10.1} {unit}   heptad {heptad:>10.1} {unit}   ratio {:>5.2}", heptad / bare);
}

/// Calls per second.
pub(crate) fn rate(calls: usize, elapsed: Duration) -> f64 {
    calls as f64 / elapsed.as_secs_f64()
}
