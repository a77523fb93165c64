//! Documents of plugins: JSON objects in the collections that the manifest declares, found by their indexed fields.
//!
//! The index is rows of field, encoded value and document ([`heptad_model::collection`]), so that one table serves every
//! collection of every plugin on both databases.

use std::collections::{BTreeMap, HashMap, HashSet};

use heptad_model::collection::{Collection, IndexValue, MAX_DOCUMENT, MAX_ID};
use heptad_model::id::InstallId;
use heptad_model::page::PageError;
use heptad_model::{Limit, Page, PageRequest};
use heptad_store::{Row, StoreError, Tx, by_keys};
use serde_json::{Value, json};

use crate::PlatformError;
use crate::install::install_near_post;
use crate::limit_profile::limits_of_tenant;

/// The most documents of a call.
pub const MAX_BATCH: usize = 200;
/// The most conditions of a query.
pub const MAX_CONDITIONS: usize = 8;
/// The most documents of an install.
pub const MAX_DOCUMENTS: i64 = 100_000;

/// A document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// The id, 1 to 128 bytes.
    pub id: String,
    /// A JSON object, as the plugin gave it.
    pub body: String,
    /// Grows with each change, from 1.
    pub version: i64,
}

/// A document as it is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The id, 1 to 128 bytes.
    pub id: String,
    /// A JSON object of at most 64 KiB.
    pub body: String,
    /// The version that it must have now, 0 for one that must be new; any when absent.
    pub version: Option<i64>,
}

/// From where to where an indexed field's values are wanted; it gives the order as well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The field.
    pub field: String,
    /// This value or more; from the first of the other bound's kind when absent.
    pub at_least: Option<IndexValue>,
    /// Less than this value; to the last of the other bound's kind when absent.
    pub below: Option<IndexValue>,
    /// The largest first.
    pub descending: bool,
}

/// Which documents are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// Fields with their values: all of them, at most 8.
    pub all: Vec<(String, IndexValue)>,
    /// And this. By id when absent.
    pub range: Option<Span>,
}

fn document(row: &Row) -> Result<Document, StoreError> {
    Ok(Document { id: row.text("id")?, body: row.text("body")?, version: row.int("version")? })
}

fn check_ids<'a>(ids: impl ExactSizeIterator<Item = &'a String>) -> Result<(), PlatformError> {
    let found = ids.len();
    if found > MAX_BATCH {
        return Err(PlatformError::field("documents", format!("{found} at once, at most {MAX_BATCH} are allowed")));
    }
    for id in ids {
        if !(1..=MAX_ID).contains(&id.len()) || id.chars().any(char::is_control) {
            return Err(PlatformError::field("id", format!("1 to {MAX_ID} bytes without control characters")));
        }
    }
    Ok(())
}

/// The documents with these ids, in the order asked for; absent ones, and an id's repetition, are left out.
pub async fn document_get(
    tx: &mut Tx,
    install: InstallId,
    collection: &Collection,
    ids: &[String],
) -> Result<Vec<Document>, PlatformError> {
    const GET: (&str, &str) = by_keys!(
        "select id, body, version from plugin_documents where tenant_id = $1 and install_id = $2 and collection = $3 and id",
        "$4"
    );
    check_ids(ids.iter())?;
    let found = tx.query_of(GET).text(install).bind(&collection.name).json(ids).fetch_all(document).await?;
    let mut found: HashMap<String, Document> =
        found.into_iter().map(|document| (document.id.clone(), document)).collect();
    Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
}

/// The documents that a query finds.
///
/// One whose field holds a list stands in a range once for each of its items.
pub async fn document_find(
    tx: &mut Tx,
    install: InstallId,
    collection: &Collection,
    query: &Query,
    page: &PageRequest,
) -> Result<Page<Document>, PlatformError> {
    const BY_ID: &str = "select id, body, version from plugin_documents where tenant_id = $1 and install_id = $2 \
                         and collection = $3 and id > $4 order by id limit $5";
    const ASCENDING: &str = "select i.value, i.document_id as id, d.body, d.version from plugin_document_index i \
        join plugin_documents d on d.tenant_id = i.tenant_id and d.install_id = i.install_id \
        and d.collection = i.collection and d.id = i.document_id \
        where i.tenant_id = $1 and i.install_id = $2 and i.collection = $3 and i.field = $4 and i.value >= $5 \
        and i.value < $6 and (i.value > $7 or (i.value = $7 and i.document_id > $8)) \
        and (select count(*) from plugin_document_index o where o.tenant_id = $1 and o.install_id = $2 \
        and o.collection = $3 and o.document_id = i.document_id \
        and o.field || '=' || o.value in (select value from json_each($9))) = $10 \
        order by i.value, i.document_id limit $11";
    const DESCENDING: &str = "select i.value, i.document_id as id, d.body, d.version from plugin_document_index i \
        join plugin_documents d on d.tenant_id = i.tenant_id and d.install_id = i.install_id \
        and d.collection = i.collection and d.id = i.document_id \
        where i.tenant_id = $1 and i.install_id = $2 and i.collection = $3 and i.field = $4 and i.value >= $5 \
        and i.value < $6 and (i.value < $7 or (i.value = $7 and i.document_id < $8)) \
        and (select count(*) from plugin_document_index o where o.tenant_id = $1 and o.install_id = $2 \
        and o.collection = $3 and o.document_id = i.document_id \
        and o.field || '=' || o.value in (select value from json_each($9))) = $10 \
        order by i.value desc, i.document_id desc limit $11";
    check_query(collection, query)?;
    let mut terms: Vec<String> = query.all.iter().map(|(field, value)| format!("{field}={}", value.encode())).collect();
    terms.sort_unstable();
    terms.dedup();
    let (field, from, until, descending) = match (&query.range, query.all.first()) {
        (Some(span), _) => {
            let (from, until) = bounds(span);
            (&span.field, from, until, span.descending)
        }
        // Any of the conditions is a range of one value; no text of the index has the character behind it.
        (None, Some((field, value))) => {
            let value = value.encode();
            (field, value.clone(), format!("{value}\u{1}"), false)
        }
        (None, None) => {
            let rows = tx.query(BY_ID).text(install).bind(&collection.name).bind(page.after()).bind(page.fetch());
            return Ok(page.page(rows.fetch_all(document).await?, |document| document.id.clone()));
        }
    };
    let (value, id) = match page.after() {
        "" if descending => (LAST, ""),
        "" => ("", ""),
        after => after.rsplit_once('\n').ok_or(PageError::Cursor)?,
    };
    let statement = tx.query(if descending { DESCENDING } else { ASCENDING });
    let statement = statement.text(install).bind(&collection.name).bind(field).bind(from).bind(until).bind(value);
    let count = i64::try_from(terms.len()).unwrap_or(i64::MAX);
    let rows = statement.bind(id).json(&terms).bind(count).bind(page.fetch());
    let rows = rows.fetch_all(|row| Ok((row.text("value")?, document(row)?))).await?;
    let page = page.page(rows, |(value, document)| format!("{value}\n{}", document.id));
    Ok(Page { items: page.items.into_iter().map(|(_, document)| document).collect(), next: page.next })
}

/// Behind every encoded value.
const LAST: &str = "t";

fn check_query(collection: &Collection, query: &Query) -> Result<(), PlatformError> {
    if query.all.len() > MAX_CONDITIONS {
        return Err(PlatformError::field("query", format!("at most {MAX_CONDITIONS} conditions")));
    }
    let fields = query.all.iter().map(|(field, _)| field).chain(query.range.iter().map(|span| &span.field));
    for field in fields {
        if !collection.indexes.contains(field) {
            let (collection, field) = (collection.name.clone(), field.chars().take(64).collect());
            return Err(PlatformError::NotIndexed { collection, field });
        }
    }
    Ok(())
}

/// The encoded values from which and before which a span reaches: it stays within the kind of its bounds.
fn bounds(span: &Span) -> (String, String) {
    let kind = |value: &IndexValue| match value {
        IndexValue::Boolean(_) => ("b", "c"),
        IndexValue::Integer(_) => ("n", "o"),
        IndexValue::Text(_) => ("s", LAST),
    };
    let kinds = span.at_least.as_ref().or(span.below.as_ref()).map_or(("", LAST), kind);
    let from = span.at_least.as_ref().map_or_else(|| kinds.0.to_owned(), IndexValue::encode);
    let until = span.below.as_ref().map_or_else(|| kinds.1.to_owned(), IndexValue::encode);
    (from, until)
}

/// Puts all these documents, or none; they come back with their versions.
///
/// `document-changed` if one has another version than it must have, `collections-quota` when the install would hold more
/// than the shop's profile allows.
pub async fn document_put(
    tx: &mut Tx,
    install: InstallId,
    collection: &Collection,
    drafts: &[Draft],
) -> Result<Vec<i64>, PlatformError> {
    const PUT: &str = "insert into plugin_documents (tenant_id, install_id, collection, id, body, version, updated_at) \
                       select $1, $2, $3, json_extract(value, '$.id'), json_extract(value, '$.body'), \
                       cast(json_extract(value, '$.version') as bigint), $5 from json_each($4, '$') where true \
                       on conflict (tenant_id, install_id, collection, id) do update \
                       set body = excluded.body, version = excluded.version, updated_at = excluded.updated_at";
    const INDEX: &str = "insert into plugin_document_index (tenant_id, install_id, collection, field, value, document_id) \
                         select $1, $2, $3, json_extract(value, '$.field'), json_extract(value, '$.value'), \
                         json_extract(value, '$.id') from json_each($4, '$')";
    check_ids(drafts.iter().map(|draft| &draft.id))?;
    let mut seen = HashSet::new();
    let mut index = Vec::new();
    for Draft { id, body, .. } in drafts {
        if !seen.insert(id) {
            return Err(PlatformError::field("documents", format!("`{id}` stands there twice")));
        }
        let parsed = Some(body).filter(|body| body.len() <= MAX_DOCUMENT);
        let parsed = parsed.and_then(|body| serde_json::from_str::<Value>(body).ok()).filter(Value::is_object);
        let Some(parsed) = parsed else {
            return Err(PlatformError::field("body", format!("a JSON object of at most {MAX_DOCUMENT} bytes")));
        };
        let entries = collection.entries(&parsed).into_iter();
        index.extend(entries.map(|(field, value)| json!({"field": field, "value": value, "id": id})));
    }
    let ids: Vec<&String> = drafts.iter().map(|draft| &draft.id).collect();
    let held = held(tx, install, collection, &ids).await?;
    let mut versions = Vec::with_capacity(drafts.len());
    for Draft { id, version: expected, .. } in drafts {
        let found = held.get(id).map_or(0, |(version, _)| *version);
        if let Some(expected) = expected.filter(|expected| *expected != found) {
            return Err(PlatformError::DocumentChanged { id: id.clone(), expected, found });
        }
        versions.push(found + 1);
    }
    let new: usize = drafts.iter().map(|draft| draft.id.len() + draft.body.len()).sum();
    let old: i64 = held.values().map(|(_, bytes)| bytes).sum();
    let count = drafts.len() - held.len();
    grow(tx, install, as_int(count), as_int(new) - old).await?;
    let now = tx.ctx().now();
    let rows: Vec<Value> = drafts
        .iter()
        .zip(&versions)
        .map(|(Draft { id, body, .. }, version)| json!({"id": id, "body": body, "version": version}))
        .collect();
    tx.query(PUT).text(install).bind(&collection.name).json(&rows).bind(now).execute().await?;
    unindex(tx, install, collection, &ids).await?;
    tx.query(INDEX).text(install).bind(&collection.name).json(&index).execute().await?;
    Ok(versions)
}

/// Deletes these documents; absent ones are no error. How many there were.
pub async fn document_delete(
    tx: &mut Tx,
    install: InstallId,
    collection: &Collection,
    ids: &[String],
) -> Result<u64, PlatformError> {
    const DELETE: &str = "delete from plugin_documents where tenant_id = $1 and install_id = $2 and collection = $3 \
                          and id in (select value from json_each($4))";
    check_ids(ids.iter())?;
    let ids: Vec<&String> = ids.iter().collect();
    let held = held(tx, install, collection, &ids).await?;
    let bytes: i64 = held.values().map(|(_, bytes)| bytes).sum();
    grow(tx, install, -as_int(held.len()), -bytes).await?;
    unindex(tx, install, collection, &ids).await?;
    Ok(tx.query(DELETE).text(install).bind(&collection.name).json(&ids).execute().await?)
}

/// Removes all documents of an install, with the transaction that uninstalls it.
pub(crate) async fn documents_purge(tx: &mut Tx, install: InstallId) -> Result<(), StoreError> {
    const INDEX: &str = "delete from plugin_document_index where tenant_id = $1 and install_id = $2";
    const DOCUMENTS: &str = "delete from plugin_documents where tenant_id = $1 and install_id = $2";
    tx.query(INDEX).text(install).execute().await?;
    tx.query(DOCUMENTS).text(install).execute().await?;
    Ok(())
}

fn as_int(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Versions and bytes of those of these documents that exist.
async fn held(
    tx: &mut Tx,
    install: InstallId,
    collection: &Collection,
    ids: &[&String],
) -> Result<BTreeMap<String, (i64, i64)>, StoreError> {
    const HELD: (&str, &str) = by_keys!(
        "select id, version, cast(octet_length(id) + octet_length(body) as bigint) as bytes from plugin_documents \
         where tenant_id = $1 and install_id = $2 and collection = $3 and id",
        "$4"
    );
    let read = |row: &Row| Ok((row.text("id")?, (row.int("version")?, row.int("bytes")?)));
    let held = tx.query_of(HELD).text(install).bind(&collection.name).json(ids).fetch_all(read).await?;
    Ok(held.into_iter().collect())
}

async fn unindex(tx: &mut Tx, install: InstallId, collection: &Collection, ids: &[&String]) -> Result<(), StoreError> {
    const UNINDEX: &str = "delete from plugin_document_index where tenant_id = $1 and install_id = $2 \
                           and collection = $3 and document_id in (select value from json_each($4))";
    tx.query(UNINDEX).text(install).bind(&collection.name).json(ids).execute().await?;
    Ok(())
}

/// Books the growth if the quota allows it. The row is written even for a growth of 0: so of two who put the same document
/// at once, one fails at the commit and runs again, and the sums stay true.
async fn grow(tx: &mut Tx, install: InstallId, documents: i64, bytes: i64) -> Result<(), PlatformError> {
    const GROW: &str = "update installs set documents = documents + $3, document_bytes = document_bytes + $4 \
                        where tenant_id = $1 and id = $2 and (documents + $3 <= $5 or $3 <= 0) \
                        and (document_bytes + $4 <= $6 or $4 <= 0) returning document_bytes";
    let limits = limits_of_tenant(tx).await?.unwrap_or_default();
    let quota = i64::try_from(limits.document_bytes).unwrap_or(i64::MAX);
    let grow = tx.query(GROW).text(install).bind(documents).bind(bytes).bind(MAX_DOCUMENTS).bind(quota);
    let Some(holds) = grow.fetch_optional(|row| row.int("document_bytes")).await? else {
        return Err(PlatformError::CollectionsQuota { documents: MAX_DOCUMENTS, bytes: quota });
    };
    install_near_post(tx, install, Limit::Documents, holds - bytes, holds, quota).await
}
