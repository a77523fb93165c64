//! `heptad import orders`.

use heptad_store::both_databases;

use crate::support::{Heptad, MAP, ORDERS, repository, shop};

both_databases! {
    async fn importing_superstore_twice_changes_nothing(database: TestDatabase) {
        let heptad = Heptad::on(&database);
        shop(&heptad, "superstore");
        let (file, map) = (repository("examples/data/superstore.csv.gz"), repository("examples/data/superstore.toml"));
        let import = ["import", "orders", "--map", &map, "--tenant", "superstore", &file, "--output", "json"];
        let first = heptad.run(&import);
        let report = first.json();
        assert_eq!((&report["rows"], &report["loaded"], &report["orders"]), (&9_994.into(), &9_994.into(), &5_009.into()));
        assert_eq!((&report["customers"], &report["failed"]), (&793.into(), &0.into()));
        assert!(first.stderr.lines().all(|line| line.starts_with("importing ")), "{first:?}");
        let second = heptad.run(&import).json();
        assert_eq!((&second["loaded"], &second["skipped"], &second["orders"]), (&0.into(), &9_994.into(), &0.into()));
    }

    async fn bad_rows_are_told_and_the_good_ones_load(database: TestDatabase) {
        let heptad = Heptad::on(&database);
        let (file, map) = (heptad.write("orders.csv", ORDERS), heptad.write("map.toml", MAP));
        let import = ["import", "orders", "--map", &map, &file];
        heptad.run(&import).ended(4).says("there is no shop yet").says("hint: ");
        shop(&heptad, "corner");
        let done = heptad.run(&import).ended(2).says("error: 2 of 5 rows were not loaded");
        assert!(done.stdout.starts_with("line 4: ") && done.stdout.contains("\nline 5: "), "{done:?}");
        assert!(done.stdout.contains("loaded 3 of 5 rows, 0 were there already, 2 are bad: 2 new orders"), "{done:?}");
        shop(&heptad, "other");
        heptad.run(&import).ended(2).says("which of them").says("hint: add --tenant and one of corner, other");
        heptad.run(&["import", "orders", "--map", &map, "--tenant", "corner", "absent.csv"]).ended(2).says("cannot read absent.csv");
        let broken = heptad.write("broken.toml", "source = \"x\"");
        heptad.run(&["import", "orders", "--map", &broken, "--tenant", "corner", &file]).ended(2).says("the map: ");
    }
}
