//! `/v1/me`: who the caller is.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::SignedIn;

/// Who the caller is to the platform.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MeOut {
    /// Who acts, as it stands in audit rows.
    #[schema(example = "tok_019380c2f2b07d1c8a4b9e5f60718293")]
    pub actor: String,
    /// `operator`, `publisher`, `owner`, `staff`, `shop` or `customer`.
    #[schema(example = "shop")]
    pub role: &'static str,
    /// The tenant that it acts for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The publisher that it acts for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publisher: Option<String>,
    /// The shopper that it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer: Option<String>,
    /// The language of the answers.
    #[schema(example = "zh-CN")]
    pub locale: &'static str,
}

/// Tells who the caller is and in which role it acts.
#[utoipa::path(get, path = "/v1/me", tag = "tokens", responses((status = OK, body = MeOut)))]
pub(super) async fn me(caller: SignedIn) -> Json<MeOut> {
    let SignedIn { origin, principal } = caller;
    Json(MeOut {
        actor: principal.actor.to_string(),
        role: principal.role.name(),
        tenant: principal.tenant().map(|id| id.to_string()),
        publisher: principal.publisher().map(|id| id.to_string()),
        customer: principal.customer.map(|id| id.to_string()),
        locale: origin.locale.tag(),
    })
}
