//! People: who signs in to the console, in which role. Made and listed by who keeps their scope.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use heptad_model::id::{PublisherId, TenantId};
use heptad_platform::principal::Role;
use heptad_platform::user::{HeldRole, User, UserIn as NewUser, user_create, user_list};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::scope::{ScopeQuery, scope};
use super::shared::PageOut;
use crate::auth::ScopeKeeper;
use crate::error::{ApiError, ApiResult};
use crate::extract::{Body, Params};
use crate::state::AppState;

/// A new person.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserIn {
    /// What the person signs in with: 2 to 254 bytes without blanks; letter case does not matter.
    #[schema(example = "han.meimei@example.com")]
    pub login: String,
    /// The name that people see.
    #[schema(example = "韩梅梅")]
    pub name: String,
    /// The password, 12 characters or more.
    #[schema(format = Password)]
    pub password: String,
    /// `operator`, `publisher`, `owner` or `staff`.
    #[schema(example = "staff")]
    pub role: String,
    /// The tenant, said by an operator; others make people of their own.
    #[schema(value_type = Option<String>)]
    pub tenant: Option<TenantId>,
    /// The publisher, said by an operator; others make people of their own.
    #[schema(value_type = Option<String>)]
    pub publisher: Option<PublisherId>,
}

/// A person and its role in a scope.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UserOut {
    /// The id.
    #[schema(example = "usr_019380c2f2b07d1c8a4b9e5f60718293")]
    pub id: String,
    /// What the person signs in with, in lower case.
    pub login: String,
    /// The name that people see.
    pub name: String,
    /// The role in this scope.
    pub role: &'static str,
    /// When the person was made, in RFC 3339.
    pub created_at: String,
}

impl UserOut {
    fn new(user: User, held: HeldRole) -> Self {
        Self {
            id: user.id.to_string(),
            login: user.login,
            name: user.name,
            role: held.role.name(),
            created_at: user.created_at.rfc3339(),
        }
    }
}

/// Makes a person with a role.
#[utoipa::path(post, path = "/v1/users", tag = "users", request_body = UserIn, responses((status = CREATED, body = UserOut)))]
pub(super) async fn user_post(
    State(state): State<AppState>,
    keeper: ScopeKeeper,
    Body(input): Body<UserIn>,
) -> ApiResult<(StatusCode, Json<UserOut>)> {
    let role: Role = input.role.parse().map_err(|message: String| ApiError::invalid("role", message))?;
    let scope = scope(&state, &keeper, input.tenant, input.publisher).await?;
    if !role.is_personal() {
        return Err(ApiError::invalid("role", format!("`{role}` is for tokens, not for people")));
    }
    if !keeper.principal.role.may_mint(role) {
        return Err(ApiError::forbidden(format!(
            "a caller of role `{}` may not make a person of role `{role}`",
            keeper.principal.role
        )));
    }
    if !role.fits(scope) {
        return Err(ApiError::invalid("role", format!("`{role}` is not held there")));
    }
    let held = HeldRole { role, scope };
    let new = NewUser { login: input.login, name: input.name, password: input.password };
    let user = user_create(&state.store, &keeper.origin, &new, &[held]).await?;
    Ok((StatusCode::CREATED, Json(UserOut::new(user, held))))
}

/// Lists the people of a scope with their roles, the oldest first.
#[utoipa::path(get, path = "/v1/users", tag = "users", params(ScopeQuery), responses((status = OK, body = PageOut<UserOut>)))]
pub(super) async fn user_page(
    State(state): State<AppState>,
    keeper: ScopeKeeper,
    Params(query): Params<ScopeQuery>,
) -> ApiResult<Json<PageOut<UserOut>>> {
    let scope = scope(&state, &keeper, query.tenant, query.publisher).await?;
    let page = query.page()?;
    let page = state.store.platform_read(&keeper.origin, async |mut tx| user_list(&mut tx, scope, &page).await).await?;
    Ok(Json(PageOut::of(page, |(user, held)| UserOut::new(user, held))))
}
