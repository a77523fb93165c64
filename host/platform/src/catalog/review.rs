//! Reviewing: an operator approves or rejects, once.

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
    const LIST: &str = "select id, plugin, version, digest, size, manifest, imports, state, note, signed_by, submitted_at, reviewed_at \
                        from plugin_versions where state = 'submitted' and id > $1 order by id limit $2";
    let rows = tx.query(LIST).bind(page.after()).bind(page.fetch()).fetch_all(PluginVersion::of).await?;
    Ok(page.page(rows, |version| version.id.to_string()))
}

/// Names the version that merchants get: the highest approved one, a pre-release only while there is no other.
async fn latest_put(tx: &mut PlatformTx, plugin: &str) -> Result<(), PlatformError> {
    const APPROVED: &str = "select id, version from plugin_versions where plugin = $1 and state = 'approved'";
    const MANIFEST: &str = "select manifest from plugin_versions where id = $1";
    const PUT: &str = "update plugins set latest = $2, search = $3 where name = $1";
    let read = |row: &Row| {
        let version: Version = row.parse("version")?;
        Ok(((version.pre.is_empty(), version), row.parse::<VersionId>("id")?))
    };
    let approved: Vec<_> = tx.query(APPROVED).bind(plugin).fetch_all(read).await?;
    let Some((_, latest)) = approved.into_iter().max_by(|left, right| left.0.cmp(&right.0)) else { return Ok(()) };
    let manifest = tx.query(MANIFEST).text(latest).fetch_one(|row| row.json("manifest")).await?;
    tx.query(PUT).bind(plugin).text(latest).bind(search_text(&manifest)).execute().await?;
    Ok(())
}

/// What the catalog's search looks through: the plugin's name, and its names and summaries in all languages.
fn search_text(manifest: &Manifest) -> String {
    let words = manifest.locales.values().flat_map(|words| [words.name.as_str(), words.summary.as_str()]);
    [manifest.name.as_str()].into_iter().chain(words).collect::<Vec<_>>().join("\n").to_lowercase()
}
