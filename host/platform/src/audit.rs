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

/// The tenant's audit log, the newest first.
pub async fn audit_list(tx: &mut Tx, page: &PageRequest) -> Result<Page<AuditRow>, PlatformError> {
    const LIST: &str = "select id, at, actor, action, subject, detail, request_id from audit \
                        where tenant_id = $1 and ($2 = '' or id < $2) order by id desc limit $3";
    let rows = tx.query(LIST).bind(page.after()).bind(page.fetch()).fetch_all(AuditRow::of).await?;
    Ok(page.page(rows, |row| row.id.to_string()))
}

/// The platform's own audit log, the newest first: publishers, plugins, users, tokens.
pub async fn platform_audit_list(tx: &mut PlatformTx, page: &PageRequest) -> Result<Page<AuditRow>, PlatformError> {
    const LIST: &str = "select id, at, actor, action, subject, detail, request_id from platform_audit \
                        where ($1 = '' or id < $1) order by id desc limit $2";
    let rows = tx.query(LIST).bind(page.after()).bind(page.fetch()).fetch_all(AuditRow::of).await?;
    Ok(page.page(rows, |row| row.id.to_string()))
}
