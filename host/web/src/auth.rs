//! Who asks, and what a role may do. A handler's signature says who may call it: `Owner`, `Shop`, `Operator`, …
//!
//! [`identify`] is the middleware: it recognises a token or a session, counts the request, and leaves a [`Caller`]. The
//! extractors below turn it into a tenant-bound [`Ctx`] or an [`Origin`], or refuse: 401 for nobody known, 403 for a role
//! that may not do this. To allow a route to other roles, give its handler another extractor, and its row in
//! [`crate::api::ROUTES`] the same one.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum_extra::extract::CookieJar;
use heptad_model::id::{CustomerId, PublisherId};
use heptad_model::{Actor, Ctx, Locale, Origin};
use heptad_platform::PlatformError;
use heptad_platform::principal::{Principal, Role, Scope};
use heptad_platform::session::{Session, session_get};
use heptad_platform::tenant::{TenantRecord, tenant_of_publisher};
use heptad_store::StoreError;

use crate::error::{ApiError, ApiResult};
use crate::extract::{Asked, peer};
use crate::state::AppState;

/// The header in which a script of the console shows the session's CSRF token.
pub const CSRF_HEADER: &str = "x-csrf-token";
/// The header by which a person with several roles says where it acts: `platform`, or a tenant's or publisher's id.
pub const SCOPE_HEADER: &str = "heptad-scope";

/// The name of the session's cookie. With HTTPS the prefix binds it to this host.
pub const fn session_cookie(secure: bool) -> &'static str {
    if secure { "__Host-heptad-session" } else { "heptad-session" }
}

/// Who asks, as far as a token or a session tells.
#[derive(Debug, Clone)]
pub enum Caller {
    /// Nobody known.
    Nobody,
    /// The bearer of a token.
    Bearer(Principal),
    /// A person in the console.
    Person(Arc<Session>),
}

impl Caller {
    /// The caller of a request; nobody where [`identify`] did not run.
    pub fn of(parts: &Parts) -> Self {
        parts.extensions.get().cloned().unwrap_or(Self::Nobody)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        Ok(Self::of(parts))
    }
}

/// Middleware: recognises who asks and counts the request. A token that is not valid is refused here; a session that is
/// over counts as nobody, so that the console can ask to sign in again.
pub async fn identify(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    match recognise(&state, &parts).await {
        Ok(caller) => {
            parts.extensions.insert(caller);
            next.run(Request::from_parts(parts, body)).await
        }
        Err(error) => error.into_response(),
    }
}

async fn recognise(state: &AppState, parts: &Parts) -> ApiResult<Caller> {
    let address = peer(parts, state.options.trust_forwarded_for);
    let origin = Asked::of(parts, &state.env).origin(Actor::Anonymous, Locale::default(), &state.env);
    if let Some(value) = parts.headers.get(header::AUTHORIZATION) {
        let token = value.to_str().ok().and_then(bearer).unwrap_or_default();
        return match state.bearers.bearer(&state.store, &origin, token).await {
            Ok(principal) => {
                state.rates.caller(&principal.actor)?;
                Ok(Caller::Bearer(principal))
            }
            Err(error) => {
                state.rates.peer(address)?;
                Err(error.into())
            }
        };
    }
    if let Some(secret) = session_secret(&parts.headers, state.options.secure_cookies) {
        let session = async |mut tx| session_get(&mut tx, &secret).await;
        if let Some(session) = state.store.platform_read(&origin, session).await.map_err(|error: StoreError| error)? {
            state.rates.caller(&Actor::User(session.user.id))?;
            return Ok(Caller::Person(Arc::new(session)));
        }
    }
    state.rates.peer(address)?;
    Ok(Caller::Nobody)
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// The secret in the session's cookie.
pub fn session_secret(headers: &HeaderMap, secure: bool) -> Option<String> {
    CookieJar::from_headers(headers).get(session_cookie(secure)).map(|cookie| cookie.value().to_owned())
}

/// The caller in one of these roles, else 401 or 403.
fn admit(parts: &Parts, roles: &[Role]) -> ApiResult<Principal> {
    let principal = match Caller::of(parts) {
        Caller::Nobody => return Err(ApiError::unauthenticated()),
        Caller::Bearer(principal) => principal,
        Caller::Person(session) => person(parts, &session)?,
    };
    if roles.contains(&principal.role) {
        return Ok(principal);
    }
    let allowed: Vec<&str> = roles.iter().map(|role| role.name()).collect();
    let detail = format!("a caller of role `{}` may not do this", principal.role);
    Err(ApiError::forbidden(detail).with_hint(format!("this is for the roles {}", allowed.join(", "))))
}

/// A person acts where it says, or in the only scope that it has; what changes something must show the CSRF token,
/// because the browser sends the cookie by itself.
fn person(parts: &Parts, session: &Session) -> ApiResult<Principal> {
    let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    if !parts.method.is_safe() && !text(CSRF_HEADER).is_some_and(|presented| session.csrf_matches(presented)) {
        return Err(ApiError::forbidden("the request does not show the session's CSRF token")
            .with_code("csrf")
            .with_hint(format!("send it in the header `{CSRF_HEADER}`")));
    }
    let scope = match text(SCOPE_HEADER) {
        Some("platform") => Some(Scope::Platform),
        Some(text) => text.parse::<Scope>().ok(),
        None => session
            .roles
            .first()
            .map(|held| held.scope)
            .filter(|scope| session.roles.iter().all(|held| held.scope == *scope)),
    };
    let principal = scope.and_then(|scope| session.principal_in(scope));
    principal.ok_or_else(|| {
        ApiError::new(StatusCode::FORBIDDEN, "scope-required", "you act in no role here")
            .with_hint(format!("say where in the header `{SCOPE_HEADER}`: `platform`, or a tenant's or publisher's id"))
    })
}

impl AppState {
    /// The origin of a principal; its tenant's language where the reader named none.
    pub async fn origin(&self, asked: &Asked, principal: &Principal) -> ApiResult<Origin> {
        let origin = asked.origin(principal.actor.clone(), Locale::default(), &self.env);
        match principal.tenant() {
            Some(id) if asked.reader.is_none() => {
                Ok(Origin { locale: self.tenant(&origin, id).await?.locale, ..origin })
            }
            _ => Ok(origin),
        }
    }

    /// The context of a principal that acts for a tenant, or for a publisher in the tenant of its own; the tenant's language
    /// where the reader named none.
    pub async fn ctx(&self, asked: &Asked, principal: &Principal) -> ApiResult<Ctx> {
        let origin = asked.origin(principal.actor.clone(), Locale::default(), &self.env);
        let tenant = match principal.scope {
            Scope::Tenant(id) => self.tenant(&origin, id).await?,
            Scope::Publisher(id) => {
                let read = async |mut tx| tenant_of_publisher(&mut tx, id).await;
                let record: Result<TenantRecord, PlatformError> = self.store.platform_read(&origin, read).await;
                record?.tenant
            }
            Scope::Platform => return Err(ApiError::forbidden("this is for those who act for a tenant")),
        };
        let locale = asked.reader.unwrap_or(tenant.locale);
        Ok(Origin { locale, ..origin }.for_tenant(tenant))
    }
}

macro_rules! for_a_tenant {
    ($($(#[$doc:meta])* $name:ident = [$($role:ident),+];)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub struct $name {
            /// Bound to the caller's tenant.
            pub ctx: Ctx,
            /// Who asks.
            pub principal: Principal,
        }

        impl $name {
            /// Who may.
            pub const ROLES: &'static [Role] = &[$(Role::$role),+];
        }

        impl FromRequestParts<AppState> for $name {
            type Rejection = ApiError;

            async fn from_request_parts(parts: &mut Parts, state: &AppState) -> ApiResult<Self> {
                let principal = admit(parts, Self::ROLES)?;
                let ctx = state.ctx(&Asked::of(parts, &state.env), &principal).await?;
                Ok(Self { ctx, principal })
            }
        }
    )*};
}

for_a_tenant! {
    /// The merchant who decides.
    Owner = [Owner];
    /// The merchant's people.
    Staff = [Owner, Staff];
    /// Who has endpoints and hears of events: the merchant's people, and publishers, each in a tenant of their own.
    Listener = [Publisher, Owner, Staff];
    /// The merchant's people and the storefront's server.
    Shop = [Owner, Staff, Shop];
    /// Who may make tokens for shoppers.
    Minter = [Owner, Shop];
    /// All of those, and a shopper, who sees only what is its own.
    Shopper = [Owner, Staff, Shop, Customer];
}

impl Shopper {
    /// The customer that a new thing belongs to: a shopper's own, whatever it says; `not-found` when it names another.
    pub fn own(&self, named: Option<CustomerId>) -> ApiResult<Option<CustomerId>> {
        match (self.principal.customer, named) {
            (Some(own), Some(named)) if own != named => Err(ApiError::not_found("customer")),
            (Some(own), _) => Ok(Some(own)),
            (None, named) => Ok(named),
        }
    }

    /// 404 unless a thing of this customer is one that the caller may know of.
    pub fn may_see(&self, customer: Option<CustomerId>, kind: &str) -> ApiResult<()> {
        match self.principal.customer {
            Some(own) if customer != Some(own) => Err(ApiError::not_found(kind)),
            _ => Ok(()),
        }
    }

    /// 403 for shoppers: what is told of plugins is the shop's business.
    pub fn no_customer(&self) -> ApiResult<()> {
        match self.principal.role {
            Role::Customer => Err(ApiError::forbidden("traces are for the shop")),
            _ => Ok(()),
        }
    }
}

macro_rules! for_no_tenant {
    ($($(#[$doc:meta])* $name:ident = [$($role:ident),+];)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub struct $name {
            /// Who asks, at what time, in which language.
            pub origin: Origin,
            /// In which role.
            pub principal: Principal,
        }

        impl $name {
            /// Who may.
            pub const ROLES: &'static [Role] = &[$(Role::$role),+];
        }

        impl FromRequestParts<AppState> for $name {
            type Rejection = ApiError;

            async fn from_request_parts(parts: &mut Parts, state: &AppState) -> ApiResult<Self> {
                let principal = admit(parts, Self::ROLES)?;
                let origin = state.origin(&Asked::of(parts, &state.env), &principal).await?;
                Ok(Self { origin, principal })
            }
        }
    )*};
}

for_no_tenant! {
    /// Who runs the platform.
    Operator = [Operator];
    /// A maker of plugins.
    Maker = [Publisher];
    /// A maker of plugins about its own, the operator about all.
    MakerOrOperator = [Operator, Publisher];
    /// Those who look for plugins.
    CatalogReader = [Operator, Publisher, Owner, Staff];
    /// Who is told by notices: the merchant's people, publishers, operators.
    InboxKeeper = [Operator, Publisher, Owner, Staff];
    /// Who sees a tenant's master data: the operator all, the others their own.
    TenantReader = [Operator, Owner, Staff, Shop];
    /// Who manages tokens and people of its own scope; the operator of any.
    ScopeKeeper = [Operator, Publisher, Owner];
    /// Anybody with a token or a session.
    SignedIn = [Operator, Publisher, Owner, Staff, Shop, Customer];
}

impl Maker {
    /// The publisher that the caller acts for.
    pub fn publisher(&self) -> ApiResult<PublisherId> {
        self.principal.publisher().ok_or_else(|| ApiError::forbidden("this is for publishers"))
    }
}

/// Anybody at all.
#[derive(Debug, Clone)]
pub struct Anyone {
    /// In which language, at what time.
    pub origin: Origin,
}

impl FromRequestParts<AppState> for Anyone {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> ApiResult<Self> {
        Ok(Self { origin: Asked::of(parts, &state.env).origin(Actor::Anonymous, Locale::default(), &state.env) })
    }
}

/// Why somebody may read an answer that goes on for long: asked again from time to time, while it does.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    headers: HeaderMap,
    scope: Scope,
    roles: &'static [Role],
}

impl Standing {
    /// Of a request that was let in to this scope for one of these roles.
    pub(crate) fn new(headers: &HeaderMap, scope: Scope, roles: &'static [Role]) -> Self {
        let kept = [header::AUTHORIZATION, header::COOKIE];
        let headers = headers.iter().filter(|(name, _)| kept.contains(name));
        Self { headers: headers.map(|(name, value)| (name.clone(), value.clone())).collect(), scope, roles }
    }

    /// Whether its token or session still gives that role. Not when the database cannot say so.
    pub(crate) async fn holds(&self, state: &AppState) -> bool {
        let origin = Origin::new(Actor::Anonymous, Locale::default(), state.env.clone());
        let known = match self.headers.get(header::AUTHORIZATION) {
            Some(value) => {
                let token = value.to_str().ok().and_then(bearer).unwrap_or_default();
                state.bearers.bearer(&state.store, &origin, token).await.ok()
            }
            None => {
                let Some(secret) = session_secret(&self.headers, state.options.secure_cookies) else { return false };
                let session = async |mut tx| session_get(&mut tx, &secret).await;
                let session: Result<Option<Session>, StoreError> = state.store.platform_read(&origin, session).await;
                session.ok().flatten().and_then(|session| session.principal_in(self.scope))
            }
        };
        known.is_some_and(|principal| principal.scope == self.scope && self.roles.contains(&principal.role))
    }
}
