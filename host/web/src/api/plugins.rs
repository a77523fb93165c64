//! The catalog as merchants see it: approved plugins, what they do, and what they ask for.

use axum::Json;
use axum::extract::State;
use heptad_model::manifest::PermissionWish;
use heptad_model::{HostWish, Locale, Manifest};
use heptad_platform::catalog::{
    Facet, Plugin, PluginQuery, PluginVersion, plugin_facet_list, plugin_get, plugin_list, rating, reach,
    version_approved_list,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::registry::PermissionOut;
use super::shared::{PageOut, moment};
use crate::auth::CatalogReader;
use crate::error::ApiResult;
use crate::extract::{PageQuery, Params, PathOf};
use crate::state::AppState;

/// A plugin in the list of the catalog.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PluginOut {
    /// The plugin's name, unique in the catalog.
    #[schema(example = "member-pricing")]
    pub name: String,
    /// Its name in the reader's language.
    #[schema(example = "Member pricing")]
    pub title: String,
    /// What it does, in the reader's language.
    pub summary: String,
    /// The publisher's short name.
    #[schema(example = "heptad")]
    pub publisher: String,
    /// The publisher's name that people see.
    pub publisher_name: String,
    /// The version that a merchant gets.
    #[schema(example = "0.1.0")]
    pub version: String,
    /// The points that it serves.
    #[schema(example = json!(["discount.lines"]))]
    pub points: Vec<&'static str>,
}

/// A plugin's page in the catalog.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PluginDetailOut {
    /// As in the list.
    #[serde(flatten)]
    pub plugin: PluginOut,
    /// The SPDX expression of its licence.
    #[schema(example = "Apache-2.0")]
    pub license: String,
    /// What it is made for.
    #[schema(example = json!(["apparel"]))]
    pub industries: Vec<String>,
    /// How much it may do, from 1 (nothing but its own) to 6 (what is personal may leave the shop), computed of what it asks for.
    #[schema(example = 2)]
    pub reach: u8,
    /// Why, the weightiest first.
    #[schema(example = json!(["reads-business"]))]
    pub reach_reasons: Vec<&'static str>,
    /// `approved`, or `deprecated` where there is something better.
    #[schema(example = "approved")]
    pub state: &'static str,
    /// The key that has signed it; absent where nobody has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<String>,
    /// What it asks for.
    pub permissions: Vec<WishOut>,
    /// The hosts that it calls.
    pub hosts: Vec<HostOut>,
    /// The settings as a subset of JSON Schema; absent when it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub settings_schema: Option<Value>,
    /// Memory of a call in MiB.
    #[schema(example = 16)]
    pub memory_mib: u32,
    /// SHA-256 of the version's bytes, in hexadecimal digits.
    pub digest: String,
    /// The version's bytes.
    #[schema(example = 182044)]
    pub size: u64,
}

/// A host that a plugin calls.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HostOut {
    /// The host, with its port where that is not the usual one.
    #[schema(example = "api.partner.example")]
    pub name: String,
    /// Whether the plugin works without it.
    pub optional: bool,
    /// What for, in the reader's language and the publisher's words.
    pub purpose: String,
    /// The permissions whose data goes there.
    #[schema(example = json!(["mall.orders.read"]))]
    pub data: Vec<&'static str>,
    /// For how many days it is kept there, by the publisher's word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keeps_days: Option<u32>,
}

impl HostOut {
    fn new(wish: &HostWish, reader: Locale) -> Self {
        Self {
            name: wish.name.clone(),
            optional: wish.optional,
            purpose: wish.purpose(reader).to_owned(),
            data: wish.data.iter().map(|permission| permission.name()).collect(),
            keeps_days: wish.keeps_days,
        }
    }
}

/// A permission that a plugin asks for.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WishOut {
    /// What it allows, in the platform's words.
    #[serde(flatten)]
    pub permission: PermissionOut,
    /// Whether the plugin works without it.
    pub optional: bool,
    /// What for, in the publisher's words and the reader's language.
    pub purpose: String,
}

/// A version of a plugin.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VersionOut {
    /// The id.
    #[schema(example = "ver_019380c2f2b07d1c8a4b9e5f60718293")]
    pub id: String,
    /// The plugin's name.
    #[schema(example = "member-pricing")]
    pub plugin: String,
    /// The version.
    #[schema(example = "0.1.0")]
    pub version: String,
    /// SHA-256 of its bytes, in hexadecimal digits.
    pub digest: String,
    /// Its bytes.
    pub size: u64,
    /// `submitted`, `approved`, `deprecated`, `withdrawn` or `rejected`.
    #[schema(example = "approved")]
    pub state: &'static str,
    /// The reviewer's words to the publisher; empty before the review.
    pub note: String,
    /// The key that has signed it; absent where nobody has.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "ed25519-3f0b8e4d1c2a49775e6f8090a1b2c3d4")]
    pub signed_by: Option<String>,
    /// The points that it serves.
    pub points: Vec<&'static str>,
    /// The names of the permissions that it asks for.
    pub permissions: Vec<&'static str>,
    /// The host functions that it imports.
    pub imports: Vec<String>,
    /// When it was submitted, in RFC 3339.
    pub submitted_at: String,
    /// When it was reviewed, in RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reviewed_at: Option<String>,
    /// Since when it runs in no shop, in RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub killed_at: Option<String>,
}

impl From<PluginVersion> for VersionOut {
    fn from(version: PluginVersion) -> Self {
        Self {
            id: version.id.to_string(),
            plugin: version.plugin,
            version: version.version,
            digest: version.digest,
            size: version.size,
            state: version.state.name(),
            note: version.note,
            signed_by: version.signed_by,
            points: version.manifest.points.iter().map(|point| point.name()).collect(),
            permissions: version.manifest.wishes().iter().map(|permission| permission.name()).collect(),
            imports: version.imports,
            submitted_at: version.submitted_at.rfc3339(),
            reviewed_at: moment(version.reviewed_at),
            killed_at: moment(version.killed_at),
        }
    }
}

impl PluginOut {
    fn new(plugin: &Plugin, reader: Locale) -> Self {
        let manifest = &plugin.latest.manifest;
        let words = manifest.words(reader);
        Self {
            name: plugin.name.clone(),
            title: words.map(|words| words.name.clone()).unwrap_or_default(),
            summary: words.map(|words| words.summary.clone()).unwrap_or_default(),
            publisher: plugin.publisher.clone(),
            publisher_name: plugin.publisher_name.clone(),
            version: plugin.latest.version.clone(),
            points: manifest.points.iter().map(|point| point.name()).collect(),
        }
    }
}

impl PluginDetailOut {
    fn new(plugin: &Plugin, reader: Locale) -> Self {
        let manifest = &plugin.latest.manifest;
        let reasons = reach(manifest);
        Self {
            plugin: PluginOut::new(plugin, reader),
            license: manifest.license.clone(),
            industries: manifest.industries.clone(),
            reach: rating(&reasons),
            reach_reasons: reasons.iter().map(|reason| reason.name()).collect(),
            state: plugin.latest.state.name(),
            signed_by: plugin.latest.signed_by.clone(),
            permissions: wishes(manifest, reader),
            hosts: manifest.hosts.iter().map(|wish| HostOut::new(wish, reader)).collect(),
            settings_schema: manifest.settings.clone(),
            memory_mib: manifest.memory_mib.unwrap_or(*heptad_model::manifest::MEMORY_MIB.start()),
            digest: plugin.latest.digest.clone(),
            size: plugin.latest.size,
        }
    }
}

/// What a plugin asks for, in the order of the table.
fn wishes(manifest: &Manifest, reader: Locale) -> Vec<WishOut> {
    let mut wishes: Vec<_> = manifest.permissions.iter().collect();
    wishes.sort_by_key(|wish| wish.name);
    let show = |wish: &PermissionWish| WishOut {
        permission: PermissionOut::new(wish.name, reader),
        optional: wish.optional,
        purpose: wish.purpose.get(reader.tag()).cloned().unwrap_or_default(),
    };
    wishes.into_iter().map(show).collect()
}

/// What to look for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SearchQuery {
    /// A part of a plugin's name, title or summary in any language; all plugins when absent.
    #[serde(default)]
    pub search: String,
    /// What it is made for, such as `apparel`.
    pub industry: Option<String>,
    /// A capability that it touches: `mall`, `members` or `platform`.
    pub capability: Option<String>,
    /// A language that it speaks, such as `zh-CN`.
    pub language: Option<String>,
    /// The `next` of the page before; absent for the first page.
    pub cursor: Option<String>,
    /// The most items of the page, 1 to 200; 50 when absent.
    pub limit: Option<u32>,
}

impl From<SearchQuery> for PluginQuery {
    fn from(query: SearchQuery) -> Self {
        let SearchQuery { search, industry, capability, language, .. } = query;
        Self { search, industry, capability, language }
    }
}

/// A value by which plugins are found.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FacetOut {
    /// `industry`, `capability` or `language`.
    #[schema(example = "capability")]
    pub kind: String,
    /// The value.
    #[schema(example = "members")]
    pub value: String,
    /// How many of the plugins that fit have it.
    pub plugins: i64,
}

/// All values by which the plugins that fit are told apart.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FacetsOut {
    /// By kind, the most frequent first.
    pub items: Vec<FacetOut>,
}

/// Lists by what the plugins that fit are told apart: industries, capabilities and languages, with their numbers.
#[utoipa::path(get, path = "/v1/plugin-facets", tag = "catalog", params(SearchQuery), responses((status = OK, body = FacetsOut)))]
pub(super) async fn plugin_facet_all(
    State(state): State<AppState>,
    reader: CatalogReader,
    Params(query): Params<SearchQuery>,
) -> ApiResult<Json<FacetsOut>> {
    let wanted = PluginQuery::from(query);
    let list = async |mut tx| plugin_facet_list(&mut tx, &wanted).await;
    let facets = state.store.platform_read(&reader.origin, list).await?;
    let out = |Facet { kind, value, plugins }: Facet| FacetOut { kind, value, plugins };
    Ok(Json(FacetsOut { items: facets.into_iter().map(out).collect() }))
}

/// Lists the plugins that merchants may install, by name.
#[utoipa::path(get, path = "/v1/plugins", tag = "catalog", params(SearchQuery), responses((status = OK, body = PageOut<PluginOut>)))]
pub(super) async fn plugin_page(
    State(state): State<AppState>,
    reader: CatalogReader,
    Params(query): Params<SearchQuery>,
) -> ApiResult<Json<PageOut<PluginOut>>> {
    let page = PageQuery { cursor: query.cursor.clone(), limit: query.limit }.request()?;
    let wanted = PluginQuery::from(query);
    let list = async |mut tx| plugin_list(&mut tx, &wanted, &page).await;
    let page = state.store.platform_read(&reader.origin, list).await?;
    Ok(Json(PageOut::of(page, |plugin| PluginOut::new(&plugin, reader.origin.locale))))
}

/// Reads a plugin's page: what it does and what it asks for, in the reader's language.
#[utoipa::path(get, path = "/v1/plugins/{plugin}", tag = "catalog", responses((status = OK, body = PluginDetailOut)))]
pub(super) async fn plugin_read(
    State(state): State<AppState>,
    reader: CatalogReader,
    PathOf(name): PathOf<String>,
) -> ApiResult<Json<PluginDetailOut>> {
    let plugin = state.store.platform_read(&reader.origin, async |mut tx| plugin_get(&mut tx, &name).await).await?;
    Ok(Json(PluginDetailOut::new(&plugin, reader.origin.locale)))
}

/// Lists a plugin's approved versions in the order of their submission.
#[utoipa::path(get, path = "/v1/plugins/{plugin}/versions", tag = "catalog", params(PageQuery), responses((status = OK, body = PageOut<VersionOut>)))]
pub(super) async fn plugin_version_page(
    State(state): State<AppState>,
    reader: CatalogReader,
    PathOf(name): PathOf<String>,
    Params(page): Params<PageQuery>,
) -> ApiResult<Json<PageOut<VersionOut>>> {
    let page = page.request()?;
    let list = async |mut tx| {
        plugin_get(&mut tx, &name).await?;
        version_approved_list(&mut tx, &name, &page).await
    };
    let page = state.store.platform_read(&reader.origin, list).await?;
    Ok(Json(PageOut::of(page, VersionOut::from)))
}
