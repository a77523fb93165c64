//! What the process takes of its machine, read when somebody asks: memory, processor, files, threads.

use std::fs;

use heptad_model::metric;
use metrics::{counter, gauge};
use rustix::process::{Resource, getrlimit};

/// The ticks of a second in `/proc`: the same number for every program on Linux.
const TICKS: f64 = 100.0;

/// Sets the metrics of the process. What the machine does not tell stays as it was.
pub(crate) fn observe() {
    if let Some(stat) = fs::read_to_string("/proc/self/stat").ok().as_deref().and_then(Stat::parse) {
        // A counter holds whole numbers, and whole seconds of processor time are enough for a rate over minutes.
        counter!(metric::PROCESS_CPU_SECONDS_TOTAL.name).absolute((stat.cpu_ticks as f64 / TICKS) as u64);
        gauge!(metric::PROCESS_THREADS.name).set(stat.threads as f64);
        if let Some(boot) = fs::read_to_string("/proc/stat").ok().as_deref().and_then(boot_seconds) {
            gauge!(metric::PROCESS_START_TIME_SECONDS.name).set(boot as f64 + stat.started_ticks as f64 / TICKS);
        }
    }
    if let Some(bytes) = fs::read_to_string("/proc/self/status").ok().as_deref().and_then(resident_bytes) {
        gauge!(metric::PROCESS_RESIDENT_MEMORY_BYTES.name).set(bytes as f64);
    }
    if let Ok(files) = fs::read_dir("/proc/self/fd") {
        // One of them is the folder that is being read.
        gauge!(metric::PROCESS_OPEN_FDS.name).set(files.count().saturating_sub(1) as f64);
    }
    if let Some(most) = getrlimit(Resource::Nofile).current {
        gauge!(metric::PROCESS_MAX_FDS.name).set(most as f64);
    }
}

/// What is used of `/proc/self/stat`.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    cpu_ticks: u64,
    threads: u64,
    started_ticks: u64,
}

impl Stat {
    /// The program's name stands in brackets and may hold anything, so fields are counted after the last one.
    fn parse(text: &str) -> Option<Self> {
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        Some(Self { cpu_ticks: field(14)? + field(15)?, threads: field(20)?, started_ticks: field(22)? })
    }
}

/// When the machine started, in seconds since 1970.
fn boot_seconds(stat: &str) -> Option<u64> {
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

fn resident_bytes(status: &str) -> Option<u64> {
    let kibibytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(kibibytes.trim().strip_suffix(" kB")?.parse::<u64>().ok()? << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_linux_writes_is_read() {
        let stat = "42 (a ) b) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 17 0 12345 1 2 3";
        assert_eq!(Stat::parse(stat), Some(Stat { cpu_ticks: 300, threads: 17, started_ticks: 12_345 }));
        assert_eq!(Stat::parse("42 (a"), None);
        assert_eq!(boot_seconds("cpu 1 2\nbtime 1700000000\n"), Some(1_700_000_000));
        assert_eq!(resident_bytes("Name:\tx\nVmRSS:\t    2048 kB\n"), Some(2 << 20));
    }
}
