//! Reading the audit log: who did what to which thing.

use heptad_model::id::{AuditId, RequestId};
use heptad_model::{Millis, Page, PageRequest};
use heptad_store::{PlatformTx, Row, StoreError, Tx};
use serde_json::Value;

use crate::PlatformError;

/// A row of the audit log.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditRow {
    /// The row's id.
    pub id: AuditId,
    /// When.
    pub at: Millis,
    /// Who: a user's, a token's, a customer's or an install's id, or `system:` and a word.
    pub actor: String,
    /// What, as a stable word such as `install.enabled`.
    pub action: String,
    /// To which thing, by its id.
    pub subject: String,
    /// Ids and numbers that tell more.
    pub detail: Value,
    /// In which request.
    pub request: RequestId,
}

impl AuditRow {
    fn of(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.parse("id")?,
            at: row.millis("at")?,
            actor: row.text("actor")?,
            action: row.text("action")?,
            subject: row.text("subject")?,
            detail: row.json("detail")?,
            request: row.parse("request_id")?,
        })
    }
}

/// Which rows are wanted; what is empty or absent asks for all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// Of this action, a word of [`heptad_model::audit`].
    pub action: String,
    /// Done by this actor.
    pub actor: String,
    /// Done to this thing.
    pub subject: String,
    /// From this moment on.
    pub from: Option<Millis>,
    /// Before this moment.
    pub until: Option<Millis>,
}

impl AuditQuery {
    /// The ids between which the rows of a page lie: the first that may be among them, and the first that may not.
    fn ids(&self, page: &PageRequest) -> (String, String) {
        // Greater than every id.
        let until = self.until.map_or_else(|| "~".to_owned(), AuditId::floor);
        let until = match page.after() {
            "" => until,
            after => until.min(after.to_owned()),
        };
        (self.from.map(AuditId::floor).unwrap_or_default(), until)
    }
}

/// The tenant's audit log, the newest first.
pub async fn audit_list(tx: &mut Tx, query: &AuditQuery, page: &PageRequest) -> Result<Page<AuditRow>, PlatformError> {
    const ALL: &str = "select id, at, actor, action, subject, detail, request_id from audit \
                       where tenant_id = $1 and id >= $2 and id < $3 order by id desc limit $4";
    // A statement for each index, with the one that finds the fewest rows first.
    const OF_SUBJECT: &str = "select id, at, actor, action, subject, detail, request_id from audit \
                              where tenant_id = $1 and id >= $2 and id < $3 and subject = $5 \
                              and ($6 = '' or actor = $6) and ($7 = '' or action = $7) order by id desc limit $4";
    const OF_ACTOR: &str = "select id, at, actor, action, subject, detail, request_id from audit \
                            where tenant_id = $1 and id >= $2 and id < $3 and actor = $5 \
                            and ($6 = '' or action = $6) order by id desc limit $4";
    const OF_ACTION: &str = "select id, at, actor, action, subject, detail, request_id from audit \
                             where tenant_id = $1 and id >= $2 and id < $3 and action = $5 order by id desc limit $4";
    let AuditQuery { action, actor, subject, .. } = query;
    let (sql, values) = match (&**subject, &**actor, &**action) {
        ("", "", "") => (ALL, vec![]),
        ("", "", _) => (OF_ACTION, vec![action]),
        ("", _, _) => (OF_ACTOR, vec![actor, action]),
        _ => (OF_SUBJECT, vec![subject, actor, action]),
    };
    let (from, until) = query.ids(page);
    let mut statement = tx.query(sql).bind(from).bind(until).bind(page.fetch());
    for value in values {
        statement = statement.bind(value);
    }
    let rows = statement.fetch_all(AuditRow::of).await?;
    Ok(page.page(rows, |row| row.id.to_string()))
}

/// The platform's own audit log, the newest first: publishers, plugins, users, tokens.
pub async fn platform_audit_list(
    tx: &mut PlatformTx,
    query: &AuditQuery,
    page: &PageRequest,
) -> Result<Page<AuditRow>, PlatformError> {
    const LIST: &str = "select id, at, actor, action, subject, detail, request_id from platform_audit \
                        where id >= $1 and id < $2 and ($4 = '' or subject = $4) and ($5 = '' or actor = $5) \
                        and ($6 = '' or action = $6) order by id desc limit $3";
    let (from, until) = query.ids(page);
    let statement = tx.query(LIST).bind(from).bind(until).bind(page.fetch());
    let statement = statement.bind(&query.subject).bind(&query.actor).bind(&query.action);
    let rows = statement.fetch_all(AuditRow::of).await?;
    Ok(page.page(rows, |row| row.id.to_string()))
}
