//! `heptad plugin test`: plugins tried in shops of their own.

use std::fs;
use std::path::PathBuf;

use crate::support::Heptad;

/// Compiled code stays from test to test, and out of the sources.
fn heptad() -> Heptad {
    Heptad::new().set("CARGO_TARGET_DIR", &std::env::var("HEPTAD_TEST_CACHE").expect("run `cargo xtask test`"))
}

/// The folders of the repository whose plugins have scenarios, and where they were built.
fn plugins() -> Vec<(PathBuf, PathBuf)> {
    let guests = PathBuf::from(std::env::var("HEPTAD_TEST_GUESTS").expect("run `cargo xtask test`"));
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut found = Vec::new();
    for folder in ["plugins", "examples"] {
        for entry in fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.join("plugin.toml").is_file() {
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                found.push((path, guests.join(format!("{name}.wasm"))));
            }
        }
    }
    found
}

#[test]
fn every_plugin_of_the_repository_passes_its_scenarios() {
    let heptad = heptad();
    let plugins = plugins();
    assert!(plugins.len() >= 10, "{plugins:?}");
    for (folder, built) in plugins {
        let (folder, built) = (folder.display().to_string(), built.display().to_string());
        let tested = heptad.run(&["plugin", "test", &folder, "--built", &built, "--output", "json"]).json();
        let scenarios = tested["scenarios"].as_array().unwrap();
        assert!(
            scenarios.iter().any(|one| !one["calls"].as_array().unwrap().is_empty()),
            "{folder}: nothing was asked"
        );
    }
}

/// A folder with the example of a discount, whose scenario says something else.
fn changed(heptad: &Heptad, change: impl FnOnce(&str) -> String) -> (String, String) {
    let (example, built) = plugins().into_iter().find(|(folder, _)| folder.ends_with("hello-discount")).unwrap();
    let folder = heptad.path("changed");
    fs::create_dir_all(folder.join("tests")).unwrap();
    fs::copy(example.join("plugin.toml"), folder.join("plugin.toml")).unwrap();
    let scenario = fs::read_to_string(example.join("tests/off.toml")).unwrap();
    fs::write(folder.join("tests/off.toml"), change(&scenario)).unwrap();
    (folder.display().to_string(), built.display().to_string())
}

#[test]
fn what_is_not_as_expected_is_named_with_its_step() {
    let heptad = heptad();
    let (folder, built) = changed(&heptad, |scenario| scenario.replace("amount = 100", "amount = 101"));
    let run = heptad.run(&["plugin", "test", &folder, "--built", &built]).ended(2).says("1 of 1 scenarios failed");
    assert!(run.stdout.contains("step 1: discounts[0].amount: expected 101, found 100"), "{}", run.stdout);
}

#[test]
fn a_scenario_that_cannot_be_read_says_where() {
    let heptad = heptad();
    let (folder, built) = changed(&heptad, |scenario| scenario.replace("price = 300", "prise = 300"));
    let run = heptad.run(&["plugin", "test", &folder, "--built", &built]).ended(2);
    run.says("off.toml: skus[1]").says("unknown field `prise`");
    let (folder, built) = changed(&heptad, |scenario| scenario.replace("sku = \"PEN\"", "sku = \"INK\""));
    let run = heptad.run(&["plugin", "test", &folder, "--built", &built]).ended(2);
    assert!(run.stdout.contains("step 2: total: expected 300, there is none"), "{}", run.stdout);
}

#[test]
fn a_call_that_became_dearer_is_found() {
    let heptad = heptad();
    let (folder, built) = changed(&heptad, str::to_owned);
    let test = |more: &[&str]| heptad.run(&[&["plugin", "test", &folder, "--built", &built], more].concat());
    test(&["--fuel-regression", "5"]).ended(2).says("hint: keep what is used now");
    test(&["--save-fuel"]).ended(0);
    test(&["--fuel-regression", "0"]).ended(0);
    let kept = heptad.path("changed/fuel.toml");
    let text = fs::read_to_string(&kept).unwrap();
    let first: u64 = text.split(['[', ',', ']']).find_map(|word| word.trim().parse().ok()).unwrap();
    fs::write(&kept, text.replacen(&first.to_string(), &(first / 2).to_string(), 1)).unwrap();
    let run = test(&["--fuel-regression", "5"]).ended(2).says("calls use more fuel than they may");
    assert!(run.stdout.contains(&format!("off: call 1 used {first} fuel, {} before", first / 2)), "{}", run.stdout);
}
