//! `heptad migrate`.

use heptad_model::{Env, Origin};
use heptad_store::dialect::Dialect;
use heptad_store::testing::TestDatabase;
use heptad_store::{StoreError, both_databases};

use crate::support::Heptad;

#[test]
fn an_empty_database_is_refused_until_it_is_migrated() {
    let heptad = Heptad::new();
    heptad.run(&["migrate", "--check"]).ended(4).says("there is no database").says("hint: run `heptad migrate`");
    assert!(!heptad.path("heptad.db").exists());
    heptad
        .run(&["serve"])
        .ended(4)
        .says("the database lacks the migrations 0001_foundation")
        .says("hint: run `heptad migrate`");
    assert_eq!(heptad.run(&["migrate"]).ended(0).stdout, "applied 0001_foundation, 0002_sandbox, 0003_events\n");
    assert_eq!(heptad.run(&["migrate", "--check"]).ended(0).stdout, "the schema is up to date\n");
    assert_eq!(heptad.run(&["migrate", "--output", "json"]).json()["applied"], serde_json::json!([]));
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let database = TestDatabase::create(Dialect::Sqlite).await;
    let newer = "insert into schema_migrations (version, name, checksum, applied_at) values (999, 'x', 'y', 1)";
    let origin = Origin::system("test", Env::fixed(0));
    let store = database.open().await;
    let done: Result<u64, StoreError> =
        store.platform_write(&origin, async |mut tx| tx.query(newer).execute().await).await;
    done.unwrap();
    let heptad = Heptad::on(&database);
    for command in [&["serve"][..], &["migrate"], &["migrate", "--check"], &["backup", "x.gz"]] {
        heptad.run(command).ended(4).says("migration 999, which this binary does not know");
    }
}

both_databases! {
    async fn migrating_again_changes_nothing(database: TestDatabase) {
        let heptad = Heptad::on(&database);
        heptad.run(&["migrate", "--check"]).ended(0);
        assert_eq!(heptad.run(&["migrate"]).ended(0).stdout, "the schema is up to date\n");
    }
}
