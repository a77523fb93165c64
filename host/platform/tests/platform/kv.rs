//! The plugins' own store: batches, order of keys, quota, tenants apart.

use heptad_model::id::InstallId;
use heptad_model::{Ctx, Env, Limits, Origin, PageRequest};
use heptad_platform::PlatformError;
use heptad_platform::kv::*;
use heptad_platform::limit_profile::{DEFAULT, limit_profile_put, tenant_limit_profile_put};
use heptad_platform::notice::{NoticeKind, notice_list};
use heptad_store::{Store, Tx, both_databases};
use serde_json::json;

use crate::support::*;

fn entry(key: &str, value: &[u8]) -> KvEntry {
    KvEntry { key: key.to_owned(), value: value.to_vec() }
}

async fn installed(store: &Store, env: &Env) -> (Ctx, InstallId) {
    let by = publisher(store, env, "maker").await;
    approved(store, env, &by, "half-price").await;
    let ctx = ctx(store, env, "shop").await;
    let id = install(store, &ctx, &install_in("half-price")).await.unwrap().id;
    (ctx, id)
}

async fn set(store: &Store, ctx: &Ctx, id: InstallId, entries: &[KvEntry]) -> Result<(), PlatformError> {
    store.write(ctx, async |mut tx| kv_set(&mut tx, id, entries).await).await
}

async fn get(store: &Store, ctx: &Ctx, id: InstallId, keys: &[&str]) -> Vec<KvEntry> {
    let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
    store.read(ctx, async |mut tx| kv_get(&mut tx, id, &keys).await).await.unwrap()
}

async fn bytes(store: &Store, ctx: &Ctx, id: InstallId) -> i64 {
    store.read(ctx, async |mut tx| kv_bytes(&mut tx, id).await).await.unwrap()
}

/// What the entries of a tenant come to; as many bytes are booked.
async fn sum(store: &Store, ctx: &Ctx) -> i64 {
    const SUM: &str = "select cast(coalesce(sum(length(value) + length(key) / 2), 0) as bigint) as n from plugin_kv where tenant_id = $1";
    let read = async |mut tx: Tx| Ok::<_, PlatformError>(tx.query(SUM).fetch_one(|row| row.int("n")).await?);
    store.read(ctx, read).await.unwrap()
}

both_databases! {
    async fn entries_are_set_read_and_deleted_in_batches(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(NOW));
        let (ctx, id) = installed(&store, &env).await;
        let all = [entry("b", b"2"), entry("a", &[0, 255]), entry("键\0", b"")];
        set(&store, &ctx, id, &all).await.unwrap();
        assert_eq!(get(&store, &ctx, id, &["键\0", "missing", "b", "a", "b"]).await, [all[2].clone(), all[0].clone(), all[1].clone()]);
        assert_eq!(bytes(&store, &ctx, id).await, 2 + 3 + 4);
        set(&store, &ctx, id, &[entry("a", b"long one"), entry("b", b"")]).await.unwrap();
        assert_eq!(bytes(&store, &ctx, id).await, 9 + 1 + 4);
        let keys = ["a".to_owned(), "missing".to_owned()];
        let deleted = store.write(&ctx, async |mut tx| kv_delete(&mut tx, id, &keys).await).await.unwrap();
        assert_eq!((deleted, bytes(&store, &ctx, id).await), (1, 5));
        assert_eq!(get(&store, &ctx, id, &["a"]).await, []);
    }

    async fn keys_are_listed_in_byte_order_by_prefix(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(NOW));
        let (ctx, id) = installed(&store, &env).await;
        let mut keys = ["a", "B", "a-", "a/1", "a/10", "a/2", "a/é", "a0", "A", "%", "_"].map(str::to_owned);
        set(&store, &ctx, id, &keys.each_ref().map(|key| entry(key, b"x"))).await.unwrap();
        keys.sort();
        for (prefix, size) in [("", 3), ("a", 2), ("a/", 1), ("a/", 200), ("%", 1), ("zz", 1)] {
            let (mut seen, mut cursor) = (Vec::new(), None::<String>);
            loop {
                let request = PageRequest::new(cursor.as_deref(), Some(size)).unwrap();
                let page = store.read(&ctx, async |mut tx| kv_key_list(&mut tx, id, prefix, &request).await).await.unwrap();
                seen.extend(page.items);
                cursor = page.next;
                if cursor.is_none() { break; }
            }
            let expected: Vec<_> = keys.iter().filter(|key| key.starts_with(prefix)).cloned().collect();
            assert_eq!(seen, expected, "{prefix}");
        }
    }

    async fn keys_values_and_batches_have_bounds(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(NOW));
        let (ctx, id) = installed(&store, &env).await;
        let many: Vec<_> = (0..=MAX_BATCH).map(|n| entry(&n.to_string(), b"")).collect();
        for (entries, code) in [
            (vec![entry("", b"")], "kv-key"),
            (vec![entry(&"k".repeat(MAX_KEY + 1), b"")], "kv-key"),
            (vec![entry("a", b""), entry("k", &vec![0; MAX_VALUE + 1])], "kv-value"),
            (vec![entry("a", b""), entry("a", b"")], "kv-duplicate"),
            (many, "kv-batch"),
        ] {
            assert_eq!(set(&store, &ctx, id, &entries).await.unwrap_err().code(), code);
        }
        assert_eq!(bytes(&store, &ctx, id).await, 0);
        let longest = [entry(&"k".repeat(MAX_KEY), &vec![7; MAX_VALUE]), entry(&"l".repeat(MAX_KEY), b"")];
        set(&store, &ctx, id, &longest).await.unwrap();
        // The longest key is a cursor, too.
        let one = PageRequest::new(None, Some(1)).unwrap();
        let page = store.read(&ctx, async |mut tx| kv_key_list(&mut tx, id, "", &one).await).await.unwrap();
        let next = PageRequest::new(page.next.as_deref(), Some(1)).unwrap();
        let page = store.read(&ctx, async |mut tx| kv_key_list(&mut tx, id, "", &next).await).await.unwrap();
        assert_eq!(page.items, [longest[1].key.clone()]);
        assert_eq!(set(&store, &ctx, InstallId::generate(&env), &[entry("a", b"")]).await.unwrap_err().code(), "not-found");
    }

    async fn parallel_writers_never_pass_the_quota(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(NOW));
        let (ctx, id) = installed(&store, &env).await;
        // 32 writers of 1 MiB each for 16 MiB: at most 15 fit, because the keys count as well.
        let tasks: Vec<_> = (0..32).map(|writer| {
            let (store, ctx) = (store.clone(), ctx.clone());
            tokio::spawn(async move {
                let entries: Vec<_> = (0..16).map(|n| entry(&format!("{writer}/{n}"), &vec![1; MAX_VALUE])).collect();
                until_settled!(set(&store, &ctx, id, &entries))
            })
        }).collect();
        let mut written = 0;
        for task in tasks {
            match task.await.unwrap() {
                Ok(()) => written += 1,
                Err(error) => assert_eq!(error.code(), "kv-quota"),
            }
        }
        assert_eq!(written, 15);
        let held = bytes(&store, &ctx, id).await;
        let quota = Limits::default().kv_bytes;
        assert!(u64::try_from(held).unwrap() <= quota, "{held}");
        assert_eq!(sum(&store, &ctx).await, held);
    }

    async fn what_is_replaced_while_somebody_deletes_it_is_counted(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(NOW));
        let (ctx, id) = installed(&store, &env).await;
        let (first, second) = ([entry("a", b"first"), entry("b", b"longer")], [entry("a", b"second"), entry("b", b"other")]);
        let keys = ["a".to_owned()];
        for _ in 0..20 {
            set(&store, &ctx, id, &first).await.unwrap();
            let delete = async || store.write(&ctx, async |mut tx| kv_delete(&mut tx, id, &keys).await).await;
            let (replaced, deleted) = tokio::join!(
                async { until_settled!(set(&store, &ctx, id, &second)) },
                async { until_settled!(delete()) },
            );
            replaced.unwrap();
            deleted.unwrap();
            assert_eq!(bytes(&store, &ctx, id).await, sum(&store, &ctx).await);
        }
    }

    async fn the_quota_is_that_of_the_shops_profile(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(NOW));
        let (ctx, id) = installed(&store, &env).await;
        let two = [entry("a", &[1; 600]), entry("b", &[1; 600])];
        for (kv_bytes, fits) in [(1_000, false), (2_000, true)] {
            let limits = Limits { kv_bytes, ..Limits::default() };
            let put = async |mut tx| {
                limit_profile_put(&mut tx, "small", &limits).await?;
                tenant_limit_profile_put(&mut tx, ctx.tenant().id, Some("small")).await
            };
            let done: Result<(), PlatformError> = store.platform_write(&Origin::system("test", env.clone()), put).await;
            done.unwrap();
            assert_eq!(set(&store, &ctx, id, &two).await.map_err(|error| error.code()), if fits { Ok(()) } else { Err("kv-quota") });
        }
    }

    async fn a_store_that_grows_past_four_fifths_of_its_quota_is_told_once(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(NOW));
        let (ctx, id) = installed(&store, &env).await;
        let limits = Limits { kv_bytes: 1_000, ..Limits::default() };
        let put = async |mut tx| limit_profile_put(&mut tx, DEFAULT, &limits).await;
        store.platform_write(&Origin::system("test", env.clone()), put).await.unwrap();
        let told = async || {
            let page = PageRequest::new(None, None).unwrap();
            let list = store.read(&ctx, async |mut tx| notice_list(&mut tx, true, &page).await);
            list.await.unwrap().items.into_iter().map(|notice| (notice.kind, notice.detail, notice.occurrences)).collect::<Vec<_>>()
        };
        set(&store, &ctx, id, &[entry("a", &[1; 798])]).await.unwrap();
        assert_eq!(told().await, []);
        for size in [799, 999] {
            set(&store, &ctx, id, &[entry("a", &vec![1; size])]).await.unwrap();
            let detail = json!({"plugin": "half-price", "version": "1.0.0", "limit": "kv-quota", "used": 800, "most": 1_000});
            assert_eq!(told().await, [(NoticeKind::LimitNear, detail, 1)]);
        }
        // Below and above again: told again.
        for size in [1, 899] {
            set(&store, &ctx, id, &[entry("a", &vec![1; size])]).await.unwrap();
        }
        assert_eq!(told().await[0].2, 2);
    }

    async fn two_tenants_share_keys_and_see_nothing_of_each_other(database: TestDatabase) {
        let (store, env) = (database.open().await, Env::fixed(NOW));
        let (first, mine) = installed(&store, &env).await;
        let second = ctx(&store, &env, "other").await;
        let theirs = install(&store, &second, &install_in("half-price")).await.unwrap().id;
        set(&store, &first, mine, &[entry("same", b"mine")]).await.unwrap();
        set(&store, &second, theirs, &[entry("same", b"theirs")]).await.unwrap();
        assert_eq!(get(&store, &first, mine, &["same"]).await, [entry("same", b"mine")]);
        assert_eq!(get(&store, &second, mine, &["same"]).await, []);
        assert_eq!(set(&store, &second, mine, &[entry("same", b"stolen")]).await.unwrap_err().code(), "not-found");
        let keys = store.read(&second, async |mut tx| kv_key_list(&mut tx, mine, "", &PageRequest::first()).await).await.unwrap();
        assert_eq!(keys.items, [""; 0]);
        let same = ["same".to_owned()];
        let deleted = store.write(&second, async |mut tx| kv_delete(&mut tx, mine, &same).await).await;
        assert_eq!(deleted.unwrap_err().code(), "not-found");
        assert_eq!(get(&store, &first, mine, &["same"]).await, [entry("same", b"mine")]);
    }
}
