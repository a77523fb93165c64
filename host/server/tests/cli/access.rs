//! `heptad tenant`, `heptad publisher`, `heptad user`, `heptad token` and `heptad operator-link`.

use heptad_store::both_databases;

use crate::support::{Heptad, shop};

both_databases! {
    async fn people_and_programs_are_made(database: TestDatabase) {
        let heptad = Heptad::on(&database);
        shop(&heptad, "corner");
        heptad.run(&["publisher", "create", "acme", "--name", "Acme"]).ended(0);
        let user = ["user", "create", "Owner@corner", "--role", "owner", "--tenant", "corner", "--output", "json"];
        let made = heptad.run_with(&user, "correct horse battery\n").json();
        assert_eq!(made["login"], "owner@corner");
        heptad.run_with(&user, "correct horse battery\n").ended(4).says("exists already");
        heptad.run_with(&["user", "create", "x2", "--role", "operator"], "short\n").ended(2).says("`password`: at least 12");
        heptad.run_with(&["user", "create", "x3", "--role", "owner"], "correct horse battery\n").ended(2).says("`role`");
        let token = heptad.run(&["token", "create", "--role", "shop", "--tenant", "corner", "--output", "json"]).json();
        assert!(token["token"].as_str().unwrap().starts_with("hpt_"));
        let token = heptad.run(&["token", "create", "--role", "publisher", "--publisher", "acme", "--days", "1"]).ended(0);
        assert!(token.stdout.contains("shown once"), "{token:?}");
        heptad.run(&["token", "create", "--role", "shop"]).ended(2).says("`scope`");
        heptad.run(&["token", "create", "--role", "shop", "--tenant", "nowhere"]).ended(2).says("there is no tenant `nowhere`");
        heptad.run(&["token", "create", "--role", "king"]).ended(2).says("`king` is not a role");
        let link = heptad.run(&["operator-link", "--output", "json"]).json();
        assert!(link["url"].as_str().unwrap().contains("/console/link/hpl_"), "{link}");
    }
}
