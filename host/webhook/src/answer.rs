//! What an endpoint answered, and what follows. Standard Webhooks leaves little open: any 2xx is taken; 410 asks to be sent
//! nothing any more; everything else, redirects included, is a failure that is tried again; 429 and 503 may say when.

use heptad_model::Millis;
use heptad_model::time::span::{DAY, SECOND};
use heptad_outbound::SendError;
use heptad_platform::webhook::health::Failure;
use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};

/// The most bytes of an answer that are kept.
pub const KEPT: usize = 1_024;
/// The longest time that an endpoint may ask to be left alone.
const LONGEST_REST: i64 = DAY;

/// What came back from an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status; absent where there was no answer.
    pub status: Option<u16>,
    /// The first bytes of the body, as text without control characters.
    pub text: String,
    /// How long it took, in microseconds.
    pub micros: u64,
    /// What follows.
    pub verdict: Verdict,
}

/// What an answer means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It took the message.
    Taken,
    /// It asks to be sent nothing any more.
    Gone,
    /// It did not take it.
    Failed(Failure),
}

impl Verdict {
    /// Of a status and its headers.
    pub(crate) fn of(status: StatusCode, headers: &HeaderMap, now: Millis) -> Self {
        if status.is_success() {
            return Self::Taken;
        }
        if status == StatusCode::GONE {
            return Self::Gone;
        }
        let asks = matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
        let retry_at = headers.get(RETRY_AFTER).filter(|_| asks).and_then(|value| after(value.to_str().ok()?, now));
        let (code, said) = match status {
            status if status.is_redirection() => ("webhook-redirect", "; redirects are not followed"),
            StatusCode::TOO_MANY_REQUESTS => ("webhook-throttled", ""),
            _ => ("webhook-status", ""),
        };
        let message = format!("the endpoint answered {}{said}", status.as_u16());
        Self::Failed(Failure { code: code.to_owned(), message, retry_at })
    }

    /// Of a message that got no answer.
    pub(crate) fn unanswered(error: &SendError) -> Self {
        Self::Failed(Failure { code: error.code().to_owned(), message: error.to_string(), retry_at: None })
    }
}

/// The moment of a `Retry-After`: seconds, or a date of HTTP; a day away at most.
fn after(value: &str, now: Millis) -> Option<Millis> {
    let until = match value.trim().parse::<u32>() {
        Ok(seconds) => now.plus(i64::from(seconds) * SECOND),
        Err(_) => Millis::parse_http_date(value.trim())?,
    };
    Some(until.clamp(now, now.plus(LONGEST_REST)))
}

/// The first bytes of a stranger's answer as text, as the log of deliveries keeps it: what is not UTF-8 is replaced,
/// control characters become blanks.
pub fn text(bytes: &[u8]) -> String {
    let bytes = bytes.get(..KEPT).unwrap_or(bytes);
    let text = String::from_utf8_lossy(bytes);
    text.chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: u16, retry_after: Option<&str>, code: &str, waits: Option<i64>) {
        let now = Millis::parse_rfc3339("2026-03-01T00:00:00Z").unwrap();
        let mut headers = HeaderMap::new();
        if let Some(value) = retry_after {
            headers.insert(RETRY_AFTER, value.parse().unwrap());
        }
        let verdict = Verdict::of(StatusCode::from_u16(status).unwrap(), &headers, now);
        let found = match verdict {
            Verdict::Taken => ("taken".to_owned(), None),
            Verdict::Gone => ("gone".to_owned(), None),
            Verdict::Failed(failure) => (failure.code, failure.retry_at),
        };
        assert_eq!(
            found,
            (code.to_owned(), waits.map(|seconds| now.plus(seconds * SECOND))),
            "{status} {retry_after:?}"
        );
    }

    #[test]
    fn answers_mean_what_the_specification_says() {
        for status in [200, 202, 204, 299] {
            check(status, None, "taken", None);
        }
        check(410, None, "gone", None);
        check(301, None, "webhook-redirect", None);
        for status in [400, 401, 404, 500, 502, 504] {
            check(status, Some("30"), "webhook-status", None);
        }
        check(429, None, "webhook-throttled", None);
        check(429, Some("30"), "webhook-throttled", Some(30));
        check(503, Some("Sun, 01 Mar 2026 00:02:00 GMT"), "webhook-status", Some(120));
        check(503, Some("999999999"), "webhook-status", Some(86_400));
        check(503, Some("Sun, 01 Mar 2020 00:02:00 GMT"), "webhook-status", Some(0));
        check(503, Some("soon"), "webhook-status", None);
    }

    #[test]
    fn what_a_stranger_says_is_cut_and_has_no_control_characters() {
        assert_eq!(text(b" \x1b[31mred\x00\xff "), "[31mred \u{fffd}");
        assert_eq!(text(&[b'x'; 5_000]).len(), KEPT);
    }
}
