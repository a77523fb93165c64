//! Submitting, reviewing, browsing.

use heptad_model::{Env, PageRequest};
use heptad_platform::PlatformError;
use heptad_platform::catalog::{
    PluginQuery, Review, VersionState, plugin_get, plugin_list, version_approved_list, version_list, version_queue,
    version_review, version_submit,
};
use heptad_store::{Store, both_databases};

use crate::support::*;

async fn found(store: &Store, env: &Env, search: &str) -> Vec<String> {
    let wanted = PluginQuery { search: search.to_owned(), ..PluginQuery::default() };
    let list = async |mut tx| plugin_list(&mut tx, &wanted, &PageRequest::first()).await;
    let page = store.platform_read::<_, PlatformError, _>(&origin(env), list).await.unwrap();
    page.items.into_iter().map(|plugin| format!("{} {}", plugin.name, plugin.latest.version)).collect()
}

both_databases! {
    async fn a_version_is_taken_once_and_never_changes(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(NOW));
        let by = publisher(&store, &env, "maker").await;
        let input = version_in(manifest("maker", "half-price", "1.0.0"), 'a');
        let first = submit(&store, &env, &by, &input).await.unwrap();
        assert_eq!(first.state, VersionState::Submitted);
        assert_eq!(*first.manifest, input.manifest);
        let again = store
            .platform_write::<_, PlatformError, _>(&origin(&env), async |mut tx| version_submit(&mut tx, by.id, &input).await)
            .await
            .unwrap();
        assert_eq!((again.created, again.version), (false, first));
        let other = submit(&store, &env, &by, &version_in(input.manifest.clone(), 'b')).await.unwrap_err();
        assert_eq!(other.code(), "version-exists");
    }

    async fn a_plugin_belongs_to_the_publisher_that_came_first(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(NOW));
        let (first, second) = (publisher(&store, &env, "first").await, publisher(&store, &env, "second").await);
        submit(&store, &env, &first, &version_in(manifest("first", "half-price", "1.0.0"), 'a')).await.unwrap();
        let taken = submit(&store, &env, &second, &version_in(manifest("second", "half-price", "1.0.0"), 'b')).await;
        assert_eq!(taken.unwrap_err().code(), "plugin-name-taken");
        let posing = submit(&store, &env, &second, &version_in(manifest("first", "half-price", "2.0.0"), 'b')).await;
        assert_eq!(posing.unwrap_err().code(), "publisher-mismatch");
    }

    async fn i01_an_import_beyond_the_manifest_is_refused_and_leaves_nothing(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(NOW));
        let by = publisher(&store, &env, "maker").await;
        let mut input = version_in(manifest("maker", "half-price", "1.0.0"), 'a');
        input.imports.push("heptad:members/profiles#get".to_owned());
        let refused = submit(&store, &env, &by, &input).await.unwrap_err();
        assert_eq!(refused.code(), "import-not-permitted");
        assert!(refused.to_string().contains("heptad:members/profiles#get"), "{refused}");
        let queue = async |mut tx| version_queue(&mut tx, &PageRequest::first()).await;
        let page = store.platform_read::<_, PlatformError, _>(&origin(&env), queue).await.unwrap();
        assert_eq!(page.items.len(), 0);
    }

    async fn merchants_see_the_highest_approved_version(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(NOW));
        let by = publisher(&store, &env, "maker").await;
        let mut versions = Vec::new();
        for (version, digit) in [("1.9.0", '1'), ("1.10.0", '2'), ("2.0.0-beta", '3'), ("3.0.0", '4')] {
            versions.push(submit(&store, &env, &by, &version_in(manifest("maker", "half-price", version), digit)).await.unwrap());
            env.advance(1);
        }
        assert_eq!(found(&store, &env, "").await, [""; 0]);
        let unseen = store.platform_read(&origin(&env), async |mut tx| plugin_get(&mut tx, "half-price").await).await;
        assert_eq!(unseen.unwrap_err().code(), "not-found");
        for (version, latest) in [(2, "2.0.0-beta"), (1, "1.10.0"), (0, "1.10.0")] {
            approve(&store, &env, &versions[version]).await;
            assert_eq!(found(&store, &env, "").await, [format!("half-price {latest}")]);
        }
        let approved = async |mut tx| version_approved_list(&mut tx, "half-price", &PageRequest::first()).await;
        let approved = store.platform_read::<_, PlatformError, _>(&origin(&env), approved).await.unwrap();
        assert_eq!(approved.items.len(), 3);
        let all = async |mut tx| version_list(&mut tx, "half-price", &PageRequest::first()).await;
        assert_eq!(store.platform_read::<_, PlatformError, _>(&origin(&env), all).await.unwrap().items.len(), 4);
        let queue = async |mut tx| version_queue(&mut tx, &PageRequest::first()).await;
        let queue = store.platform_read::<_, PlatformError, _>(&origin(&env), queue).await.unwrap();
        assert_eq!(queue.items.iter().map(|version| version.id).collect::<Vec<_>>(), [versions[3].id]);
    }

    async fn a_search_finds_parts_of_names_and_no_patterns(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(NOW));
        let by = publisher(&store, &env, "maker").await;
        approved(&store, &env, &by, "half-price").await;
        approved(&store, &env, &by, "two-for-one").await;
        assert_eq!(found(&store, &env, "").await, ["half-price 1.0.0", "two-for-one 1.0.0"]);
        assert_eq!(found(&store, &env, "PLUGIN Two").await, ["two-for-one 1.0.0"]);
        assert_eq!(found(&store, &env, "100%").await.len(), 2);
        assert_eq!(found(&store, &env, "half_price").await, [""; 0]);
    }

    async fn a_review_is_final(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(NOW));
        let by = publisher(&store, &env, "maker").await;
        let version = submit(&store, &env, &by, &version_in(manifest("maker", "half-price", "1.0.0"), 'a')).await.unwrap();
        let review = async |review| {
            let decide = async |mut tx| version_review(&mut tx, version.id, review, "too slow").await;
            store.platform_write(&origin(&env), decide).await
        };
        let rejected = review(Review::Reject).await.unwrap();
        assert_eq!((rejected.state, rejected.note.as_str()), (VersionState::Rejected, "too slow"));
        assert_eq!(review(Review::Reject).await.unwrap(), rejected);
        assert_eq!(review(Review::Approve).await.unwrap_err().code(), "already-reviewed");
        let ctx = ctx(&store, &env, "shop").await;
        assert_eq!(install(&store, &ctx, &install_in("half-price")).await.unwrap_err().code(), "not-found");
    }
}
