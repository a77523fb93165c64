//! The sentence of a notice, in the reader's language; the API shows it, too.

use heptad_model::{Limit, Locale};
use heptad_platform::notice::{Notice, NoticeKind};
use serde_json::Value;

use super::i18n::{Argument as _, Words};
use super::{consent, look};

/// What the notice tells.
pub(crate) fn sentence(locale: Locale, notice: &Notice) -> String {
    let words = Words(locale);
    let text = |name: &str| notice.detail.get(name).and_then(Value::as_str).unwrap_or_default();
    let number = |name: &str| notice.detail.get(name).and_then(Value::as_u64).map(look::count).unwrap_or_default();
    let plugin = ("plugin", text("plugin").value());
    let point = || match heptad_model::Point::parse(text("point")) {
        Some(point) => consent::point_title(words, point),
        None => text("point").to_owned(),
    };
    match notice.kind {
        NoticeKind::BreakerOpened => {
            let why = cause(words, text("code"));
            words.with("notice-breaker-opened", [plugin, ("point", point().value()), ("why", why.value())])
        }
        NoticeKind::LimitNear => {
            let limit = limit(words, text("limit"));
            let values = [("limit", limit.value()), ("used", number("used").value()), ("most", number("most").value())];
            let [limit, used, most] = values;
            words.with("notice-limit-near", [plugin, limit, used, most])
        }
        NoticeKind::PluginDisabled => {
            words.with("notice-plugin-disabled", [plugin, ("version", text("version").value())])
        }
        NoticeKind::PluginStopped => {
            let values = [plugin, ("version", text("version").value()), ("reason", text("reason").value())];
            words.with("notice-plugin-stopped", values)
        }
        NoticeKind::EventDead => {
            let (subscription, event) = (text("subscription").value(), text("event").value());
            let why = cause(words, text("code"));
            let values = [("subscription", subscription), ("event", event), ("why", why.value())];
            words.with("notice-event-dead", values)
        }
        NoticeKind::WebhookFailing => {
            let why = cause(words, text("code"));
            words.with("notice-webhook-failing", [("host", text("host").value()), ("why", why.value())])
        }
        NoticeKind::WebhookGone => words.with("notice-webhook-gone", [("host", text("host").value())]),
        NoticeKind::WebhookLimitNear | NoticeKind::DayLimitNear => {
            let figures = [
                ("limit", limit(words, text("limit")).value()),
                ("used", number("used").value()),
                ("most", number("most").value()),
                ("time", text("forecast").value()),
            ];
            let key = match (notice.kind, text("forecast")) {
                (NoticeKind::DayLimitNear, "") => "notice-day-limit-near",
                (NoticeKind::DayLimitNear, _) => "notice-day-limit-forecast",
                (_, "") => "notice-webhook-limit-near",
                _ => "notice-webhook-limit-forecast",
            };
            words.with(key, figures)
        }
        NoticeKind::WebhookLimit => {
            let values = [("most", number("most").value()), ("time", text("resets").value())];
            words.with("notice-webhook-limit", values)
        }
        NoticeKind::DayLimit => {
            let limit = limit(words, text("limit")).value();
            let values = [("limit", limit), ("most", number("most").value()), ("time", text("resets").value())];
            words.with("notice-day-limit", values)
        }
        NoticeKind::OutboundBlocked => {
            let key = match text("code") {
                "unreadable" => "notice-outbound-unreadable",
                _ => "notice-outbound-blocked",
            };
            words.with(key, [plugin, ("host", text("host").value())])
        }
    }
}

/// Of what an attempt or a call failed, by its code, in the reader's language; `None` for a code that no sentence is for,
/// and for none.
pub(crate) fn cause_sentence(locale: Locale, code: &str) -> Option<String> {
    known_cause(Words(locale), code)
}

/// Of what a call failed, by its code: a limit, or one of the causes that traces know.
pub(super) fn cause(words: Words, code: &str) -> String {
    known_cause(words, code).unwrap_or_else(|| code.to_owned())
}

/// The same; `None` for a code that no sentence is for.
pub(super) fn known_cause(words: Words, code: &str) -> Option<String> {
    let reached = |limit: Limit| words.t1("cause-limit", "limit", self::limit(words, limit.code()));
    words.known(&format!("outcome-failed-{code}")).or_else(|| Limit::parse(code).map(reached))
}

/// The name of a limit by its code.
fn limit(words: Words, code: &str) -> String {
    words.of_code("limit-name", code)
}

#[cfg(test)]
mod tests {
    use heptad_model::id::NoticeId;
    use heptad_model::{Env, Millis};
    use serde_json::json;

    use super::*;

    fn notice(kind: NoticeKind, detail: Value) -> Notice {
        let (id, at) = (NoticeId::generate(&Env::fixed(1)), Millis::new(1));
        let severity = kind.severity();
        Notice {
            id,
            kind,
            severity,
            subject: String::new(),
            detail,
            occurrences: 1,
            first_at: at,
            last_at: at,
            acknowledged: None,
        }
    }

    #[test]
    fn every_kind_has_a_sentence_with_its_arguments() {
        let detail = json!({"plugin": "tea-club", "version": "1.2.0", "point": "discount.lines", "code": "fuel", "limit": "kv-quota", "used": 81_000, "most": 100_000, "subscription": "stamp", "event": "order.paid", "host": "shop.example", "forecast": "2026-03-01 09:30", "resets": "2026-03-02 08:00"});
        for (kind, zh, en) in [
            (
                NoticeKind::BreakerOpened,
                &["tea-club", "单品优惠", "计算量过大"][..],
                &["tea-club", "Discounts on single products", "computed too much"][..],
            ),
            (
                NoticeKind::LimitNear,
                &["tea-club", "81.0 k", "100.0 k"],
                &["tea-club", "81.0 k", "100.0 k", "its own store"],
            ),
            (NoticeKind::PluginDisabled, &["tea-club 1.2.0"], &["tea-club 1.2.0"]),
            (NoticeKind::PluginStopped, &["tea-club 1.2.0"], &["tea-club 1.2.0"]),
            (
                NoticeKind::EventDead,
                &["stamp", "order.paid", "计算量过大"],
                &["stamp", "order.paid", "computed too much"],
            ),
            (NoticeKind::WebhookFailing, &["shop.example", "计算量过大"], &["shop.example", "computed too much"]),
            (NoticeKind::WebhookGone, &["shop.example", "410"], &["shop.example", "410"]),
            (
                NoticeKind::WebhookLimitNear,
                &["81.0 k", "100.0 k", "2026-03-01 09:30"],
                &["81.0 k", "100.0 k", "2026-03-01 09:30"],
            ),
            (NoticeKind::WebhookLimit, &["100.0 k", "2026-03-02 08:00"], &["100.0 k", "2026-03-02 08:00"]),
            (NoticeKind::OutboundBlocked, &["tea-club", "shop.example"], &["tea-club", "shop.example"]),
            (
                NoticeKind::DayLimitNear,
                &["81.0 k", "100.0 k", "2026-03-01 09:30"],
                &["81.0 k", "100.0 k", "2026-03-01 09:30"],
            ),
            (NoticeKind::DayLimit, &["100.0 k", "2026-03-02 08:00"], &["100.0 k", "2026-03-02 08:00"]),
        ] {
            for (locale, parts) in [(Locale::ZhCn, zh), (Locale::En, en)] {
                let said = sentence(locale, &notice(kind, detail.clone()));
                assert!(parts.iter().all(|part| said.contains(part)), "{said}");
            }
            // Whatever is missing leaves a sentence.
            assert!(!sentence(Locale::En, &notice(kind, json!({}))).starts_with("notice-"));
        }
    }

    #[test]
    fn every_limit_has_a_name_in_both_languages() {
        for locale in Locale::ALL {
            for limit in Limit::ALL {
                let named = super::limit(Words(locale), limit.code());
                assert!(named != limit.code(), "{limit} has no name in {locale}");
                assert_ne!(cause(Words(locale), limit.code()), limit.code());
            }
        }
    }
}
