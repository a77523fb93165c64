//! What delivery counts and measures for operators; the rows are in `heptad_model::metric`.

use heptad_model::metric;
use metrics::{counter, gauge, histogram};

/// How many partitions this process holds.
pub(crate) fn holds(partitions: usize) {
    gauge!(metric::EVENTS_PARTITIONS.name).set(partitions as f64);
}

/// Events went from the outbox into lanes.
pub(crate) fn relayed(events: usize) {
    counter!(metric::EVENTS_RELAYED_TOTAL.name).increment(events as u64);
}

/// Runs of schedules were told of.
pub(crate) fn due_runs(runs: usize) {
    counter!(metric::SCHEDULE_RUNS_TOTAL.name).increment(runs as u64);
}

/// How many events are in the outbox.
pub(crate) fn outbox(events: i64) {
    gauge!(metric::EVENTS_OUTBOX.name).set(events as f64);
}

/// How many lanes are due.
pub(crate) fn due(lanes: i64) {
    gauge!(metric::EVENTS_LANES_DUE.name).set(lanes as f64);
}

/// An attempt ended, so many milliseconds after the event had happened.
pub(crate) fn delivered(receiver: &'static str, outcome: &'static str, late_millis: i64) {
    counter!(metric::EVENTS_DELIVERIES_TOTAL.name, "receiver" => receiver, "outcome" => outcome).increment(1);
    if outcome == "ok" {
        histogram!(metric::EVENTS_DELAY_SECONDS.name, "receiver" => receiver).record(late_millis as f64 / 1_000.0);
    }
}
