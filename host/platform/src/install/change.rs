//! Changing an install: on and off, settings, grants, what a failure does, order. Each change raises the install's revision and the generation.

use std::collections::HashSet;

use heptad_model::id::InstallId;
use heptad_model::points::{FailurePolicy, Kind};
use heptad_model::{EventType, Point};
use heptad_store::Tx;
use serde_json::{Value, json};

use super::create::{Grants, grants_check, tell};
use super::secret::{install_secret_list, missing};
use super::{Install, InstallState, install_get, install_list};
use crate::PlatformError;
use crate::breaker::breakers_close;
use crate::delivery::subscription::{subscriptions_hurry, subscriptions_pass_by};
use crate::generation::generation_raise;
use crate::notice::{Audience, NoticeIn, NoticeKind, notice_post};
use crate::settings::{checked, settings_check};

/// Lets the points call the plugin; on an enabled one it changes nothing.
///
/// Refused with `needs-setup` and the fields while required settings or secrets are missing.
pub async fn install_enable(tx: &mut Tx, id: InstallId) -> Result<Install, PlatformError> {
    let install = install_get(tx, id).await?;
    settings_check(&install.manifest, &install.settings).map_err(PlatformError::NeedsSetup)?;
    let secrets = missing(&install.manifest, &install_secret_list(tx, id).await?);
    if !secrets.is_empty() {
        return Err(PlatformError::NeedsSecrets(secrets));
    }
    state_put(tx, install, InstallState::Enabled, "install.enabled").await
}

/// Keeps the points from calling the plugin, and tells the merchant and the publisher; on a disabled one it changes nothing.
pub async fn install_disable(tx: &mut Tx, id: InstallId) -> Result<Install, PlatformError> {
    let install = install_get(tx, id).await?;
    if install.is_enabled() {
        disabled_post(tx, &install).await?;
    }
    state_put(tx, install, InstallState::Disabled, "install.disabled").await
}

/// The publisher is told of its plugin and not of the shop: all shops together are one matter.
async fn disabled_post(tx: &mut Tx, install: &Install) -> Result<(), PlatformError> {
    let plugin = install.plugin.as_str();
    let subjects = [(Audience::Tenant, install.id.to_string()), (Audience::PublisherOf(plugin), plugin.to_owned())];
    for (audience, subject) in subjects {
        let notice = NoticeIn {
            kind: NoticeKind::PluginDisabled,
            dedup: format!("{} {subject}", NoticeKind::PluginDisabled),
            subject,
            detail: json!({"plugin": plugin, "version": install.version}),
        };
        notice_post(tx, audience, &notice).await?;
    }
    Ok(())
}

async fn state_put(tx: &mut Tx, install: Install, state: InstallState, action: &str) -> Result<Install, PlatformError> {
    const PUT: &str = "update installs set state = $3, revision = revision + 1, updated_at = $4 \
                       where tenant_id = $1 and id = $2";
    if install.state == state {
        return Ok(install);
    }
    let now = tx.ctx().now();
    let rows = tx.query(PUT).text(install.id).bind(state.name()).bind(now).execute().await?;
    changed(tx, install.id, rows, action, &json!({"plugin": install.plugin})).await
}

/// Replaces the settings. They are checked whole and kept as given, so that a later version's defaults apply.
pub async fn install_settings_put(tx: &mut Tx, id: InstallId, settings: &Value) -> Result<Install, PlatformError> {
    const PUT: &str = "update installs set settings = $3, revision = revision + 1, updated_at = $4 \
                       where tenant_id = $1 and id = $2";
    let install = install_get(tx, id).await?;
    checked(&install.manifest, settings)?;
    let now = tx.ctx().now();
    let rows = tx.query(PUT).text(id).json(settings).bind(now).execute().await?;
    // The values stay out of the audit log: they may be confidential.
    changed(tx, id, rows, "install.settings-changed", &json!({"plugin": install.plugin})).await
}

/// Replaces what the tenant allows: the required permissions and hosts, and those optional ones that it wants.
pub async fn install_grants_put(tx: &mut Tx, id: InstallId, granted: &Grants) -> Result<Install, PlatformError> {
    const PUT: &str = "update installs set granted = $3, hosts = $4, revision = revision + 1, updated_at = $5 \
                       where tenant_id = $1 and id = $2";
    let install = install_get(tx, id).await?;
    grants_check(&install.manifest, granted)?;
    let now = tx.ctx().now();
    let Grants { permissions, hosts } = granted;
    let rows = tx.query(PUT).text(id).json(permissions).json(hosts).bind(now).execute().await?;
    let detail = json!({
        "plugin": install.plugin, "before": install.granted, "after": permissions,
        "hosts_before": install.hosts, "hosts_after": hosts,
    });
    changed(tx, id, rows, "install.grants-changed", &detail).await
}

/// Chooses what happens when the plugin fails at a point: `None` leaves it to the point's own policy.
///
/// Only where the plugin may object is there a choice; elsewhere, and at points that it does not serve, `invalid-field`.
pub async fn install_failure_put(
    tx: &mut Tx,
    id: InstallId,
    point: Point,
    policy: Option<FailurePolicy>,
) -> Result<Install, PlatformError> {
    const PUT: &str = "update installs set failure = $3, revision = revision + 1, updated_at = $4 \
                       where tenant_id = $1 and id = $2";
    let install = install_get(tx, id).await?;
    if !install.manifest.points.contains(&point) {
        return Err(PlatformError::field("point", format!("`{}` does not serve `{point}`", install.plugin)));
    }
    if point.row().kind != Kind::Veto {
        return Err(PlatformError::field(
            "point",
            format!("what a failure at `{point}` does is the same for all shops"),
        ));
    }
    let mut failure = install.failure.clone();
    match policy {
        Some(policy) => failure.insert(point, policy),
        None => failure.remove(&point),
    };
    if failure == install.failure {
        return Ok(install);
    }
    let now = tx.ctx().now();
    let rows = tx.query(PUT).text(id).json(&failure).bind(now).execute().await?;
    let detail = json!({"plugin": install.plugin, "before": install.failure, "after": failure});
    changed(tx, id, rows, "install.failure-changed", &detail).await
}

/// Puts the tenant's plugins into this order, which names each install exactly once; the installs in the new order.
pub async fn install_reorder(tx: &mut Tx, order: &[InstallId]) -> Result<Vec<Install>, PlatformError> {
    const PUT: &str = "update installs set position = $3, revision = revision + 1, updated_at = $4 \
                       where tenant_id = $1 and id = $2 and position <> $3";
    let present = install_list(tx).await?;
    let named: HashSet<InstallId> = order.iter().copied().collect();
    if order.len() != present.len() || !present.iter().all(|install| named.contains(&install.id)) {
        return Err(PlatformError::NotAPermutation(present.len()));
    }
    let now = tx.ctx().now();
    for (position, id) in (1_i64..).zip(order) {
        tx.query(PUT).text(id).bind(position).bind(now).execute().await?;
    }
    let tenant = tx.ctx().tenant().id;
    tx.audit("install.reordered", tenant, &json!({"order": order})).await?;
    tx.emit(EventType::PluginsReordered.about(tenant, json!({"order": order})));
    generation_raise(tx).await?;
    Ok(install_list(tx).await?)
}

/// What every change ends with: it met its row, it is in the audit log, and the other processes will read it.
pub(super) async fn changed(
    tx: &mut Tx,
    id: InstallId,
    rows: u64,
    action: &str,
    detail: &Value,
) -> Result<Install, PlatformError> {
    if rows != 1 {
        return Err(PlatformError::not_found("install", id));
    }
    tx.audit(action, id, detail).await?;
    // What waits for the plugin need not wait longer.
    subscriptions_hurry(tx, id).await?;
    // A changed plugin is another one: what failed before says nothing about it.
    breakers_close(tx, id).await?;
    generation_raise(tx).await?;
    let install = install_get(tx, id).await?;
    match action {
        "install.enabled" => {
            subscriptions_pass_by(tx, id).await?;
            tell(tx, EventType::PluginEnabled, &install).await?;
        }
        "install.disabled" => tell(tx, EventType::PluginDisabled, &install).await?,
        action => {
            let (plugin, version) = (&install.plugin, &install.version);
            let what = action.trim_start_matches("install.");
            let data = json!({"install": id, "plugin": plugin, "version": version, "what": what});
            tx.emit(EventType::PluginChanged.about(id, data));
        }
    }
    Ok(install)
}
