//! What the runtime counts and measures for operators; the rows are in `heptad_model::metric`.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use heptad_capabilities::extensions::{CallTrace, Outcome};
use heptad_model::{Millis, Point, metric};
use heptad_platform::metering::Usage;
use heptad_platform::notice::NoticeKind;
use metrics::{Counter, Histogram, counter, gauge, histogram};

use crate::admission::Refused;
use crate::compile::CompileError;

/// The handles of a point's calls, found once: looking one up costs more than adding to it.
struct OfPoint {
    answered: Counter,
    seconds: Histogram,
    fuel: Counter,
}

/// By the position of the point. What is counted before metrics are installed is counted nowhere.
static CALLS: [LazyLock<OfPoint>; Point::ALL.len()] = [
    LazyLock::new(|| OfPoint::of(Point::DiscountLines)),
    LazyLock::new(|| OfPoint::of(Point::DiscountOrder)),
    LazyLock::new(|| OfPoint::of(Point::CartValidateComplete)),
    LazyLock::new(|| OfPoint::of(Point::EventHandle)),
    LazyLock::new(|| OfPoint::of(Point::ScheduleRun)),
    LazyLock::new(|| OfPoint::of(Point::HttpRoute)),
];

impl OfPoint {
    fn of(point: Point) -> Self {
        let name = point.name();
        Self {
            answered: counter!(metric::PLUGIN_CALLS_TOTAL.name, "point" => name, "outcome" => "answered"),
            seconds: histogram!(metric::PLUGIN_CALL_SECONDS.name, "point" => name),
            fuel: counter!(metric::PLUGIN_FUEL_TOTAL.name, "point" => name),
        }
    }
}

/// A call, however it ended.
pub(crate) fn called(call: &CallTrace) {
    let of_point = &CALLS[call.point as usize];
    let point = call.point.name();
    match &call.outcome {
        Outcome::Answered => of_point.answered.increment(1),
        Outcome::Failed { .. } | Outcome::Skipped { .. } => {
            let outcome = word(&call.outcome).to_owned();
            counter!(metric::PLUGIN_CALLS_TOTAL.name, "point" => point, "outcome" => outcome).increment(1);
        }
    }
    if !matches!(call.outcome, Outcome::Skipped { .. }) {
        of_point.seconds.record(Duration::from_micros(call.micros));
        of_point.fuel.increment(call.fuel);
    }
    for reached in &call.limits {
        let limit = reached.limit.code();
        counter!(metric::PLUGIN_LIMIT_HITS_TOTAL.name, "limit" => limit, "point" => point).increment(1);
    }
}

/// How many requests have their turn, and how many wait for it.
pub(crate) fn admission(running: u32, waiting: usize) {
    gauge!(metric::ADMISSION_RUNNING.name).set(running);
    gauge!(metric::ADMISSION_WAITING.name).set(waiting as f64);
}

/// A request that got no turn.
pub(crate) fn refused(why: Refused) {
    counter!(metric::ADMISSION_REFUSED_TOTAL.name, "reason" => why.reason()).increment(1);
}

/// A breaker that opened.
pub(crate) fn breaker_opened(point: Point) {
    counter!(metric::BREAKER_OPENED_TOTAL.name, "point" => point.name()).increment(1);
}

/// A recording: kept, dropped, or beyond its install's share.
pub(crate) fn recording(outcome: &'static str) {
    counter!(metric::RECORDINGS_TOTAL.name, "outcome" => outcome).increment(1);
}

/// What a call logged: kept, or dropped because there was too much.
pub(crate) fn log(outcome: &'static str) {
    counter!(metric::PLUGIN_LOGS_TOTAL.name, "outcome" => outcome).increment(1);
}

/// A flush of what was metered, and in how many shops it failed.
pub(crate) fn flushed(took: Duration, failures: u64) {
    histogram!(metric::METERING_FLUSH_SECONDS.name).record(took);
    counter!(metric::METERING_FLUSH_FAILURES_TOTAL.name).increment(failures);
}

/// Usage that was written, by the label of the plugin.
pub(crate) fn usage(by_label: &BTreeMap<String, Usage>) {
    for (plugin, usage) in by_label {
        counter!(metric::PLUGIN_USAGE_CALLS_TOTAL.name, "plugin" => plugin.clone()).increment(usage.calls);
        let failures = usage.failures.values().sum();
        counter!(metric::PLUGIN_USAGE_FAILURES_TOTAL.name, "plugin" => plugin.clone()).increment(failures);
        counter!(metric::PLUGIN_USAGE_FUEL_TOTAL.name, "plugin" => plugin.clone()).increment(usage.fuel);
    }
}

/// A request to another server that was held back for what is in it.
pub(crate) fn outbound_blocked(reason: &'static str) {
    counter!(metric::OUTBOUND_BLOCKED_TOTAL.name, "reason" => reason).increment(1);
}

/// A notice that was put into inboxes.
pub(crate) fn notice(kind: NoticeKind) {
    counter!(metric::NOTICES_TOTAL.name, "kind" => kind.name()).increment(1);
}

/// The outcome in one word: `answered`, or its code. Codes are the host's own words, so there are few.
pub(crate) fn word(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Answered => "answered",
        Outcome::Failed { code, .. } | Outcome::Skipped { code, .. } => code,
    }
}

/// An attempt to read the generation of the installs, begun at `at`.
pub(crate) fn installs_read(at: Millis, is_read: bool) {
    if is_read {
        gauge!(metric::INSTALLS_READ_TIMESTAMP_SECONDS.name).set(at.as_millis() as f64 / 1_000.0);
    } else {
        counter!(metric::INSTALLS_READ_FAILURES_TOTAL.name).increment(1);
    }
}

/// Waits for the compile worker and measures it.
pub(crate) async fn compilation(
    compiling: impl Future<Output = Result<Vec<u8>, CompileError>>,
) -> Result<Vec<u8>, CompileError> {
    let begun = Instant::now();
    let result = compiling.await;
    let outcome = result.as_ref().map_or_else(CompileError::code, |_| "compiled");
    counter!(metric::COMPILATIONS_TOTAL.name, "outcome" => outcome).increment(1);
    histogram!(metric::COMPILATION_SECONDS.name).record(begun.elapsed());
    result
}
