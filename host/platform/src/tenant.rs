//! Tenants: the merchants of the platform.

use std::sync::Arc;

use heptad_model::id::TenantId;
use heptad_model::{Currency, Locale, Millis, Page, PageRequest, Tenant};
use heptad_store::{PlatformTx, Row, StoreError};
use serde_json::json;

use crate::PlatformError;
use crate::names::{name_check, slug_check};

/// A new merchant. Currency, time zone and locale are fixed from here on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantIn {
    /// The short name in addresses.
    pub slug: String,
    /// The name that people see.
    pub name: String,
    /// The currency of its prices.
    pub currency: Currency,
    /// The IANA name of its time zone, such as `Asia/Shanghai`.
    pub time_zone: String,
    /// Its language.
    pub locale: Locale,
}

/// A merchant with its names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantRecord {
    /// What is fixed about it, shared by every context that is bound to it.
    pub tenant: Arc<Tenant>,
    /// The short name in addresses.
    pub slug: String,
    /// The name that people see.
    pub name: String,
    /// The name of its limit profile; the default when absent.
    pub limit_profile: Option<String>,
    /// When it was created.
    pub created_at: Millis,
}

impl TenantRecord {
    fn of(row: &Row) -> Result<Self, StoreError> {
        let locale = row.text("locale")?;
        let unknown = || StoreError::Column { column: "locale", problem: format!("`{locale}` is not spoken") };
        let tenant = Tenant {
            id: row.parse("id")?,
            currency: row.parse("currency")?,
            time_zone: row.text("time_zone")?,
            locale: Locale::parse(&locale).ok_or_else(unknown)?,
        };
        Ok(Self {
            tenant: Arc::new(tenant),
            slug: row.text("slug")?,
            name: row.text("name")?,
            limit_profile: row.opt_text("limit_profile")?,
            created_at: row.millis("created_at")?,
        })
    }
}

/// Creates a merchant; `name-taken` when another has the slug.
pub async fn tenant_create(tx: &mut PlatformTx, input: &TenantIn) -> Result<TenantRecord, PlatformError> {
    const INSERT: &str = "insert into tenants (id, slug, name, currency, time_zone, locale, created_at) \
                          values ($1, $2, $3, $4, $5, $6, $7)";
    slug_check("slug", &input.slug)?;
    let name = name_check("name", &input.name)?;
    zone_check(&input.time_zone)?;
    let (id, now) = (TenantId::generate(&tx.origin().env), tx.origin().now());
    let inserted = tx
        .query(INSERT)
        .text(id)
        .bind(&input.slug)
        .bind(&name)
        .text(input.currency)
        .bind(&input.time_zone)
        .text(input.locale)
        .bind(now)
        .execute()
        .await;
    if matches!(inserted, Err(StoreError::Duplicate(_))) {
        return Err(PlatformError::Taken { kind: "tenant", name: input.slug.clone() });
    }
    inserted?;
    tx.audit("tenant.created", id, &json!({"slug": input.slug})).await?;
    tenant_get(tx, id).await
}

/// A merchant by its id.
pub async fn tenant_get(tx: &mut PlatformTx, id: TenantId) -> Result<TenantRecord, PlatformError> {
    const GET: &str =
        "select id, slug, name, currency, time_zone, locale, limit_profile, created_at from tenants where id = $1";
    let found = tx.query(GET).text(id).fetch_optional(TenantRecord::of).await?;
    found.ok_or_else(|| PlatformError::not_found("tenant", id))
}

/// A merchant by its short name.
pub async fn tenant_by_slug(tx: &mut PlatformTx, slug: &str) -> Result<TenantRecord, PlatformError> {
    const GET: &str =
        "select id, slug, name, currency, time_zone, locale, limit_profile, created_at from tenants where slug = $1";
    let found = tx.query(GET).bind(slug).fetch_optional(TenantRecord::of).await?;
    found.ok_or_else(|| PlatformError::not_found("tenant", slug))
}

/// All merchants, the oldest first.
pub async fn tenant_list(tx: &mut PlatformTx, page: &PageRequest) -> Result<Page<TenantRecord>, PlatformError> {
    const LIST: &str = "select id, slug, name, currency, time_zone, locale, limit_profile, created_at from tenants \
                        where id > $1 order by id limit $2";
    let rows = tx.query(LIST).bind(page.after()).bind(page.fetch()).fetch_all(TenantRecord::of).await?;
    Ok(page.page(rows, |record| record.tenant.id.to_string()))
}

fn zone_check(zone: &str) -> Result<(), PlatformError> {
    match zone.len() <= 64 && jiff::tz::TimeZone::get(zone).is_ok() {
        true => Ok(()),
        false => Err(PlatformError::field("time_zone", "the IANA name of a time zone, such as Asia/Shanghai")),
    }
}
