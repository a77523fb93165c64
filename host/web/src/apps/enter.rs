//! The way in for the shop's people: a pass from the console is changed for a visit, whose cookie stays on the plugin's own
//! origin.

use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use heptad_model::Origin;
use heptad_model::id::InstallId;
use heptad_model::route::path_is_plain;
use heptad_model::time::span::SECOND;
use heptad_platform::apps::{VISIT_MILLIS, app_pass_use};
use heptad_store::StoreError;

use super::{Place, visit_cookie};
use crate::error::{ApiError, ApiResult};
use crate::state::AppState;

/// The host's own path on a plugin's origin; no route lies below `/.heptad`.
pub(super) const ENTER: &str = "/.heptad/enter";

/// Path and query that lead a person with this pass to a path of the plugin's.
pub(crate) fn way_in(pass: &str, to: &str) -> String {
    let query =
        form_urlencoded::Serializer::new(String::new()).append_pair("pass", pass).append_pair("to", to).finish();
    format!("{ENTER}?{query}")
}

/// Changes the pass and leads on; 403 when it was used, is over, or is for another plugin.
pub(super) async fn enter(
    state: &AppState,
    origin: &Origin,
    parts: &Parts,
    place: &Place,
    install: InstallId,
) -> ApiResult<Response> {
    let query = parts.uri.query().unwrap_or_default().as_bytes();
    let pair =
        |name: &str| form_urlencoded::parse(query).find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    let pass = pair("pass").unwrap_or_default();
    // Only a path of this plugin's: a pass leads nobody to another site.
    let to = pair("to").filter(|to| path_is_plain(to) && to.bytes().all(|byte| byte.is_ascii_graphic()));
    let used = state
        .store
        .platform_write(origin, async |mut tx| app_pass_use(&mut tx, install, &pass).await)
        .await
        .map_err(|error: StoreError| error)?;
    let Some((_, secret)) = used else {
        return Err(ApiError::new(StatusCode::FORBIDDEN, "pass-invalid", "this link was used before, or is too old")
            .with_hint("open the page from the plugin's page in the console"));
    };
    let Place { base, is_secure, .. } = place;
    let cookie = format!(
        "{}={}; Path={base}/; Max-Age={}; HttpOnly; SameSite=Lax{}",
        visit_cookie(place),
        secret.reveal(),
        VISIT_MILLIS / SECOND,
        if *is_secure { "; Secure" } else { "" },
    );
    let location = format!("{base}{}", to.as_deref().unwrap_or("/"));
    let mut response = StatusCode::SEE_OTHER.into_response();
    for (name, value) in [(header::SET_COOKIE, cookie), (header::LOCATION, location)] {
        response.headers_mut().insert(name, HeaderValue::from_str(&value).map_err(ApiError::internal)?);
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
