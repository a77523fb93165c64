//! API tokens: made, listed and revoked by who keeps their scope; a storefront's server makes short ones for shoppers.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use heptad_capabilities::members::customer_get;
use heptad_model::id::{CustomerId, PublisherId, TenantId, TokenId};
use heptad_platform::principal::{Role, Scope};
use heptad_platform::token::{Token, TokenIn as NewToken, token_create, token_list, token_revoke};
use heptad_store::PlatformTx;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::scope::{ScopeQuery, scope};
use super::shared::{PageOut, moment};
use crate::auth::{Minter, ScopeKeeper};
use crate::error::{ApiError, ApiResult};
use crate::extract::{Body, Params, PathOf};
use crate::state::AppState;

/// A new token.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenIn {
    /// What people call it.
    #[schema(example = "storefront")]
    pub name: String,
    /// `operator`, `publisher`, `owner`, `staff` or `shop`.
    #[schema(example = "shop")]
    pub role: String,
    /// The tenant, said by an operator; others make tokens of their own.
    #[schema(value_type = Option<String>)]
    pub tenant: Option<TenantId>,
    /// The publisher, said by an operator; others make tokens of their own.
    #[schema(value_type = Option<String>)]
    pub publisher: Option<PublisherId>,
    /// How long it lasts, in seconds; 90 days when absent, at most 366 days.
    #[schema(example = 7776000)]
    pub lifetime_seconds: Option<u32>,
}

/// A new token for a shopper.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CustomerTokenIn {
    /// The shopper.
    #[schema(value_type = String, example = "cus_019380c2f2b07d1c8a4b9e5f60718293")]
    pub customer: CustomerId,
    /// How long it lasts, in seconds; 15 minutes when absent, at most a day.
    #[schema(example = 900)]
    pub lifetime_seconds: Option<u32>,
}

/// A token without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TokenOut {
    /// The id.
    #[schema(example = "tok_019380c2f2b07d1c8a4b9e5f60718293")]
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What its bearer is.
    pub role: &'static str,
    /// The tenant that its bearer acts for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The publisher that its bearer acts for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publisher: Option<String>,
    /// The shopper that its bearer is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer: Option<String>,
    /// When it was made, in RFC 3339.
    pub created_at: String,
    /// Who made it.
    pub created_by: String,
    /// When it ends, in RFC 3339.
    pub expires_at: String,
    /// Its last use, to a minute, in RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<String>,
    /// When it was revoked, in RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<String>,
}

/// A new token with its secret, which is shown this once.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NewTokenOut {
    /// The token.
    #[serde(flatten)]
    pub token: TokenOut,
    /// The secret, for the header `Authorization: Bearer`.
    #[schema(example = "hpt_…")]
    pub secret: String,
}

impl From<Token> for TokenOut {
    fn from(token: Token) -> Self {
        let (tenant, publisher) = match token.scope {
            Scope::Platform => (None, None),
            Scope::Publisher(id) => (None, Some(id.to_string())),
            Scope::Tenant(id) => (Some(id.to_string()), None),
        };
        Self {
            id: token.id.to_string(),
            name: token.name,
            role: token.role.name(),
            tenant,
            publisher,
            customer: token.customer.map(|id| id.to_string()),
            created_at: token.created_at.rfc3339(),
            created_by: token.created_by,
            expires_at: token.expires_at.rfc3339(),
            last_used_at: moment(token.last_used_at),
            revoked_at: moment(token.revoked_at),
        }
    }
}

/// Makes a token; its secret is in this answer and nowhere else.
#[utoipa::path(post, path = "/v1/tokens", tag = "tokens", request_body = TokenIn, responses((status = CREATED, body = NewTokenOut)))]
pub(super) async fn token_post(
    State(state): State<AppState>,
    keeper: ScopeKeeper,
    Body(input): Body<TokenIn>,
) -> ApiResult<(StatusCode, Json<NewTokenOut>)> {
    let role = match input.role.parse() {
        Ok(Role::Customer) => {
            return Err(ApiError::invalid("role", "tokens for shoppers are made at /v1/customer-tokens"));
        }
        Ok(role) => role,
        Err(message) => return Err(ApiError::invalid("role", message)),
    };
    let scope = scope(&state, &keeper, input.tenant, input.publisher).await?;
    let lifetime_millis = input.lifetime_seconds.map(|seconds| i64::from(seconds) * 1_000);
    let new = NewToken { name: input.name, role, scope, customer: None, lifetime_millis };
    let create = async |mut tx: PlatformTx| token_create(&mut tx, &keeper.principal, &new).await;
    let (token, secret) = state.store.platform_write(&keeper.origin, create).await.map_err(seconds)?;
    Ok((StatusCode::CREATED, Json(NewTokenOut { token: token.into(), secret: secret.reveal().to_owned() })))
}

/// Makes a short token for a shopper of the shop.
#[utoipa::path(post, path = "/v1/customer-tokens", tag = "tokens", request_body = CustomerTokenIn, responses((status = CREATED, body = NewTokenOut)))]
pub(super) async fn customer_token_post(
    State(state): State<AppState>,
    minter: Minter,
    Body(input): Body<CustomerTokenIn>,
) -> ApiResult<(StatusCode, Json<NewTokenOut>)> {
    let Minter { ctx, principal } = minter;
    state.store.read(&ctx, async |mut tx| customer_get(&mut tx, input.customer).await).await?;
    let new = NewToken {
        name: "shopper".to_owned(),
        role: Role::Customer,
        scope: principal.scope,
        customer: Some(input.customer),
        lifetime_millis: input.lifetime_seconds.map(|seconds| i64::from(seconds) * 1_000),
    };
    let create = async |mut tx: PlatformTx| token_create(&mut tx, &principal, &new).await;
    let (token, secret) = state.store.platform_write(ctx.origin(), create).await.map_err(seconds)?;
    Ok((StatusCode::CREATED, Json(NewTokenOut { token: token.into(), secret: secret.reveal().to_owned() })))
}

/// The API counts a token's life in seconds.
fn seconds(error: heptad_platform::PlatformError) -> ApiError {
    ApiError::from(error).with_renamed("lifetime", "lifetime_seconds")
}

/// Lists the tokens of a scope, the oldest first, without those of shoppers.
#[utoipa::path(get, path = "/v1/tokens", tag = "tokens", params(ScopeQuery), responses((status = OK, body = PageOut<TokenOut>)))]
pub(super) async fn token_page(
    State(state): State<AppState>,
    keeper: ScopeKeeper,
    Params(query): Params<ScopeQuery>,
) -> ApiResult<Json<PageOut<TokenOut>>> {
    let scope = scope(&state, &keeper, query.tenant, query.publisher).await?;
    let page = query.page()?;
    let page =
        state.store.platform_read(&keeper.origin, async |mut tx| token_list(&mut tx, scope, &page).await).await?;
    Ok(Json(PageOut::of(page, TokenOut::from)))
}

/// Revokes a token at once; doing it again changes nothing.
#[utoipa::path(delete, path = "/v1/tokens/{token}", tag = "tokens", params(ScopeQuery), responses((status = NO_CONTENT)))]
pub(super) async fn token_delete(
    State(state): State<AppState>,
    keeper: ScopeKeeper,
    PathOf(id): PathOf<TokenId>,
    Params(query): Params<ScopeQuery>,
) -> ApiResult<StatusCode> {
    let scope = scope(&state, &keeper, query.tenant, query.publisher).await?;
    state.store.platform_write(&keeper.origin, async |mut tx| token_revoke(&mut tx, scope, id).await).await?;
    state.bearers.forget();
    Ok(StatusCode::NO_CONTENT)
}
