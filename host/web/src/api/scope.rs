//! Whose things an operator means: a tenant's, a publisher's, the platform's. Others mean their own.

use heptad_model::PageRequest;
use heptad_model::id::{PublisherId, TenantId};
use heptad_platform::principal::{Principal, Role, Scope};
use heptad_platform::publisher::publisher_get;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::auth::ScopeKeeper;
use crate::error::{ApiError, ApiResult};
use crate::extract::PageQuery;
use crate::state::AppState;

/// Whose, and which of them.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ScopeQuery {
    /// A tenant's, asked by an operator.
    #[param(value_type = Option<String>)]
    pub tenant: Option<TenantId>,
    /// A publisher's, asked by an operator.
    #[param(value_type = Option<String>)]
    pub publisher: Option<PublisherId>,
    /// The `next` of the page before; absent for the first page.
    pub cursor: Option<String>,
    /// The most items of the page, 1 to 200; 50 when absent.
    pub limit: Option<u32>,
}

impl ScopeQuery {
    /// Which of them, as the operations want it.
    pub(crate) fn page(&self) -> ApiResult<PageRequest> {
        PageQuery { cursor: self.cursor.clone(), limit: self.limit }.request()
    }
}

/// The scope that was named: an operator names any that exists, others none but their own.
pub(crate) async fn scope(
    state: &AppState,
    keeper: &ScopeKeeper,
    tenant: Option<TenantId>,
    publisher: Option<PublisherId>,
) -> ApiResult<Scope> {
    let named = match (tenant, publisher) {
        (None, None) => return Ok(keeper.principal.scope),
        (Some(_), Some(_)) => return Err(ApiError::invalid("publisher", "name a tenant or a publisher, not both")),
        (Some(tenant), None) => Scope::Tenant(tenant),
        (None, Some(publisher)) => Scope::Publisher(publisher),
    };
    let Principal { role, scope: own, .. } = &keeper.principal;
    match named {
        named if named == *own => {}
        Scope::Tenant(id) if *role == Role::Operator => drop(state.tenant(&keeper.origin, id).await?),
        Scope::Publisher(id) if *role == Role::Operator => {
            state.store.platform_read(&keeper.origin, async |mut tx| publisher_get(&mut tx, id).await).await?;
        }
        Scope::Publisher(_) => return Err(ApiError::not_found("publisher")),
        _ => return Err(ApiError::not_found("tenant")),
    }
    Ok(named)
}
