//! What happens to every request before its page: who asks, in which language; and after it: headers, failures as pages.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use heptad_model::{Actor, Locale, Origin};
use heptad_platform::publisher::{Publisher, publisher_get};
use heptad_platform::session::{Session, session_get};
use heptad_platform::tenant::{TenantRecord, tenant_get};
use heptad_platform::{PlatformError, Role, Scope};

use super::failure::{self, Failure, query};
use super::shell::Shell;
use crate::auth::session_cookie;
use crate::error::ApiError;
use crate::extract::{Asked, peer};
use crate::state::AppState;

/// The most shops, publishers and so on between which a person switches.
const MOST_PLACES: usize = 50;
/// The random bytes of the token before the sign-in.
const TOKEN_BYTES: usize = 16;

/// Where a person holds a role.
#[derive(Debug, Clone)]
pub(super) enum Place {
    /// A shop, as owner or staff.
    Shop(TenantRecord, Role),
    /// A publisher.
    Publisher(Publisher),
    /// The platform.
    Platform,
}

/// A person who is signed in.
#[derive(Debug)]
pub(super) struct Person {
    /// The session's own secret, to end it.
    pub(super) secret: String,
    /// The session.
    pub(super) session: Session,
    /// Where the person holds roles.
    pub(super) places: Vec<Place>,
}

impl Person {
    /// The shop with this short name, where the person has a role in it.
    pub(super) fn shop(&self, slug: &str) -> Option<&Place> {
        self.places.iter().find(|place| matches!(place, Place::Shop(record, _) if record.slug == slug))
    }

    /// The publisher with this short name, where the person has a role at it.
    pub(super) fn publisher(&self, slug: &str) -> Option<&Place> {
        self.places.iter().find(|place| matches!(place, Place::Publisher(known) if known.slug == slug))
    }
}

/// A request to the console: who asks, in which language.
#[derive(Debug, Clone)]
pub(super) struct Visit {
    /// The language, the clock, the request's id.
    pub(super) origin: Origin,
    /// Whether the reader chose the language, or the browser did; else a shop's own is taken.
    pub(super) language_known: bool,
    /// Who is signed in.
    pub(super) person: Option<Arc<Person>>,
    /// What forms carry: the session's, or before the sign-in the browser's own.
    pub(super) csrf: String,
    /// Path and query.
    pub(super) path: String,
    /// Whether the request only reads, so that the address can be gone to again.
    pub(super) reads: bool,
    /// The address of the other side, if it is known.
    pub(super) peer: Option<IpAddr>,
}

impl Visit {
    /// Whether a form's token is the one that this browser was given.
    pub(super) fn token_matches(&self, presented: &str) -> bool {
        match &self.person {
            Some(person) => person.session.csrf_matches(presented),
            None => !self.csrf.is_empty() && constant_time_eq(&self.csrf, presented),
        }
    }
}

fn constant_time_eq(left: &str, right: &str) -> bool {
    // Hashes, so that the time of the comparison says nothing about the texts.
    use sha2::{Digest, Sha256};
    Sha256::digest(left) == Sha256::digest(right)
}

fn is_page(response: &Response) -> bool {
    response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"))
}

/// A cookie for the whole host, out of reach of scripts and of other sites; bound to the host by its name's prefix where
/// it is for HTTPS alone.
pub(super) fn cookie(state: &AppState, name: String, value: String) -> Cookie<'static> {
    Cookie::build((name, value))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(state.options.secure_cookies)
        .build()
}

/// The name of a cookie of this server.
fn named(state: &AppState, name: &str) -> String {
    if state.options.secure_cookies { format!("__Host-{name}") } else { name.to_owned() }
}

/// The name of the session's cookie, which the API knows, too.
pub(super) fn session_name(state: &AppState) -> String {
    session_cookie(state.options.secure_cookies).to_owned()
}

/// The token before the sign-in.
const BEFORE: &str = "heptad-before";
/// The language that was chosen.
const LANGUAGE: &str = "heptad-language";

/// The middleware around all pages.
pub(super) async fn visit(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let jar = CookieJar::from_headers(&parts.headers);
    if let Some(response) = language_choice(&state, &parts, &jar) {
        return secured(response);
    }
    let mut visit = stranger(&state, &parts, &jar);
    let jar = match recognise(&state, &mut visit, jar).await {
        Ok(jar) => jar,
        Err(failure) => return secured(failed(&visit, &failure)),
    };
    parts.extensions.insert(visit.clone());
    let response = next.run(Request::from_parts(parts, body)).await;
    let response = match response.extensions().get::<Failure>().cloned() {
        Some(failure) => failed(&visit, &failure),
        // A refusal of the router itself, such as a method that an address does not know.
        None if response.status().is_client_error() && !is_page(&response) => {
            let error = ApiError::new(response.status(), "refused", "this address does not take such a request");
            failed(&visit, &Failure::Problem(error))
        }
        None => response,
    };
    secured((jar, response).into_response())
}

/// `?lang=en` on any page: remembered, and the page again without it.
fn language_choice(state: &AppState, parts: &Parts, jar: &CookieJar) -> Option<Response> {
    if parts.method != Method::GET {
        return None;
    }
    let pairs: Vec<(String, String)> = form_urlencoded::parse(parts.uri.query()?.as_bytes()).into_owned().collect();
    let locale = pairs.iter().find(|(name, _)| name == "lang").and_then(|(_, tag)| Locale::parse(tag))?;
    let rest: Vec<(&str, &str)> =
        pairs.iter().filter(|(name, _)| name != "lang").map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let path = parts.uri.path();
    let url = if rest.is_empty() { path.to_owned() } else { format!("{path}?{}", query(&rest)) };
    let mut cookie = cookie(state, named(state, LANGUAGE), locale.tag().to_owned());
    cookie.make_permanent();
    Some((jar.clone().add(cookie), Redirect::to(&url)).into_response())
}

/// The visit of somebody who has not been recognised yet.
fn stranger(state: &AppState, parts: &Parts, jar: &CookieJar) -> Visit {
    let asked = Asked::of(parts, &state.env);
    let chosen = jar.get(&named(state, LANGUAGE)).and_then(|cookie| Locale::parse(cookie.value()));
    let known = chosen.or(asked.reader);
    let origin = asked.origin(Actor::Anonymous, Locale::default(), &state.env);
    Visit {
        origin: Origin { locale: known.unwrap_or_default(), ..origin },
        language_known: known.is_some(),
        person: None,
        csrf: String::new(),
        path: parts.uri.path_and_query().map_or_else(|| "/console".to_owned(), |path| path.as_str().to_owned()),
        reads: parts.method.is_safe(),
        peer: peer(parts, state.options.trust_forwarded_for),
    }
}

/// Completes the visit by session and token, and counts the request.
async fn recognise(state: &AppState, visit: &mut Visit, jar: CookieJar) -> Result<CookieJar, Failure> {
    if let Some(secret) = jar.get(&session_name(state)).map(|cookie| cookie.value().to_owned()) {
        visit.person = person(state, &visit.origin, secret).await?.map(Arc::new);
    }
    if let Some(person) = &visit.person {
        visit.origin.actor = Actor::User(person.session.user.id);
        visit.csrf.clone_from(&person.session.csrf);
        state.rates.caller(&visit.origin.actor)?;
        return Ok(jar);
    }
    state.rates.peer(visit.peer)?;
    if let Some(known) = jar.get(&named(state, BEFORE)).filter(|known| known.value().len() == TOKEN_BYTES * 2) {
        visit.csrf = known.value().to_owned();
        return Ok(jar);
    }
    let mut random = [0; TOKEN_BYTES];
    state.env.fill(&mut random);
    visit.csrf = hex::encode(random);
    Ok(jar.add(cookie(state, named(state, BEFORE), visit.csrf.clone())))
}

/// The session of a cookie, with the names of the places; one read.
async fn person(state: &AppState, origin: &Origin, secret: String) -> Result<Option<Person>, PlatformError> {
    let read = async |mut tx: heptad_store::PlatformTx| {
        let Some(session) = session_get(&mut tx, &secret).await? else { return Ok(None) };
        let mut places: Vec<Place> = Vec::new();
        // Owner before staff: of two roles in one shop the mightier is met first.
        let mut roles = session.roles.clone();
        roles.sort_by_key(|held| held.role);
        for held in roles.iter().take(MOST_PLACES) {
            match held.scope {
                Scope::Platform => places.push(Place::Platform),
                Scope::Publisher(id) => places.push(Place::Publisher(publisher_get(&mut tx, id).await?)),
                Scope::Tenant(id) => {
                    let known = |place: &Place| matches!(place, Place::Shop(record, _) if record.tenant.id == id);
                    if !places.iter().any(known) {
                        places.push(Place::Shop(tenant_get(&mut tx, id).await?, held.role));
                    }
                }
            }
        }
        Ok::<_, PlatformError>(Some((session, places)))
    };
    let found = state.store.platform_read(origin, read).await?;
    Ok(found.map(|(session, places)| Person { secret, session, places }))
}

fn failed(visit: &Visit, failure: &Failure) -> Response {
    if let Failure::Problem(error) = failure
        && error.status().is_server_error()
    {
        tracing::error!(request_id = %visit.origin.request, code = error.code(), cause = error.cause().unwrap_or_default(), "a page of the console failed");
    }
    failure::page(Shell::outside(visit), failure)
}

/// Everything comes from this host: no inline script or style, no frame around it, no form to elsewhere.
const HEADERS: [(HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; \
         base-uri 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "same-origin"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::CACHE_CONTROL, "no-store"),
    (header::VARY, "cookie, accept-language"),
];

fn secured(mut response: Response) -> Response {
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// The visit of a request that passed the middleware.
pub(super) fn of_parts(parts: &Parts) -> Result<Visit, Failure> {
    parts.extensions.get::<Visit>().cloned().ok_or_else(Failure::nowhere)
}
