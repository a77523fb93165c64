//! The plugin catalog: versions that publishers submit, operators review and merchants install.
//!
//! A version is immutable: what was submitted once stays, and a change is a higher version.

mod browse;
mod diff;
mod life;
mod reach;
mod review;
mod submit;

use std::sync::Arc;

use heptad_model::id::VersionId;
use heptad_model::{Manifest, Millis};
use heptad_store::{PlatformTx, Row, StoreError};

pub use browse::{
    Facet, Plugin, PluginQuery, plugin_facet_list, plugin_get, plugin_list, plugin_of_publisher_list,
    version_approved_get, version_approved_list,
};
pub use diff::{VersionDiff, version_before, version_diff};
pub use life::{Fate, version_fate_put, version_kill, version_killed_tell, version_revived_go_on};
pub use reach::{Reason, rating, reach};
pub use review::{Review, version_queue, version_review};
pub use submit::{Submitted, VersionIn, version_check, version_submit};

use crate::PlatformError;

/// How far a version has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VersionState {
    /// Waits for an operator.
    Submitted,
    /// Merchants may install it.
    Approved,
    /// Merchants may still install it; there is something better.
    Deprecated,
    /// Merchants who have it keep it, nobody else may install it.
    Withdrawn,
    /// Nobody may install it.
    Rejected,
}

impl VersionState {
    /// The word in the database and the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Submitted => "submitted",
            Self::Approved => "approved",
            Self::Deprecated => "deprecated",
            Self::Withdrawn => "withdrawn",
            Self::Rejected => "rejected",
        }
    }
}

impl std::str::FromStr for VersionState {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Submitted, Self::Approved, Self::Deprecated, Self::Withdrawn, Self::Rejected]
            .into_iter()
            .find(|state| state.name() == text)
            .ok_or_else(|| format!("`{text}` is not the state of a version"))
    }
}

/// A version of a plugin.
#[derive(Debug, Clone, PartialEq)]
pub struct PluginVersion {
    /// The version's id.
    pub id: VersionId,
    /// The plugin's name.
    pub plugin: String,
    /// The version, such as `1.2.0`.
    pub version: String,
    /// SHA-256 of its bytes, in hexadecimal digits.
    pub digest: String,
    /// Its bytes.
    pub size: u64,
    /// What it says about itself.
    pub manifest: Arc<Manifest>,
    /// The host functions that its component imports, as `package/interface#function`.
    pub imports: Vec<String>,
    /// How far it has come.
    pub state: VersionState,
    /// The reviewer's words to the publisher; empty before the review.
    pub note: String,
    /// The key that has signed it; `None` where nobody has.
    pub signed_by: Option<String>,
    /// When it was submitted.
    pub submitted_at: Millis,
    /// When it was reviewed.
    pub reviewed_at: Option<Millis>,
    /// Since when it runs in no shop.
    pub killed_at: Option<Millis>,
}

impl PluginVersion {
    pub(crate) fn of(row: &Row) -> Result<Self, StoreError> {
        let size = row.int("size")?;
        let size =
            u64::try_from(size).map_err(|_| StoreError::Column { column: "size", problem: format!("is {size}") })?;
        Ok(Self {
            id: row.parse("id")?,
            plugin: row.text("plugin")?,
            version: row.text("version")?,
            digest: row.text("digest")?,
            size,
            manifest: Arc::new(row.json("manifest")?),
            imports: row.json("imports")?,
            state: row.parse("state")?,
            note: row.text("note")?,
            signed_by: row.opt_text("signed_by")?,
            submitted_at: row.millis("submitted_at")?,
            reviewed_at: row.opt_int("reviewed_at")?.map(Millis::new),
            killed_at: row.opt_int("killed_at")?.map(Millis::new),
        })
    }
}

/// A version by its id, in whatever state: for its publisher and the operator.
pub async fn version_get(tx: &mut PlatformTx, id: VersionId) -> Result<PluginVersion, PlatformError> {
    const GET: &str = "select id, plugin, version, digest, size, manifest, imports, state, note, signed_by, submitted_at, reviewed_at, killed_at \
                       from plugin_versions where id = $1";
    let found = tx.query(GET).text(id).fetch_optional(PluginVersion::of).await?;
    found.ok_or_else(|| PlatformError::not_found("plugin version", id))
}

/// All versions of a plugin in the order of their submission, in whatever state: for its publisher and the operator.
pub async fn version_list(
    tx: &mut PlatformTx,
    plugin: &str,
    page: &heptad_model::PageRequest,
) -> Result<heptad_model::Page<PluginVersion>, PlatformError> {
    const LIST: &str = "select id, plugin, version, digest, size, manifest, imports, state, note, signed_by, submitted_at, reviewed_at, killed_at \
                        from plugin_versions where plugin = $1 and id > $2 order by id limit $3";
    let rows = tx.query(LIST).bind(plugin).bind(page.after()).bind(page.fetch()).fetch_all(PluginVersion::of).await?;
    Ok(page.page(rows, |version| version.id.to_string()))
}
