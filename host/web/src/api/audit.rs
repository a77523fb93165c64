//! The audit logs: of a shop for its owner, of the platform for the operator.

use axum::Json;
use axum::extract::State;
use heptad_model::audit::{self, AuditAction};
use heptad_model::{Locale, PageRequest};
use heptad_platform::audit::{AuditQuery, AuditRow, audit_list, platform_audit_list};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::shared::{PageOut, moment_in};
use crate::auth::{Operator, Owner};
use crate::error::{ApiError, ApiResult};
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
    /// The same in words, in the reader's language.
    #[schema(example = "A plugin was enabled")]
    pub sentence: String,
    /// To which thing.
    pub subject: String,
    /// Ids and numbers that tell more.
    #[schema(value_type = Object)]
    pub detail: Value,
    /// In which request.
    pub request_id: String,
}

impl AuditOut {
    fn new(row: AuditRow, reader: Locale) -> Self {
        Self {
            id: row.id.to_string(),
            at: row.at.rfc3339(),
            actor: row.actor,
            sentence: audit::sentence(&row.action, reader).to_owned(),
            action: row.action,
            subject: row.subject,
            detail: row.detail,
            request_id: row.request.to_string(),
        }
    }
}

/// Which rows of an audit log, and where to go on.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditPageQuery {
    /// Of this action alone, such as `outbound.sent`.
    pub action: Option<String>,
    /// Done by this actor alone: the id of a user, a token, a customer or an install, or `system:` and a word.
    pub actor: Option<String>,
    /// Done to this thing alone: an id or a code.
    pub subject: Option<String>,
    /// From this moment on, in RFC 3339.
    pub from: Option<String>,
    /// Before this moment, in RFC 3339.
    pub until: Option<String>,
    /// The `next` of the page before; absent for the first page.
    pub cursor: Option<String>,
    /// The most items of the page, 1 to 200; 50 when absent.
    pub limit: Option<u32>,
}

impl AuditPageQuery {
    /// What is asked of a log that tells of these actions.
    fn parse(self, log: &[AuditAction]) -> ApiResult<(AuditQuery, PageRequest)> {
        let Self { action, actor, subject, from, until, cursor, limit } = self;
        if let Some(action) = action.as_ref().filter(|action| !audit::is_known(log, action)) {
            return Err(ApiError::invalid("action", format!("`{action}` is nothing that this log tells of")));
        }
        let query = AuditQuery {
            action: action.unwrap_or_default(),
            actor: actor.unwrap_or_default(),
            subject: subject.unwrap_or_default(),
            from: from.map(|text| moment_in("from", &text)).transpose()?,
            until: until.map(|text| moment_in("until", &text)).transpose()?,
        };
        Ok((query, PageQuery { cursor, limit }.request()?))
    }
}

/// Lists the shop's audit log, the newest first.
#[utoipa::path(get, path = "/v1/audit", tag = "audit", params(AuditPageQuery), responses((status = OK, body = PageOut<AuditOut>)))]
pub(super) async fn audit_page(
    State(state): State<AppState>,
    owner: Owner,
    Params(query): Params<AuditPageQuery>,
) -> ApiResult<Json<PageOut<AuditOut>>> {
    let (query, page) = query.parse(audit::OF_TENANTS)?;
    let page = state.store.read(&owner.ctx, async |mut tx| audit_list(&mut tx, &query, &page).await).await?;
    Ok(Json(PageOut::of(page, |row| AuditOut::new(row, owner.ctx.locale))))
}

/// Lists the platform's own audit log, the newest first: publishers, plugins, people, tokens.
#[utoipa::path(get, path = "/v1/platform-audit", tag = "audit", params(AuditPageQuery), responses((status = OK, body = PageOut<AuditOut>)))]
pub(super) async fn platform_audit_page(
    State(state): State<AppState>,
    operator: Operator,
    Params(query): Params<AuditPageQuery>,
) -> ApiResult<Json<PageOut<AuditOut>>> {
    let (query, page) = query.parse(audit::OF_PLATFORM)?;
    let list = async |mut tx| platform_audit_list(&mut tx, &query, &page).await;
    let page = state.store.platform_read(&operator.origin, list).await?;
    Ok(Json(PageOut::of(page, |row| AuditOut::new(row, operator.origin.locale))))
}
