//! Reviewing: an operator approves or rejects, once.

use std::collections::BTreeSet;

use heptad_model::id::VersionId;
use heptad_model::{EventType, Manifest, Page, PageRequest};
use heptad_store::{PlatformTx, Row};
use semver::Version;
use serde_json::json;

use super::{PluginVersion, VersionState, version_get};
use crate::PlatformError;
use crate::tenant::maker_tell;

/// The most bytes of a reviewer's note.
const MAX_NOTE: usize = 2_000;

/// An operator's decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Review {
    /// Merchants may install the version.
    Approve,
    /// Nobody may.
    Reject,
}

impl Review {
    const fn state(self) -> VersionState {
        match self {
            Self::Approve => VersionState::Approved,
            Self::Reject => VersionState::Rejected,
        }
    }
}

/// Decides about a submitted version, with words to the publisher. The same decision again changes nothing, another one is
/// refused with `already-reviewed`.
pub async fn version_review(
    tx: &mut PlatformTx,
    id: VersionId,
    review: Review,
    note: &str,
) -> Result<PluginVersion, PlatformError> {
    const REVIEW: &str =
        "update plugin_versions set state = $2, note = $3, reviewed_at = $4 where id = $1 and state = 'submitted'";
    if note.len() > MAX_NOTE {
        return Err(PlatformError::field("note", format!("at most {MAX_NOTE} bytes")));
    }
    let (state, now) = (review.state(), tx.origin().now());
    let rows = tx.query(REVIEW).text(id).bind(state.name()).bind(note).bind(now).execute().await?;
    let version = version_get(tx, id).await?;
    if rows == 0 {
        return match version.state == state {
            true => Ok(version),
            false => Err(PlatformError::Reviewed(version.state.name())),
        };
    }
    if review == Review::Approve {
        latest_put(tx, &version.plugin).await?;
    }
    let detail = json!({"plugin": version.plugin, "version": version.version, "digest": version.digest});
    let action = match review {
        Review::Approve => "version.approved",
        Review::Reject => "version.rejected",
    };
    tx.audit(action, id, &detail).await?;
    let data = json!({"version": id, "plugin": version.plugin, "number": version.version, "state": state.name()});
    maker_tell(tx, &version.plugin, EventType::VersionReviewed.about(&version.plugin, data)).await?;
    Ok(version)
}

/// The versions that wait for a review, the oldest first.
pub async fn version_queue(tx: &mut PlatformTx, page: &PageRequest) -> Result<Page<PluginVersion>, PlatformError> {
    const LIST: &str = "select id, plugin, version, digest, size, manifest, imports, state, note, signed_by, submitted_at, reviewed_at, killed_at \
                        from plugin_versions where state = 'submitted' and id > $1 order by id limit $2";
    let rows = tx.query(LIST).bind(page.after()).bind(page.fetch()).fetch_all(PluginVersion::of).await?;
    Ok(page.page(rows, |version| version.id.to_string()))
}

/// Names the version that merchants get: the highest approved one, a deprecated one or a pre-release only while there is no
/// other; none where all were withdrawn.
pub(super) async fn latest_put(tx: &mut PlatformTx, plugin: &str) -> Result<(), PlatformError> {
    const APPROVED: &str = "select id, version, state from plugin_versions where plugin = $1 \
                            and state in ('approved', 'deprecated') and killed_at is null";
    const MANIFEST: &str = "select manifest from plugin_versions where id = $1";
    const PUT: &str = "update plugins set latest = $2, search = $3 where name = $1";
    const NONE: &str = "update plugins set latest = null where name = $1";
    const UNFACET: &str = "delete from plugin_facets where plugin = $1";
    const FACET: &str = "insert into plugin_facets (plugin, kind, value) values ($1, $2, $3)";
    let read = |row: &Row| {
        let (version, state): (Version, VersionState) = (row.parse("version")?, row.parse("state")?);
        Ok(((state == VersionState::Approved, version.pre.is_empty(), version), row.parse::<VersionId>("id")?))
    };
    let approved: Vec<_> = tx.query(APPROVED).bind(plugin).fetch_all(read).await?;
    tx.query(UNFACET).bind(plugin).execute().await?;
    let Some((_, latest)) = approved.into_iter().max_by(|left, right| left.0.cmp(&right.0)) else {
        tx.query(NONE).bind(plugin).execute().await?;
        return Ok(());
    };
    let manifest = tx.query(MANIFEST).text(latest).fetch_one(|row| row.json("manifest")).await?;
    tx.query(PUT).bind(plugin).text(latest).bind(search_text(&manifest)).execute().await?;
    for (kind, value) in facets(&manifest) {
        tx.query(FACET).bind(plugin).bind(kind).bind(value).execute().await?;
    }
    Ok(())
}

/// By what a plugin is found beside its words: its industries, the capabilities that it touches, its languages.
fn facets(manifest: &Manifest) -> BTreeSet<(&'static str, String)> {
    let industries = manifest.industries.iter().map(|industry| ("industry", industry.clone()));
    let owners = manifest.points.iter().map(|point| point.row().owner.to_owned());
    let asked = manifest.permissions.iter().filter_map(|wish| wish.name.name().split('.').next().map(str::to_owned));
    let capabilities = owners.chain(asked).map(|owner| ("capability", owner));
    let languages = manifest.locales.keys().map(|tag| ("language", tag.clone()));
    industries.chain(capabilities).chain(languages).collect()
}

/// What the catalog's search looks through: the plugin's name, and its names and summaries in all languages.
fn search_text(manifest: &Manifest) -> String {
    let words = manifest.locales.values().flat_map(|words| [words.name.as_str(), words.summary.as_str()]);
    [manifest.name.as_str()].into_iter().chain(words).collect::<Vec<_>>().join("\n").to_lowercase()
}
