//! What merchants see of the catalog: approved versions, and nothing of the others.

use heptad_model::id::{PublisherId, VersionId};
use heptad_model::{Page, PageRequest};
use heptad_store::{PlatformTx, Row, StoreError};

use super::PluginVersion;
use crate::PlatformError;

/// The most bytes of a search text.
const MAX_SEARCH: usize = 100;

/// A plugin of the catalog, with the version that a merchant gets.
#[derive(Debug, Clone, PartialEq)]
pub struct Plugin {
    /// The plugin's name.
    pub name: String,
    /// The publisher's short name.
    pub publisher: String,
    /// The publisher's name that people see.
    pub publisher_name: String,
    /// The highest approved version.
    pub latest: PluginVersion,
}

impl Plugin {
    fn of(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            name: row.text("plugin")?,
            publisher: row.text("publisher_slug")?,
            publisher_name: row.text("publisher_name")?,
            latest: PluginVersion::of(row)?,
        })
    }
}

/// What is looked for in the catalog; what is absent is free.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PluginQuery {
    /// A part of names and summaries in all languages; letter case does not matter.
    pub search: String,
    /// One of [`heptad_model::manifest::INDUSTRIES`].
    pub industry: Option<String>,
    /// A capability that the plugin touches, such as `members`.
    pub capability: Option<String>,
    /// A language that it speaks, by its BCP 47 tag.
    pub language: Option<String>,
}

impl PluginQuery {
    /// The facets that are asked for, by kind and value.
    fn facets(&self) -> Vec<String> {
        let asked = [("industry", &self.industry), ("capability", &self.capability), ("language", &self.language)];
        asked.into_iter().filter_map(|(kind, value)| Some(format!("{kind}={}", value.as_ref()?))).collect()
    }
}

/// A value by which plugins are found, and how many of those that were found have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facet {
    /// `industry`, `capability` or `language`.
    pub kind: String,
    /// The value.
    pub value: String,
    /// How many plugins.
    pub plugins: i64,
}

/// The plugins that merchants may install and that fit, by name.
pub async fn plugin_list(
    tx: &mut PlatformTx,
    query: &PluginQuery,
    page: &PageRequest,
) -> Result<Page<Plugin>, PlatformError> {
    const LIST: &str = "select v.id, v.plugin, v.version, v.digest, v.size, v.manifest, v.imports, v.state, v.note, v.signed_by, \
                        v.submitted_at, v.reviewed_at, v.killed_at, b.slug as publisher_slug, b.name as publisher_name \
                        from plugins p join plugin_versions v on v.id = p.latest join publishers b on b.id = p.publisher_id \
                        where p.name > $1 and p.search like $2 escape '!' and (select count(*) from plugin_facets f \
                        where f.plugin = p.name and f.kind || '=' || f.value in (select value from json_each($4))) = $5 \
                        order by p.name limit $3";
    let (pattern, facets) = (checked_pattern(query)?, query.facets());
    let many = i64::try_from(facets.len()).unwrap_or_default();
    let list = tx.query(LIST).bind(page.after()).bind(pattern).bind(page.fetch()).json(&facets).bind(many);
    Ok(page.page(list.fetch_all(Plugin::of).await?, |plugin| plugin.name.clone()))
}

/// By what the plugins that fit are told apart, with their numbers: by kind, the most frequent first.
pub async fn plugin_facet_list(tx: &mut PlatformTx, query: &PluginQuery) -> Result<Vec<Facet>, PlatformError> {
    const FACETS: &str = "select g.kind, g.value, count(*) as plugins from plugins p join plugin_facets g on g.plugin = p.name \
                          where p.latest is not null and p.search like $1 escape '!' and (select count(*) \
                          from plugin_facets f where f.plugin = p.name \
                          and f.kind || '=' || f.value in (select value from json_each($2))) = $3 \
                          group by g.kind, g.value order by g.kind, plugins desc, g.value";
    let (pattern, facets) = (checked_pattern(query)?, query.facets());
    let many = i64::try_from(facets.len()).unwrap_or_default();
    let read =
        |row: &Row| Ok(Facet { kind: row.text("kind")?, value: row.text("value")?, plugins: row.int("plugins")? });
    Ok(tx.query(FACETS).bind(pattern).json(&facets).bind(many).fetch_all(read).await?)
}

fn checked_pattern(query: &PluginQuery) -> Result<String, PlatformError> {
    match query.search.len() > MAX_SEARCH {
        true => Err(PlatformError::field("search", format!("at most {MAX_SEARCH} bytes"))),
        false => Ok(pattern(&query.search)),
    }
}

/// A plugin's page; `not-found` before a version of it is approved.
pub async fn plugin_get(tx: &mut PlatformTx, name: &str) -> Result<Plugin, PlatformError> {
    const GET: &str = "select v.id, v.plugin, v.version, v.digest, v.size, v.manifest, v.imports, v.state, v.note, v.signed_by, \
                       v.submitted_at, v.reviewed_at, v.killed_at, b.slug as publisher_slug, b.name as publisher_name \
                       from plugins p join plugin_versions v on v.id = p.latest join publishers b on b.id = p.publisher_id \
                       where p.name = $1";
    let found = tx.query(GET).bind(name).fetch_optional(Plugin::of).await?;
    found.ok_or_else(|| PlatformError::not_found("plugin", name))
}

/// The approved versions of a plugin in the order of their submission.
pub async fn version_approved_list(
    tx: &mut PlatformTx,
    plugin: &str,
    page: &PageRequest,
) -> Result<Page<PluginVersion>, PlatformError> {
    const LIST: &str = "select id, plugin, version, digest, size, manifest, imports, state, note, signed_by, submitted_at, reviewed_at, killed_at \
                        from plugin_versions where plugin = $1 and state in ('approved', 'deprecated') and id > $2 order by id limit $3";
    let rows = tx.query(LIST).bind(plugin).bind(page.after()).bind(page.fetch()).fetch_all(PluginVersion::of).await?;
    Ok(page.page(rows, |version| version.id.to_string()))
}

/// An approved version by its id, as traces and installs name it.
pub async fn version_approved_get(tx: &mut PlatformTx, id: VersionId) -> Result<PluginVersion, PlatformError> {
    const GET: &str = "select id, plugin, version, digest, size, manifest, imports, state, note, signed_by, submitted_at, reviewed_at, killed_at \
                       from plugin_versions where id = $1 and state in ('approved', 'deprecated', 'withdrawn')";
    let found = tx.query(GET).text(id).fetch_optional(PluginVersion::of).await?;
    found.ok_or_else(|| PlatformError::not_found("plugin version", id))
}

/// The names of a publisher's plugins, approved or not, with their owner checked by the caller.
pub async fn plugin_of_publisher_list(
    tx: &mut PlatformTx,
    publisher: PublisherId,
    page: &PageRequest,
) -> Result<Page<String>, PlatformError> {
    const LIST: &str = "select name from plugins where publisher_id = $1 and name > $2 order by name limit $3";
    let rows =
        tx.query(LIST).text(publisher).bind(page.after()).bind(page.fetch()).fetch_all(|row| row.text("name")).await?;
    Ok(page.page(rows, Clone::clone))
}

/// A pattern for `like … escape '!'` that finds the text itself.
fn pattern(search: &str) -> String {
    let text = search.trim().to_lowercase();
    let escaped: String =
        text.chars().flat_map(|c| matches!(c, '%' | '_' | '!').then_some('!').into_iter().chain([c])).collect();
    format!("%{escaped}%")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_text_is_no_pattern() {
        for (search, expected) in [("", "%%"), (" Hello ", "%hello%"), ("10%_!", "%10!%!_!!%"), ("满减", "%满减%")]
        {
            assert_eq!(pattern(search), expected);
        }
    }
}
