//! Every plugin and example runs as a packed component in a test of the host, and every route has its authorisation test.

use std::collections::BTreeSet;

use crate::strings::strings;
use crate::tree::{assert_none, folders_with, read, those};

/// The functions of the tests by which a tenant gets a packed component and switches it on.
const INSTALLS: &[&str] = &["install", "installed", "enabled"];

/// The guests that a test file installs for a tenant.
fn installed(file: &str, text: &str) -> BTreeSet<String> {
    let found = strings(file, text);
    let calls = found.calls.iter().filter(|call| INSTALLS.contains(&call.function.as_str()));
    calls.map(|call| found.all[call.string].text.clone()).collect()
}

#[test]
fn every_plugin_and_example_has_a_scenario_test() {
    let tests =
        those("host/", ".rs").filter(|file| file.split('/').nth(2) == Some("tests") && !file.contains("/guests/"));
    let run: BTreeSet<String> = tests.flat_map(|file| installed(file, &read(file))).collect();
    let mut missing = Vec::new();
    for parent in ["plugins", "examples"] {
        let guests = folders_with(parent, "plugin.toml");
        assert!(!guests.is_empty(), "{parent} has no guest");
        missing.extend(guests.iter().filter(|guest| !run.contains(**guest)).map(|guest| format!("{parent}/{guest}")));
    }
    assert_none("no test of the host installs the packed component for a tenant", &missing);
    let sample =
        r#"fn a() { installed(&host, &shop, "tea", settings).await; enabled(&["milk"]); text.contains("coffee"); }"#;
    assert_eq!(installed("a.rs", sample), ["milk", "tea"].map(str::to_owned).into());
}

#[test]
fn the_table_of_routes_is_walked_by_the_authorisation_test() {
    let walks = |file: &str| file.contains("authorisation") && read(file).contains("ROUTES");
    assert!(those("host/web/tests/api/", ".rs").any(walks), "host/web/tests/api has no authorisation test over ROUTES");
}
