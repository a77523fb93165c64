//! The registry of metrics: what a process counts and measures, in which unit, by which labels.
//!
//! Every `counter!`, `gauge!` and `histogram!` of the host names a row of this table by its constant, and the page for
//! operators is written from it. A constant is named as its metric is, without `heptad_`. Labels have few values, all
//! known beforehand, and never name a tenant, an install or a plugin's version: those are told by metering. To add one:
//! a constant, its place in [`ALL`], the macro that feeds it, then `cargo xtask docs`. Alerts are in
//! [`alert`](crate::alert).

/// How a metric moves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Only grows, from the start of the process.
    Counter,
    /// Goes up and down.
    Gauge,
    /// How often values were at most so large; the upper bounds are given.
    Histogram(&'static [f64]),
}

impl Kind {
    /// The kind's word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram(_) => "histogram",
        }
    }
}

/// What a metric counts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Things.
    Count,
    /// Seconds, in fractions.
    Seconds,
    /// Seconds since 1970.
    Timestamp,
    /// Bytes.
    Bytes,
    /// Units of fuel, about one for each instruction of a plugin.
    Fuel,
}

impl Unit {
    /// The unit's word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Seconds => "seconds",
            Self::Timestamp => "seconds since 1970",
            Self::Bytes => "bytes",
            Self::Fuel => "units of fuel",
        }
    }
}

/// A row of the registry.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// The name, as Prometheus knows it.
    pub name: &'static str,
    /// How it moves.
    pub kind: Kind,
    /// What it counts in.
    pub unit: Unit,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// What it says, in one sentence.
    pub meaning: &'static str,
}

const fn counter(name: &'static str, labels: &'static [&'static str], meaning: &'static str) -> Metric {
    Metric { name, kind: Kind::Counter, unit: Unit::Count, labels, meaning }
}

const fn gauge(name: &'static str, unit: Unit, meaning: &'static str) -> Metric {
    Metric { name, kind: Kind::Gauge, unit, labels: &[], meaning }
}

const fn seconds(
    name: &'static str,
    bounds: &'static [f64],
    labels: &'static [&'static str],
    meaning: &'static str,
) -> Metric {
    Metric { name, kind: Kind::Histogram(bounds), unit: Unit::Seconds, labels, meaning }
}

/// Upper bounds in seconds for what takes microseconds: a call in a sandbox.
const QUICK: &[f64] = &[0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.02, 0.05, 0.1];
/// Upper bounds in seconds for what takes milliseconds: requests and transactions.
const SLOW: &[f64] = &[0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// Upper bounds in seconds for what a compiler does.
const LONG: &[f64] = &[0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0];

/// Requests.
pub const HTTP_REQUESTS_TOTAL: Metric = counter(
    "heptad_http_requests_total",
    &["method", "route", "class"],
    "Requests answered, by method, pattern of the route, and class of the status (`2xx` to `5xx`).",
);
/// How long requests take.
pub const HTTP_REQUEST_SECONDS: Metric = seconds(
    "heptad_http_request_seconds",
    SLOW,
    &["route"],
    "How long requests take, from their head to the answer, by pattern of the route.",
);
/// Requests to others.
pub const OUTBOUND_REQUESTS_TOTAL: Metric = counter(
    "heptad_outbound_requests_total",
    &["by", "outcome"],
    "Requests to others' servers, by on whose behalf (`webhook`, `plugin`, `enqueued`), and by what came of them: \
     `answered`, or the code of what went wrong.",
);
/// Requests to others that were held back.
pub const OUTBOUND_BLOCKED_TOTAL: Metric = counter(
    "heptad_outbound_blocked_total",
    &["reason"],
    "Requests of plugins that were held back for what is in them: `personal-data`, or `unreadable` where it could not be \
     looked through.",
);
/// How long requests to others take.
pub const OUTBOUND_SECONDS: Metric = seconds(
    "heptad_outbound_seconds",
    SLOW,
    &["by"],
    "How long requests to others' servers take, until the head of the answer.",
);
/// Open connections.
pub const HTTP_CONNECTIONS: Metric =
    gauge("heptad_http_connections", Unit::Count, "Connections that are open now; `server.connections` is the most.");
/// Requests over a rate limit.
pub const HTTP_RATE_LIMITED_TOTAL: Metric = counter(
    "heptad_http_rate_limited_total",
    &["by"],
    "Requests refused with 429 because of a rate limit, by whose it was: a token's or session's (`caller`), or an \
     address's (`peer`).",
);

/// Calls of plugins.
pub const PLUGIN_CALLS_TOTAL: Metric = counter(
    "heptad_plugin_calls_total",
    &["point", "outcome"],
    "Calls of plugins, by point and by how they ended: `answered`, or the code that the trace of the call shows, such \
     as `fuel`, `deadline`, `trap` or `busy`.",
);
/// How long calls take.
pub const PLUGIN_CALL_SECONDS: Metric = seconds(
    "heptad_plugin_call_seconds",
    QUICK,
    &["point"],
    "How long calls of plugins take, the making and removing of the sandbox included, by point.",
);
/// Fuel of calls.
pub const PLUGIN_FUEL_TOTAL: Metric = Metric {
    unit: Unit::Fuel,
    ..counter("heptad_plugin_fuel_total", &["point"], "Fuel that calls of plugins used, by point.")
};
/// Calls by plugin.
pub const PLUGIN_USAGE_CALLS_TOTAL: Metric = counter(
    "heptad_plugin_usage_calls_total",
    &["plugin"],
    "Calls by plugin, counted when usage is written: of the fifty busiest by name, of the others together as `(other)`.",
);
/// Failed calls by plugin.
pub const PLUGIN_USAGE_FAILURES_TOTAL: Metric = counter(
    "heptad_plugin_usage_failures_total",
    &["plugin"],
    "Calls that failed or were not made, by plugin as for `heptad_plugin_usage_calls_total`.",
);
/// Fuel by plugin.
pub const PLUGIN_USAGE_FUEL_TOTAL: Metric = Metric {
    unit: Unit::Fuel,
    ..counter(
        "heptad_plugin_usage_fuel_total",
        &["plugin"],
        "Fuel that calls used, by plugin as for `heptad_plugin_usage_calls_total`.",
    )
};
/// Limits that calls hit.
pub const PLUGIN_LIMIT_HITS_TOTAL: Metric = counter(
    "heptad_plugin_limit_hits_total",
    &["limit", "point"],
    "Calls of plugins that hit a limit of their sandbox, by limit and point.",
);
/// Breakers that opened.
pub const BREAKER_OPENED_TOTAL: Metric = counter(
    "heptad_breaker_opened_total",
    &["point"],
    "Times that a breaker opened because a plugin kept failing, by point; the plugin is not asked until it closes.",
);
/// Calls under way.
pub const ADMISSION_RUNNING: Metric =
    gauge("heptad_admission_running", Unit::Count, "Requests that run plugins and have their turn now.");
/// Calls that wait.
pub const ADMISSION_WAITING: Metric =
    gauge("heptad_admission_waiting", Unit::Count, "Requests that run plugins and wait for their turn now.");
/// Calls that were not admitted.
pub const ADMISSION_REFUSED_TOTAL: Metric = counter(
    "heptad_admission_refused_total",
    &["reason"],
    "Requests that got no turn and were answered with 429, by reason: `queue-full`, when their shop has as many waiting \
     as it may, or `out-of-time`.",
);

/// When the installs were last read.
pub const INSTALLS_READ_TIMESTAMP_SECONDS: Metric = gauge(
    "heptad_installs_read_timestamp_seconds",
    Unit::Timestamp,
    "When this process last read whether plugins were changed; after 5 s without it runs none and is not ready.",
);
/// Failed readings.
pub const INSTALLS_READ_FAILURES_TOTAL: Metric = counter(
    "heptad_installs_read_failures_total",
    &[],
    "Failed attempts to read whether plugins were changed; there are four attempts a second.",
);

/// Compilations.
pub const COMPILATIONS_TOTAL: Metric = counter(
    "heptad_compilations_total",
    &["outcome"],
    "Components that the compile worker was given, by outcome: `compiled`, or the code of the error, such as \
     `does-not-compile`, `compile-time`, `compile-memory` or `compiler-busy`.",
);
/// How long they take.
pub const COMPILATION_SECONDS: Metric = seconds(
    "heptad_compilation_seconds",
    LONG,
    &[],
    "How long a component waits for the compile worker and is in it, whatever the outcome.",
);

/// Transactions.
pub const DB_TRANSACTIONS_TOTAL: Metric = counter(
    "heptad_db_transactions_total",
    &["kind", "outcome"],
    "Transactions by kind (`read`, `write`) and outcome (`committed`, `rolled-back`); a refusal of what was asked rolls \
     back as a failure does.",
);
/// How long they take.
pub const DB_TRANSACTION_SECONDS: Metric = seconds(
    "heptad_db_transaction_seconds",
    SLOW,
    &["kind"],
    "How long transactions take, the waiting for a connection included, by kind.",
);
/// Waiting for a connection.
pub const DB_BEGIN_SECONDS: Metric = seconds(
    "heptad_db_begin_seconds",
    SLOW,
    &["kind"],
    "How long it takes to get a connection from the pool and begin a transaction on it, by kind.",
);
/// Transactions that ran again.
pub const DB_CONFLICTS_TOTAL: Metric = counter(
    "heptad_db_conflicts_total",
    &[],
    "Transactions that ran again because another one changed the same rows meanwhile.",
);

/// Rows removed by retention.
pub const RETENTION_PURGED_TOTAL: Metric =
    counter("heptad_retention_purged_total", &["table"], "Rows removed because they had expired, by table.");
/// Rounds that failed.
pub const RETENTION_FAILURES_TOTAL: Metric = counter(
    "heptad_retention_failures_total",
    &[],
    "Rounds of removing what has expired that ended with an error; the next round goes on.",
);

/// What calls logged.
pub const PLUGIN_LOGS_TOTAL: Metric = counter(
    "heptad_plugin_logs_total",
    &["outcome"],
    "Calls that logged something, by what became of the lines: `kept` for a day, or `dropped` because the install had its \
     120 of the minute, or too many waited.",
);
/// Recordings.
pub const RECORDINGS_TOTAL: Metric = counter(
    "heptad_recordings_total",
    &["outcome"],
    "Recordings of calls by outcome: `kept`; `dropped` because more came than could be written, or because it was too large; \
     `over-quota` because the install has recorded its share of the minute or hour.",
);
/// How long a flush of metering takes.
pub const METERING_FLUSH_SECONDS: Metric = seconds(
    "heptad_metering_flush_seconds",
    SLOW,
    &[],
    "How long it takes to write what was metered since the last flush.",
);
/// Flushes that failed.
pub const METERING_FLUSH_FAILURES_TOTAL: Metric = counter(
    "heptad_metering_flush_failures_total",
    &[],
    "Flushes of metering that failed; what was metered stays in memory until one succeeds.",
);
/// Notices.
pub const NOTICES_TOTAL: Metric = counter(
    "heptad_notices_total",
    &["kind"],
    "Notices put into an inbox of a tenant, publisher or operator, by kind.",
);

/// Which build runs.
pub const BUILD_INFO: Metric = Metric {
    labels: &["release"],
    ..gauge("heptad_build_info", Unit::Count, "Always 1; the label `release` is the version of the running binary.")
};
/// Memory of the process.
pub const PROCESS_RESIDENT_MEMORY_BYTES: Metric =
    gauge("process_resident_memory_bytes", Unit::Bytes, "Memory of the process that is in RAM.");
/// Processor time of the process.
pub const PROCESS_CPU_SECONDS_TOTAL: Metric = Metric {
    kind: Kind::Counter,
    ..gauge(
        "process_cpu_seconds_total",
        Unit::Seconds,
        "Processor time of the process, in the kernel and outside of it.",
    )
};
/// Files of the process.
pub const PROCESS_OPEN_FDS: Metric =
    gauge("process_open_fds", Unit::Count, "File descriptors that are open, connections included.");
/// The most files of the process.
pub const PROCESS_MAX_FDS: Metric =
    gauge("process_max_fds", Unit::Count, "The most file descriptors that the process may open.");
/// Threads of the process.
pub const PROCESS_THREADS: Metric = gauge("process_threads", Unit::Count, "Threads of the process.");
/// When the process started.
pub const PROCESS_START_TIME_SECONDS: Metric =
    gauge("process_start_time_seconds", Unit::Timestamp, "When the process started.");

/// Partitions of this process.
pub const EVENTS_PARTITIONS: Metric = gauge(
    "heptad_events_partitions",
    Unit::Count,
    "Partitions of events that this process works on; all processes together hold 64.",
);
/// Events that went into lanes.
pub const EVENTS_RELAYED_TOTAL: Metric = counter(
    "heptad_events_relayed_total",
    &[],
    "Events that were matched with subscriptions, whether or not anybody asked for them.",
);
/// Runs of schedules.
pub const SCHEDULE_RUNS_TOTAL: Metric = counter(
    "heptad_schedule_runs_total",
    &[],
    "Runs of plugins' schedules that this process told of, whatever became of them.",
);
/// Events in the outbox.
pub const EVENTS_OUTBOX: Metric = gauge(
    "heptad_events_outbox",
    Unit::Count,
    "Events of all shops that are committed and not matched with subscriptions yet, counted up to 10,000; growing, it says \
     that nobody relays.",
);
/// Lanes that are due.
pub const EVENTS_LANES_DUE: Metric = gauge(
    "heptad_events_lanes_due",
    Unit::Count,
    "Keys of subscriptions with an event that is to be told now, in the partitions of this process; growing, it says that \
     receivers are too slow.",
);
/// Attempts to deliver.
pub const EVENTS_DELIVERIES_TOTAL: Metric = counter(
    "heptad_events_deliveries_total",
    &["receiver", "outcome"],
    "Attempts to deliver an event, by receiver (`plugin`, `schedule`, `outbound`, `webhook`) and outcome (`ok`, `failed`, \
     `dead`).",
);
/// How late events are.
pub const EVENTS_DELAY_SECONDS: Metric = seconds(
    "heptad_events_delay_seconds",
    SLOW,
    &["receiver"],
    "How long after it happened an event was taken, by receiver as for `heptad_events_deliveries_total`; only attempts \
     that succeeded.",
);
/// Open streams.
pub const EVENT_STREAMS: Metric =
    gauge("heptad_event_streams", Unit::Count, "Streams of events that are open now; a process has 512 at most.");
/// Streams that ended.
pub const EVENT_STREAMS_ENDED_TOTAL: Metric = counter(
    "heptad_event_streams_ended_total",
    &["reason"],
    "Streams of events that ended, by reason: `gone` (the reader went), `slow` (it took nothing for 20 s), `standing` \
     (its token or session was over), `stopping` (the process stops), `failed` (the database could not be read).",
);

/// Whether NATS is there.
pub const NATS_CONNECTED: Metric = gauge(
    "heptad_nats_connected",
    Unit::Count,
    "1 while the connection to NATS stands, 0 while it does not; absent where `nats.url` is empty. Without it events and \
     changes are found by looking, four times a second.",
);
/// Messages that were sent.
pub const NATS_SENT_TOTAL: Metric = counter(
    "heptad_nats_sent_total",
    &["outcome"],
    "Messages to other processes that there are events for them, by outcome: `sent`, `failed`, or `dropped` because there \
     was no connection or too many waited. Nothing is lost with them: the database holds the events.",
);
/// Messages that came.
pub const NATS_RECEIVED_TOTAL: Metric = counter(
    "heptad_nats_received_total",
    &[],
    "Messages of other processes that there are events in a partition of this process.",
);

/// Whether the folder can be written.
pub const DATA_FOLDER_WRITABLE: Metric = gauge(
    "heptad_data_folder_writable",
    Unit::Count,
    "1 while `data.folder` can be written, 0 while it cannot: the process is then not ready.",
);

/// Every metric, in the order of the page for operators.
pub const ALL: &[Metric] = &[
    HTTP_REQUESTS_TOTAL,
    HTTP_REQUEST_SECONDS,
    OUTBOUND_REQUESTS_TOTAL,
    OUTBOUND_SECONDS,
    OUTBOUND_BLOCKED_TOTAL,
    HTTP_CONNECTIONS,
    HTTP_RATE_LIMITED_TOTAL,
    PLUGIN_CALLS_TOTAL,
    PLUGIN_CALL_SECONDS,
    PLUGIN_FUEL_TOTAL,
    PLUGIN_USAGE_CALLS_TOTAL,
    PLUGIN_USAGE_FAILURES_TOTAL,
    PLUGIN_USAGE_FUEL_TOTAL,
    PLUGIN_LIMIT_HITS_TOTAL,
    BREAKER_OPENED_TOTAL,
    ADMISSION_RUNNING,
    ADMISSION_WAITING,
    ADMISSION_REFUSED_TOTAL,
    INSTALLS_READ_TIMESTAMP_SECONDS,
    INSTALLS_READ_FAILURES_TOTAL,
    COMPILATIONS_TOTAL,
    COMPILATION_SECONDS,
    EVENTS_PARTITIONS,
    EVENTS_RELAYED_TOTAL,
    SCHEDULE_RUNS_TOTAL,
    EVENTS_OUTBOX,
    EVENTS_LANES_DUE,
    EVENTS_DELIVERIES_TOTAL,
    EVENTS_DELAY_SECONDS,
    EVENT_STREAMS,
    EVENT_STREAMS_ENDED_TOTAL,
    NATS_CONNECTED,
    NATS_SENT_TOTAL,
    NATS_RECEIVED_TOTAL,
    DATA_FOLDER_WRITABLE,
    DB_TRANSACTIONS_TOTAL,
    DB_TRANSACTION_SECONDS,
    DB_BEGIN_SECONDS,
    DB_CONFLICTS_TOTAL,
    RETENTION_PURGED_TOTAL,
    RETENTION_FAILURES_TOTAL,
    PLUGIN_LOGS_TOTAL,
    RECORDINGS_TOTAL,
    METERING_FLUSH_SECONDS,
    METERING_FLUSH_FAILURES_TOTAL,
    NOTICES_TOTAL,
    BUILD_INFO,
    PROCESS_RESIDENT_MEMORY_BYTES,
    PROCESS_CPU_SECONDS_TOTAL,
    PROCESS_OPEN_FDS,
    PROCESS_MAX_FDS,
    PROCESS_THREADS,
    PROCESS_START_TIME_SECONDS,
];
