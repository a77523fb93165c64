//! Publishers: the makers of plugins.

use heptad_model::id::{PublisherId, TenantId};
use heptad_model::{Millis, Page, PageRequest};
use heptad_store::{PlatformTx, Row, StoreError};
use serde_json::json;

use crate::PlatformError;
use crate::names::{name_check, slug_check};
use crate::tenant::tenant_of_publisher_create;

/// A maker of plugins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publisher {
    /// The publisher's id.
    pub id: PublisherId,
    /// The tenant that holds its endpoints and what it is told.
    pub tenant: TenantId,
    /// The short name, as manifests name it.
    pub slug: String,
    /// The name that people see.
    pub name: String,
    /// When it was registered.
    pub created_at: Millis,
}

impl Publisher {
    fn of(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.parse("id")?,
            tenant: row.parse("tenant")?,
            slug: row.text("slug")?,
            name: row.text("name")?,
            created_at: row.millis("created_at")?,
        })
    }
}

/// Registers a publisher; `name-taken` when another has the slug.
pub async fn publisher_create(tx: &mut PlatformTx, slug: &str, name: &str) -> Result<Publisher, PlatformError> {
    const INSERT: &str = "insert into publishers (id, slug, name, created_at) values ($1, $2, $3, $4)";
    slug_check("slug", slug)?;
    let name = name_check("name", name)?;
    let (id, created_at) = (PublisherId::generate(&tx.origin().env), tx.origin().now());
    match tx.query(INSERT).text(id).bind(slug).bind(&name).bind(created_at).execute().await {
        Err(StoreError::Duplicate(_)) => return Err(PlatformError::Taken { kind: "publisher", name: slug.to_owned() }),
        inserted => inserted?,
    };
    let tenant = tenant_of_publisher_create(tx, id, slug, &name).await?;
    tx.audit("publisher.created", id, &json!({"slug": slug})).await?;
    Ok(Publisher { id, tenant, slug: slug.to_owned(), name, created_at })
}

/// Gives a tenant to those publishers that have none: the program before this one registers publishers without.
pub async fn publishers_complete(tx: &mut PlatformTx) -> Result<(), StoreError> {
    const WITHOUT: &str = "select p.id, p.slug, p.name from publishers p \
                           where not exists (select 1 from tenants t where t.publisher_id = p.id)";
    let read = |row: &Row| Ok((row.parse("id")?, row.text("slug")?, row.text("name")?));
    for (id, slug, name) in tx.query(WITHOUT).fetch_all(read).await? {
        tenant_of_publisher_create(tx, id, &slug, &name).await?;
    }
    Ok(())
}

/// A publisher by its id.
pub async fn publisher_get(tx: &mut PlatformTx, id: PublisherId) -> Result<Publisher, PlatformError> {
    const GET: &str = "select p.id, t.id as tenant, p.slug, p.name, p.created_at from publishers p \
                       join tenants t on t.publisher_id = p.id where p.id = $1";
    let found = tx.query(GET).text(id).fetch_optional(Publisher::of).await?;
    found.ok_or_else(|| PlatformError::not_found("publisher", id))
}

/// A publisher by its short name.
pub async fn publisher_by_slug(tx: &mut PlatformTx, slug: &str) -> Result<Publisher, PlatformError> {
    const GET: &str = "select p.id, t.id as tenant, p.slug, p.name, p.created_at from publishers p \
                       join tenants t on t.publisher_id = p.id where p.slug = $1";
    let found = tx.query(GET).bind(slug).fetch_optional(Publisher::of).await?;
    found.ok_or_else(|| PlatformError::not_found("publisher", slug))
}

/// All publishers, the oldest first.
pub async fn publisher_list(tx: &mut PlatformTx, page: &PageRequest) -> Result<Page<Publisher>, PlatformError> {
    const LIST: &str = "select p.id, t.id as tenant, p.slug, p.name, p.created_at from publishers p \
                        join tenants t on t.publisher_id = p.id where p.id > $1 order by p.id limit $2";
    let rows = tx.query(LIST).bind(page.after()).bind(page.fetch()).fetch_all(Publisher::of).await?;
    Ok(page.page(rows, |publisher| publisher.id.to_string()))
}
