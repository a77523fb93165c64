//! Tenants: an operator makes and lists them, a merchant reads its own.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use heptad_model::id::TenantId;
use heptad_model::{Currency, Locale};
use heptad_platform::principal::Role;
use heptad_platform::tenant::{TenantIn as NewTenant, TenantRecord, tenant_create, tenant_get, tenant_list};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::shared::PageOut;
use crate::auth::{Operator, TenantReader};
use crate::error::{ApiError, ApiResult};
use crate::extract::{Body, PageQuery, Params, PathOf};
use crate::state::AppState;

/// A new merchant. Currency, time zone and language are fixed from its creation.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TenantIn {
    /// The short name: 2 to 64 lower-case letters, digits and hyphens.
    #[schema(example = "tea-house")]
    pub slug: String,
    /// The name that people see.
    #[schema(example = "山茶铺")]
    pub name: String,
    /// ISO 4217.
    #[schema(value_type = String, example = "CNY")]
    pub currency: Currency,
    /// The IANA name of the time zone.
    #[schema(example = "Asia/Shanghai")]
    pub time_zone: String,
    /// `zh-CN` or `en`.
    #[schema(value_type = String, example = "zh-CN")]
    pub locale: Locale,
}

/// A merchant.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TenantOut {
    /// The id.
    #[schema(example = "ten_019380c2f2b07d1c8a4b9e5f60718293")]
    pub id: String,
    /// The short name.
    pub slug: String,
    /// The name that people see.
    pub name: String,
    /// ISO 4217.
    pub currency: &'static str,
    /// The IANA name of the time zone.
    pub time_zone: String,
    /// `zh-CN` or `en`.
    pub locale: &'static str,
    /// The name of its limit profile; null for the default.
    pub limit_profile: Option<String>,
    /// When it was created, in RFC 3339.
    pub created_at: String,
}

impl From<TenantRecord> for TenantOut {
    fn from(record: TenantRecord) -> Self {
        Self {
            id: record.tenant.id.to_string(),
            slug: record.slug,
            name: record.name,
            currency: record.tenant.currency.code(),
            time_zone: record.tenant.time_zone.clone(),
            locale: record.tenant.locale.tag(),
            limit_profile: record.limit_profile,
            created_at: record.created_at.rfc3339(),
        }
    }
}

/// Creates a merchant.
#[utoipa::path(post, path = "/v1/tenants", tag = "tenants", request_body = TenantIn, responses((status = CREATED, body = TenantOut)))]
pub(super) async fn tenant_post(
    State(state): State<AppState>,
    operator: Operator,
    Body(input): Body<TenantIn>,
) -> ApiResult<(StatusCode, Json<TenantOut>)> {
    let TenantIn { slug, name, currency, time_zone, locale } = input;
    let input = NewTenant { slug, name, currency, time_zone, locale };
    let made =
        state.store.platform_write(&operator.origin, async |mut tx| tenant_create(&mut tx, &input).await).await?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

/// Lists all merchants, the oldest first.
#[utoipa::path(get, path = "/v1/tenants", tag = "tenants", params(PageQuery), responses((status = OK, body = PageOut<TenantOut>)))]
pub(super) async fn tenant_page(
    State(state): State<AppState>,
    operator: Operator,
    Params(page): Params<PageQuery>,
) -> ApiResult<Json<PageOut<TenantOut>>> {
    let page = page.request()?;
    let page = state.store.platform_read(&operator.origin, async |mut tx| tenant_list(&mut tx, &page).await).await?;
    Ok(Json(PageOut::of(page, TenantOut::from)))
}

/// Reads a merchant's master data; those who act for a merchant read their own.
#[utoipa::path(get, path = "/v1/tenants/{tenant}", tag = "tenants", responses((status = OK, body = TenantOut)))]
pub(super) async fn tenant_read(
    State(state): State<AppState>,
    reader: TenantReader,
    PathOf(id): PathOf<TenantId>,
) -> ApiResult<Json<TenantOut>> {
    if reader.principal.role != Role::Operator && reader.principal.tenant() != Some(id) {
        return Err(ApiError::not_found("tenant"));
    }
    let record = state.store.platform_read(&reader.origin, async |mut tx| tenant_get(&mut tx, id).await).await?;
    Ok(Json(record.into()))
}
