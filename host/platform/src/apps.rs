//! Plugins that answer HTTP requests: whose an install is, and how the shop's people come to its pages.
//!
//! A person goes from the console by a pass, a link that works once and for a minute. It is changed for a visit, whose
//! secret is in a cookie of the plugin's own origin: the console's session never leaves the console. Both are bound to the
//! install and the person, and a visit holds while the person still has a role in the shop.

use heptad_model::Millis;
use heptad_model::id::{InstallId, TenantId, UserId};
use heptad_model::time::span::MINUTE;
use heptad_store::{PlatformTx, Row, StoreError, Tx};
use serde_json::json;

use crate::PlatformError;
use crate::principal::Role;
use crate::secret::{self, Secret};

/// How long a pass can be used.
pub const PASS_MILLIS: i64 = MINUTE;
/// How long a visit lasts.
pub const VISIT_MILLIS: i64 = 30 * MINUTE;
/// A secret and its prefix; anything longer is not looked up.
const MAX_SECRET: usize = 128;

/// A person of the shop at an install's pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppVisit {
    /// The install.
    pub install: InstallId,
    /// The shop.
    pub tenant: TenantId,
    /// The person.
    pub user: UserId,
    /// As what: owner or staff.
    pub role: Role,
    /// When it ends.
    pub expires_at: Millis,
}

impl AppVisit {
    fn of(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            install: row.parse("install_id")?,
            tenant: row.parse("tenant")?,
            user: row.parse("user_id")?,
            role: row.parse("role")?,
            expires_at: row.millis("expires_at")?,
        })
    }
}

/// Notes whose an install is whose plugin answers HTTP requests.
pub(crate) async fn app_origin_put(tx: &mut Tx, install: InstallId) -> Result<(), StoreError> {
    const PUT: &str = "insert into app_origins (install_id, tenant) values ($1, $2) on conflict do nothing";
    let tenant = tx.ctx().tenant().id;
    tx.platform_query(PUT).text(install).text(tenant).execute().await.map(drop)
}

/// Forgets an install, and ends all visits to it.
pub(crate) async fn app_origin_delete(tx: &mut Tx, install: InstallId) -> Result<(), StoreError> {
    for delete in ["delete from app_origins where install_id = $1", "delete from app_visits where install_id = $1"] {
        tx.platform_query(delete).text(install).execute().await?;
    }
    Ok(())
}

/// Whose the install is; `None` where its plugin answers no requests, or it is gone.
pub async fn app_origin_get(tx: &mut PlatformTx, install: InstallId) -> Result<Option<TenantId>, StoreError> {
    const GET: &str = "select tenant from app_origins where install_id = $1";
    tx.query(GET).text(install).fetch_optional(|row| row.parse("tenant")).await
}

/// Makes a pass for a person to the pages of an install in its shop. The caller has checked all three.
pub async fn app_pass_create(
    tx: &mut PlatformTx,
    tenant: TenantId,
    install: InstallId,
    user: UserId,
    role: Role,
) -> Result<Secret, PlatformError> {
    let expires_at = tx.origin().now().plus(PASS_MILLIS);
    let pass = AppVisit { install, tenant, user, role, expires_at };
    let secret = insert(tx, "pass", &pass).await?;
    tx.audit("app-pass.created", install, &json!({"user": user, "tenant": tenant})).await?;
    Ok(secret)
}

/// Changes a pass to this install for a visit; `None` when it is unknown, used, over, or to another install.
pub async fn app_pass_use(
    tx: &mut PlatformTx,
    install: InstallId,
    presented: &str,
) -> Result<Option<(AppVisit, Secret)>, StoreError> {
    // One conditional update: of many who come at once, one meets the row.
    const SPEND: &str = "update app_visits set used_at = $3 where secret_hash = $1 and kind = 'pass' and install_id = $2 \
                         and used_at is null and expires_at > $3 \
                         returning install_id, tenant, user_id, role, expires_at";
    if presented.len() > MAX_SECRET {
        return Ok(None);
    }
    let now = tx.origin().now();
    let spend = tx.query(SPEND).bind(secret::hash(presented)).text(install).bind(now);
    let Some(pass) = spend.fetch_optional(AppVisit::of).await? else { return Ok(None) };
    let visit = AppVisit { expires_at: now.plus(VISIT_MILLIS), ..pass };
    let secret = insert(tx, "visit", &visit).await?;
    Ok(Some((visit, secret)))
}

async fn insert(tx: &mut PlatformTx, kind: &str, visit: &AppVisit) -> Result<Secret, StoreError> {
    const INSERT: &str = "insert into app_visits \
                          (secret_hash, kind, install_id, tenant, user_id, role, created_at, expires_at) \
                          values ($1, $2, $3, $4, $5, $6, $7, $8)";
    let (secret, now) = (Secret::generate(&tx.origin().env, "hpv"), tx.origin().now());
    tx.query(INSERT)
        .bind(secret.hash())
        .bind(kind)
        .text(visit.install)
        .text(visit.tenant)
        .text(visit.user)
        .text(visit.role)
        .bind(now)
        .bind(visit.expires_at)
        .execute()
        .await?;
    Ok(secret)
}

/// The visit to this install whose secret is presented; `None` when it is unknown or over, or the person has no role in the
/// shop any more. The role is the one that it has now.
pub async fn app_visit_get(
    tx: &mut PlatformTx,
    install: InstallId,
    presented: &str,
) -> Result<Option<AppVisit>, StoreError> {
    const GET: &str = "select v.install_id, v.tenant, v.user_id, min(r.role) as role, v.expires_at \
                       from app_visits v join user_roles r on r.user_id = v.user_id and r.scope = v.tenant \
                       where v.secret_hash = $1 and v.kind = 'visit' and v.install_id = $2 and v.expires_at > $3 \
                       and r.role in ('owner', 'staff') \
                       group by v.install_id, v.tenant, v.user_id, v.expires_at";
    if presented.len() > MAX_SECRET {
        return Ok(None);
    }
    let now = tx.origin().now();
    tx.query(GET).bind(secret::hash(presented)).text(install).bind(now).fetch_optional(AppVisit::of).await
}

/// Ends the visits of a person, as signing out does.
pub(crate) async fn app_visits_end(tx: &mut PlatformTx, user: &str) -> Result<(), StoreError> {
    tx.query("delete from app_visits where user_id = $1").bind(user).execute().await.map(drop)
}
