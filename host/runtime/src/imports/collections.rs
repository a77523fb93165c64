//! `heptad:platform/collections` and `collections-write`: the plugin's own documents.

use heptad_bindings::Failure;
use heptad_bindings::host::heptad::platform::collections::{
    Document, DocumentPage, Equality, Host, Query, Span, Value,
};
use heptad_bindings::host::heptad::platform::collections_write::{self, Draft};
use heptad_bindings::host::heptad::types::types::PageRequest as WitPage;
use heptad_model::collection::{Collection, IndexValue};
use heptad_model::{PageRequest, Permission};
use heptad_platform::PlatformError;
use heptad_platform::document::{self, document_delete, document_find, document_get, document_put};

use crate::call::{Call, HostError};

fn wit(document::Document { id, body, version }: document::Document) -> Document {
    Document { id, body, version }
}

fn value(value: &Value) -> IndexValue {
    match value {
        Value::Text(text) => IndexValue::Text(text.clone()),
        Value::Integer(number) => IndexValue::Integer(*number),
        Value::Boolean(is_so) => IndexValue::Boolean(*is_so),
    }
}

fn query(Query { all, range }: &Query) -> document::Query {
    let equality = |Equality { field, value: wanted }: &Equality| (field.clone(), value(wanted));
    let span = |Span { field, at_least, below, descending }: &Span| document::Span {
        field: field.clone(),
        at_least: at_least.as_ref().map(value),
        below: below.as_ref().map(value),
        descending: *descending,
    };
    document::Query { all: all.iter().map(equality).collect(), range: range.as_ref().map(span) }
}

impl Call {
    /// The collection as the manifest declares it.
    fn collection(&self, name: &str) -> Result<Collection, PlatformError> {
        let found = self.installed.serving.manifest.collection(name).cloned();
        found.ok_or_else(|| PlatformError::CollectionNotFound(name.chars().take(64).collect()))
    }
}

impl Host for Call {
    async fn get(&mut self, name: String, ids: Vec<String>) -> Result<Vec<Document>, Failure> {
        let (install, collection) = (self.installed.serving.install, self.collection(&name));
        let read = async |mut tx| {
            let collection = as_host(&collection, &name)?;
            Ok(document_get(&mut tx, install, collection, &ids).await?.into_iter().map(wit).collect())
        };
        let function = "heptad:platform/collections#get";
        let found: Vec<Document> =
            self.read(Permission::PlatformCollectionsRead, function, &(&name, &ids), read).await?;
        if let Ok(collection) = collection {
            let kept = |Document { id, body, version }: &Document| document::Document {
                id: id.clone(),
                body: body.clone(),
                version: *version,
            };
            self.effects.saw_documents(collection, &ids, found.iter().map(kept));
        }
        Ok(found)
    }

    async fn find(&mut self, name: String, wanted: Query, page: WitPage) -> Result<DocumentPage, Failure> {
        let (install, collection) = (self.installed.serving.install, self.collection(&name));
        let read = async |mut tx| {
            let collection = as_host(&collection, &name)?;
            let page = PageRequest::new(page.cursor.as_deref(), Some(page.limit)).map_err(HostError::from)?;
            let found = document_find(&mut tx, install, collection, &query(&wanted), &page).await?;
            Ok(DocumentPage { items: found.items.into_iter().map(wit).collect(), next: found.next })
        };
        let arguments = (&name, &wanted, &page);
        self.read(Permission::PlatformCollectionsRead, "heptad:platform/collections#find", &arguments, read).await
    }
}

fn as_host<'a>(collection: &'a Result<Collection, PlatformError>, name: &str) -> Result<&'a Collection, HostError> {
    collection.as_ref().map_err(|_| PlatformError::CollectionNotFound(name.chars().take(64).collect()).into())
}

impl collections_write::Host for Call {
    async fn put(&mut self, name: String, drafts: Vec<Draft>) -> Result<Vec<i64>, Failure> {
        let (install, collection) = (self.installed.serving.install, self.collection(&name));
        let write = async |mut tx| {
            let draft = |Draft { id, body, version }: &Draft| document::Draft {
                id: id.clone(),
                body: body.clone(),
                version: *version,
            };
            let given: Vec<document::Draft> = drafts.iter().map(draft).collect();
            Ok(document_put(&mut tx, install, as_host(&collection, &name)?, &given).await?)
        };
        let arguments = (&name, &drafts);
        self.write(Permission::PlatformCollectionsWrite, "heptad:platform/collections-write#put", &arguments, write)
            .await
    }

    async fn delete(&mut self, name: String, ids: Vec<String>) -> Result<(), Failure> {
        let (install, collection) = (self.installed.serving.install, self.collection(&name));
        let write =
            async |mut tx| Ok(document_delete(&mut tx, install, as_host(&collection, &name)?, &ids).await.map(drop)?);
        let arguments = (&name, &ids);
        self.write(Permission::PlatformCollectionsWrite, "heptad:platform/collections-write#delete", &arguments, write)
            .await
    }
}
