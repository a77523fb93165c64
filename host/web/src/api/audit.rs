//! The audit logs: of a shop for its owner, of the platform for the operator.

use axum::Json;
use axum::extract::State;
use heptad_platform::audit::{AuditRow, audit_list, platform_audit_list};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::shared::PageOut;
use crate::auth::{Operator, Owner};
use crate::error::ApiResult;
use crate::extract::{PageQuery, Params};
use crate::state::AppState;

/// Who did what to which thing.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditOut {
    /// The row's id.
    #[schema(example = "aud_019380c2f2b07d1c8a4b9e5f60718293")]
    pub id: String,
    /// When, in RFC 3339.
    pub at: String,
    /// Who: the id of a user, a token, a customer or an install, or `system:` and a word.
    pub actor: String,
    /// What, as a stable word.
    #[schema(example = "install.enabled")]
    pub action: String,
    /// To which thing.
    pub subject: String,
    /// Ids and numbers that tell more.
    #[schema(value_type = Object)]
    pub detail: Value,
    /// In which request.
    pub request_id: String,
}

impl From<AuditRow> for AuditOut {
    fn from(row: AuditRow) -> Self {
        Self {
            id: row.id.to_string(),
            at: row.at.rfc3339(),
            actor: row.actor,
            action: row.action,
            subject: row.subject,
            detail: row.detail,
            request_id: row.request.to_string(),
        }
    }
}

/// Lists the shop's audit log, the newest first.
#[utoipa::path(get, path = "/v1/audit", tag = "audit", params(PageQuery), responses((status = OK, body = PageOut<AuditOut>)))]
pub(super) async fn audit_page(
    State(state): State<AppState>,
    owner: Owner,
    Params(page): Params<PageQuery>,
) -> ApiResult<Json<PageOut<AuditOut>>> {
    let page = page.request()?;
    let page = state.store.read(&owner.ctx, async |mut tx| audit_list(&mut tx, &page).await).await?;
    Ok(Json(PageOut::of(page, AuditOut::from)))
}

/// Lists the platform's own audit log, the newest first: publishers, plugins, people, tokens.
#[utoipa::path(get, path = "/v1/platform-audit", tag = "audit", params(PageQuery), responses((status = OK, body = PageOut<AuditOut>)))]
pub(super) async fn platform_audit_page(
    State(state): State<AppState>,
    operator: Operator,
    Params(page): Params<PageQuery>,
) -> ApiResult<Json<PageOut<AuditOut>>> {
    let page = page.request()?;
    let list = async |mut tx| platform_audit_list(&mut tx, &page).await;
    let page = state.store.platform_read(&operator.origin, list).await?;
    Ok(Json(PageOut::of(page, AuditOut::from)))
}
