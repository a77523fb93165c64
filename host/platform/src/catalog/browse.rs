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

/// The plugins that merchants may install, by name. A search looks for a part of their names and summaries in all
/// languages; letter case does not matter, and an empty search finds all.
pub async fn plugin_list(tx: &mut PlatformTx, search: &str, page: &PageRequest) -> Result<Page<Plugin>, PlatformError> {
    const LIST: &str = "select v.id, v.plugin, v.version, v.digest, v.size, v.manifest, v.imports, v.state, v.note, v.signed_by, \
                        v.submitted_at, v.reviewed_at, b.slug as publisher_slug, b.name as publisher_name \
                        from plugins p join plugin_versions v on v.id = p.latest join publishers b on b.id = p.publisher_id \
                        where p.name > $1 and p.search like $2 escape '!' order by p.name limit $3";
    if search.len() > MAX_SEARCH {
        return Err(PlatformError::field("search", format!("at most {MAX_SEARCH} bytes")));
    }
    let pattern = pattern(search);
    let rows = tx.query(LIST).bind(page.after()).bind(pattern).bind(page.fetch()).fetch_all(Plugin::of).await?;
    Ok(page.page(rows, |plugin| plugin.name.clone()))
}

/// A plugin's page; `not-found` before a version of it is approved.
pub async fn plugin_get(tx: &mut PlatformTx, name: &str) -> Result<Plugin, PlatformError> {
    const GET: &str = "select v.id, v.plugin, v.version, v.digest, v.size, v.manifest, v.imports, v.state, v.note, v.signed_by, \
                       v.submitted_at, v.reviewed_at, b.slug as publisher_slug, b.name as publisher_name \
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
    const LIST: &str = "select id, plugin, version, digest, size, manifest, imports, state, note, signed_by, submitted_at, reviewed_at \
                        from plugin_versions where plugin = $1 and state = 'approved' and id > $2 order by id limit $3";
    let rows = tx.query(LIST).bind(plugin).bind(page.after()).bind(page.fetch()).fetch_all(PluginVersion::of).await?;
    Ok(page.page(rows, |version| version.id.to_string()))
}

/// An approved version by its id, as traces and installs name it.
pub async fn version_approved_get(tx: &mut PlatformTx, id: VersionId) -> Result<PluginVersion, PlatformError> {
    const GET: &str = "select id, plugin, version, digest, size, manifest, imports, state, note, signed_by, submitted_at, reviewed_at \
                       from plugin_versions where id = $1 and state = 'approved'";
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
