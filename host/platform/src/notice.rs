//! Notices: what merchants, publishers and operators are told until somebody acknowledges it.
//!
//! A notice is about one matter, named by its `dedup` key. The same matter again counts, moves the notice to the top of the
//! inbox, and makes it unread. What is stored are the arguments of a sentence; the sentence is made when it is read, in the
//! reader's language.

use std::fmt;
use std::str::FromStr;

use heptad_model::id::{NoticeId, PublisherId};
use heptad_model::page::PageError;
use heptad_model::time::span::HOUR;
use heptad_model::{EventType, Millis, Page, PageRequest, Tenant, retention};
use heptad_store::{PlatformTx, Row, StoreError, Tx};
use serde_json::{Value, json};

use crate::PlatformError;
use crate::tenant::tenant_of_maker;

/// The most bytes of a subject and of a matter's name.
const MAX_NAME: usize = 200;
/// The most characters of a text among the arguments; what is longer is cut.
const MAX_TEXT: usize = 500;

/// A matter that comes again after this long is told as an event again, although its notice is still unread.
const QUIET: i64 = HOUR;

/// What a notice tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NoticeKind {
    /// A plugin failed so often that it is not asked for a while.
    BreakerOpened,
    /// A plugin used most of what a limit gives it.
    LimitNear,
    /// A plugin was switched off.
    PluginDisabled,
    /// An event could not be delivered and lies with the dead letters.
    EventDead,
    /// An endpoint failed so often that it rests; its events are kept.
    WebhookFailing,
    /// An endpoint asked to be sent nothing any more, and is paused; its events are kept.
    WebhookGone,
    /// Most of the messages of a day are used.
    WebhookLimitNear,
    /// All messages of a day are used; the rest waits.
    WebhookLimit,
    /// What a plugin wanted to send to another server was held back for what is in it.
    OutboundBlocked,
    /// Most of what plugins may use in a day is used.
    DayLimitNear,
    /// All of it is used; what waits goes on the next day.
    DayLimit,
    /// The operator stopped a plugin in all shops.
    PluginStopped,
}

impl NoticeKind {
    /// Every kind.
    pub const ALL: [Self; 12] = [
        Self::BreakerOpened,
        Self::LimitNear,
        Self::PluginDisabled,
        Self::EventDead,
        Self::WebhookFailing,
        Self::WebhookGone,
        Self::WebhookLimitNear,
        Self::WebhookLimit,
        Self::OutboundBlocked,
        Self::DayLimitNear,
        Self::DayLimit,
        Self::PluginStopped,
    ];

    /// The word in the database and the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BreakerOpened => "breaker-opened",
            Self::LimitNear => "limit-near",
            Self::PluginDisabled => "plugin-disabled",
            Self::EventDead => "event-dead",
            Self::WebhookFailing => "webhook-failing",
            Self::WebhookGone => "webhook-gone",
            Self::WebhookLimitNear => "webhook-limit-near",
            Self::WebhookLimit => "webhook-limit",
            Self::OutboundBlocked => "outbound-blocked",
            Self::DayLimitNear => "day-limit-near",
            Self::DayLimit => "day-limit",
            Self::PluginStopped => "plugin-stopped",
        }
    }

    /// How soon somebody should look.
    pub const fn severity(self) -> Severity {
        match self {
            Self::BreakerOpened
            | Self::WebhookFailing
            | Self::WebhookGone
            | Self::WebhookLimit
            | Self::OutboundBlocked
            | Self::DayLimit
            | Self::PluginStopped => Severity::Critical,
            Self::LimitNear | Self::EventDead | Self::WebhookLimitNear | Self::DayLimitNear => Severity::Warning,
            Self::PluginDisabled => Severity::Info,
        }
    }
}

/// How soon somebody should look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Severity {
    /// At once: something does not work.
    Critical,
    /// Before it becomes critical.
    Warning,
    /// When there is time.
    Info,
}

impl Severity {
    /// The word in the database and the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

impl fmt::Display for NoticeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for NoticeKind {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|kind| kind.name() == text).ok_or_else(|| format!("`{text}` is no kind of notice"))
    }
}

impl FromStr for Severity {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Critical, Self::Warning, Self::Info]
            .into_iter()
            .find(|severity| severity.name() == text)
            .ok_or_else(|| format!("`{text}` is no severity"))
    }
}

/// Whose inbox a notice goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience<'a> {
    /// The tenant of the transaction: a merchant, or a publisher.
    Tenant,
    /// The publisher of the plugin with this name.
    PublisherOf(&'a str),
    /// Those who run the platform.
    Operators,
}

/// Something to tell.
#[derive(Debug, Clone, PartialEq)]
pub struct NoticeIn {
    /// What it tells.
    pub kind: NoticeKind,
    /// Of which thing: an install's id, a plugin's name.
    pub subject: String,
    /// The matter's name within its inbox: what bears the same name is the same matter.
    pub dedup: String,
    /// The arguments of the sentence: `plugin`, `version`, `point`, `code`, `message`, `limit`, `most`, `used`, `subscription`,
    /// `event`, `host`, `forecast`, `resets`. A publisher reads them too, so they never name a shop.
    pub detail: Value,
}

/// A notice in an inbox.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    /// The notice's id.
    pub id: NoticeId,
    /// What it tells.
    pub kind: NoticeKind,
    /// How soon somebody should look.
    pub severity: Severity,
    /// Of which thing.
    pub subject: String,
    /// The arguments of the sentence, of the last time.
    pub detail: Value,
    /// How often it happened.
    pub occurrences: i64,
    /// When it first happened.
    pub first_at: Millis,
    /// When it last happened.
    pub last_at: Millis,
    /// When somebody acknowledged it, and by which actor; absent while it is unread.
    pub acknowledged: Option<(Millis, String)>,
}

impl Notice {
    fn of(row: &Row) -> Result<Self, StoreError> {
        let at = row.opt_int("acknowledged_at")?.map(Millis::new);
        let by = row.opt_text("acknowledged_by")?.unwrap_or_default();
        Ok(Self {
            id: row.parse("id")?,
            kind: row.parse("kind")?,
            severity: row.parse("severity")?,
            subject: row.text("subject")?,
            detail: row.json("detail")?,
            occurrences: row.int("occurrences")?,
            first_at: row.millis("first_at")?,
            last_at: row.millis("last_at")?,
            acknowledged: at.map(|at| (at, by)),
        })
    }
}

/// Tells the audience, in the transaction of what it is about.
///
/// The same matter again counts, and is unread again. `not-found` for the publisher of a plugin that nobody submitted.
pub async fn notice_post(tx: &mut Tx, audience: Audience<'_>, notice: &NoticeIn) -> Result<(), PlatformError> {
    const TENANT: &str = "insert into notices (tenant_id, id, dedup, kind, severity, subject, detail, occurrences, \
                          first_at, last_at) values ($1, $2, $3, $4, $5, $6, $7, 1, $8, $8) \
                          on conflict (tenant_id, dedup) do update set severity = excluded.severity, \
                          subject = excluded.subject, detail = excluded.detail, occurrences = notices.occurrences + 1, \
                          last_at = excluded.last_at, acknowledged_at = null, acknowledged_by = null";
    const PLATFORM: &str = "insert into platform_notices (scope, id, dedup, kind, severity, subject, detail, occurrences, \
                            first_at, last_at) values ($1, $2, $3, $4, $5, $6, $7, 1, $8, $8) \
                            on conflict (scope, dedup) do update set severity = excluded.severity, \
                            subject = excluded.subject, detail = excluded.detail, \
                            occurrences = platform_notices.occurrences + 1, last_at = excluded.last_at, \
                            acknowledged_at = null, acknowledged_by = null";
    for (field, text) in [("subject", &notice.subject), ("dedup", &notice.dedup)] {
        if text.is_empty() || text.len() > MAX_NAME {
            return Err(PlatformError::field(field, format!("1 to {MAX_NAME} bytes")));
        }
    }
    let (id, now) = (NoticeId::generate(&tx.ctx().env), tx.ctx().now());
    let told = match audience {
        Audience::Tenant => Some(tx.ctx().tenant().clone()),
        Audience::PublisherOf(plugin) => Some(tenant_of_maker(tx, plugin).await?),
        Audience::Operators => None,
    };
    if let Some(tenant) = &told
        && is_news(tx, tenant, &notice.dedup).await?
    {
        let severity = notice.kind.severity().name();
        let data = json!({"kind": notice.kind.to_string(), "severity": severity, "subject": notice.subject});
        tx.emit_to(tenant, EventType::NoticePosted.about(&notice.subject, data));
    }
    let statement = match told {
        Some(tenant) if tenant.publisher.is_none() => tx.query(TENANT),
        told => tx.platform_query(PLATFORM).bind(scope(told.and_then(|tenant| tenant.publisher))),
    };
    statement
        .text(id)
        .bind(&notice.dedup)
        .text(notice.kind)
        .bind(notice.kind.severity().name())
        .bind(&notice.subject)
        .json(&bounded(&notice.detail))
        .bind(now)
        .execute()
        .await?;
    Ok(())
}

/// Whether a matter is told as an event: not while it happens again and again, and its notice is unread already.
async fn is_news(tx: &mut Tx, tenant: &Tenant, dedup: &str) -> Result<bool, StoreError> {
    const TENANT: &str = "select count(*) as unread from notices where tenant_id = $1 and dedup = $2 \
                          and acknowledged_at is null and last_at > $3";
    const PLATFORM: &str = "select count(*) as unread from platform_notices where scope = $1 and dedup = $2 \
                            and acknowledged_at is null and last_at > $3";
    let since = tx.ctx().now().plus(-QUIET);
    let statement = match tenant.publisher {
        None => tx.query(TENANT),
        publisher => tx.platform_query(PLATFORM).bind(scope(publisher)),
    };
    Ok(statement.bind(dedup).bind(since).fetch_one(|row| row.int("unread")).await? == 0)
}

/// The arguments with their texts cut: a plugin's own words may be among them.
fn bounded(detail: &Value) -> Value {
    match detail {
        Value::Object(arguments) => arguments
            .iter()
            .map(|(name, value)| (name.clone(), bounded(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        Value::String(text) => Value::String(text.chars().take(MAX_TEXT).collect()),
        Value::Array(values) => values.iter().map(bounded).collect(),
        value => value.clone(),
    }
}

/// The tenant's inbox, what happened last first; only what nobody has acknowledged, if so wanted.
pub async fn notice_list(tx: &mut Tx, unread: bool, page: &PageRequest) -> Result<Page<Notice>, PlatformError> {
    const LIST: &str = "select id, kind, severity, subject, detail, occurrences, first_at, last_at, acknowledged_at, \
                        acknowledged_by from notices where tenant_id = $1 and ($2 = 0 or acknowledged_at is null) \
                        and (last_at < $3 or (last_at = $3 and id < $4)) order by last_at desc, id desc limit $5";
    let (at, id) = place(page)?;
    let statement = tx.query(LIST).bind(unread).bind(at).bind(id).bind(page.fetch());
    let rows = statement.fetch_all(Notice::of).await?;
    Ok(page.page(rows, key))
}

/// The inbox of a publisher, or of the operators for `None`; else as [`notice_list`].
pub async fn platform_notice_list(
    tx: &mut PlatformTx,
    publisher: Option<PublisherId>,
    unread: bool,
    page: &PageRequest,
) -> Result<Page<Notice>, PlatformError> {
    const LIST: &str = "select id, kind, severity, subject, detail, occurrences, first_at, last_at, acknowledged_at, \
                        acknowledged_by from platform_notices where scope = $1 and ($2 = 0 or acknowledged_at is null) \
                        and (last_at < $3 or (last_at = $3 and id < $4)) order by last_at desc, id desc limit $5";
    let (at, id) = place(page)?;
    let statement = tx.query(LIST).bind(scope(publisher)).bind(unread).bind(at).bind(id).bind(page.fetch());
    let rows = statement.fetch_all(Notice::of).await?;
    Ok(page.page(rows, key))
}

/// Removes at most `batch` of the tenant's notices that somebody acknowledged 90 days ago; how many.
pub async fn notice_purge(tx: &mut Tx, batch: u32) -> Result<u64, StoreError> {
    const PURGE: &str = "delete from notices where tenant_id = $1 and id in (select id from notices \
                         where tenant_id = $1 and acknowledged_at <= $2 order by acknowledged_at limit $3)";
    let before = tx.ctx().now().plus(-retention::NOTICES.millis);
    tx.query(PURGE).bind(before).bind(batch).execute().await
}

/// The same for the inboxes of publishers and operators.
pub async fn platform_notice_purge(tx: &mut PlatformTx, batch: u32) -> Result<u64, StoreError> {
    const PURGE: &str = "delete from platform_notices where id in (select id from platform_notices \
                         where acknowledged_at <= $1 order by acknowledged_at limit $2)";
    let before = tx.origin().now().plus(-retention::NOTICES.millis);
    tx.query(PURGE).bind(before).bind(batch).execute().await
}

/// How many notices of the tenant nobody has acknowledged.
pub async fn notice_unread(tx: &mut Tx) -> Result<i64, PlatformError> {
    const COUNT: &str = "select count(*) as unread from notices where tenant_id = $1 and acknowledged_at is null";
    Ok(tx.query(COUNT).fetch_one(|row| row.int("unread")).await?)
}

/// The same for a publisher, or the operators for `None`.
pub async fn platform_notice_unread(tx: &mut PlatformTx, publisher: Option<PublisherId>) -> Result<i64, PlatformError> {
    const COUNT: &str = "select count(*) as unread from platform_notices where scope = $1 and acknowledged_at is null";
    Ok(tx.query(COUNT).bind(scope(publisher)).fetch_one(|row| row.int("unread")).await?)
}

/// Marks a notice of the tenant as read until the matter comes again; on one that is read it changes nothing.
pub async fn notice_acknowledge(tx: &mut Tx, id: NoticeId) -> Result<Notice, PlatformError> {
    const PUT: &str = "update notices set acknowledged_at = $3, acknowledged_by = $4 \
                       where tenant_id = $1 and id = $2 and acknowledged_at is null";
    const GET: &str = "select id, kind, severity, subject, detail, occurrences, first_at, last_at, acknowledged_at, \
                       acknowledged_by from notices where tenant_id = $1 and id = $2";
    let (now, by) = (tx.ctx().now(), tx.ctx().actor.to_string());
    let rows = tx.query(PUT).text(id).bind(now).bind(by).execute().await?;
    let found = tx.query(GET).text(id).fetch_optional(Notice::of).await?;
    let notice = found.ok_or_else(|| PlatformError::not_found("notice", id))?;
    if rows == 1 {
        tx.audit("notice.acknowledged", id, &json!({"kind": notice.kind.name(), "subject": notice.subject})).await?;
    }
    Ok(notice)
}

/// The same in the inbox of a publisher, or of the operators for `None`.
pub async fn platform_notice_acknowledge(
    tx: &mut PlatformTx,
    publisher: Option<PublisherId>,
    id: NoticeId,
) -> Result<Notice, PlatformError> {
    const PUT: &str = "update platform_notices set acknowledged_at = $3, acknowledged_by = $4 \
                       where scope = $1 and id = $2 and acknowledged_at is null";
    const GET: &str = "select id, kind, severity, subject, detail, occurrences, first_at, last_at, acknowledged_at, \
                       acknowledged_by from platform_notices where scope = $1 and id = $2";
    let (now, by) = (tx.origin().now(), tx.origin().actor.to_string());
    let rows = tx.query(PUT).bind(scope(publisher)).text(id).bind(now).bind(by).execute().await?;
    let found = tx.query(GET).bind(scope(publisher)).text(id).fetch_optional(Notice::of).await?;
    let notice = found.ok_or_else(|| PlatformError::not_found("notice", id))?;
    if rows == 1 {
        tx.audit("notice.acknowledged", id, &json!({"kind": notice.kind.name(), "subject": notice.subject})).await?;
    }
    Ok(notice)
}

/// The column `scope`.
fn scope(publisher: Option<PublisherId>) -> String {
    publisher.map(|id| id.to_string()).unwrap_or_default()
}

/// The place of a notice in the order of an inbox, as a cursor carries it.
fn key(notice: &Notice) -> String {
    format!("{} {}", notice.last_at.as_millis(), notice.id)
}

/// The place behind which a page begins; the first page begins behind all moments.
fn place(page: &PageRequest) -> Result<(i64, String), PageError> {
    match page.after() {
        "" => Ok((i64::MAX, String::new())),
        after => {
            let (at, id) = after.split_once(' ').ok_or(PageError::Cursor)?;
            Ok((at.parse().map_err(|_| PageError::Cursor)?, id.to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_read_back_and_have_a_severity_that_does() {
        for kind in NoticeKind::ALL {
            assert_eq!(kind.name().parse(), Ok(kind));
            assert_eq!(kind.severity().name().parse(), Ok(kind.severity()));
        }
    }

    #[test]
    fn texts_among_the_arguments_are_cut() {
        let cut = bounded(&json!({"message": "满".repeat(900), "used": 7, "list": ["x"]}));
        assert_eq!(cut, json!({"message": "满".repeat(MAX_TEXT), "used": 7, "list": ["x"]}));
    }

    #[test]
    fn a_cursor_of_another_list_is_refused() {
        for after in ["no-blank", "x ntc_1"] {
            let page = PageRequest::new(Some(&hex::encode(after)), None).unwrap();
            assert_eq!(place(&page), Err(PageError::Cursor));
        }
        assert_eq!(place(&PageRequest::first()), Ok((i64::MAX, String::new())));
    }
}
