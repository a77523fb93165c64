//! Upgrading a plugin, with what the new version asks for, and going back.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use heptad_model::id::InstallId;
use heptad_platform::PlatformError;
use heptad_platform::install::{
    Install, LostWrites, Previous, UpgradeIn, UpgradePlan, install_get, install_previous, install_rollback,
    install_rollback_plan, install_upgrade, install_upgrade_plan,
};
use heptad_store::Tx;

use super::{catalog, go};
use crate::console::consent::{self, Group};
use crate::console::desk::Shop;
use crate::console::failure::{ConsoleResult, refusal_key};
use crate::console::fields::Fields;
use crate::console::shell::{Shell, page, page_with};
use crate::state::AppState;

/// What an install's page says of versions.
#[derive(Default)]
pub(super) struct VersionsView {
    /// The newer version that there is.
    pub(super) newer: Option<String>,
    /// The version that one can go back to, and until when.
    pub(super) back: Option<(String, String)>,
}

/// What there is to upgrade to, and to go back to.
pub(super) async fn versions_view(tx: &mut Tx, shop: &Shop, id: InstallId) -> Result<VersionsView, PlatformError> {
    let newer = match install_upgrade_plan(tx, id, None).await {
        Ok(plan) => Some(plan.to),
        Err(PlatformError::NotAnUpgrade { .. } | PlatformError::NotFound { .. }) => None,
        Err(error) => return Err(error),
    };
    let previous = install_previous(tx, id).await?;
    let back = previous.map(|previous| (previous.version.clone(), shop.look.time(previous.until())));
    Ok(VersionsView { newer, back })
}

#[derive(Template)]
#[template(path = "upgrade.html")]
struct UpgradePage {
    shell: Shell,
    url: String,
    name: String,
    from: String,
    to: String,
    groups: Vec<Group>,
    new_permissions: Vec<String>,
    new_hosts: Vec<String>,
    missing: Vec<String>,
    is_compatible: bool,
    problem: Option<String>,
}

fn upgrade_page(shop: Shop, install: &Install, plan: &UpgradePlan, problem: Option<String>) -> UpgradePage {
    let words = shop.words();
    let (name, _) = catalog::title(&shop, &plan.manifest);
    let missing = plan.missing_settings.iter().chain(&plan.missing_secrets);
    UpgradePage {
        url: shop.url(format_args!("/plugins/{}", install.id)),
        name,
        from: plan.from.clone(),
        to: plan.to.clone(),
        groups: consent::groups(words, &plan.manifest, Some(&install.grants())),
        new_permissions: plan
            .new_permissions
            .iter()
            .map(|new| new.row().sentence.get(words.locale()).to_owned())
            .collect(),
        new_hosts: plan.new_hosts.clone(),
        missing: missing.map(|field| field.pointer.trim_start_matches('/').to_owned()).collect(),
        is_compatible: plan.is_compatible,
        problem,
        shell: shop.shell,
    }
}

/// `GET …/plugins/{install}/upgrade`.
pub(in crate::console) async fn show(shop: Shop, State(state): State<AppState>) -> ConsoleResult {
    shop.owner()?;
    let id: InstallId = shop.id("install")?;
    let read = async |mut tx: Tx| {
        let install = install_get(&mut tx, id).await?;
        Ok::<_, PlatformError>((install_upgrade_plan(&mut tx, id, None).await, install))
    };
    match state.store.read(&shop.ctx, read).await? {
        (Ok(plan), install) => page(&upgrade_page(shop, &install, &plan, None)),
        // Somebody was quicker.
        (Err(PlatformError::NotAnUpgrade { .. }), _) => Ok(go(shop.url(format_args!("/plugins/{id}")))),
        (Err(error), _) => Err(error.into()),
    }
}

/// `POST …/plugins/{install}/upgrade`: to the version whose permissions were shown, with those that were allowed.
pub(in crate::console) async fn upgrade(shop: Shop, State(state): State<AppState>, fields: Fields) -> ConsoleResult {
    shop.owner()?;
    let id: InstallId = shop.id("install")?;
    let version = fields.text("version").to_owned();
    let checked: Vec<&str> = fields.all("allow").collect();
    let read = async |mut tx: Tx| {
        let install = install_get(&mut tx, id).await?;
        let plan = install_upgrade_plan(&mut tx, id, Some(&version)).await?;
        Ok::<_, PlatformError>((install, plan))
    };
    let (install, plan) = state.store.read(&shop.ctx, read).await?;
    let granted = consent::decision(&plan.manifest, &checked);
    let input = UpgradeIn { version: Some(version), granted, settings: None };
    match state.store.write(&shop.ctx, async |mut tx| install_upgrade(&mut tx, id, &input).await).await {
        Ok(_) => {
            state.runtime.refresh().await;
            Ok(go(shop.url(format_args!("/plugins/{id}?done=upgraded"))))
        }
        Err(PlatformError::NeedsSetup(_) | PlatformError::NeedsSecrets(_)) => {
            let problem = Some(shop.shell.t("upgrade-missing"));
            page_with(StatusCode::CONFLICT, &upgrade_page(shop, &install, &plan, problem))
        }
        Err(error @ PlatformError::PermissionRequired(_)) => {
            let problem = Some(shop.shell.t(&refusal_key(error.code())));
            page_with(StatusCode::UNPROCESSABLE_ENTITY, &upgrade_page(shop, &install, &plan, problem))
        }
        Err(error) => Err(error.into()),
    }
}

#[derive(Template)]
#[template(path = "rollback.html")]
struct RollbackPage {
    shell: Shell,
    url: String,
    name: String,
    version: String,
    to: String,
    until: String,
    keys: i64,
    documents: i64,
    listed: Vec<String>,
}

/// `GET …/plugins/{install}/rollback`: says what would be lost.
pub(in crate::console) async fn rollback(shop: Shop, State(state): State<AppState>) -> ConsoleResult {
    shop.owner()?;
    let id: InstallId = shop.id("install")?;
    let read = async |mut tx: Tx| {
        let install = install_get(&mut tx, id).await?;
        Ok::<_, PlatformError>((install_rollback_plan(&mut tx, id).await, install))
    };
    let (plan, install): (Result<(Previous, LostWrites), _>, Install) = state.store.read(&shop.ctx, read).await?;
    let (previous, lost) = match plan {
        Ok(plan) => plan,
        Err(PlatformError::NoRollback) => return Ok(go(shop.url(format_args!("/plugins/{id}")))),
        Err(error) => return Err(error.into()),
    };
    page(&RollbackPage {
        url: shop.url(format_args!("/plugins/{id}")),
        name: catalog::title(&shop, &install.manifest).0,
        version: install.version,
        until: shop.look.time(previous.until()),
        to: previous.version,
        keys: lost.keys,
        documents: lost.documents,
        listed: lost.listed,
        shell: shop.shell,
    })
}

/// `POST …/plugins/{install}/rollback`.
pub(in crate::console) async fn rollback_post(
    shop: Shop,
    State(state): State<AppState>,
    _fields: Fields,
) -> ConsoleResult {
    shop.owner()?;
    let id: InstallId = shop.id("install")?;
    state.store.write(&shop.ctx, async |mut tx| install_rollback(&mut tx, id).await).await?;
    state.runtime.refresh().await;
    Ok(go(shop.url(format_args!("/plugins/{id}?done=rolled-back"))))
}
