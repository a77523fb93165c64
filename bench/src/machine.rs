//! What the figures were taken on.

use std::path::Path;

use serde::Serialize;

/// The machine and the day.
#[derive(Serialize)]
pub(crate) struct Facts {
    machine: String,
    date: String,
    cores: usize,
    processor: String,
    kernel: String,
    memory_mib: u64,
    page_map_scan: &'static str,
}

/// Asks the system; class and day are told.
pub(crate) fn facts(machine: String, date: String) -> Facts {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let (processor, memory) = (read("/proc/cpuinfo"), read("/proc/meminfo"));
    Facts {
        machine,
        date,
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        processor: field(&processor, "model name").unwrap_or("unknown").to_owned(),
        kernel: format!("{} {}", read("/proc/sys/kernel/ostype").trim(), read("/proc/sys/kernel/osrelease").trim()),
        memory_mib: kib(&memory, "MemTotal") / 1_024,
        page_map_scan: page_map_scan(),
    }
}

/// The engine's own decision, and whether the kernel can do it.
fn page_map_scan() -> &'static str {
    let is_safe = heptad_runtime::engine::page_map_scan_is_safe(Path::new("/proc"), Path::new("/sys/fs/cgroup"));
    match (is_safe, wasmtime::PoolingAllocationConfig::is_pagemap_scan_available()) {
        (true, true) => "on",
        (false, _) => "off: swap is on",
        (true, false) => "off: the kernel has none",
    }
}

impl Facts {
    /// For people, in one line.
    pub(crate) fn line(&self) -> String {
        let Self { machine, date, cores, processor, kernel, memory_mib, page_map_scan } = self;
        format!(
            "{date}, machine: {machine}; {cores} cores ({processor}), {memory_mib} MiB, {kernel}, page-map scan {page_map_scan}"
        )
    }
}

/// The resident memory of a process (`self`, or a number) and the most that it was, in KiB.
pub(crate) fn resident_kib(process: &str) -> (u64, u64) {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    (kib(&status, "VmRSS"), kib(&status, "VmHWM"))
}

/// The processor time that a process has used, in milliseconds, in the kernel and outside of it. Linux counts it in
/// hundredths of a second.
pub(crate) fn processor_millis(process: &str) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The program's name, in brackets, may hold anything. The 12th and 13th fields behind it are the two times.
    let fields = stat.rsplit_once(") ").map(|(_, fields)| fields).unwrap_or_default();
    fields.split(' ').skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum::<u64>() * 10
}

fn kib(text: &str, name: &str) -> u64 {
    field(text, name).and_then(|value| value.split(' ').next()?.parse().ok()).unwrap_or_default()
}

/// The value of a `name: value` line.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim())
}
