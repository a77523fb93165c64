//! Tenants: the merchants of the platform, and for each publisher one that holds its endpoints and what it is told.

use std::sync::Arc;

use heptad_model::id::{PublisherId, TenantId};
use heptad_model::{Currency, Locale, Millis, NewEvent, Page, PageRequest, Tenant};
use heptad_store::{PlatformTx, Row, StoreError, Tx};
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
            publisher: row.opt_parse("publisher_id")?,
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
    let found = tenant_any_get(tx, id).await?;
    if found.tenant.publisher.is_some() {
        return Err(PlatformError::not_found("tenant", id));
    }
    Ok(found)
}

/// A tenant by its id: a merchant, or a publisher's own.
pub async fn tenant_any_get(tx: &mut PlatformTx, id: TenantId) -> Result<TenantRecord, PlatformError> {
    const GET: &str = "select id, slug, name, currency, time_zone, locale, limit_profile, created_at, publisher_id \
                       from tenants where id = $1";
    let found = tx.query(GET).text(id).fetch_optional(TenantRecord::of).await?;
    found.ok_or_else(|| PlatformError::not_found("tenant", id))
}

/// A merchant by its short name.
pub async fn tenant_by_slug(tx: &mut PlatformTx, slug: &str) -> Result<TenantRecord, PlatformError> {
    const GET: &str = "select id, slug, name, currency, time_zone, locale, limit_profile, created_at, publisher_id \
                       from tenants where slug = $1 and publisher_id is null";
    let found = tx.query(GET).bind(slug).fetch_optional(TenantRecord::of).await?;
    found.ok_or_else(|| PlatformError::not_found("tenant", slug))
}

/// All merchants, the oldest first.
pub async fn tenant_list(tx: &mut PlatformTx, page: &PageRequest) -> Result<Page<TenantRecord>, PlatformError> {
    const LIST: &str = "select id, slug, name, currency, time_zone, locale, limit_profile, created_at, publisher_id \
                        from tenants where id > $1 and publisher_id is null order by id limit $2";
    let rows = tx.query(LIST).bind(page.after()).bind(page.fetch()).fetch_all(TenantRecord::of).await?;
    Ok(page.page(rows, |record| record.tenant.id.to_string()))
}

/// All merchants and publishers, the oldest first: for what is done to everybody's data.
pub async fn tenant_any_list(tx: &mut PlatformTx, page: &PageRequest) -> Result<Page<TenantRecord>, PlatformError> {
    const LIST: &str = "select id, slug, name, currency, time_zone, locale, limit_profile, created_at, publisher_id \
                        from tenants where id > $1 order by id limit $2";
    let rows = tx.query(LIST).bind(page.after()).bind(page.fetch()).fetch_all(TenantRecord::of).await?;
    Ok(page.page(rows, |record| record.tenant.id.to_string()))
}

/// The tenant that holds a new publisher's endpoints and what it is told. No merchant's short name is like its.
pub(crate) async fn tenant_of_publisher_create(
    tx: &mut PlatformTx,
    id: PublisherId,
    slug: &str,
    name: &str,
) -> Result<TenantId, StoreError> {
    const INSERT: &str = "insert into tenants (id, slug, name, currency, time_zone, locale, created_at, publisher_id) \
                          values ($1, $2, $3, 'CNY', 'UTC', $4, $5, $6)";
    let (tenant, now) = (TenantId::generate(&tx.origin().env), tx.origin().now());
    let statement = tx.query(INSERT).text(tenant).bind(format!("~{slug}")).bind(name).text(Locale::default());
    statement.bind(now).text(id).execute().await?;
    Ok(tenant)
}

/// The tenant of a publisher.
pub async fn tenant_of_publisher(tx: &mut PlatformTx, id: PublisherId) -> Result<TenantRecord, PlatformError> {
    const GET: &str = "select id, slug, name, currency, time_zone, locale, limit_profile, created_at, publisher_id \
                       from tenants where publisher_id = $1";
    let found = tx.query(GET).text(id).fetch_optional(TenantRecord::of).await?;
    found.ok_or_else(|| PlatformError::not_found("publisher", id))
}

const OF_MAKER: &str = "select t.id, t.slug, t.name, t.currency, t.time_zone, t.locale, t.limit_profile, t.created_at, \
                        t.publisher_id from tenants t join plugins p on p.publisher_id = t.publisher_id where p.name = $1";

/// The tenant of the publisher of a plugin.
pub(crate) async fn tenant_of_maker(tx: &mut Tx, plugin: &str) -> Result<Arc<Tenant>, PlatformError> {
    let found = tx.platform_query(OF_MAKER).bind(plugin).fetch_optional(TenantRecord::of).await?;
    found.map(|record| record.tenant).ok_or_else(|| PlatformError::not_found("plugin", plugin))
}

/// Tells the publisher of a plugin in a transaction of the platform.
pub(crate) async fn maker_tell(tx: &mut PlatformTx, plugin: &str, event: NewEvent) -> Result<(), PlatformError> {
    let found = tx.query(OF_MAKER).bind(plugin).fetch_optional(TenantRecord::of).await?;
    let maker = found.ok_or_else(|| PlatformError::not_found("plugin", plugin))?;
    tx.emit_to(&maker.tenant, event);
    Ok(())
}

fn zone_check(zone: &str) -> Result<(), PlatformError> {
    match zone.len() <= 64 && jiff::tz::TimeZone::get(zone).is_ok() {
        true => Ok(()),
        false => Err(PlatformError::field("time_zone", "the IANA name of a time zone, such as Asia/Shanghai")),
    }
}
