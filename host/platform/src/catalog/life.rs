//! The life of a version after its review: recommended, deprecated, withdrawn; and the switch that stops it in all shops.

use heptad_model::id::{InstallId, VersionId};
use heptad_model::{Ctx, EventType, Origin, PageRequest};
use heptad_store::{PlatformTx, Store, StoreError, Tx};
use serde_json::json;

use super::review::latest_put;
use super::{PluginVersion, VersionState, version_get};
use crate::PlatformError;
use crate::delivery::subscription::subscriptions_go_on;
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
/// What an operator withdrew or deprecated only an operator moves again (`operator-decided`).
pub async fn version_fate_put(
    tx: &mut PlatformTx,
    id: VersionId,
    fate: Fate,
    is_operator: bool,
) -> Result<PluginVersion, PlatformError> {
    const HELD: &str = "select held_by_operator from plugin_versions where id = $1";
    const PUT: &str = "update plugin_versions set state = $2, held_by_operator = $3 where id = $1 \
                       and state in ('approved', 'deprecated', 'withdrawn') and state <> $2";
    let is_held = tx.query(HELD).text(id).fetch_optional(|row| row.flag("held_by_operator")).await?;
    if is_held == Some(true) && !is_operator {
        return Err(PlatformError::OperatorDecided(version_get(tx, id).await?.state.name()));
    }
    let holds = is_operator && fate != Fate::Restore;
    let rows = tx.query(PUT).text(id).bind(fate.state().name()).bind(i64::from(holds)).execute().await?;
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

/// Stops a version in all shops for a reason, or lets it run again without one. Processes read it within a quarter of a second, and what merchants get
/// by default is chosen anew.
pub async fn version_kill(
    tx: &mut PlatformTx,
    id: VersionId,
    reason: Option<&str>,
) -> Result<PluginVersion, PlatformError> {
    const PUT: &str = "update plugin_versions set killed_at = $2 where id = $1 and killed_at is null";
    const REVIVE: &str = "update plugin_versions set killed_at = null where id = $1 and killed_at is not null";
    let now = tx.origin().now();
    let rows = match reason {
        Some(_) => tx.query(PUT).text(id).bind(now).execute().await?,
        None => tx.query(REVIVE).text(id).execute().await?,
    };
    let version = version_get(tx, id).await?;
    if rows == 1 {
        let mut detail = json!({"plugin": version.plugin, "version": version.version, "digest": version.digest});
        let action = match reason {
            Some(reason) => {
                detail["reason"] = json!(reason);
                "version.killed"
            }
            None => "version.revived",
        };
        tx.audit(action, id, &detail).await?;
        latest_put(tx, &version.plugin).await?;
        generation_raise_by(tx).await?;
    }
    Ok(version)
}

/// Tells every shop that has a version which was stopped; how many there are. Told again, each has one notice.
pub async fn version_killed_tell(
    store: &Store,
    origin: &Origin,
    version: &PluginVersion,
    reason: &str,
) -> Result<usize, PlatformError> {
    let detail = json!({"plugin": version.plugin, "version": version.version, "reason": reason});
    let shops = shops_with(store, origin, version.id).await?;
    for (ctx, install) in &shops {
        let notice = NoticeIn {
            kind: NoticeKind::PluginStopped,
            subject: install.to_string(),
            dedup: format!("{} {install} {}", NoticeKind::PluginStopped, version.id),
            detail: detail.clone(),
        };
        let tell = async |mut tx: Tx| {
            notice_post(&mut tx, Audience::Tenant, &notice).await?;
            tx.audit("install.stopped", install, &detail).await?;
            Ok::<_, PlatformError>(())
        };
        store.write(ctx, tell).await?;
    }
    Ok(shops.len())
}

/// Lets the plugin of every shop that has a version which runs again go on: what waited is delivered at once, and what
/// happened meanwhile is passed by. How many shops there are.
pub async fn version_revived_go_on(store: &Store, origin: &Origin, version: VersionId) -> Result<usize, PlatformError> {
    let shops = shops_with(store, origin, version).await?;
    for (ctx, install) in &shops {
        store.write(ctx, async |mut tx: Tx| subscriptions_go_on(&mut tx, *install).await).await?;
    }
    Ok(shops.len())
}

/// The shops that have a version, and their installs of it.
async fn shops_with(
    store: &Store,
    origin: &Origin,
    version: VersionId,
) -> Result<Vec<(Ctx, InstallId)>, PlatformError> {
    const HAVE: &str = "select id from installs where tenant_id = $1 and version_id = $2";
    let (mut shops, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let page = PageRequest::new(cursor.as_deref(), Some(200))?;
        let tenants = store.platform_read(origin, async |mut tx: PlatformTx| tenant_list(&mut tx, &page).await).await?;
        for record in tenants.items {
            let ctx = origin.clone().for_tenant(record.tenant);
            let have = async |mut tx: Tx| tx.query(HAVE).text(version).fetch_optional(|row| row.parse("id")).await;
            let found: Result<Option<InstallId>, StoreError> = store.read(&ctx, have).await;
            shops.extend(found?.map(|install| (ctx, install)));
        }
        match tenants.next {
            Some(next) => cursor = Some(next),
            None => return Ok(shops),
        }
    }
}
