//! Every plugin and example has a scenario, which a test of the host runs with its packed component, and every route has its
//! authorisation test.

use crate::tree::{assert_none, folders_with, read, those};

/// The test that runs all scenarios of the repository.
const RUNS: &str = "host/server/tests/cli/scenarios.rs";

#[test]
fn every_plugin_and_example_has_a_scenario() {
    let mut missing = Vec::new();
    for parent in ["plugins", "examples"] {
        let guests = folders_with(parent, "plugin.toml");
        assert!(!guests.is_empty(), "{parent} has no guest");
        let has_none = |guest: &&&str| those(&format!("{parent}/{guest}/tests/"), ".toml").next().is_none();
        missing.extend(guests.iter().filter(has_none).map(|guest| format!("{parent}/{guest}")));
        assert!(read(RUNS).contains(&format!("\"{parent}\"")), "{RUNS} does not look into {parent}");
    }
    assert_none("no scenario in `tests/*.toml`", &missing);
}

#[test]
fn the_table_of_routes_is_walked_by_the_authorisation_test() {
    let walks = |file: &str| file.contains("authorisation") && read(file).contains("ROUTES");
    assert!(those("host/web/tests/api/", ".rs").any(walks), "host/web/tests/api has no authorisation test over ROUTES");
}
