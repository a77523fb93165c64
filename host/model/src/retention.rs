//! The registry of what is kept, and for how long. Whatever removes what is kept for people or for other work takes its time
//! from here (counters of a day, which a quota needs no longer, go with the next day), and `GET /v1/retention` and the
//! operator's console show it. To add a kind: a constant, its place in [`ALL`], the operation that removes it, and its line
//! in the server's `retention.rs`.

use crate::locale::Sentence;
use crate::time::span::{DAY, HOUR};

/// Something that is kept for a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// The name, in the API, in metrics and in the log of runs.
    pub name: &'static str,
    /// For how long, in milliseconds.
    pub millis: i64,
    /// What it is, and from when the time counts.
    pub sentence: Sentence,
}

const fn kept(name: &'static str, millis: i64, zh_cn: &'static str, en: &'static str) -> Kept {
    Kept { name, millis, sentence: Sentence { zh_cn, en } }
}

/// Events.
pub const EVENTS: Kept = kept("events", 30 * DAY, "事件，自发生时起", "Events, from when they happened");
/// The order of events in the stream.
pub const EVENT_POSITIONS: Kept = kept(
    "event_positions",
    EVENTS.millis,
    "事件在事件流中的位置，与事件相同",
    "Places of events in the stream, as long as the events",
);
/// Numbers of keys of which no event is kept any more.
pub const EVENT_KEYS: Kept = kept(
    "event_keys",
    HOUR,
    "不再有事件的对象的序号与投递进度，自最后一个事件移除时起",
    "Numbers and progress of keys without events, from when their last event went",
);
/// Attempts to deliver.
pub const DELIVERIES: Kept =
    kept("deliveries", 7 * DAY, "投递日志，自尝试时起", "Attempts to deliver, from the attempt");
/// Dead letters.
pub const DEAD_LETTERS: Kept =
    kept("dead_letters", 30 * DAY, "死信，自放弃时起", "Dead letters, from when the event was given up");
/// Requests that plugins left.
pub const OUTBOUND_REQUESTS: Kept = kept(
    "outbound_requests",
    31 * DAY,
    "插件留下而未能发送的请求，自留下时起",
    "Requests that plugins left and that could not be sent, from when they were left",
);
/// What plugins logged.
pub const PLUGIN_LOGS: Kept =
    kept("plugin_logs", DAY, "插件日志的内容，自调用时起", "Lines that plugins logged, from the call");
/// Replays.
pub const REPLAYS: Kept = kept("replays", 30 * DAY, "重放，自发起时起", "Replays, from when they were asked for");
/// Quotes with their traces.
pub const QUOTES: Kept = kept(
    "quotes",
    DAY,
    "报价及其轨迹，自失效时起",
    "Quotes with their traces, from when they are over; orders have copies",
);
/// Recordings of calls.
pub const RECORDINGS: Kept =
    kept("recordings", 7 * DAY, "插件调用的录制，自录制时起", "Recordings of calls, from the call");
/// Usage of plugins by the hour.
pub const METERING: Kept =
    kept("metering", 90 * DAY, "插件每小时用量，自该小时起", "Hourly usage of plugins, from the hour");
/// What a plugin kept before an upgrade.
pub const UPGRADE_SNAPSHOTS: Kept = kept(
    "upgrade_snapshots",
    7 * DAY,
    "插件升级前的数据快照，自升级时起",
    "What a plugin kept before an upgrade, from the upgrade",
);
/// What a plugin kept when it was uninstalled.
pub const UNINSTALLED_DATA: Kept = kept(
    "uninstalled_data",
    30 * DAY,
    "卸载时选择保留的插件数据，自卸载时起",
    "What a plugin kept, where its merchant wanted that when uninstalling it, from the uninstall",
);
/// Answers kept for idempotency keys.
pub const IDEMPOTENCY_KEYS: Kept =
    kept("idempotency_keys", DAY, "幂等键的应答，自应答时起", "Answers for idempotency keys, from the answer");
/// Notices of shops, publishers and operators.
pub const NOTICES: Kept =
    kept("notices", 90 * DAY, "通知，自确认时起", "Notices, from when somebody acknowledged them");
/// The audit log.
pub const AUDIT: Kept = kept("audit", 3 * 365 * DAY, "审计日志，自操作时起", "The audit log, from what was done");
/// Messages to webhooks by the day.
pub const WEBHOOK_USAGE: Kept = kept(
    "webhook_usage",
    DAY,
    "每天的 Webhook 消息数，自该日结束时起",
    "Counts of a day's webhook messages, from the end of the day",
);
/// API tokens.
pub const TOKENS: Kept =
    kept("tokens", 30 * DAY, "API 令牌，自失效或吊销时起", "Tokens, from when they were over or revoked");
/// Console sessions.
pub const SESSIONS: Kept = kept("sessions", HOUR, "控制台会话，自结束时起", "Console sessions, from their end");
/// Visits of a shop's people to pages of plugins.
pub const APP_VISITS: Kept = kept(
    "app_visits",
    HOUR,
    "员工对插件页面的访问凭证，自结束时起",
    "Passes and visits of a shop's people to pages of plugins, from their end",
);
/// One-time links to sign in.
pub const SIGN_IN_LINKS: Kept =
    kept("sign_in_links", DAY, "一次性登录链接，自失效时起", "One-time links to sign in, from when they are over");

/// Everything, in the order in which it is shown.
pub const ALL: &[Kept] = &[
    EVENTS,
    EVENT_POSITIONS,
    EVENT_KEYS,
    DELIVERIES,
    DEAD_LETTERS,
    OUTBOUND_REQUESTS,
    PLUGIN_LOGS,
    REPLAYS,
    QUOTES,
    RECORDINGS,
    METERING,
    UPGRADE_SNAPSHOTS,
    UNINSTALLED_DATA,
    IDEMPOTENCY_KEYS,
    NOTICES,
    AUDIT,
    WEBHOOK_USAGE,
    TOKENS,
    SESSIONS,
    APP_VISITS,
    SIGN_IN_LINKS,
];

impl Kept {
    /// The same in whole days; 0 for less than one.
    pub const fn days(self) -> i64 {
        self.millis / DAY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_apart_and_times_are_real() {
        let names: std::collections::HashSet<_> = ALL.iter().map(|kept| kept.name).collect();
        assert_eq!(names.len(), ALL.len());
        for kept in ALL {
            assert!(kept.millis > 0, "{kept:?}");
        }
        assert_eq!((EVENTS.days(), DELIVERIES.days(), SESSIONS.days()), (30, 7, 0));
    }
}
