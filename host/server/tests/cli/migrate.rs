//! `heptad migrate`.

use heptad_model::{Env, Origin};
use heptad_store::testing::TestDatabase;
use heptad_store::{PlatformTx, Store, StoreError, StoreOptions, both_databases};

use crate::support::{Heptad, until};

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
    let applied = heptad.run(&["migrate"]).ended(0).stdout;
    assert!(applied.starts_with("applied 0001_foundation, 0002_sandbox, 0003_events, "), "{applied}");
    assert_eq!(heptad.run(&["migrate", "--check"]).ended(0).stdout, "the schema is up to date\n");
    assert_eq!(heptad.run(&["migrate", "--output", "json"]).json()["applied"], serde_json::json!([]));
}

/// A database that a newer binary has migrated, and whether it has left out what older ones need.
async fn newer(database: &TestDatabase, contracts: bool) -> Heptad {
    const NEWER: &str = "insert into schema_migrations (version, name, checksum, applied_at) values (999, 'x', 'y', 1)";
    const CONTRACTS: &str = "insert into generations (name, value) values ('oldest-schema', 999)";
    // As the owner: the server's role may not change the list.
    let store = Store::open(&StoreOptions::new(database.owner_url.clone())).await.unwrap();
    let origin = Origin::system("test", Env::fixed(0));
    for statement in [Some(NEWER), contracts.then_some(CONTRACTS)].into_iter().flatten() {
        let run = async |mut tx: PlatformTx| tx.query(statement).execute().await;
        let done: Result<u64, StoreError> = store.platform_write(&origin, run).await;
        done.unwrap();
    }
    store.close().await;
    Heptad::on(database)
}

both_databases! {
    async fn migrating_again_changes_nothing(database: TestDatabase) {
        let heptad = Heptad::on(&database);
        heptad.run(&["migrate", "--check"]).ended(0);
        assert_eq!(heptad.run(&["migrate"]).ended(0).stdout, "the schema is up to date\n");
    }

    async fn a_newer_schema_that_leaves_this_binary_behind_is_refused(database: TestDatabase) {
        let heptad = newer(&database, true).await;
        for command in [&["serve"][..], &["migrate"], &["migrate", "--check"], &["backup", "x.gz"]] {
            heptad.run(command).ended(4).says("migration 999, which this binary does not know, and needs at least 999");
        }
    }

    async fn the_binary_before_goes_on_with_a_schema_that_only_grew(database: TestDatabase) {
        let heptad = newer(&database, false).await;
        assert_eq!(heptad.run(&["migrate"]).ended(0).stdout, "the schema is up to date\n");
        heptad.run(&["migrate", "--check"]).ended(0);
        let serving = heptad.serve();
        until("it is ready", async || (serving.get("/readyz").await.0 == 200).then_some(())).await;
    }
}
