//! The catalog: searching plugins, a plugin's own page, and installing with consent.

use askama::Template;
use axum::extract::State;
use heptad_model::{Manifest, PageRequest};
use heptad_platform::catalog::{
    Facet, Plugin, PluginQuery, PluginVersion, VersionState, plugin_facet_list, plugin_get, plugin_list,
    version_approved_list,
};
use heptad_platform::install::{Install, InstallIn, install_create};
use heptad_platform::{PlatformError, install_list};
use heptad_store::StoreError;

use super::go;
use crate::console::consent::{self, Group, PointWords, Reach};
use crate::console::desk::Shop;
use crate::console::failure::ConsoleResult;
use crate::console::fields::{Asks, Fields, Listing};
use crate::console::look;
use crate::console::shell::{Shell, page};
use crate::state::AppState;

/// Plugins on a page of the catalog.
const PER_PAGE: u32 = 24;

/// A plugin as a card shows it.
struct Card {
    url: String,
    name: String,
    summary: String,
    publisher: String,
    version: String,
    points: Vec<String>,
    installed: bool,
}

#[derive(Template)]
#[template(path = "catalog.html")]
struct CatalogPage {
    shell: Shell,
    search: String,
    facets: Vec<Choices>,
    cards: Vec<Card>,
    next: Option<String>,
}

/// Cursor, search and facets of the catalog, from the address.
#[derive(Debug, Default, serde::Deserialize)]
pub(in crate::console) struct CatalogListing {
    #[serde(flatten)]
    listing: Listing,
    industry: Option<String>,
    capability: Option<String>,
    language: Option<String>,
}

/// The values of a kind by which plugins are found.
struct Choices {
    kind: &'static str,
    label: String,
    values: Vec<Choice>,
}

struct Choice {
    value: String,
    label: String,
    chosen: bool,
}

fn choices(shop: &Shop, wanted: &PluginQuery, facets: &[Facet]) -> Vec<Choices> {
    let kinds = [("industry", &wanted.industry), ("capability", &wanted.capability), ("language", &wanted.language)];
    kinds
        .into_iter()
        .map(|(kind, chosen)| Choices {
            kind,
            label: shop.shell.t(&format!("facet-{kind}")),
            values: facets
                .iter()
                .filter(|facet| facet.kind == kind)
                .map(|facet| Choice {
                    label: format!("{} ({})", shop.words().of_code(kind, &facet.value), facet.plugins),
                    chosen: chosen.as_ref() == Some(&facet.value),
                    value: facet.value.clone(),
                })
                .collect(),
        })
        .filter(|choices| !choices.values.is_empty())
        .collect()
}

/// Name and summary in the reader's language.
pub(in crate::console) fn title(shop: &Shop, manifest: &Manifest) -> (String, String) {
    match manifest.words(shop.locale()) {
        Some(words) => (words.name.clone(), words.summary.clone()),
        None => (manifest.name.clone(), String::new()),
    }
}

async fn installed(state: &AppState, shop: &Shop) -> Result<Vec<Install>, StoreError> {
    state.store.read(&shop.ctx, async |mut tx| install_list(&mut tx).await).await
}

/// `GET …/catalog`.
pub(in crate::console) async fn list(
    shop: Shop,
    State(state): State<AppState>,
    Asks(listing): Asks<CatalogListing>,
) -> ConsoleResult {
    let (search, asked) = (listing.listing.search(), listing.listing.page(PER_PAGE)?);
    let given = |value: &Option<String>| value.clone().filter(|value| !value.is_empty());
    let wanted = PluginQuery {
        search: search.clone(),
        industry: given(&listing.industry),
        capability: given(&listing.capability),
        language: given(&listing.language),
    };
    let read = async |mut tx| {
        let found = plugin_list(&mut tx, &wanted, &asked).await?;
        Ok::<_, PlatformError>((found, plugin_facet_list(&mut tx, &wanted).await?))
    };
    let (found, facets) = state.store.platform_read(shop.ctx.origin(), read).await?;
    let facets = choices(&shop, &wanted, &facets);
    let installed = installed(&state, &shop).await?;
    let card = |plugin: &Plugin| {
        let manifest = &plugin.latest.manifest;
        let (name, summary) = title(&shop, manifest);
        Card {
            url: shop.url(format_args!("/catalog/{}", plugin.name)),
            name,
            summary,
            publisher: plugin.publisher_name.clone(),
            version: plugin.latest.version.clone(),
            points: manifest.points.iter().map(|point| consent::point_title(shop.words(), *point)).collect(),
            installed: installed.iter().any(|install| install.plugin == plugin.name),
        }
    };
    page(&CatalogPage {
        cards: found.items.iter().map(card).collect(),
        search,
        facets,
        next: found.next,
        shell: shop.shell,
    })
}

/// A version in a list.
struct VersionRow {
    version: String,
    date: String,
    size: String,
    is_latest: bool,
}

#[derive(Template)]
#[template(path = "plugin.html")]
struct PluginPage {
    shell: Shell,
    slug: String,
    name: String,
    summary: String,
    publisher: String,
    version: String,
    license: String,
    digest: String,
    size: String,
    points: Vec<PointWords>,
    groups: Vec<Group>,
    limits: Vec<String>,
    reach: Reach,
    is_deprecated: bool,
    signed_by: String,
    versions: Vec<VersionRow>,
    install: Option<String>,
    is_owner: bool,
}

/// `GET …/catalog/{plugin}`.
pub(in crate::console) async fn show(shop: Shop, State(state): State<AppState>) -> ConsoleResult {
    let slug: String = shop.id("plugin")?;
    let many = PageRequest::new(None, Some(50))?;
    let read = async |mut tx: heptad_store::PlatformTx| {
        let plugin = plugin_get(&mut tx, &slug).await?;
        let versions = version_approved_list(&mut tx, &slug, &many).await?;
        Ok::<_, PlatformError>((plugin, versions))
    };
    let (plugin, versions) = state.store.platform_read(shop.ctx.origin(), read).await?;
    let installed = installed(&state, &shop).await?;
    let latest = &plugin.latest;
    let manifest = &latest.manifest;
    let (name, summary) = title(&shop, manifest);
    let row = |version: &PluginVersion| VersionRow {
        version: version.version.clone(),
        date: shop.look.date(version.reviewed_at.unwrap_or(version.submitted_at)),
        size: look::bytes(version.size),
        is_latest: version.id == latest.id,
    };
    let install = installed.iter().find(|install| install.plugin == slug);
    page(&PluginPage {
        name,
        summary,
        publisher: plugin.publisher_name.clone(),
        version: latest.version.clone(),
        license: manifest.license.clone(),
        digest: latest.digest.clone(),
        size: look::bytes(latest.size),
        points: consent::points(shop.words(), manifest),
        groups: consent::groups(shop.words(), manifest, None),
        limits: consent::limits(shop.words(), manifest),
        reach: Reach::of(shop.words(), manifest),
        is_deprecated: latest.state == VersionState::Deprecated,
        signed_by: latest.signed_by.clone().unwrap_or_else(|| shop.shell.t("version-signed-by-nobody")),
        versions: versions.items.iter().rev().map(row).collect(),
        install: install.map(|install| shop.url(format_args!("/plugins/{}", install.id))),
        is_owner: shop.is_owner,
        slug,
        shell: shop.shell,
    })
}

#[derive(Template)]
#[template(path = "consent.html")]
struct ConsentPage {
    shell: Shell,
    slug: String,
    name: String,
    summary: String,
    publisher: String,
    version: String,
    groups: Vec<Group>,
    limits: Vec<String>,
}

/// `GET …/catalog/{plugin}/install`.
pub(in crate::console) async fn consent(shop: Shop, State(state): State<AppState>) -> ConsoleResult {
    shop.owner()?;
    let slug: String = shop.id("plugin")?;
    let plugin = state.store.platform_read(shop.ctx.origin(), async |mut tx| plugin_get(&mut tx, &slug).await).await?;
    if let Some(install) = installed(&state, &shop).await?.iter().find(|install| install.plugin == slug) {
        return Ok(go(shop.url(format_args!("/plugins/{}", install.id))));
    }
    let manifest = &plugin.latest.manifest;
    let (name, summary) = title(&shop, manifest);
    page(&ConsentPage {
        name,
        summary,
        publisher: plugin.publisher_name.clone(),
        version: plugin.latest.version.clone(),
        groups: consent::groups(shop.words(), manifest, None),
        limits: consent::limits(shop.words(), manifest),
        slug,
        shell: shop.shell,
    })
}

/// `POST …/catalog/{plugin}/install`: the version whose permissions were shown, with those that were allowed.
pub(in crate::console) async fn install(shop: Shop, State(state): State<AppState>, fields: Fields) -> ConsoleResult {
    shop.owner()?;
    let slug: String = shop.id("plugin")?;
    let version = fields.text("version").to_owned();
    let checked: Vec<&str> = fields.all("allow").collect();
    let many = PageRequest::new(None, Some(200))?;
    let read = async |mut tx| version_approved_list(&mut tx, &slug, &many).await;
    let versions = state.store.platform_read(shop.ctx.origin(), read).await?;
    let shown = versions.items.into_iter().find(|known| known.version == version);
    let shown = shown.ok_or_else(crate::console::failure::Failure::nowhere)?;
    let input = InstallIn {
        plugin: slug,
        version: Some(version),
        granted: consent::decision(&shown.manifest, &checked),
        settings: None,
    };
    let made = state.store.write(&shop.ctx, async |mut tx| install_create(&mut tx, &input).await).await?;
    state.runtime.refresh().await;
    Ok(go(shop.url(format_args!("/plugins/{}?done=installed", made.id))))
}
