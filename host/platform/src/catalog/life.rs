//! The life of a version after its review: recommended, deprecated, withdrawn; and the switch that stops it in all shops.

use heptad_model::id::{InstallId, VersionId};
use heptad_model::{EventType, Origin};
use heptad_store::{PlatformTx, Store, Tx};
use serde_json::json;

use super::review::latest_put;
use super::{PluginVersion, VersionState, version_get};
use crate::PlatformError;
use crate::generation::generation_raise_by;
use crate::notice::{Audience, NoticeIn, NoticeKind, notice_post};
use crate::tenant::{maker_tell, tenant_list};

/// What becomes of an approved version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is recommended.
    Restore,
    /// It can still be installed, and its page says that there is something better.
    Deprecate,
    /// Nobody can install it any more; those who have it keep it.
    Withdraw,
}

impl Fate {
    const fn state(self) -> VersionState {
        match self {
            Self::Restore => VersionState::Approved,
            Self::Deprecate => VersionState::Deprecated,
            Self::Withdraw => VersionState::Withdrawn,
        }
    }

    const fn action(self) -> &'static str {
        match self {
            Self::Restore => "version.restored",
            Self::Deprecate => "version.deprecated",
            Self::Withdraw => "version.withdrawn",
        }
    }

    /// By the word of the API.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "approved" => Some(Self::Restore),
            "deprecated" => Some(Self::Deprecate),
            "withdrawn" => Some(Self::Withdraw),
            _ => None,
        }
    }
}

/// Moves a version that was approved once; `not-approved` for another one. What merchants get by default is chosen anew.
pub async fn version_fate_put(tx: &mut PlatformTx, id: VersionId, fate: Fate) -> Result<PluginVersion, PlatformError> {
    const PUT: &str = "update plugin_versions set state = $2 where id = $1 \
                       and state in ('approved', 'deprecated', 'withdrawn') and state <> $2";
    let rows = tx.query(PUT).text(id).bind(fate.state().name()).execute().await?;
    let version = version_get(tx, id).await?;
    if rows == 0 {
        return if version.state == fate.state() { Ok(version) } else { Err(PlatformError::NotApproved) };
    }
    latest_put(tx, &version.plugin).await?;
    let detail = json!({"plugin": version.plugin, "version": version.version});
    tx.audit(fate.action(), id, &detail).await?;
    let data =
        json!({"version": id, "plugin": version.plugin, "number": version.version, "state": version.state.name()});
    maker_tell(tx, &version.plugin, EventType::VersionReviewed.about(&version.plugin, data)).await?;
    Ok(version)
}

/// Stops a version in all shops, or lets it run again. Processes read it within a quarter of a second.
pub async fn version_kill(tx: &mut PlatformTx, id: VersionId, is_killed: bool) -> Result<PluginVersion, PlatformError> {
    const PUT: &str = "update plugin_versions set killed_at = $2 where id = $1 and killed_at is null";
    const REVIVE: &str = "update plugin_versions set killed_at = null where id = $1 and killed_at is not null";
    let now = tx.origin().now();
    let rows = match is_killed {
        true => tx.query(PUT).text(id).bind(now).execute().await?,
        false => tx.query(REVIVE).text(id).execute().await?,
    };
    let version = version_get(tx, id).await?;
    if rows == 1 {
        let detail = json!({"plugin": version.plugin, "version": version.version, "digest": version.digest});
        tx.audit(if is_killed { "version.killed" } else { "version.revived" }, id, &detail).await?;
        generation_raise_by(tx).await?;
    }
    Ok(version)
}

/// Tells every shop that has a version which was stopped. Told again, each has one notice.
pub async fn version_killed_tell(
    store: &Store,
    origin: &Origin,
    version: &PluginVersion,
    reason: &str,
) -> Result<u64, PlatformError> {
    const HAVE: &str = "select id from installs where tenant_id = $1 and version_id = $2";
    let mut told = 0;
    let mut cursor: Option<String> = None;
    loop {
        let page = heptad_model::PageRequest::new(cursor.as_deref(), Some(200))?;
        let list = async |mut tx: PlatformTx| tenant_list(&mut tx, &page).await;
        let tenants = store.platform_read(origin, list).await?;
        for record in &tenants.items {
            let ctx = origin.clone().for_tenant(record.tenant.clone());
            let tell = async |mut tx: Tx| {
                let have: Option<InstallId> =
                    tx.query(HAVE).text(version.id).fetch_optional(|row| row.parse("id")).await?;
                let Some(install) = have else { return Ok::<_, PlatformError>(0) };
                let notice = NoticeIn {
                    kind: NoticeKind::PluginStopped,
                    subject: install.to_string(),
                    dedup: format!("{} {install} {}", NoticeKind::PluginStopped, version.id),
                    detail: json!({"plugin": version.plugin, "version": version.version, "reason": reason}),
                };
                notice_post(&mut tx, Audience::Tenant, &notice).await?;
                let detail = json!({"plugin": version.plugin, "version": version.version, "reason": reason});
                tx.audit("install.stopped", install, &detail).await?;
                Ok(1)
            };
            told += store.write(&ctx, tell).await?;
        }
        match tenants.next {
            Some(next) => cursor = Some(next),
            None => return Ok(told),
        }
    }
}
