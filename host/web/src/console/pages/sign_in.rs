//! Signing in and out, and the one-time link by which an operator comes in first.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Extension, Path, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::Cookie;
use heptad_platform::session::{self, SignedIn};
use heptad_platform::sign_in_link::{sign_in_link_is_open, sign_in_link_use};
use heptad_platform::user::UserIn;
use heptad_platform::{ErrorClass, MIN_PASSWORD, PlatformError};
use heptad_store::StoreError;
use serde::Deserialize;

use super::go;
use crate::console::failure::{ConsoleResult, Failure};
use crate::console::fields::{Asks, Fields};
use crate::console::limit::{Attempt, SignInLimits};
use crate::console::shell::{Shell, page, page_with};
use crate::console::visit::{self, Visit};
use crate::state::AppState;

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    shell: Shell,
    login: String,
    next: String,
    problem: Option<String>,
}

#[derive(Default, Deserialize)]
pub(in crate::console) struct Next {
    next: Option<String>,
}

/// Only addresses of the console: a link to the sign-in leads nobody to another site.
fn inner(next: Option<&str>) -> &str {
    next.filter(|next| *next == "/console" || next.starts_with("/console/")).unwrap_or("/console")
}

/// `GET /console/sign-in`.
pub(in crate::console) async fn show(visit: Visit, Asks(asked): Asks<Next>) -> ConsoleResult {
    let next = inner(asked.next.as_deref());
    if visit.person.is_some() {
        return Ok(go(next));
    }
    let next = next.to_owned();
    page(&SignInPage { shell: Shell::outside(&visit), login: String::new(), next, problem: None })
}

/// `POST /console/sign-in`.
pub(in crate::console) async fn post(
    visit: Visit,
    State(state): State<AppState>,
    Extension(limits): Extension<Arc<SignInLimits>>,
    jar: CookieJar,
    fields: Fields,
) -> ConsoleResult {
    let login = fields.text("login").to_owned();
    let next = inner(fields.get("next")).to_owned();
    let attempt = Attempt::new(&login, visit.peer);
    let shell = Shell::outside(&visit);
    let words = shell.words;
    let again = |status: StatusCode, problem: String| {
        page_with(
            status,
            &SignInPage { shell: shell.clone(), login: login.clone(), next: next.clone(), problem: Some(problem) },
        )
    };
    if let Some(seconds) = limits.wait(&state.env, &attempt) {
        let mut response =
            again(StatusCode::TOO_MANY_REQUESTS, words.t1("sign-in-wait", "minutes", (seconds / 60).max(1)))?;
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        return Ok(response);
    }
    limits.count(&state.env, &attempt);
    match session::sign_in(&state.store, &visit.origin, &login, fields.get("password").unwrap_or_default()).await {
        Ok(signed_in) => {
            limits.forget(&attempt);
            end_old(&state, &visit).await?;
            Ok((jar.add(session_cookie(&state, &signed_in)), go(next)).into_response())
        }
        Err(PlatformError::SignInFailed) => again(StatusCode::UNPROCESSABLE_ENTITY, words.t("sign-in-failed")),
        Err(error) => Err(error.into()),
    }
}

/// Who signs in anew leaves no session behind.
async fn end_old(state: &AppState, visit: &Visit) -> Result<(), Failure> {
    if let Some(person) = &visit.person {
        state
            .store
            .platform_write(&visit.origin, async |mut tx| session::sign_out(&mut tx, &person.secret).await)
            .await?;
    }
    Ok(())
}

fn session_cookie(state: &AppState, signed_in: &SignedIn) -> Cookie<'static> {
    visit::cookie(state, visit::session_name(state), signed_in.secret.reveal().to_owned())
}

/// `POST /console/sign-out`.
pub(in crate::console) async fn sign_out(
    visit: Visit,
    State(state): State<AppState>,
    jar: CookieJar,
    _fields: Fields,
) -> ConsoleResult {
    end_old(&state, &visit).await?;
    let mut over = visit::cookie(&state, visit::session_name(&state), String::new());
    over.make_removal();
    Ok((jar.add(over), go("/console/sign-in")).into_response())
}

#[derive(Template)]
#[template(path = "link.html")]
struct LinkPage {
    shell: Shell,
    open: bool,
    action: String,
    login: String,
    name: String,
    least: usize,
    problem: Option<String>,
}

/// `GET /console/link/{secret}`.
pub(in crate::console) async fn link(
    visit: Visit,
    State(state): State<AppState>,
    Path(secret): Path<String>,
) -> ConsoleResult {
    let open = async |mut tx| sign_in_link_is_open(&mut tx, &secret).await;
    let open = state.store.platform_read(&visit.origin, open).await.map_err(|error: StoreError| error)?;
    let status = if open { StatusCode::OK } else { StatusCode::NOT_FOUND };
    let shell = Shell::outside(&visit);
    let (login, name) = (String::new(), String::new());
    page_with(
        status,
        &LinkPage { open, action: visit.path.clone(), shell, login, name, least: MIN_PASSWORD, problem: None },
    )
}

/// `POST /console/link/{secret}`.
pub(in crate::console) async fn link_post(
    visit: Visit,
    State(state): State<AppState>,
    Path(secret): Path<String>,
    jar: CookieJar,
    fields: Fields,
) -> ConsoleResult {
    let shell = Shell::outside(&visit);
    let words = shell.words;
    let password = fields.get("password").unwrap_or_default().to_owned();
    let input = UserIn { login: fields.text("login").to_owned(), name: fields.text("name").to_owned(), password };
    let again = |status: StatusCode, open: bool, problem: String| {
        let (login, name) = (input.login.clone(), input.name.clone());
        let action = visit.path.clone();
        page_with(
            status,
            &LinkPage { shell: shell.clone(), open, action, login, name, least: MIN_PASSWORD, problem: Some(problem) },
        )
    };
    if input.password != fields.get("again").unwrap_or_default() {
        return again(StatusCode::UNPROCESSABLE_ENTITY, true, words.t("link-not-equal"));
    }
    match sign_in_link_use(&state.store, &visit.origin, &secret, &input).await {
        Ok(signed_in) => Ok((jar.add(session_cookie(&state, &signed_in)), go("/console/operator")).into_response()),
        Err(PlatformError::LinkInvalid) => again(StatusCode::NOT_FOUND, false, words.t("link-over")),
        Err(PlatformError::Field { field, .. }) => {
            let problem = words.known(&format!("rule-{field}")).unwrap_or_else(|| words.t("rule-other"));
            again(StatusCode::UNPROCESSABLE_ENTITY, true, problem)
        }
        Err(error) if error.class() == ErrorClass::Conflict => {
            again(StatusCode::CONFLICT, true, words.t("refusal-name-taken"))
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::inner;

    #[test]
    fn a_sign_in_leads_nowhere_else() {
        for (next, expected) in [
            (None, "/console"),
            (Some("/console/shops/a?x=1"), "/console/shops/a?x=1"),
            (Some("//evil.example"), "/console"),
            (Some("https://evil.example/console"), "/console"),
            (Some("/consoles"), "/console"),
        ] {
            assert_eq!(inner(next), expected);
        }
    }
}
