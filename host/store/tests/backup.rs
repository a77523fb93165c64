//! Backup and restore, on both databases and across.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use heptad_model::id::TenantId;
use heptad_model::{Actor, Ctx, Currency, Env, Locale, Origin, Tenant};
use heptad_store::backup::{BackupError, Summary, create, restore};
use heptad_store::dialect::Dialect;
use heptad_store::testing::TestDatabase;
use heptad_store::{Store, StoreError, both_databases};

const COMPONENT: &[u8] = b"\0asm any bytes";

/// Two tenants with rows of every kind of column, some of them null, and a parent for each child.
async fn fill(store: &Store, env: &Env) {
    let origin = Origin::system("test", env.clone());
    for name in ["first", "second"] {
        let tenant = Tenant {
            id: TenantId::generate(env),
            publisher: None,
            currency: Currency::parse("CNY").unwrap(),
            time_zone: "Asia/Shanghai".to_owned(),
            locale: Locale::ZhCn,
        };
        let ctx: Ctx = Origin::new(Actor::Anonymous, Locale::En, env.clone()).for_tenant(Arc::new(tenant.clone()));
        let id = tenant.id;
        let filled: Result<(), StoreError> = store
            .platform_write(&origin, async |mut tx| {
                const TENANT: &str = "insert into tenants (id, slug, name, currency, time_zone, locale, created_at) \
                                      values ($1, $2, '青禾 \"quoted\"', 'CNY', 'Asia/Shanghai', 'zh-CN', 1)";
                tx.query(TENANT).text(id).bind(name).execute().await?;
                const TOKEN: &str = "insert into tokens (id, secret_hash, name, role, scope, subject, created_at, created_by, expires_at, last_used_at) \
                                     values ($1, $2, 'n', 'shop', 's', '', 1, 'x', 2, null)";
                tx.query(TOKEN).bind(name).bind(name).execute().await?;
                if name == "first" {
                    tx.query("insert into publishers values ('p', 'heptad', 'Heptad', 1)").execute().await?;
                    tx.query("insert into plugins values ('x', 'p', 'v', 'x', 1)").execute().await?;
                    const VERSION: &str = "insert into plugin_versions values ('v', 'x', '1.0.0', 'd', 1, '{}', '[]', 'approved', '', 1, null, null, null, 0)";
                    tx.query(VERSION).execute().await?;
                    tx.query("update generations set value = 7").execute().await?;
                }
                Ok(())
            })
            .await;
        filled.unwrap();
        let filled: Result<(), StoreError> = store
            .write(&ctx, async |mut tx| {
                const INSTALL: &str =
                    "insert into installs values ($1, 'i', 'x', 'v', 'enabled', 1, '[]', '{}', 0, 1, 1, 1, '{}', 0, 0, 0, '[]', null)";
                tx.query(INSTALL).execute().await?;
                const KV: &str = "insert into plugin_kv values ($1, 'i', '6b', $2, 1)";
                tx.query(KV).bind(vec![0_u8, 255, 10, 13]).execute().await?;
                for number in 0..1_200 {
                    const COUNTER: &str = "insert into counters values ($1, $2, $3)";
                    tx.query(COUNTER).bind(format!("c{number}")).bind(i64::MAX - number).execute().await?;
                }
                tx.audit("cart.created", "a", &1).await
            })
            .await;
        filled.unwrap();
    }
}

fn unpacked(backup: &[u8]) -> Vec<String> {
    let mut text = String::new();
    flate2::read::GzDecoder::new(backup).read_to_string(&mut text).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// The rows and pieces of a backup, without what may differ: order, heads and marks.
fn content(backup: &[u8]) -> Vec<String> {
    let mut lines: Vec<_> = unpacked(backup).into_iter().filter(|line| !line.starts_with('{')).collect();
    lines.sort();
    lines
}

async fn backup_of(database: &TestDatabase, folder: &Path, env: &Env) -> (Vec<u8>, Summary) {
    let mut backup = Vec::new();
    let summary = create(&database.url, folder, &mut backup, env, |_| {}).await.unwrap();
    (backup, summary)
}

async fn check_round_trip(from: &TestDatabase, to: &TestDatabase) {
    let env = Env::fixed(1_700_000_000_000);
    let (source, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::write(source.path().join("abc.wasm"), COMPONENT).unwrap();
    std::fs::write(source.path().join("abc.tmp-1-2"), b"half an upload").unwrap();
    let store = from.open().await;
    fill(&store, &env).await;
    let (backup, summary) = backup_of(from, source.path(), &env).await;
    assert_eq!((summary.rows["counters"], summary.rows["plugin_kv"], summary.rows["orders"]), (2_400, 2, 0));
    assert_eq!((summary.rows["generations"], summary.files), (1, 1));
    assert!(!summary.rows.contains_key("schema_migrations"));

    let mut told = 0;
    let restored = restore(&to.url, target.path(), backup.as_slice(), |rows| told = rows).await.unwrap();
    assert_eq!(restored, summary);
    assert!(told >= 2_000, "{told}");
    assert_eq!(std::fs::read(target.path().join("abc.wasm")).unwrap(), COMPONENT);
    assert_eq!(std::fs::read_dir(target.path()).unwrap().count(), 1);
    let (again, _) = backup_of(to, target.path(), &env).await;
    assert_eq!(content(&again), content(&backup));

    let twice = restore(&to.url, target.path(), backup.as_slice(), |_| {}).await;
    assert!(matches!(twice, Err(BackupError::NotEmpty(_))), "{twice:?}");
}

both_databases! {
    async fn a_backup_restores_into_the_same_kind_of_database(database: TestDatabase) {
        let dialect = Dialect::of_url(&database.url).unwrap();
        check_round_trip(&database, &TestDatabase::create(dialect).await).await;
    }

    async fn a_backup_restores_into_the_other_kind_of_database(database: TestDatabase) {
        let other = match Dialect::of_url(&database.url).unwrap() {
            Dialect::Sqlite => Dialect::Postgres,
            Dialect::Postgres => Dialect::Sqlite,
        };
        check_round_trip(&database, &TestDatabase::create(other).await).await;
    }

    async fn a_snapshot_is_not_disturbed_by_a_writer(database: TestDatabase) {
        let env = Env::fixed(0);
        let store = database.open().await;
        fill(&store, &env).await;
        let folder = tempfile::tempdir().unwrap();
        let (origin, mut writer) = (Origin::system("test", env.clone()), None);
        let mut backup = Vec::new();
        // The first word about progress comes in the middle of the rows; a write that is committed then is not in the backup.
        let summary = create(&database.url, folder.path(), &mut backup, &env, |_| {
            let (store, origin) = (store.clone(), origin.clone());
            writer.get_or_insert_with(|| std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async move {
                    let deleted: Result<u64, StoreError> =
                        store.platform_write(&origin, async |mut tx| tx.query("delete from tokens").execute().await).await;
                    deleted.unwrap()
                })
            }));
        }).await.unwrap();
        assert_eq!(writer.unwrap().join().unwrap(), 2);
        assert_eq!(summary.rows["tokens"], 2);
    }

    async fn a_damaged_backup_is_refused_and_nothing_stays(database: TestDatabase) {
        let env = Env::fixed(0);
        let store = database.open().await;
        fill(&store, &env).await;
        let (source, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(source.path().join("abc.wasm"), COMPONENT).unwrap();
        let (backup, _) = backup_of(&database, source.path(), &env).await;
        let lines = unpacked(&backup);
        let empty = TestDatabase::create(Dialect::of_url(&database.url).unwrap()).await;
        let packed = |lines: &[String]| {
            let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            for line in lines {
                std::io::Write::write_all(&mut out, format!("{line}\n").as_bytes()).unwrap();
            }
            out.finish().unwrap()
        };
        let changed = |from: &str, to: &str| -> Vec<String> {
            assert!(lines.iter().any(|line| line.contains(from)), "{from}");
            lines.iter().map(|line| line.replace(from, to)).collect()
        };
        let swapped_rows = {
            let mut lines = lines.clone();
            let row = lines.iter().rposition(|line| line.starts_with('[')).unwrap();
            lines.remove(row);
            lines
        };
        for (name, damaged, expected) in [
            ("not gzip", b"hello".to_vec(), "line 1"),
            ("cut off", backup[..backup.len() / 2].to_vec(), "of the backup"),
            ("no end", packed(&lines[..lines.len() - 1]), "ends before its last line"),
            ("another value", packed(&changed("\"zh-CN\"", "\"en-US\"")), "checksum is wrong"),
            ("a row less", packed(&swapped_rows), "checksum is wrong"),
            ("a path", packed(&changed("abc.wasm", "../abc.wasm")), "the name of a file"),
            ("an unknown table", packed(&changed("\"tokens\"", "\"tokenz\"")), "no table `tokenz`"),
            ("another format", packed(&changed("\"format\":1", "\"format\":2")), "format 2"),
        ] {
            let error = restore(&empty.url, target.path(), damaged.as_slice(), |_| {}).await.expect_err(name);
            assert!(error.to_string().contains(expected), "{name}: {error}");
            assert_eq!(std::fs::read_dir(target.path()).unwrap().count(), 0, "{name}");
        }
        // After all these the database is still empty.
        restore(&empty.url, target.path(), backup.as_slice(), |_| {}).await.unwrap();
    }
}
