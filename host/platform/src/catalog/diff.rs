//! What a version changes against an earlier one: what a reviewer looks at first.

use heptad_model::id::VersionId;
use heptad_model::{Permission, Point};
use heptad_store::{PlatformTx, Row};
use semver::Version;

use super::{PluginVersion, version_get};
use crate::PlatformError;

/// The difference of two versions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VersionDiff {
    /// The earlier version.
    pub from: String,
    /// Permissions that it asks for and the earlier one does not.
    pub permissions_added: Vec<Permission>,
    /// The other way round.
    pub permissions_removed: Vec<Permission>,
    /// Points likewise.
    pub points_added: Vec<Point>,
    /// The other way round.
    pub points_removed: Vec<Point>,
    /// Hosts likewise.
    pub hosts_added: Vec<String>,
    /// The other way round.
    pub hosts_removed: Vec<String>,
    /// Host functions that it imports likewise.
    pub imports_added: Vec<String>,
    /// The other way round.
    pub imports_removed: Vec<String>,
    /// Bytes of the earlier one and of this one.
    pub sizes: (u64, u64),
    /// Memory of a call in MiB likewise.
    pub memory_mib: (u32, u32),
}

/// What `new` changes against `old`; all of it is new where there is none.
pub fn version_diff(old: Option<&PluginVersion>, new: &PluginVersion) -> VersionDiff {
    let after = &new.manifest;
    let Some(old) = old else {
        return VersionDiff {
            permissions_added: after.wishes().iter().collect(),
            points_added: after.points.clone(),
            hosts_added: after.hosts.iter().map(|wish| wish.name.clone()).collect(),
            imports_added: new.imports.clone(),
            sizes: (0, new.size),
            memory_mib: (0, memory(after.memory_mib)),
            ..VersionDiff::default()
        };
    };
    let before = &old.manifest;
    let hosts =
        |version: &PluginVersion| version.manifest.hosts.iter().map(|wish| wish.name.clone()).collect::<Vec<_>>();
    let (hosts_added, hosts_removed) = both_ways(&hosts(old), &hosts(new));
    let (points_added, points_removed) = both_ways(&before.points, &after.points);
    let (imports_added, imports_removed) = both_ways(&old.imports, &new.imports);
    VersionDiff {
        from: old.version.clone(),
        permissions_added: after.wishes().missing_from(before.wishes()).collect(),
        permissions_removed: before.wishes().missing_from(after.wishes()).collect(),
        points_added,
        points_removed,
        hosts_added,
        hosts_removed,
        imports_added,
        imports_removed,
        sizes: (old.size, new.size),
        memory_mib: (memory(before.memory_mib), memory(after.memory_mib)),
    }
}

/// Memory of a call in MiB.
fn memory(mib: Option<u32>) -> u32 {
    mib.unwrap_or(*heptad_model::manifest::MEMORY_MIB.start())
}

/// The highest version of the plugin that is below this one and was approved once.
pub async fn version_before(
    tx: &mut PlatformTx,
    version: &PluginVersion,
) -> Result<Option<PluginVersion>, PlatformError> {
    const APPROVED: &str = "select id, version from plugin_versions where plugin = $1 \
                            and state in ('approved', 'deprecated', 'withdrawn')";
    let read = |row: &Row| Ok((row.parse::<Version>("version")?, row.parse::<VersionId>("id")?));
    let approved = tx.query(APPROVED).bind(&version.plugin).fetch_all(read).await?;
    let own = Version::parse(&version.version).ok();
    match approved.into_iter().filter(|(number, _)| Some(number) < own.as_ref()).max() {
        Some((_, id)) => version_get(tx, id).await.map(Some),
        None => Ok(None),
    }
}

/// What is in the second and not in the first, and the other way round.
fn both_ways<T: PartialEq + Clone>(old: &[T], new: &[T]) -> (Vec<T>, Vec<T>) {
    let missing = |from: &[T], of: &[T]| from.iter().filter(|one| !of.contains(one)).cloned().collect();
    (missing(new, old), missing(old, new))
}
