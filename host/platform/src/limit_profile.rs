//! Limit profiles: named values of the limits of plugins, and which of them a tenant has.
//!
//! The profile `default` goes for tenants without one; where it was never stored, the process's own values do.

use heptad_model::id::TenantId;
use heptad_model::{Limits, Millis};
use heptad_store::{PlatformTx, Row, StoreError, Tx};
use serde_json::json;

use crate::PlatformError;
use crate::generation::generation_raise_by;
use crate::names::slug_check;

/// The profile of tenants without one of their own.
pub const DEFAULT: &str = "default";

/// A named profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitProfile {
    /// The name.
    pub name: String,
    /// The values.
    pub limits: Limits,
    /// When it was last changed.
    pub updated_at: Millis,
}

impl LimitProfile {
    fn of(row: &Row) -> Result<Self, StoreError> {
        Ok(Self { name: row.text("name")?, limits: row.json("limits")?, updated_at: row.millis("updated_at")? })
    }
}

/// The values of the tenant's profile; `None` where neither it nor the default profile is stored.
pub async fn limits_of_tenant(tx: &mut Tx) -> Result<Option<Limits>, StoreError> {
    const GET: &str = "select p.limits from limit_profiles p join tenants t on p.name = coalesce(t.limit_profile, 'default') \
                       where t.id = $1";
    let tenant = tx.ctx().tenant().id;
    tx.platform_query(GET).text(tenant).fetch_optional(|row| row.json("limits")).await
}

/// All profiles by name. Not paged: operators make a handful.
pub async fn limit_profile_list(tx: &mut PlatformTx) -> Result<Vec<LimitProfile>, PlatformError> {
    Ok(tx
        .query("select name, limits, updated_at from limit_profiles order by name")
        .fetch_all(LimitProfile::of)
        .await?)
}

/// A profile by its name.
pub async fn limit_profile_get(tx: &mut PlatformTx, name: &str) -> Result<LimitProfile, PlatformError> {
    const GET: &str = "select name, limits, updated_at from limit_profiles where name = $1";
    let found = tx.query(GET).bind(name).fetch_optional(LimitProfile::of).await?;
    found.ok_or_else(|| PlatformError::not_found("limit profile", name))
}

/// Makes or changes a profile; a value outside its bounds is refused with its field.
pub async fn limit_profile_put(
    tx: &mut PlatformTx,
    name: &str,
    limits: &Limits,
) -> Result<LimitProfile, PlatformError> {
    const PUT: &str = "insert into limit_profiles (name, limits, updated_at) values ($1, $2, $3) \
                       on conflict (name) do update set limits = excluded.limits, updated_at = excluded.updated_at";
    slug_check("name", name)?;
    limits.check().map_err(|error| PlatformError::field(error.field, format!("{} to {}", error.least, error.most)))?;
    let now = tx.origin().now();
    tx.query(PUT).bind(name).json(limits).bind(now).execute().await?;
    tx.audit("limit-profile.changed", name, &serde_json::to_value(limits).unwrap_or_default()).await?;
    generation_raise_by(tx).await?;
    limit_profile_get(tx, name).await
}

/// Gives a tenant a profile, or takes it back to the default.
pub async fn tenant_limit_profile_put(
    tx: &mut PlatformTx,
    tenant: TenantId,
    profile: Option<&str>,
) -> Result<(), PlatformError> {
    const PUT: &str = "update tenants set limit_profile = $2 where id = $1";
    if let Some(name) = profile {
        limit_profile_get(tx, name).await?;
    }
    if tx.query(PUT).text(tenant).bind(profile).execute().await? == 0 {
        return Err(PlatformError::not_found("tenant", tenant));
    }
    tx.audit("tenant.limit-profile-changed", tenant, &json!({"profile": profile})).await?;
    generation_raise_by(tx).await?;
    Ok(())
}

/// The name of a tenant's profile; `None` for the default.
pub async fn tenant_limit_profile(tx: &mut PlatformTx, tenant: TenantId) -> Result<Option<String>, PlatformError> {
    const GET: &str = "select limit_profile from tenants where id = $1";
    let found = tx.query(GET).text(tenant).fetch_optional(|row| row.opt_text("limit_profile")).await?;
    found.ok_or_else(|| PlatformError::not_found("tenant", tenant))
}
