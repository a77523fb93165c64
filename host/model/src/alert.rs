//! The registry of alerts: what somebody is woken or told for, and what they do first.
//!
//! `docs/alerts.yaml` and the page for operators are written from it. An expression reads metrics of
//! [`metric`](crate::metric) and nothing else. To add one: a row, then `cargo xtask docs`.

/// How soon somebody must act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// At once, at night too: merchants cannot sell, or money is not counted.
    Page,
    /// On the next working day.
    Ticket,
}

impl Severity {
    /// The severity's word, as the label `severity` has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Ticket => "ticket",
        }
    }
}

/// A row of the registry.
#[derive(Debug, Clone, Copy)]
pub struct Alert {
    /// The name, as Prometheus knows it.
    pub name: &'static str,
    /// How soon somebody must act.
    pub severity: Severity,
    /// The PromQL expression that has a value while something is wrong.
    pub when: &'static str,
    /// How many seconds it has one before somebody is told.
    pub seconds: u32,
    /// What is wrong, in one sentence.
    pub says: &'static str,
    /// What to do first.
    pub first: &'static str,
}

/// Every alert, the most urgent first.
pub const ALL: &[Alert] = &[
    Alert {
        name: "HeptadGone",
        severity: Severity::Page,
        when: "absent(heptad_build_info)",
        seconds: 60,
        says: "No Heptad process is scraped.",
        first: "See whether a process runs and answers `/healthz`, and read the last lines of its log; if it does, see \
                whether Prometheus reaches `server.metrics_listen`.",
    },
    Alert {
        name: "HeptadFails",
        severity: Severity::Page,
        when: "sum(rate(heptad_http_requests_total{class=\"5xx\"}[5m])) / sum(rate(heptad_http_requests_total[5m])) > 0.01",
        seconds: 300,
        says: "More than one request in a hundred is answered with 5xx.",
        first: "Search the log for lines of level `ERROR`: each failed request has one, with its cause and request id. \
                Then look at `HeptadDatabaseWaits` and at the database.",
    },
    Alert {
        name: "HeptadInstallsUnread",
        severity: Severity::Page,
        when: "time() - heptad_installs_read_timestamp_seconds > 5",
        seconds: 15,
        says: "A process does not know any more which plugins are switched on, runs none, and is not ready.",
        first: "See whether the database answers: the process reads one row four times a second. It goes on by itself \
                when it can; the clocks of process and Prometheus must agree.",
    },
    Alert {
        name: "HeptadMeteringNotWritten",
        severity: Severity::Page,
        when: "increase(heptad_metering_flush_failures_total[10m]) > 3",
        seconds: 0,
        says: "What plugins used is not written, and is lost if the process is killed.",
        first: "See whether the database takes writes (space, locks, rights). Do not kill the process: a stop by SIGTERM \
                writes what it holds.",
    },
    Alert {
        name: "HeptadDatabaseWaits",
        severity: Severity::Page,
        when: "histogram_quantile(0.99, sum by (le, kind) (rate(heptad_db_begin_seconds_bucket[5m]))) > 0.5",
        seconds: 300,
        says: "One transaction in a hundred waits more than half a second for a connection.",
        first: "Look for slow or locked statements in the database. If there are none and its machine is idle, raise \
                `database.connections`; on SQLite all writes share one connection, so move to PostgreSQL.",
    },
    Alert {
        name: "HeptadEventsNotRelayed",
        severity: Severity::Page,
        when: "max(heptad_events_outbox) > 1000",
        seconds: 300,
        says: "Events are committed and go nowhere: plugins and webhooks hear of nothing new.",
        first: "See by `heptad_events_partitions` whether the processes hold all 64 partitions between them, and in the log \
                why events cannot be relayed. Nothing is lost: they are told when it goes on.",
    },
    Alert {
        name: "HeptadEventsLate",
        severity: Severity::Ticket,
        when: "histogram_quantile(0.99, sum by (le, receiver) (rate(heptad_events_delay_seconds_bucket[10m]))) > 60",
        seconds: 600,
        says: "One event in a hundred reaches its receivers a minute after it happened, or later.",
        first: "See `heptad_events_lanes_due` and the label `receiver`: `webhook` and `outbound` wait for others' servers, \
                `plugin` and `schedule` for what plugins do. Events that had failed before are told late as well. If the \
                processors or the database are full, add a process.",
    },
    Alert {
        name: "HeptadEventsDead",
        severity: Severity::Ticket,
        when: "sum by (receiver) (increase(heptad_events_deliveries_total{outcome=\"dead\"}[1h])) > 20",
        seconds: 0,
        says: "Events were given up: a receiver refuses them, or failed for more than a day.",
        first: "The owners are told in their inboxes, and may replay the dead letters when the receiver is mended. If they \
                are many shops' of one plugin, tell its publisher.",
    },
    Alert {
        name: "HeptadPersonalDataHeldBack",
        severity: Severity::Ticket,
        when: "increase(heptad_outbound_blocked_total{reason=\"personal-data\"}[1h]) > 0",
        seconds: 0,
        says: "A plugin wanted to send a phone number to another server without the merchant's grant; it was held back.",
        first: "Read the notice in the operators' inbox: it names plugin, version and host. Look at the version as a \
                reviewer would. If it has no reason for it, tell its publisher, and reject the next version that does the \
                same. The merchant was told as well, and may take the host back or disable the plugin.",
    },
    Alert {
        name: "HeptadSlow",
        severity: Severity::Ticket,
        when: "histogram_quantile(0.99, sum by (le) (rate(heptad_http_request_seconds_bucket{route=\"/v1/quotes\"}[5m]))) \
               > 0.25",
        seconds: 600,
        says: "One quote in a hundred takes more than a quarter of a second.",
        first: "Compare the 99th percentile of `heptad_plugin_call_seconds` and `heptad_db_transaction_seconds`: the \
                larger one says whether plugins or the database are slow. If neither is, the processors are full.",
    },
    Alert {
        name: "HeptadPluginsFail",
        severity: Severity::Ticket,
        when: "sum by (point) (rate(heptad_plugin_calls_total{outcome!=\"answered\"}[10m])) / \
               sum by (point) (rate(heptad_plugin_calls_total[10m])) > 0.05",
        seconds: 600,
        says: "More than one call of plugins in twenty gives no answer on a point.",
        first: "See by the label `outcome` why, then by `heptad_plugin_usage_failures_total` which plugin it is. If it is \
                one, tell its publisher and the merchants that have it, who may disable it: an approved version is not \
                taken back. Breakers keep a plugin that always fails from being asked. If it is all, see \
                `HeptadAdmissionRefuses`.",
    },
    Alert {
        name: "HeptadPluginHitsLimits",
        severity: Severity::Ticket,
        when: "sum by (limit, point) (increase(heptad_plugin_limit_hits_total[15m])) > 50",
        seconds: 0,
        says: "Plugins hit a limit of their sandbox again and again.",
        first: "See by `heptad_plugin_usage_failures_total` which plugin it is. In a shop that has it, the trace of one of \
                its calls says limit, value and what to do: its publisher does less for each call, or you give the shop a \
                larger profile.",
    },
    Alert {
        name: "HeptadBreakerOpened",
        severity: Severity::Ticket,
        when: "sum by (point) (increase(heptad_breaker_opened_total[15m])) > 0",
        seconds: 0,
        says: "A plugin failed so often that it is not asked for a while.",
        first: "Read the notice in the operator's inbox: it names plugin, version, point and the code of the last failure; \
                the log names the install. It closes by itself when the plugin answers again; the shop re-arms it by one \
                click after the cause is gone.",
    },
    Alert {
        name: "HeptadAdmissionRefuses",
        severity: Severity::Ticket,
        when: "sum by (reason) (rate(heptad_admission_refused_total[5m])) > 1",
        seconds: 300,
        says: "Requests are answered with 429 because their shop has as many under way as it may.",
        first: "Other shops keep their turns. See in the proxy's log from where most requests come: no metric names the \
                shop. If it sends so much rightly, raise `concurrency` and `waiting` of its limit profile; if many are \
                refused with `out-of-time`, the process is full: add cores or processes.",
    },
    Alert {
        name: "HeptadAdmissionWaits",
        severity: Severity::Ticket,
        when: "min_over_time(heptad_admission_waiting[5m]) > 0",
        seconds: 300,
        says: "For minutes there was no moment in which no request waited for its turn.",
        first: "See whether the processors are full. If so, add a process or cores; if not, plugins wait for the \
                database: see `HeptadDatabaseWaits`.",
    },
    Alert {
        name: "HeptadCompileWorkerFails",
        severity: Severity::Ticket,
        when: "sum by (outcome) (increase(heptad_compilations_total{outcome=~\"compile-.*|compiler-crash\"}[30m])) > 3",
        seconds: 0,
        says: "The compile worker does not start, or uploads run into its limits.",
        first: "For `compile-worker`, see the log: the binary was replaced, or the machine lets it neither start nor \
                confine itself. For the others, wait: one upload is compiled at a time, confined, and what is refused \
                leaves nothing behind, not even in the audit log. The proxy's log says from where `POST /v1/versions` \
                came; if it does not end, `DELETE /v1/tokens/{token}?publisher=…` ends a publisher's token.",
    },
    Alert {
        name: "HeptadDatabaseConflicts",
        severity: Severity::Ticket,
        when: "sum(rate(heptad_db_conflicts_total[10m])) / \
               sum(rate(heptad_db_transactions_total{kind=\"write\"}[10m])) > 0.1",
        seconds: 600,
        says: "More than one write in ten runs again because of a conflict.",
        first: "Look at which routes are busy: many orders of one customer or many imports at once conflict. Nothing is \
                wrong in the data; requests are slower.",
    },
    Alert {
        name: "HeptadRecordingsDropped",
        severity: Severity::Ticket,
        when: "increase(heptad_recordings_total{outcome=\"dropped\"}[15m]) > 0",
        seconds: 0,
        says: "Calls were not recorded because more came than could be written.",
        first: "Failing calls are recorded, up to 20 a minute of an install: see by `heptad_plugin_usage_failures_total` \
                which plugin fails so often. If none does, record fewer of the answered ones: raise \
                `sandbox.record_one_in`.",
    },
    Alert {
        name: "HeptadRetentionFails",
        severity: Severity::Ticket,
        when: "increase(heptad_retention_failures_total[30m]) > 5",
        seconds: 0,
        says: "What has expired is not removed, and the database grows.",
        first: "The log has a line for each failed round with its cause. When it works again it catches up by itself, \
                batch by batch.",
    },
    Alert {
        name: "HeptadDataFolderFull",
        severity: Severity::Page,
        when: "heptad_data_folder_writable == 0",
        seconds: 60,
        says: "A process cannot write its data folder, most often because the disk is full. It is not ready.",
        first: "The log has the cause. Make room: compiled code in `data.folder`/code may be removed, it is made again. The \
                process is ready by itself within seconds.",
    },
    Alert {
        name: "HeptadNatsGone",
        severity: Severity::Ticket,
        when: "heptad_nats_connected == 0",
        seconds: 300,
        says: "A process is not connected to NATS. Events and changes reach it up to a quarter of a second later.",
        first: "See whether the NATS server runs, and what the log says of credentials or certificates. Nothing is lost \
                meanwhile.",
    },
    Alert {
        name: "HeptadFewFilesLeft",
        severity: Severity::Ticket,
        when: "process_open_fds / process_max_fds > 0.8 and on (job, instance) heptad_build_info",
        seconds: 300,
        says: "A process has opened four fifths of the files and connections that it may.",
        first: "Compare with `heptad_http_connections`. Raise the limit of the service (`LimitNOFILE`) above \
                `server.connections` plus 1,000, or lower `server.connections`.",
    },
    Alert {
        name: "HeptadRestarts",
        severity: Severity::Ticket,
        when: "changes(process_start_time_seconds[30m]) > 2 and on (job, instance) heptad_build_info",
        seconds: 0,
        says: "A process started again three times within half an hour.",
        first: "See in the service manager's log how it ended: exit code 3 is the configuration, 4 the schema, a kill \
                most often memory. The sizes below say how much it needs.",
    },
];
