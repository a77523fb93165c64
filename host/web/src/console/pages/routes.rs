//! What a plugin answers over HTTP: its routes on its page, and the way to those for the shop's people.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use heptad_model::id::InstallId;
use heptad_model::{Actor, Audience};
use heptad_platform::Role;
use heptad_platform::apps::app_pass_create;
use heptad_platform::install::{Install, install_get};
use serde::Deserialize;

use crate::apps::way_in;
use crate::console::desk::Shop;
use crate::console::failure::{Failure, query};
use crate::error::ApiError;
use crate::extract::Params;
use crate::state::AppState;

/// A route in a merchant's words.
pub(super) struct RouteView {
    pub(super) path: String,
    pub(super) methods: String,
    pub(super) audience: String,
    pub(super) purpose: String,
    /// Where a person opens it; empty where it cannot.
    pub(super) open: String,
    /// The whole address, for those who have to enter it elsewhere.
    pub(super) address: String,
}

/// The routes of an install.
pub(super) fn routes(shop: &Shop, state: &AppState, install: &Install) -> Vec<RouteView> {
    let url = state.options.apps.as_ref();
    let base = shop.url(format_args!("/plugins/{}", install.id));
    install
        .manifest
        .routes
        .iter()
        .map(|route| {
            let entry = route.entry().filter(|_| install.runs());
            let address = url.map(|url| url.address(install.id, &route.path)).unwrap_or_default();
            let open = match (entry, url, route.audience) {
                (Some(entry), Some(url), Audience::Public) => url.address(install.id, entry),
                (Some(entry), Some(_), Audience::Staff) => format!("{base}/open?{}", query(&[("to", entry)])),
                _ => String::new(),
            };
            RouteView {
                path: route.path.clone(),
                methods: route.methods.join(" "),
                audience: shop.words().t(&format!("route-audience-{}", route.audience)),
                purpose: route.purpose(shop.locale()).to_owned(),
                open,
                address,
            }
        })
        .collect()
}

/// Where on the plugin's pages.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::console) struct To {
    to: String,
}

/// `GET …/plugins/{install}/open`: leads a person to a page of the plugin for the shop's people. The session stays here; a pass
/// that works once goes along.
pub(in crate::console) async fn open(
    shop: Shop,
    State(state): State<AppState>,
    Params(To { to }): Params<To>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let id: InstallId = shop.id("install")?;
    // Another site may link here, and then the person sees the plugin's page in the console and decides.
    let site = headers.get("sec-fetch-site").and_then(|value| value.to_str().ok());
    if site.is_some_and(|site| !matches!(site, "same-origin" | "none")) {
        return Ok(Redirect::to(&shop.url(format_args!("/plugins/{id}"))).into_response());
    }
    let install = state.store.read(&shop.ctx, async |mut tx| install_get(&mut tx, id).await).await?;
    let is_entry = |route: &heptad_model::RouteWish| route.audience == Audience::Staff && route.entry() == Some(&*to);
    let (Some(url), Actor::User(user)) = (&state.options.apps, &shop.ctx.actor) else { return Err(Failure::nowhere()) };
    if !install.runs() || !install.manifest.routes.iter().any(is_entry) {
        return Err(Failure::nowhere());
    }
    let (tenant, role) = (shop.record.tenant.id, if shop.is_owner { Role::Owner } else { Role::Staff });
    let origin = shop.ctx.origin();
    let pass = async |mut tx| app_pass_create(&mut tx, tenant, id, *user, role).await;
    let pass = state.store.platform_write(origin, pass).await?;
    let address = url.address(id, &way_in(pass.reveal(), &to));
    let location = HeaderValue::from_str(&address).map_err(ApiError::internal)?;
    let mut response = StatusCode::SEE_OTHER.into_response();
    response.headers_mut().insert(header::LOCATION, location);
    Ok(response)
}
