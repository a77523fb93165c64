//! Publishers: the makers of plugins.

use heptad_model::id::PublisherId;
use heptad_model::{Millis, Page, PageRequest};
use heptad_store::{PlatformTx, Row, StoreError};
use serde_json::json;

use crate::PlatformError;
use crate::names::{name_check, slug_check};

/// A maker of plugins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publisher {
    /// The publisher's id.
    pub id: PublisherId,
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
    tx.audit("publisher.created", id, &json!({"slug": slug})).await?;
    Ok(Publisher { id, slug: slug.to_owned(), name, created_at })
}

/// A publisher by its id.
pub async fn publisher_get(tx: &mut PlatformTx, id: PublisherId) -> Result<Publisher, PlatformError> {
    const GET: &str = "select id, slug, name, created_at from publishers where id = $1";
    let found = tx.query(GET).text(id).fetch_optional(Publisher::of).await?;
    found.ok_or_else(|| PlatformError::not_found("publisher", id))
}

/// A publisher by its short name.
pub async fn publisher_by_slug(tx: &mut PlatformTx, slug: &str) -> Result<Publisher, PlatformError> {
    const GET: &str = "select id, slug, name, created_at from publishers where slug = $1";
    let found = tx.query(GET).bind(slug).fetch_optional(Publisher::of).await?;
    found.ok_or_else(|| PlatformError::not_found("publisher", slug))
}

/// All publishers, the oldest first.
pub async fn publisher_list(tx: &mut PlatformTx, page: &PageRequest) -> Result<Page<Publisher>, PlatformError> {
    const LIST: &str = "select id, slug, name, created_at from publishers where id > $1 order by id limit $2";
    let rows = tx.query(LIST).bind(page.after()).bind(page.fetch()).fetch_all(Publisher::of).await?;
    Ok(page.page(rows, |publisher| publisher.id.to_string()))
}
