//! The plugin's own documents, found as the platform finds them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Shop;
use super::host::{error, page};
use crate::{Document, DocumentPage, Draft, Equality, ErrorKind, HostError, IndexValue, PageRequest, Query, Span};

/// Documents by collection and id.
pub(super) type Documents = BTreeMap<String, BTreeMap<String, Document>>;

/// What an indexed field holds, in the order of the index: truth values, numbers, texts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Indexed {
    Boolean(bool),
    Integer(i64),
    Text(String),
}

fn indexed(value: &IndexValue) -> Indexed {
    match value {
        IndexValue::Boolean(is_so) => Indexed::Boolean(*is_so),
        IndexValue::Integer(number) => Indexed::Integer(*number),
        IndexValue::Text(text) => Indexed::Text(text.clone()),
    }
}

/// The values that a document has in a field.
fn values(document: &Document, field: &str) -> Vec<Indexed> {
    let body: Value = serde_json::from_str(&document.body).unwrap_or_default();
    let one = |value: &Value| match value {
        Value::Bool(is_so) => Some(Indexed::Boolean(*is_so)),
        Value::Number(number) => number.as_i64().map(Indexed::Integer),
        Value::String(text) => Some(Indexed::Text(text.clone())),
        _ => None,
    };
    match &body[field] {
        Value::Array(items) => items.iter().filter_map(one).collect(),
        value => one(value).into_iter().collect(),
    }
}

fn is_within(value: &Indexed, span: &Span) -> bool {
    let (from, below) = (span.at_least.as_ref().map(indexed), span.below.as_ref().map(indexed));
    let is_kind = from
        .as_ref()
        .or(below.as_ref())
        .is_none_or(|bound| std::mem::discriminant(bound) == std::mem::discriminant(value));
    is_kind && from.is_none_or(|from| *value >= from) && below.is_none_or(|below| *value < below)
}

impl Shop {
    /// Puts a document into a collection of the plugin's own, with version 1.
    #[must_use]
    pub fn document(self, collection: &str, id: &str, body: &impl serde::Serialize) -> Self {
        let body = serde_json::to_string(body).unwrap_or_default();
        let document = Document { id: id.to_owned(), body, version: 1 };
        self.documents.borrow_mut().entry(collection.to_owned()).or_default().insert(id.to_owned(), document);
        self
    }

    /// Whether plugin.toml has the collection, and indexes the field.
    fn check<'a>(&self, collection: &str, mut fields: impl Iterator<Item = &'a String>) -> Result<(), HostError> {
        let Some(manifest) = &self.manifest else { return Ok(()) };
        let Some(indexes) = manifest.collections.get(collection) else {
            let message = format!("plugin.toml has no collection `{collection}`");
            return Err(error(ErrorKind::NotFound, "collection-not-found", message));
        };
        match fields.find(|field| !indexes.contains(*field)) {
            Some(field) => {
                let message = format!("the collection `{collection}` does not index `{field}`");
                Err(error(ErrorKind::Invalid, "field-not-indexed", message))
            }
            None => Ok(()),
        }
    }

    pub(super) fn document_get_now(&self, collection: &str, ids: &[String]) -> Result<Vec<Document>, HostError> {
        self.check(collection, std::iter::empty())?;
        let documents = self.documents.borrow();
        let Some(documents) = documents.get(collection) else { return Ok(Vec::new()) };
        Ok(ids.iter().filter_map(|id| documents.get(id).cloned()).collect())
    }

    pub(super) fn document_find_now(
        &self,
        collection: &str,
        query: &Query,
        request: &PageRequest,
    ) -> Result<DocumentPage, HostError> {
        let fields = query.all.iter().map(|equality| &equality.field);
        self.check(collection, fields.chain(query.range.iter().map(|span| &span.field)))?;
        let documents = self.documents.borrow();
        let all = documents.get(collection).into_iter().flat_map(BTreeMap::values);
        let is_wanted = |document: &&Document| {
            query.all.iter().all(|Equality { field, value }| values(document, field).contains(&indexed(value)))
        };
        let mut rows: Vec<(Option<Indexed>, &Document)> = Vec::new();
        for document in all.filter(is_wanted) {
            match &query.range {
                Some(span) => {
                    let mut found = values(document, &span.field);
                    found.sort_unstable();
                    found.dedup();
                    rows.extend(
                        found.into_iter().filter(|value| is_within(value, span)).map(|one| (Some(one), document)),
                    );
                }
                None => rows.push((None, document)),
            }
        }
        rows.sort_by(|a, b| (&a.0, &a.1.id).cmp(&(&b.0, &b.1.id)));
        if query.range.as_ref().is_some_and(|span| span.descending) {
            rows.reverse();
        }
        // A page of places, so that the cursor is a place as well.
        let places: BTreeMap<String, &Document> =
            rows.into_iter().enumerate().map(|(place, (_, document))| (format!("{place:09}"), document)).collect();
        let (on_page, next) = page(&places, request)?;
        let items = on_page.into_iter().filter_map(|place| places.get(place)).map(|found| (*found).clone()).collect();
        Ok(DocumentPage { items, next })
    }

    pub(super) fn document_put_now(&self, collection: &str, drafts: &[Draft]) -> Result<Vec<i64>, HostError> {
        self.check(collection, std::iter::empty())?;
        let mut documents = self.documents.borrow_mut();
        let documents = documents.entry(collection.to_owned()).or_default();
        let mut versions = Vec::new();
        for Draft { id, body, version } in drafts {
            if !serde_json::from_str::<Value>(body).is_ok_and(|body| body.is_object()) {
                return Err(error(ErrorKind::Invalid, "invalid-field", "`body`: a JSON object".to_owned()));
            }
            let found = documents.get(id).map_or(0, |document| document.version);
            if let Some(expected) = version.filter(|expected| *expected != found) {
                let message = format!("the document `{id}` has version {found}, not {expected}");
                return Err(error(ErrorKind::Conflict, "document-changed", message));
            }
            versions.push(found + 1);
        }
        for (Draft { id, body, .. }, version) in drafts.iter().zip(&versions) {
            documents.insert(id.clone(), Document { id: id.clone(), body: body.clone(), version: *version });
        }
        Ok(versions)
    }

    pub(super) fn document_delete_now(&self, collection: &str, ids: &[String]) -> Result<(), HostError> {
        self.check(collection, std::iter::empty())?;
        if let Some(documents) = self.documents.borrow_mut().get_mut(collection) {
            documents.retain(|id, _| !ids.contains(id));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Host;

    #[test]
    fn documents_are_found_by_their_fields() {
        let shop = Shop::new("CNY")
            .document("rooms", "r1", &json!({"floor": 2, "tags": ["sea"]}))
            .document("rooms", "r2", &json!({"floor": 10, "tags": ["sea", "quiet"]}))
            .document("rooms", "r3", &json!({"floor": 3}));
        let find = |query: &Query, limit: u32| {
            let page = shop.document_find("rooms", query, &PageRequest { cursor: None, limit }).unwrap();
            (page.items.into_iter().map(|document| document.id).collect::<Vec<_>>(), page.next.is_some())
        };
        let all = vec![Equality { field: "tags".into(), value: IndexValue::Text("sea".into()) }];
        assert_eq!(find(&Query { all, range: None }, 10), (vec!["r1".into(), "r2".into()], false));
        let span = |at_least, descending| Span { field: "floor".into(), at_least, below: None, descending };
        let range = Some(span(Some(IndexValue::Integer(3)), false));
        assert_eq!(find(&Query { all: vec![], range }, 10), (vec!["r3".into(), "r2".into()], false));
        let range = Some(span(None, true));
        assert_eq!(find(&Query { all: vec![], range }, 2), (vec!["r2".into(), "r3".into()], true));
    }

    #[test]
    fn versions_guard_documents() {
        let shop = Shop::new("CNY").writable();
        let draft = |version| Draft { id: "r1".into(), body: "{}".into(), version };
        assert_eq!(shop.document_put("rooms", &[draft(Some(0))]).unwrap(), [1]);
        assert_eq!(shop.document_put("rooms", &[draft(Some(0))]).unwrap_err().code, "document-changed");
        assert_eq!(shop.document_put("rooms", &[draft(None)]).unwrap(), [2]);
        shop.document_delete("rooms", &["r1".to_owned()]).unwrap();
        assert_eq!(shop.document_get("rooms", &["r1".to_owned()]).unwrap(), []);
    }
}
