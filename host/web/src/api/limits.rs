//! What plugins may use: the table of limits for everybody, the profiles of their values for the operator.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use heptad_model::id::TenantId;
use heptad_model::{Limit, Limits};
use heptad_platform::limit_profile::{
    LimitProfile, limit_profile_get, limit_profile_list, limit_profile_put, tenant_limit_profile_put,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::auth::{Operator, SignedIn};
use crate::error::ApiResult;
use crate::extract::{Body, PathOf};
use crate::state::AppState;

/// A limit of plugins.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LimitOut {
    /// The stable word: an outcome's code in traces and in usage.
    #[schema(example = "fuel")]
    pub code: &'static str,
    /// What its value counts.
    #[schema(example = "units of fuel")]
    pub unit: &'static str,
    /// What the plugin's maker can do about it.
    #[schema(example = "do less for each call")]
    pub advice: &'static str,
}

/// The table of limits, and their published values.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LimitTableOut {
    /// Every limit.
    pub limits: Vec<LimitOut>,
    /// The published values; a shop's profile may have others.
    #[schema(value_type = Object)]
    pub values: Limits,
}

/// Named values of the limits.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LimitProfileOut {
    /// The name; `default` goes for shops without a profile of their own.
    #[schema(example = "default")]
    pub name: String,
    /// The value of every limit.
    #[schema(value_type = Object)]
    pub limits: Limits,
    /// When it was last changed, in RFC 3339.
    pub updated_at: String,
}

impl From<LimitProfile> for LimitProfileOut {
    fn from(profile: LimitProfile) -> Self {
        Self { name: profile.name, limits: profile.limits, updated_at: profile.updated_at.rfc3339() }
    }
}

/// Which profile a shop has.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TenantLimitProfileIn {
    /// The profile's name; null for the default.
    #[schema(example = "large")]
    pub profile: Option<String>,
}

/// Lists every limit of plugins with its code, its unit, what to do about it, and the published values.
#[utoipa::path(get, path = "/v1/limits", tag = "limits", responses((status = OK, body = LimitTableOut)))]
pub(super) async fn limit_all(_reader: SignedIn) -> Json<LimitTableOut> {
    let show = |limit: &Limit| {
        let row = limit.row();
        LimitOut { code: row.code, unit: row.unit, advice: row.advice }
    };
    Json(LimitTableOut { limits: Limit::ALL.iter().map(show).collect(), values: Limits::default() })
}

/// Lists the limit profiles that were stored, by name.
#[utoipa::path(get, path = "/v1/limit-profiles", tag = "limits", responses((status = OK, body = Vec<LimitProfileOut>)))]
pub(super) async fn limit_profile_all(
    State(state): State<AppState>,
    operator: Operator,
) -> ApiResult<Json<Vec<LimitProfileOut>>> {
    let list = async |mut tx| limit_profile_list(&mut tx).await;
    let profiles = state.store.platform_read(&operator.origin, list).await?;
    Ok(Json(profiles.into_iter().map(LimitProfileOut::from).collect()))
}

/// Reads a limit profile.
#[utoipa::path(get, path = "/v1/limit-profiles/{profile}", tag = "limits", responses((status = OK, body = LimitProfileOut)))]
pub(super) async fn limit_profile_read(
    State(state): State<AppState>,
    operator: Operator,
    PathOf(name): PathOf<String>,
) -> ApiResult<Json<LimitProfileOut>> {
    let get = async |mut tx| limit_profile_get(&mut tx, &name).await;
    Ok(Json(state.store.platform_read(&operator.origin, get).await?.into()))
}

/// Makes or replaces a limit profile: the body holds the values that differ from the published ones.
#[utoipa::path(put, path = "/v1/limit-profiles/{profile}", tag = "limits", request_body = Object, responses((status = OK, body = LimitProfileOut)))]
pub(super) async fn limit_profile_replace(
    State(state): State<AppState>,
    operator: Operator,
    PathOf(name): PathOf<String>,
    Body(limits): Body<Limits>,
) -> ApiResult<Json<LimitProfileOut>> {
    let put = async |mut tx| limit_profile_put(&mut tx, &name, &limits).await;
    let profile = state.store.platform_write(&operator.origin, put).await?;
    state.runtime.refresh().await;
    Ok(Json(profile.into()))
}

/// Gives a shop a limit profile, or takes it back to the default.
#[utoipa::path(put, path = "/v1/tenants/{tenant}/limit-profile", tag = "limits", request_body = TenantLimitProfileIn, responses((status = NO_CONTENT)))]
pub(super) async fn tenant_limit_profile_replace(
    State(state): State<AppState>,
    operator: Operator,
    PathOf(id): PathOf<TenantId>,
    Body(input): Body<TenantLimitProfileIn>,
) -> ApiResult<StatusCode> {
    let profile = input.profile.as_deref();
    let put = async |mut tx| tenant_limit_profile_put(&mut tx, id, profile).await;
    state.store.platform_write(&operator.origin, put).await?;
    state.runtime.refresh().await;
    Ok(StatusCode::NO_CONTENT)
}
