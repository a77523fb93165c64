//! Notices: the inbox of whoever asks, as the tenant's people, a publisher, or the operators.

use axum::Json;
use axum::extract::State;
use heptad_model::id::NoticeId;
use heptad_model::{Locale, Page, PageRequest};
use heptad_platform::notice::{
    Notice, notice_acknowledge, notice_list, platform_notice_acknowledge, platform_notice_list,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::shared::PageOut;
use crate::auth::InboxKeeper;
use crate::console::notice_sentence;
use crate::error::ApiResult;
use crate::extract::{PageQuery, Params, PathOf};
use crate::state::AppState;

/// Which notices.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct NoticeQuery {
    /// `true` for those alone that nobody has acknowledged.
    #[serde(default)]
    pub unread: bool,
    /// The `next` of the page before; absent for the first page.
    pub cursor: Option<String>,
    /// The most items of the page, 1 to 200; 50 when absent.
    pub limit: Option<u32>,
}

/// Something that people are told.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NoticeOut {
    /// The id.
    #[schema(example = "ntc_019380c2f2b07d1c8a4b9e5f60718293")]
    pub id: String,
    /// What it tells, as a stable word.
    #[schema(example = "breaker-opened")]
    pub code: &'static str,
    /// `critical`, `warning` or `info`.
    #[schema(example = "critical")]
    pub severity: &'static str,
    /// The same in a sentence, in the reader's language.
    pub sentence: String,
    /// Of which thing: an install's id, a plugin's name.
    #[schema(example = "member-pricing")]
    pub subject: String,
    /// The arguments of the sentence, of the last time.
    #[schema(value_type = Object)]
    pub detail: Value,
    /// How often it happened.
    #[schema(example = 3)]
    pub occurrences: i64,
    /// When it first happened, in RFC 3339.
    pub first_at: String,
    /// When it last happened, in RFC 3339.
    pub last_at: String,
    /// When somebody acknowledged it, in RFC 3339; absent while it is unread.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acknowledged_at: Option<String>,
    /// Who acknowledged it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acknowledged_by: Option<String>,
}

impl NoticeOut {
    fn new(notice: Notice, reader: Locale) -> Self {
        let sentence = notice_sentence(reader, &notice);
        let (acknowledged_at, acknowledged_by) = notice.acknowledged.map(|(at, by)| (at.rfc3339(), by)).unzip();
        Self {
            id: notice.id.to_string(),
            code: notice.kind.name(),
            severity: notice.severity.name(),
            sentence,
            subject: notice.subject,
            detail: notice.detail,
            occurrences: notice.occurrences,
            first_at: notice.first_at.rfc3339(),
            last_at: notice.last_at.rfc3339(),
            acknowledged_at,
            acknowledged_by,
        }
    }
}

/// Lists the caller's inbox, what happened last first.
#[utoipa::path(get, path = "/v1/notices", tag = "notices", params(NoticeQuery), responses((status = OK, body = PageOut<NoticeOut>)))]
pub(super) async fn notice_page(
    State(state): State<AppState>,
    keeper: InboxKeeper,
    Params(query): Params<NoticeQuery>,
) -> ApiResult<Json<PageOut<NoticeOut>>> {
    let NoticeQuery { unread, cursor, limit } = query;
    let asked = PageQuery { cursor, limit }.request()?;
    let found = read(&state, &keeper, unread, &asked).await?;
    Ok(Json(PageOut::of(found, |notice| NoticeOut::new(notice, keeper.origin.locale))))
}

async fn read(state: &AppState, keeper: &InboxKeeper, unread: bool, asked: &PageRequest) -> ApiResult<Page<Notice>> {
    let InboxKeeper { origin, principal } = keeper;
    Ok(match principal.tenant() {
        Some(id) => {
            let ctx = origin.clone().for_tenant(state.tenant(origin, id).await?);
            state.store.read(&ctx, async |mut tx| notice_list(&mut tx, unread, asked).await).await?
        }
        None => {
            let publisher = principal.publisher();
            let list = async |mut tx| platform_notice_list(&mut tx, publisher, unread, asked).await;
            state.store.platform_read(origin, list).await?
        }
    })
}

/// Marks a notice as read, until the same happens again.
#[utoipa::path(post, path = "/v1/notices/{notice}/acknowledge", tag = "notices", responses((status = OK, body = NoticeOut)))]
pub(super) async fn notice_read(
    State(state): State<AppState>,
    keeper: InboxKeeper,
    PathOf(id): PathOf<NoticeId>,
) -> ApiResult<Json<NoticeOut>> {
    let InboxKeeper { origin, principal } = &keeper;
    let notice = match principal.tenant() {
        Some(tenant) => {
            let ctx = origin.clone().for_tenant(state.tenant(origin, tenant).await?);
            state.store.write(&ctx, async |mut tx| notice_acknowledge(&mut tx, id).await).await?
        }
        None => {
            let publisher = principal.publisher();
            let write = async |mut tx| platform_notice_acknowledge(&mut tx, publisher, id).await;
            state.store.platform_write(origin, write).await?
        }
    };
    Ok(Json(NoticeOut::new(notice, origin.locale)))
}
