//! The routes of an install: which HTTP requests its plugin answers, for whom, and where.

use axum::Json;
use axum::extract::State;
use heptad_model::id::InstallId;
use heptad_model::{Locale, RouteWish};
use heptad_platform::PlatformError;
use heptad_platform::install::install_get;
use serde::Serialize;
use utoipa::ToSchema;

use crate::apps::AppsUrl;
use crate::auth::Staff;
use crate::error::ApiResult;
use crate::extract::PathOf;
use crate::state::AppState;

/// A route of a plugin.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RouteOut {
    /// Which paths: literal parts, `{name}` for any one part, `*` at the end for all that follows.
    #[schema(example = "/orders/{id}")]
    pub path: String,
    /// By which methods; `GET` brings `HEAD` along.
    #[schema(example = json!(["GET", "POST"]))]
    pub methods: Vec<String>,
    /// For whom: `public`, `customer` (by a customer's token), `staff` (from the console, or by a token of the shop), or
    /// `webhook` (programs elsewhere, whom the plugin itself recognises).
    #[schema(example = "webhook")]
    pub audience: &'static str,
    /// What for, in the publisher's words and the reader's language.
    pub purpose: String,
    /// The whole address, on the plugin's own origin; absent where the server serves no plugin's routes.
    #[schema(example = "https://ins-019380c2f2b07d1c8a4b9e5f60718293.apps.heptad.example/orders/{id}")]
    pub url: Option<String>,
}

impl RouteOut {
    fn of(route: &RouteWish, install: InstallId, url: Option<&AppsUrl>, reader: Locale) -> Self {
        Self {
            path: route.path.clone(),
            methods: route.methods.clone(),
            audience: route.audience.name(),
            purpose: route.purpose(reader).to_owned(),
            url: url.map(|url| url.address(install, &route.path)),
        }
    }
}

/// Lists the HTTP routes of an install, as its plugin's manifest has them; of several that fit a request, the first counts.
/// They are answered while the install is enabled.
#[utoipa::path(get, path = "/v1/installs/{install}/routes", tag = "installs", responses((status = OK, body = Vec<RouteOut>)))]
pub(super) async fn route_all(
    State(state): State<AppState>,
    staff: Staff,
    PathOf(id): PathOf<InstallId>,
) -> ApiResult<Json<Vec<RouteOut>>> {
    let install = state.store.read(&staff.ctx, async |mut tx| install_get(&mut tx, id).await).await;
    let install = install.map_err(|error: PlatformError| error)?;
    let url = state.options.apps.as_ref();
    let routes = install.manifest.routes.iter();
    Ok(Json(routes.map(|route| RouteOut::of(route, id, url, staff.ctx.locale)).collect()))
}
