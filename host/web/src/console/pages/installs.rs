//! The shop's plugins: their order, on and off, settings, permissions, uninstalling.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use heptad_model::id::InstallId;
use heptad_platform::breaker::{Breaker, breaker_list};
use heptad_platform::delivery::subscription::Subscription;
use heptad_platform::install::{
    GivenSecret, Install, OwnData, install_disable, install_enable, install_get, install_grants_put, install_list,
    install_reorder, install_secret_list, install_settings_put, install_uninstall,
};
use heptad_platform::settings::settings_check;
use heptad_platform::{FieldError, PlatformError};
use serde_json::Value;

use super::failures::{self, PointView};
use super::routes::{self, RouteView};
use super::secrets::{self, SecretView};
use super::subscriptions::{self, SubscriptionRow};
use super::upgrades::{VersionsView, versions_view};
use super::{audit, catalog, go};
use crate::console::consent::{self, Group};
use crate::console::desk::Shop;
use crate::console::failure::{ConsoleResult, Failure};
use crate::console::fields::Fields;
use crate::console::settings_form::{Change, Control, SettingsForm, change, form, read};
use crate::console::shell::{Shell, page, page_with};
use crate::state::AppState;

/// A plugin in a list.
pub(super) struct InstallRow {
    pub(super) url: String,
    pub(super) name: String,
    pub(super) slug: String,
    pub(super) version: String,
    pub(super) points: Vec<String>,
    pub(super) enabled: bool,
    pub(super) needs_setup: bool,
}

impl InstallRow {
    pub(super) fn of(shop: &Shop, install: &Install) -> Self {
        let (name, _) = catalog::title(shop, &install.manifest);
        Self {
            url: shop.url(format_args!("/plugins/{}", install.id)),
            name,
            slug: install.plugin.clone(),
            version: install.version.clone(),
            points: install.manifest.points.iter().map(|point| consent::point_title(shop.words(), *point)).collect(),
            enabled: install.is_enabled(),
            needs_setup: settings_check(&install.manifest, &install.settings).is_err(),
        }
    }
}

#[derive(Template)]
#[template(path = "installs.html")]
struct InstallsPage {
    shell: Shell,
    rows: Vec<InstallRow>,
    is_owner: bool,
}

/// `GET …/plugins`.
pub(in crate::console) async fn list(shop: Shop, State(state): State<AppState>) -> ConsoleResult {
    let installs = state.store.read(&shop.ctx, async |mut tx| install_list(&mut tx).await);
    let installs: Result<_, heptad_store::StoreError> = installs.await;
    let rows = installs?.iter().map(|install| InstallRow::of(&shop, install)).collect();
    page(&InstallsPage { rows, is_owner: shop.is_owner, shell: shop.shell })
}

#[derive(Template)]
#[template(path = "install.html")]
struct InstallPage {
    shell: Shell,
    id: String,
    url: String,
    name: String,
    summary: String,
    slug: String,
    version: String,
    enabled: bool,
    /// Since when the operator keeps it from running.
    stopped: Option<String>,
    newer: Option<String>,
    back: Option<(String, String)>,
    since: String,
    points: Vec<PointView>,
    subscriptions: Vec<SubscriptionRow>,
    routes: Vec<RouteView>,
    secrets: Vec<SecretView>,
    has_settings: bool,
    form: SettingsForm,
    groups: Vec<Group>,
    has_optional: bool,
    is_owner: bool,
    /// The audit log of what the plugin did, for those who may read it.
    done_url: Option<String>,
}

impl InstallPage {
    /// Whether the plugin is not asked somewhere.
    fn is_broken(&self) -> bool {
        self.points.iter().any(|point| point.breaker.as_ref().is_some_and(|breaker| breaker.open))
    }

    /// Whether the merchant may choose what a failure does.
    fn has_choices(&self) -> bool {
        self.points.iter().any(|point| !point.choices.is_empty())
    }
}

/// An install with the breakers of the shop, its subscriptions, and the secrets that it was given.
struct Seen {
    install: Install,
    breakers: Vec<Breaker>,
    subscriptions: Vec<SubscriptionRow>,
    secrets: Vec<GivenSecret>,
    versions: VersionsView,
}

fn install_page(shop: Shop, state: &AppState, seen: &Seen, values: &Value, errors: &[FieldError]) -> InstallPage {
    let Seen { install, breakers, subscriptions, secrets, versions } = seen;
    let (name, summary) = catalog::title(&shop, &install.manifest);
    let groups = consent::groups(shop.words(), &install.manifest, Some(&install.grants()));
    InstallPage {
        done_url: shop.is_owner.then(|| audit::done_by_url(&shop, install.id)),
        id: install.id.to_string(),
        url: shop.url(format_args!("/plugins/{}", install.id)),
        name,
        summary,
        slug: install.plugin.clone(),
        version: install.version.clone(),
        enabled: install.is_enabled(),
        stopped: install.killed_at.map(|at| shop.look.time(at)),
        newer: versions.newer.clone(),
        back: versions.back.clone(),
        since: shop.look.time(install.created_at),
        points: failures::points(&shop, install, breakers),
        subscriptions: subscriptions.clone(),
        routes: routes::routes(&shop, state, install),
        secrets: secrets::secrets(&shop, install, secrets),
        has_settings: install.manifest.settings.is_some(),
        form: form(shop.words(), &install.manifest, shop.record.tenant.locale, values, errors),
        has_optional: groups.iter().any(|group| group.asks.iter().any(|ask| ask.optional)),
        groups,
        is_owner: shop.is_owner,
        shell: shop.shell,
    }
}

async fn fetch(state: &AppState, shop: &Shop) -> Result<Seen, Failure> {
    let id: InstallId = shop.id("install")?;
    let read = async |mut tx: heptad_store::Tx| {
        let install = install_get(&mut tx, id).await?;
        let breakers = breaker_list(&mut tx).await?;
        let own = |one: &Subscription| one.owner == install.id.to_string();
        let subscriptions = subscriptions::rows(&mut tx, shop, std::slice::from_ref(&install), own).await?;
        let secrets = install_secret_list(&mut tx, id).await?;
        let versions = versions_view(&mut tx, shop, id).await?;
        Ok::<_, PlatformError>(Seen { install, breakers, subscriptions, secrets, versions })
    };
    Ok(state.store.read(&shop.ctx, read).await?)
}

/// `GET …/plugins/{install}`.
pub(in crate::console) async fn show(shop: Shop, State(state): State<AppState>) -> ConsoleResult {
    let seen = fetch(&state, &shop).await?;
    page(&install_page(shop, &state, &seen, &seen.install.settings, &[]))
}

/// The page again, after something was typed that is no secret.
pub(super) async fn with_refused_secret(shop: Shop, state: &AppState, name: &str) -> ConsoleResult {
    let seen = fetch(state, &shop).await?;
    let mut shown = install_page(shop, state, &seen, &seen.install.settings, &[]);
    if let Some(secret) = shown.secrets.iter_mut().find(|secret| secret.name == name) {
        secret.is_refused = true;
    }
    page_with(StatusCode::UNPROCESSABLE_ENTITY, &shown)
}

/// `POST …/plugins/{install}`: saves the settings, and enables the plugin if that button was pressed; or changes the rows
/// of the form and shows it again.
pub(in crate::console) async fn settings_post(
    shop: Shop,
    State(state): State<AppState>,
    fields: Fields,
) -> ConsoleResult {
    shop.owner()?;
    let seen = fetch(&state, &shop).await?;
    let install = &seen.install;
    let schema = install.manifest.settings.as_ref();
    let values = read(schema, &fields);
    let action = fields.text("action");
    if let Some(rows) = Change::parse(action) {
        let values = change(schema, values, &rows);
        return page(&install_page(shop, &state, &seen, &values, &[]));
    }
    let enable = action == "enable";
    let write = async |mut tx: heptad_store::Tx| {
        let saved = install_settings_put(&mut tx, install.id, &values).await?;
        if enable { install_enable(&mut tx, install.id).await } else { Ok(saved) }
    };
    match state.store.write(&shop.ctx, write).await {
        Ok(_) => {
            state.runtime.refresh().await;
            let done = if enable { "enabled" } else { "saved" };
            Ok(go(shop.url(format_args!("/plugins/{}?done={done}", install.id))))
        }
        Err(PlatformError::Settings(errors) | PlatformError::NeedsSetup(errors)) => {
            page_with(StatusCode::UNPROCESSABLE_ENTITY, &install_page(shop, &state, &seen, &values, &errors))
        }
        // Their panel says which.
        Err(PlatformError::NeedsSecrets(_)) => {
            page_with(StatusCode::CONFLICT, &install_page(shop, &state, &seen, &values, &[]))
        }
        Err(error) => Err(error.into()),
    }
}

/// `POST …/plugins/{install}/permissions`.
pub(in crate::console) async fn permissions_post(
    shop: Shop,
    State(state): State<AppState>,
    fields: Fields,
) -> ConsoleResult {
    shop.owner()?;
    let Seen { install, .. } = fetch(&state, &shop).await?;
    let checked: Vec<&str> = fields.all("allow").collect();
    let granted = consent::decision(&install.manifest, &checked);
    state.store.write(&shop.ctx, async |mut tx| install_grants_put(&mut tx, install.id, &granted).await).await?;
    state.runtime.refresh().await;
    Ok(go(shop.url(format_args!("/plugins/{}?done=permissions", install.id))))
}

/// `POST …/plugins/{install}/move`: one place up or down; at the end of the list nothing happens.
pub(in crate::console) async fn move_post(shop: Shop, State(state): State<AppState>, fields: Fields) -> ConsoleResult {
    shop.owner()?;
    let id: InstallId = shop.id("install")?;
    let up = fields.text("to") == "up";
    let write = async |mut tx: heptad_store::Tx| {
        let mut order: Vec<InstallId> = install_list(&mut tx).await?.iter().map(|install| install.id).collect();
        let at = order.iter().position(|known| *known == id);
        let at = at.ok_or_else(|| PlatformError::NotFound { kind: "install", name: id.to_string() })?;
        let to = if up { at.saturating_sub(1) } else { (at + 1).min(order.len() - 1) };
        if at != to {
            order.swap(at, to);
            install_reorder(&mut tx, &order).await?;
        }
        Ok::<_, PlatformError>(())
    };
    state.store.write(&shop.ctx, write).await?;
    state.runtime.refresh().await;
    Ok(go(shop.url("/plugins?done=moved")))
}

/// `POST …/plugins/{install}/enable`.
pub(in crate::console) async fn enable_post(
    shop: Shop,
    State(state): State<AppState>,
    _fields: Fields,
) -> ConsoleResult {
    shop.owner()?;
    let id: InstallId = shop.id("install")?;
    match state.store.write(&shop.ctx, async |mut tx| install_enable(&mut tx, id).await).await {
        Ok(_) => {
            state.runtime.refresh().await;
            Ok(go(shop.url(format_args!("/plugins/{id}?done=enabled"))))
        }
        // The form shows what is missing.
        Err(PlatformError::NeedsSetup(errors)) => {
            let seen = fetch(&state, &shop).await?;
            page_with(StatusCode::CONFLICT, &install_page(shop, &state, &seen, &seen.install.settings, &errors))
        }
        // Their panel says which.
        Err(PlatformError::NeedsSecrets(_)) => {
            let seen = fetch(&state, &shop).await?;
            page_with(StatusCode::CONFLICT, &install_page(shop, &state, &seen, &seen.install.settings, &[]))
        }
        Err(error) => Err(error.into()),
    }
}

/// `POST …/plugins/{install}/disable`.
pub(in crate::console) async fn disable_post(
    shop: Shop,
    State(state): State<AppState>,
    _fields: Fields,
) -> ConsoleResult {
    shop.owner()?;
    let id: InstallId = shop.id("install")?;
    state.store.write(&shop.ctx, async |mut tx| install_disable(&mut tx, id).await).await?;
    state.runtime.refresh().await;
    Ok(go(shop.url(format_args!("/plugins/{id}?done=disabled"))))
}

#[derive(Template)]
#[template(path = "uninstall.html")]
struct UninstallPage {
    shell: Shell,
    url: String,
    name: String,
    version: String,
    enabled: bool,
}

/// `GET …/plugins/{install}/uninstall`: says what will be gone.
pub(in crate::console) async fn uninstall(shop: Shop, State(state): State<AppState>) -> ConsoleResult {
    shop.owner()?;
    let Seen { install, .. } = fetch(&state, &shop).await?;
    let (name, _) = catalog::title(&shop, &install.manifest);
    page(&UninstallPage {
        url: shop.url(format_args!("/plugins/{}", install.id)),
        name,
        version: install.version.clone(),
        enabled: install.is_enabled(),
        shell: shop.shell,
    })
}

/// `POST …/plugins/{install}/uninstall`.
pub(in crate::console) async fn uninstall_post(
    shop: Shop,
    State(state): State<AppState>,
    fields: Fields,
) -> ConsoleResult {
    shop.owner()?;
    let id: InstallId = shop.id("install")?;
    let (data, done) = match fields.text("data") {
        "keep" => (OwnData::Keep, "uninstalled-kept"),
        _ => (OwnData::Purge, "uninstalled"),
    };
    state.store.write(&shop.ctx, async |mut tx| install_uninstall(&mut tx, id, data).await).await?;
    state.runtime.refresh().await;
    Ok(go(shop.url(format_args!("/plugins?done={done}"))))
}
