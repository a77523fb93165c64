//! Documents of plugins: found by their indexed fields, guarded by versions, bounded, gone with the install.

use heptad_model::collection::{Collection, IndexValue};
use heptad_model::id::InstallId;
use heptad_model::{Ctx, Env, Limits, PageRequest};
use heptad_platform::PlatformError;
use heptad_platform::document::*;
use heptad_platform::install::{OwnData, install_uninstall};
use heptad_platform::limit_profile::{limit_profile_put, tenant_limit_profile_put};
use heptad_store::{Store, Tx, both_databases};
use serde_json::{Value, json};

use crate::support::*;

fn rooms() -> Collection {
    Collection { name: "rooms".to_owned(), indexes: ["floor", "tags", "free"].map(str::to_owned).into() }
}

fn draft(id: &str, body: &Value) -> Draft {
    Draft { id: id.to_owned(), body: body.to_string(), version: None }
}

async fn installed(store: &Store, env: &Env) -> (Ctx, InstallId) {
    let by = publisher(store, env, "maker").await;
    approved(store, env, &by, "half-price").await;
    let ctx = ctx(store, env, "shop").await;
    let id = install(store, &ctx, &install_in("half-price")).await.unwrap().id;
    (ctx, id)
}

async fn put(store: &Store, ctx: &Ctx, id: InstallId, drafts: &[Draft]) -> Result<Vec<i64>, PlatformError> {
    store.write(ctx, async |mut tx| document_put(&mut tx, id, &rooms(), drafts).await).await
}

/// The ids that a query finds, read page by page.
async fn find(store: &Store, ctx: &Ctx, id: InstallId, query: &Query, size: u32) -> Vec<String> {
    let (mut found, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let request = PageRequest::new(cursor.as_deref(), Some(size)).unwrap();
        let find = async |mut tx: Tx| document_find(&mut tx, id, &rooms(), query, &request).await;
        let page = store.read(ctx, find).await.unwrap();
        found.extend(page.items.into_iter().map(|document| document.id));
        cursor = page.next;
        if cursor.is_none() {
            return found;
        }
    }
}

fn is(field: &str, value: IndexValue) -> (String, IndexValue) {
    (field.to_owned(), value)
}

fn text(text: &str) -> IndexValue {
    IndexValue::Text(text.to_owned())
}

fn span(field: &str, at_least: Option<IndexValue>, below: Option<IndexValue>, descending: bool) -> Option<Span> {
    Some(Span { field: field.to_owned(), at_least, below, descending })
}

both_databases! {
    async fn documents_are_found_by_their_indexed_fields_page_by_page(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(NOW));
        let (ctx, id) = installed(&store, &env).await;
        let number = IndexValue::Integer;
        let documents = [
            draft("r1", &json!({"floor": 2, "tags": ["sea", "quiet"], "free": true})),
            draft("r2", &json!({"floor": 10, "tags": ["sea"], "free": false})),
            draft("r3", &json!({"floor": -1, "tags": "sea"})),
            draft("r4", &json!({"floor": "2", "free": true, "note": "海景"})),
            draft("r5", &json!({})),
        ];
        assert_eq!(put(&store, &ctx, id, &documents).await.unwrap(), [1; 5]);
        for (query, expected) in [
            (Query::default(), "r1 r2 r3 r4 r5"),
            (Query { all: vec![is("tags", text("sea"))], range: None }, "r1 r2 r3"),
            (Query { all: vec![is("tags", text("sea")), is("free", IndexValue::Boolean(true))], range: None }, "r1"),
            (Query { all: vec![is("tags", text("sea")), is("tags", text("quiet"))], range: None }, "r1"),
            (Query { all: vec![is("tags", text("se"))], range: None }, ""),
            (Query { all: vec![], range: span("floor", Some(number(-5)), None, false) }, "r3 r1 r2"),
            (Query { all: vec![], range: span("floor", None, Some(number(10)), true) }, "r1 r3"),
            (Query { all: vec![], range: span("floor", None, None, false) }, "r3 r1 r2 r4"),
            (Query { all: vec![], range: span("floor", None, None, true) }, "r4 r2 r1 r3"),
            (Query { all: vec![is("tags", text("sea"))], range: span("floor", Some(number(0)), None, true) }, "r2 r1"),
            (Query { all: vec![], range: span("tags", Some(text("q")), Some(text("sf")), false) }, "r1 r1 r2 r3"),
        ] {
            for size in [1, 2, 200] {
                assert_eq!(find(&store, &ctx, id, &query, size).await.join(" "), expected, "{query:?} by {size}");
            }
        }
        let unindexed = Query { all: vec![is("note", text("海景"))], range: None };
        let find = async |mut tx: Tx| document_find(&mut tx, id, &rooms(), &unindexed, &PageRequest::first()).await;
        assert_eq!(store.read(&ctx, find).await.unwrap_err().code(), "field-not-indexed");
    }

    async fn a_change_moves_the_index_and_the_version(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(NOW));
        let (ctx, id) = installed(&store, &env).await;
        let on = |floor: i64| Query { all: vec![is("floor", IndexValue::Integer(floor))], range: None };
        put(&store, &ctx, id, &[draft("r1", &json!({"floor": 1})), draft("r2", &json!({"floor": 1}))]).await.unwrap();
        let with = |version| Draft { version: Some(version), ..draft("r1", &json!({"floor": 2, "name": "海"})) };
        assert_eq!(put(&store, &ctx, id, &[with(0)]).await.unwrap_err().code(), "document-changed");
        assert_eq!(put(&store, &ctx, id, &[with(1)]).await.unwrap(), [2]);
        assert_eq!(put(&store, &ctx, id, &[draft("r2", &json!({})), with(1)]).await.unwrap_err().code(), "document-changed");
        assert_eq!((find(&store, &ctx, id, &on(1), 9).await, find(&store, &ctx, id, &on(2), 9).await), (vec!["r2".to_owned()], vec!["r1".to_owned()]));
        let ids = ["r2", "none", "r1", "r2"].map(str::to_owned);
        let found = store.read(&ctx, async |mut tx| document_get(&mut tx, id, &rooms(), &ids).await).await.unwrap();
        assert_eq!(found.iter().map(|one| (one.id.as_str(), one.version)).collect::<Vec<_>>(), [("r2", 1), ("r1", 2)]);
        let delete = async |mut tx: Tx| document_delete(&mut tx, id, &rooms(), &ids[..2]).await;
        assert_eq!(store.write(&ctx, delete).await.unwrap(), 1);
        assert_eq!(find(&store, &ctx, id, &on(1), 9).await, Vec::<String>::new());
        assert_eq!(put(&store, &ctx, id, &[Draft { version: Some(0), ..draft("r2", &json!({})) }]).await.unwrap(), [1]);
    }

    async fn documents_have_bounds_and_a_quota_and_go_with_the_install(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(NOW));
        let (ctx, id) = installed(&store, &env).await;
        let raw = |id: &str, body: &str| Draft { id: id.to_owned(), body: body.to_owned(), version: None };
        let large = format!("{{\"a\":\"{}\"}}", "x".repeat(64 << 10));
        for drafts in [
            vec![raw("", "{}")],
            vec![raw("a\n", "{}")],
            vec![raw("a", "[]")],
            vec![raw("a", "{")],
            vec![raw("a", &large)],
            vec![raw("a", "{}"), raw("a", "{}")],
            (0..=MAX_BATCH).map(|number| raw(&number.to_string(), "{}")).collect(),
        ] {
            assert_eq!(put(&store, &ctx, id, &drafts).await.unwrap_err().code(), "invalid-field");
        }
        let limits = Limits { document_bytes: 100, ..Limits::default() };
        let tenant = ctx.tenant().id;
        let profile = async |mut tx| {
            limit_profile_put(&mut tx, "small", &limits).await?;
            tenant_limit_profile_put(&mut tx, tenant, Some("small")).await
        };
        store.platform_write(&origin(&env), profile).await.unwrap();
        let body = json!({"floor": 1, "name": "x".repeat(30)});
        put(&store, &ctx, id, &[draft("r1", &body)]).await.unwrap();
        assert_eq!(put(&store, &ctx, id, &[draft("r2", &body)]).await.unwrap_err().code(), "collections-quota");
        put(&store, &ctx, id, &[draft("r1", &json!({}))]).await.unwrap();
        put(&store, &ctx, id, &[draft("r2", &body)]).await.unwrap();
        let gone = store.write(&ctx, async |mut tx| install_uninstall(&mut tx, id, OwnData::Purge).await).await.unwrap();
        assert_eq!((gone.data.documents, gone.data.document_bytes), (2, 4 + 2 + i64::try_from(body.to_string().len()).unwrap()));
        for left in [
            "select count(*) as many from plugin_documents where tenant_id = $1",
            "select count(*) as many from plugin_document_index where tenant_id = $1",
        ] {
            let count = async |mut tx: Tx| tx.query(left).fetch_one(|row| row.int("many")).await;
            assert_eq!(store.read(&ctx, count).await.unwrap(), 0);
        }
    }
}
