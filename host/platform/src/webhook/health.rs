//! How an endpoint fares. One that fails five times in a row rests, at first for 30 s, doubling to ten minutes; then one
//! attempt at a time is made, whichever process makes it, and the first success lets everything flow again. It is never
//! switched off for failing: its events are kept in their order, and its owner is told.

use heptad_model::Millis;
use heptad_model::time::span::{MINUTE, SECOND};
use heptad_store::{Row, StoreError, Tx};
use serde_json::json;

use super::{Webhook, webhook_get};
use crate::PlatformError;
use crate::delivery::lane::lanes_hurry;
use crate::notice::{Audience, NoticeIn, NoticeKind, notice_post};

/// So many failures in a row let an endpoint rest.
pub const FAILURES: i64 = 5;
/// The first rest, and the longest.
const RESTS: (i64, i64) = (30 * SECOND, 10 * MINUTE);
/// How long an attempt at an endpoint that rests may take before another one is made.
const ATTEMPT: i64 = MINUTE;

/// How an endpoint fares.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    /// How often it failed in a row.
    pub failures: i64,
    /// Since when it fails.
    pub failing_since: Option<Millis>,
    /// Until when it rests; then one attempt at a time is made until one succeeds.
    pub retry_at: Option<Millis>,
    /// A stable word for the last failure; empty when there is none.
    pub code: String,
    /// A sentence in English.
    pub message: String,
}

impl Health {
    pub(super) fn of(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            failures: row.int("failures")?,
            failing_since: row.opt_int("failing_since")?.map(Millis::new),
            retry_at: row.opt_int("retry_at")?.map(Millis::new),
            code: row.text("code")?,
            message: row.text("message")?,
        })
    }
}

impl Health {
    /// `good`, `failing`, or `resting`.
    pub const fn state(&self) -> &'static str {
        match (self.failures, self.retry_at) {
            (_, Some(_)) => "resting",
            (0, None) => "good",
            _ => "failing",
        }
    }
}

/// What a message to an endpoint failed by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// A stable word.
    pub code: String,
    /// A sentence in English.
    pub message: String,
    /// When the endpoint wants to be asked again, if it said so.
    pub retry_at: Option<Millis>,
}

/// How long an endpoint rests that failed so often in a row.
fn rest(failures: i64) -> i64 {
    let doublings = u32::try_from((failures - FAILURES).clamp(0, 10)).unwrap_or_default();
    (RESTS.0 << doublings).min(RESTS.1)
}

/// Takes the one attempt at an endpoint whose rest is over; `false` where another process was faster.
pub async fn webhook_attempt(tx: &mut Tx, webhook: &Webhook, seen: Millis) -> Result<bool, StoreError> {
    const TAKE: &str = "update webhooks set retry_at = $4 where tenant_id = $1 and id = $2 and retry_at = $3 \
                        and retry_at <= $5";
    let now = tx.ctx().now();
    let statement = tx.query(TAKE).text(webhook.id).bind(seen).bind(now.plus(ATTEMPT)).bind(now);
    Ok(statement.execute().await? == 1)
}

/// Notes a failure; until when the endpoint rests, where it does. `resting` is for the one attempt at an endpoint that
/// rests: a failure among many that were under way when it began to rest says nothing new.
pub async fn webhook_failed(
    tx: &mut Tx,
    webhook: &Webhook,
    failure: &Failure,
    resting: bool,
) -> Result<Option<Millis>, PlatformError> {
    const COUNT: &str = "update webhooks set failures = failures + 1, failing_since = coalesce(failing_since, $3), \
                         code = $4, message = $5 where tenant_id = $1 and id = $2 and (retry_at is null or $6 = 1) \
                         returning failures";
    const REST: &str = "update webhooks set retry_at = $3 where tenant_id = $1 and id = $2";
    let now = tx.ctx().now();
    let statement = tx.query(COUNT).text(webhook.id).bind(now).bind(&failure.code).bind(&failure.message);
    let failures = statement.bind(resting).fetch_optional(|row| row.int("failures")).await?;
    let Some(failures) = failures else {
        return match webhook_get(tx, webhook.id).await {
            Ok(webhook) => Ok(webhook.health.retry_at),
            // Removed meanwhile.
            Err(PlatformError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        };
    };
    let retry_at = match failure.retry_at {
        Some(at) if failures < FAILURES => Some(at),
        Some(at) => Some(at.max(now.plus(rest(failures)))),
        None if failures >= FAILURES => Some(now.plus(rest(failures))),
        None => None,
    };
    if let Some(at) = retry_at {
        tx.query(REST).text(webhook.id).bind(at).execute().await?;
    }
    if failures == FAILURES {
        let detail = json!({"host": webhook.host(), "code": failure.code, "message": failure.message});
        webhook_notice(tx, webhook, NoticeKind::WebhookFailing, detail).await?;
    }
    Ok(retry_at)
}

/// Tells the owner something of an endpoint.
pub(super) async fn webhook_notice(
    tx: &mut Tx,
    webhook: &Webhook,
    kind: NoticeKind,
    detail: serde_json::Value,
) -> Result<(), PlatformError> {
    let subject = webhook.id.to_string();
    let notice = NoticeIn { kind, dedup: format!("{kind} {subject}"), subject, detail };
    notice_post(tx, Audience::Tenant, &notice).await
}

/// Tells the owner that the endpoint asked to be sent nothing any more.
pub async fn webhook_gone(tx: &mut Tx, webhook: &Webhook) -> Result<(), PlatformError> {
    webhook_notice(tx, webhook, NoticeKind::WebhookGone, json!({"host": webhook.host()})).await
}

/// Lets an endpoint be sent everything that is due again: it took a message. What rested with it is due since then; an event
/// that it refused by itself waits for its own time.
pub async fn webhook_recovered(tx: &mut Tx, webhook: &Webhook) -> Result<(), StoreError> {
    const CLEAR: &str = "update webhooks set failures = 0, failing_since = null, retry_at = null, code = '', message = '' \
                         where tenant_id = $1 and id = $2 and failures > 0";
    tx.query(CLEAR).text(webhook.id).execute().await.map(drop)
}

/// Ends an endpoint's rest and lets all that waits be tried now: it is another server, or a person wants to try.
pub(super) async fn webhook_again(tx: &mut Tx, webhook: &Webhook) -> Result<(), StoreError> {
    webhook_recovered(tx, webhook).await?;
    lanes_hurry(tx, webhook.subscription).await.map(drop)
}

/// The same by a person.
pub async fn webhook_rearm(tx: &mut Tx, webhook: &Webhook) -> Result<(), PlatformError> {
    webhook_again(tx, webhook).await?;
    tx.audit("webhook.rearmed", webhook.id, &json!({"host": webhook.host()})).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_double_up_to_ten_minutes() {
        let minutes: Vec<i64> = (5..12).map(|failures| rest(failures) / SECOND).collect();
        assert_eq!(minutes, [30, 60, 120, 240, 480, 600, 600]);
        assert_eq!(rest(i64::MAX), 600 * SECOND);
    }
}
