//! What an install keeps in a shop, and the notice that it keeps much.

use heptad_model::Limit;
use heptad_model::id::InstallId;
use heptad_store::Tx;
use serde_json::json;

use super::{Install, install_get};
use crate::PlatformError;
use crate::notice::{Audience, NoticeIn, NoticeKind, notice_post};

/// Tells the merchant, once for each time that what the install keeps grows past four fifths of the quota.
pub(crate) async fn install_near_post(
    tx: &mut Tx,
    install: InstallId,
    limit: Limit,
    before: i64,
    after: i64,
    quota: i64,
) -> Result<(), PlatformError> {
    let is_near = |held: i64| held.saturating_mul(10) >= quota.saturating_mul(8);
    if !is_near(after) || is_near(before) {
        return Ok(());
    }
    let Install { plugin, version, .. } = install_get(tx, install).await?;
    let limit = limit.code();
    let notice = NoticeIn {
        kind: NoticeKind::LimitNear,
        subject: install.to_string(),
        dedup: format!("limit:{install}:{limit}"),
        detail: json!({"plugin": plugin, "version": version, "limit": limit, "used": after, "most": quota}),
    };
    notice_post(tx, Audience::Tenant, &notice).await
}
