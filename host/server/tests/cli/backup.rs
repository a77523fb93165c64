//! `heptad backup` and `heptad restore`, on both databases and across.

use std::os::unix::fs::PermissionsExt as _;

use heptad_store::both_databases;
use heptad_store::dialect::Dialect;

use crate::support::{Heptad, MAP, ORDERS, shop};

fn check(from: &Heptad, to: &Heptad) {
    shop(from, "corner");
    let (orders, map) = (from.write("orders.csv", ORDERS), from.write("map.toml", MAP));
    from.run(&["import", "orders", "--map", &map, &orders]).ended(2);
    std::fs::create_dir_all(from.path("data/components")).unwrap();
    from.write("data/components/abc.wasm", "a component");
    let file = from.path("backup.gz").display().to_string();
    let made = from.run(&["backup", &file, "--output", "json"]);
    let (made, note) = (made.json(), made.stderr);
    assert!(note.contains("the master key is not in the backup"), "{note}");
    assert_eq!(
        (&made["rows"]["orders"], &made["rows"]["order_lines"], &made["files"]),
        (&2.into(), &3.into(), &1.into())
    );
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    from.run(&["backup", &file]).ended(4).says("exists already");

    let restored = to.run(&["restore", &file, "--output", "json"]).json();
    assert_eq!((&restored["rows"], &restored["created_at"]), (&made["rows"], &made["created_at"]));
    assert_eq!(std::fs::read_to_string(to.path("data/components/abc.wasm")).unwrap(), "a component");
    to.run(&["restore", &file]).ended(4).says("the database is not empty").says("hint: ");
    // What was restored is what an import finds.
    let again = to.run(&["import", "orders", "--map", &map, &orders]).ended(2);
    assert!(again.stdout.contains("loaded 0 of 5 rows, 3 were there already"), "{again:?}");
}

both_databases! {
    async fn a_backup_is_restored_into_the_same_kind_of_database(database: TestDatabase) {
        let other = TestDatabase::create(Dialect::of_url(&database.url).unwrap()).await;
        super::check(&Heptad::on(&database), &Heptad::on(&other));
    }

    async fn a_backup_is_restored_into_the_other_kind_of_database(database: TestDatabase) {
        let other = match Dialect::of_url(&database.url).unwrap() {
            Dialect::Sqlite => TestDatabase::create(Dialect::Postgres).await,
            Dialect::Postgres => TestDatabase::create(Dialect::Sqlite).await,
        };
        super::check(&Heptad::on(&database), &Heptad::on(&other));
    }

    async fn a_file_that_is_no_backup_is_refused(database: TestDatabase) {
        let heptad = Heptad::on(&database);
        let file = heptad.write("backup.gz", "hello");
        heptad.run(&["restore", &file]).ended(2).says("line 1 of the backup");
        heptad.run(&["restore", "absent.gz"]).ended(2).says("cannot read absent.gz");
    }
}
