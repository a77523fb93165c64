//! Installing, consent, settings, order, uninstalling; two tenants apart.

use heptad_model::id::InstallId;
use heptad_model::time::span::DAY;
use heptad_model::{Ctx, Env, Origin, PageRequest, Permission};
use heptad_platform::audit::{AuditQuery, audit_list};
use heptad_platform::install::*;
use heptad_platform::kv::{KvEntry, kv_get, kv_set};
use heptad_platform::{PlatformError, generation};
use heptad_store::{Store, StoreError, both_databases};
use serde_json::json;

use crate::support::*;

async fn list(store: &Store, ctx: &Ctx) -> Vec<Install> {
    store.read::<_, StoreError, _>(ctx, async |mut tx| install_list(&mut tx).await).await.unwrap()
}

async fn generation_now(store: &Store, origin: &Origin) -> i64 {
    store.platform_read::<_, StoreError, _>(origin, async |mut tx| generation(&mut tx).await).await.unwrap()
}

async fn enable(store: &Store, ctx: &Ctx, id: InstallId) -> Result<Install, PlatformError> {
    store.write(ctx, async |mut tx| install_enable(&mut tx, id).await).await
}

both_databases! {
    async fn i04_an_optional_permission_may_be_declined_and_a_required_one_may_not(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(NOW));
        let by = publisher(&store, &env, "maker").await;
        approved(&store, &env, &by, "half-price").await;
        let ctx = ctx(&store, &env, "shop").await;
        let nothing = InstallIn { granted: granted(&[]).into(), ..install_in("half-price") };
        let refused = install(&store, &ctx, &nothing).await.unwrap_err();
        assert_eq!(refused.code(), "permission-required");
        assert!(refused.to_string().contains("`mall.catalog.read` (interface heptad:mall/catalog)"), "{refused}");
        let unasked = granted(&[Permission::MallCatalogRead, Permission::PlatformKvWrite]);
        let unasked = InstallIn { granted: unasked.into(), ..install_in("half-price") };
        assert_eq!(install(&store, &ctx, &unasked).await.unwrap_err().code(), "permission-not-asked");
        let some = granted(&[Permission::MallCatalogRead, Permission::MembersTagsRead]);
        let installed = install(&store, &ctx, &InstallIn { granted: some.into(), ..install_in("half-price") }).await.unwrap();
        let enabled = enable(&store, &ctx, installed.id).await.unwrap();
        assert!(enabled.is_enabled() && enabled.granted == some);
        assert!(!enabled.granted.contains(Permission::MallInventoryRead));
        let fewer = granted(&[Permission::MallCatalogRead]);
        let put = async |grants| store.write(&ctx, async |mut tx| install_grants_put(&mut tx, installed.id, &grants).await).await;
        let changed = put(fewer.into()).await.unwrap();
        assert!(changed.granted == fewer && changed.revision == enabled.revision + 1);
        assert_eq!(put(granted(&[]).into()).await.unwrap_err().code(), "permission-required");
    }

    async fn settings_are_checked_by_field_and_enabling_waits_for_them(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(NOW));
        let by = publisher(&store, &env, "maker").await;
        approved(&store, &env, &by, "half-price").await;
        let ctx = ctx(&store, &env, "shop").await;
        let wrong = InstallIn { settings: Some(json!({"percent": 101, "colour": "red"})), ..install_in("half-price") };
        let refused = install(&store, &ctx, &wrong).await.unwrap_err();
        let mut pointers: Vec<String> = refused.fields().into_iter().map(|field| field.pointer).collect();
        pointers.sort();
        assert_eq!((refused.code(), pointers), ("settings-invalid", vec!["/colour".to_owned(), "/percent".to_owned()]));
        let installed = install(&store, &ctx, &InstallIn { settings: None, ..install_in("half-price") }).await.unwrap();
        assert_eq!((installed.state, &installed.settings), (InstallState::Disabled, &json!({"mode": "all"})));
        let early = enable(&store, &ctx, installed.id).await.unwrap_err();
        assert_eq!((early.code(), early.fields()[0].pointer.as_str()), ("needs-setup", "/percent"));
        let put = async |settings| store.write(&ctx, async |mut tx| install_settings_put(&mut tx, installed.id, &settings).await).await;
        assert_eq!(put(json!({})).await.unwrap_err().code(), "settings-invalid");
        let set = put(json!({"percent": 20})).await.unwrap();
        assert_eq!(set.settings, json!({"percent": 20, "mode": "all"}));
        assert!(enable(&store, &ctx, installed.id).await.unwrap().is_enabled());
    }

    async fn every_change_raises_the_revision_and_the_generation(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(NOW));
        let by = publisher(&store, &env, "maker").await;
        approved(&store, &env, &by, "half-price").await;
        let ctx = ctx(&store, &env, "shop").await;
        let start = generation_now(&store, &ctx).await;
        let id = install(&store, &ctx, &install_in("half-price")).await.unwrap().id;
        env.advance(5);
        let enabled = enable(&store, &ctx, id).await.unwrap();
        assert_eq!((enabled.revision, enabled.updated_at.as_millis()), (2, NOW + 5));
        // Enabling what is enabled is no change.
        assert_eq!(enable(&store, &ctx, id).await.unwrap(), enabled);
        env.advance(5);
        let disabled = store.write(&ctx, async |mut tx| install_disable(&mut tx, id).await).await.unwrap();
        assert_eq!((disabled.revision, disabled.state), (3, InstallState::Disabled));
        assert_eq!(generation_now(&store, &ctx).await, start + 3);
        let rows = store.read(&ctx, async |mut tx| audit_list(&mut tx, &AuditQuery::default(), &PageRequest::new(None, Some(2)).unwrap()).await).await.unwrap();
        assert_eq!(rows.items.len(), 2);
        assert_eq!((rows.items[0].action.as_str(), rows.items[0].actor.as_str()), ("install.disabled", "system:test"));
        let next = PageRequest::new(rows.next.as_deref(), None).unwrap();
        let rest = store.read(&ctx, async |mut tx| audit_list(&mut tx, &AuditQuery::default(), &next).await).await.unwrap();
        assert_eq!(rest.items.iter().map(|row| row.action.as_str()).collect::<Vec<_>>(), ["install.created"]);
    }

    async fn a_refused_change_raises_nothing(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(NOW));
        let by = publisher(&store, &env, "maker").await;
        approved(&store, &env, &by, "half-price").await;
        let ctx = ctx(&store, &env, "shop").await;
        install(&store, &ctx, &install_in("half-price")).await.unwrap();
        let before = generation_now(&store, &ctx).await;
        assert_eq!(install(&store, &ctx, &install_in("half-price")).await.unwrap_err().code(), "already-installed");
        assert_eq!(install(&store, &ctx, &install_in("unknown")).await.unwrap_err().code(), "not-found");
        let version = InstallIn { version: Some("9.9.9".to_owned()), ..install_in("half-price") };
        assert_eq!(install(&store, &ctx, &version).await.unwrap_err().code(), "not-found");
        assert_eq!(generation_now(&store, &ctx).await, before);
    }

    async fn a_plugin_installed_by_many_at_once_is_installed_once(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(NOW));
        let by = publisher(&store, &env, "maker").await;
        approved(&store, &env, &by, "half-price").await;
        let ctx = ctx(&store, &env, "shop").await;
        let tasks: Vec<_> = (0..8).map(|_| {
            let (store, ctx) = (store.clone(), ctx.clone());
            tokio::spawn(async move { until_settled!(install(&store, &ctx, &install_in("half-price"))) })
        }).collect();
        let mut installed = 0;
        for task in tasks {
            match task.await.unwrap() {
                Ok(_) => installed += 1,
                Err(error) => assert_eq!(error.code(), "already-installed"),
            }
        }
        assert_eq!((installed, list(&store, &ctx).await.len()), (1, 1));
    }

    async fn the_merchant_orders_its_plugins(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(NOW));
        let by = publisher(&store, &env, "maker").await;
        let ctx = ctx(&store, &env, "shop").await;
        let mut ids = Vec::new();
        for name in ["one", "two", "three"] {
            approved(&store, &env, &by, name).await;
            ids.push(install(&store, &ctx, &install_in(name)).await.unwrap().id);
        }
        let reorder = async |order: &[InstallId]| store.write(&ctx, async |mut tx| install_reorder(&mut tx, order).await).await;
        let names = |installs: &[Install]| installs.iter().map(|install| install.plugin.clone()).collect::<Vec<_>>();
        assert_eq!(names(&list(&store, &ctx).await), ["one", "two", "three"]);
        let after = reorder(&[ids[2], ids[1], ids[0]]).await.unwrap();
        assert_eq!(names(&after), ["three", "two", "one"]);
        assert_eq!(after.iter().map(|install| install.revision).collect::<Vec<_>>(), [2, 1, 2]);
        let stranger = InstallId::generate(&env);
        for wrong in [&[ids[0], ids[1]][..], &[ids[0], ids[1], ids[1]], &[ids[0], ids[1], stranger], &[ids[0], ids[1], ids[2], ids[2]]] {
            assert_eq!(reorder(wrong).await.unwrap_err().code(), "not-a-permutation");
        }
        assert_eq!(names(&list(&store, &ctx).await), ["three", "two", "one"]);
    }

    async fn a_point_has_at_most_25_plugins(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(NOW));
        let by = publisher(&store, &env, "maker").await;
        let ctx = ctx(&store, &env, "shop").await;
        for n in 0..=MAX_ON_POINT {
            let name = format!("plugin-{n}");
            approved(&store, &env, &by, &name).await;
            let result = install(&store, &ctx, &install_in(&name)).await;
            match n < MAX_ON_POINT {
                true => assert!(result.is_ok(), "{result:?}"),
                false => assert_eq!(result.unwrap_err().code(), "point-full"),
            }
        }
    }

    async fn uninstalling_leaves_no_row(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(NOW));
        let by = publisher(&store, &env, "maker").await;
        approved(&store, &env, &by, "half-price").await;
        let ctx = ctx(&store, &env, "shop").await;
        let id = install(&store, &ctx, &install_in("half-price")).await.unwrap().id;
        let entries = [("a", "xyz"), ("b", "")].map(|(key, value)| KvEntry { key: key.to_owned(), value: value.into() });
        store.write(&ctx, async |mut tx| kv_set(&mut tx, id, &entries).await).await.unwrap();
        let gone = store.write(&ctx, async |mut tx| install_uninstall(&mut tx, id, OwnData::Purge).await).await.unwrap();
        assert_eq!(gone.data, Uninstalled { kv_entries: 2, kv_bytes: 5, documents: 0, document_bytes: 0 });
        assert_eq!((gone.kept_until, gone.purged_at), (None, Some(gone.at)));
        assert_eq!(list(&store, &ctx).await, []);
        let again = store.write(&ctx, async |mut tx| install_uninstall(&mut tx, id, OwnData::Purge).await).await;
        assert_eq!(again.unwrap_err().code(), "not-found");
        let fresh = install(&store, &ctx, &install_in("half-price")).await.unwrap();
        let read = store.read(&ctx, async |mut tx| kv_get(&mut tx, fresh.id, &["a".to_owned()]).await).await.unwrap();
        assert_eq!(read, []);
    }

    async fn i03_what_a_plugin_kept_is_there_again_within_thirty_days_or_goes_with_a_certificate(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(NOW));
        let by = publisher(&store, &env, "maker").await;
        approved(&store, &env, &by, "half-price").await;
        let ctx = ctx(&store, &env, "shop").await;
        let entry = [KvEntry { key: "a".to_owned(), value: b"xyz".to_vec() }];
        let kept = async |id| {
            store.write::<_, PlatformError, _>(&ctx, async |mut tx| install_uninstall(&mut tx, id, OwnData::Keep).await).await.unwrap()
        };
        let value = async |id| {
            let keys = ["a".to_owned()];
            store.read::<_, PlatformError, _>(&ctx, async |mut tx| kv_get(&mut tx, id, &keys).await).await.unwrap()
        };
        let first = install(&store, &ctx, &install_in("half-price")).await.unwrap().id;
        store.write::<_, PlatformError, _>(&ctx, async |mut tx| kv_set(&mut tx, first, &entry).await).await.unwrap();
        let certificate = kept(first).await;
        assert_eq!((certificate.data.kv_entries, certificate.kept_until), (1, Some(env.now().plus(30 * DAY))));
        assert_eq!(value(first).await, []);
        // Whoever installs it again has it back, once.
        let second = install(&store, &ctx, &install_in("half-price")).await.unwrap().id;
        assert_eq!(value(second).await, entry);
        let get = async |id| {
            store.read::<_, PlatformError, _>(&ctx, async |mut tx| uninstall_get(&mut tx, id).await).await.unwrap()
        };
        assert_eq!(get(certificate.id).await.restored_to, Some(second));
        // At once, when somebody asks for it.
        let again = kept(second).await;
        let purged = store.write::<_, PlatformError, _>(&ctx, async |mut tx| uninstall_purge(&mut tx, again.id).await).await.unwrap();
        assert_eq!((purged.kept_until, purged.purged_at), (None, Some(env.now())));
        let third = install(&store, &ctx, &install_in("half-price")).await.unwrap().id;
        assert_eq!(value(third).await, []);
        // After thirty days by itself.
        store.write::<_, PlatformError, _>(&ctx, async |mut tx| kv_set(&mut tx, third, &entry).await).await.unwrap();
        let last = kept(third).await;
        env.advance(30 * DAY);
        let rows = store.write::<_, StoreError, _>(&ctx, async |mut tx| uninstalled_data_purge(&mut tx, 10).await).await.unwrap();
        assert_eq!(rows, 2);
        assert_eq!(get(last.id).await.purged_at, Some(env.now()));
        let page = store.read::<_, StoreError, _>(&ctx, async |mut tx| uninstall_list(&mut tx, &PageRequest::first()).await).await.unwrap();
        assert_eq!(page.items.len(), 3);
    }

    async fn two_tenants_see_nothing_of_each_others_installs(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(NOW));
        let by = publisher(&store, &env, "maker").await;
        approved(&store, &env, &by, "half-price").await;
        let (first, second) = (ctx(&store, &env, "first").await, ctx(&store, &env, "second").await);
        let mine = install(&store, &first, &install_in("half-price")).await.unwrap();
        let other = InstallIn { settings: Some(json!({"percent": 50})), ..install_in("half-price") };
        let theirs = install(&store, &second, &other).await.unwrap();
        assert_eq!(list(&store, &first).await, std::slice::from_ref(&mine));
        assert_eq!(list(&store, &second).await, [theirs]);
        let id = mine.id;
        let not_found = |result: Result<(), PlatformError>| assert_eq!(result.unwrap_err().code(), "not-found");
        not_found(store.read(&second, async |mut tx| install_get(&mut tx, id).await).await.map(drop));
        not_found(enable(&store, &second, id).await.map(drop));
        not_found(store.write(&second, async |mut tx| install_disable(&mut tx, id).await).await.map(drop));
        not_found(store.write(&second, async |mut tx| install_settings_put(&mut tx, id, &json!({})).await).await.map(drop));
        not_found(store.write(&second, async |mut tx| install_grants_put(&mut tx, id, &granted(&[]).into()).await).await.map(drop));
        not_found(store.write(&second, async |mut tx| install_uninstall(&mut tx, id, OwnData::Purge).await).await.map(drop));
        assert_eq!(store.write(&second, async |mut tx| install_reorder(&mut tx, &[id]).await).await.unwrap_err().code(), "not-a-permutation");
        assert_eq!(list(&store, &first).await, [mine]);
    }
}
