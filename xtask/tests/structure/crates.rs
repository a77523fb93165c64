//! Which crate may depend on which: model ← store ← {capabilities, platform} ← runtime ← {delivery, web} ← server,
//! delivery ← devkit ← server, model ← outbound ← {runtime, webhook}, webhook ← {delivery, web}, bindings ← runtime; what partners build on never depends on the host.

use toml::{Table, Value};

use crate::tree::{assert_none, read, those};

/// Each crate of the host, and those that it may depend on.
const HOST: &[(&str, &[&str])] = &[
    ("heptad-model", &[]),
    ("heptad-bindings", &[]),
    ("heptad-outbound", &["heptad-model"]),
    ("heptad-store", &["heptad-model"]),
    ("heptad-capabilities", &["heptad-model", "heptad-store"]),
    ("heptad-platform", &["heptad-model", "heptad-store"]),
    ("heptad-webhook", &["heptad-model", "heptad-outbound", "heptad-platform"]),
    (
        "heptad-runtime",
        &[
            "heptad-model",
            "heptad-outbound",
            "heptad-store",
            "heptad-capabilities",
            "heptad-platform",
            "heptad-bindings",
        ],
    ),
    (
        "heptad-web",
        &[
            "heptad-model",
            "heptad-outbound",
            "heptad-store",
            "heptad-capabilities",
            "heptad-platform",
            "heptad-runtime",
            "heptad-webhook",
        ],
    ),
    ("heptad-bus", &["heptad-model"]),
    (
        "heptad-delivery",
        &[
            "heptad-model",
            "heptad-bus",
            "heptad-outbound",
            "heptad-store",
            "heptad-capabilities",
            "heptad-platform",
            "heptad-runtime",
            "heptad-webhook",
        ],
    ),
    (
        "heptad-devkit",
        &[
            "heptad-model",
            "heptad-outbound",
            "heptad-store",
            "heptad-capabilities",
            "heptad-platform",
            "heptad-runtime",
            "heptad-delivery",
        ],
    ),
    (
        "heptad-server",
        &[
            "heptad-model",
            "heptad-devkit",
            "heptad-outbound",
            "heptad-bus",
            "heptad-store",
            "heptad-capabilities",
            "heptad-platform",
            "heptad-runtime",
            "heptad-delivery",
            "heptad-web",
        ],
    ),
];

/// The project's own dependencies that a crate must not have.
fn violations(file: &str, text: &str) -> Vec<String> {
    let manifest: Table = toml::from_str(text).unwrap_or_else(|error| panic!("{file}: {error}"));
    let Some(name) = manifest.get("package").and_then(|package| package.get("name")).and_then(Value::as_str) else {
        return Vec::new();
    };
    let wrong = |(kind, dependency): &(&str, String)| {
        let own = dependency.starts_with("heptad-") || dependency == "xtask";
        own && !may_depend(file, name, kind, dependency)
    };
    let found = dependencies(&manifest);
    found
        .into_iter()
        .filter(wrong)
        .map(|(kind, dependency)| format!("{file}: {name} has {dependency} in [{kind}]"))
        .collect()
}

fn may_depend(file: &str, name: &str, kind: &str, dependency: &str) -> bool {
    if let Some((_, allowed)) = HOST.iter().find(|(krate, _)| *krate == name) {
        // A crate's tests may use its own features for tests; they stay below it all the same.
        return allowed.contains(&dependency) || (kind == "dev-dependencies" && dependency == name);
    }
    match file.split('/').next() {
        // The benchmark stands outside and measures the whole host, but its guests are plugins like any other.
        Some("bench") if !["guest", "handler", "runaway"].contains(&file.split('/').nth(1).unwrap_or_default()) => true,
        // The fuzz targets run what the tests of the runtime run.
        Some("fuzz") => true,
        // These tests read the registries.
        Some("xtask") => kind == "dev-dependencies" && dependency == "heptad-model",
        Some("sdk") => false,
        _ => dependency == "heptad-sdk",
    }
}

/// Every dependency, by the table that it stands in, those of a target's own included.
fn dependencies(manifest: &Table) -> Vec<(&'static str, String)> {
    const KINDS: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];
    let targets = manifest.get("target").and_then(Value::as_table).into_iter().flatten();
    let targets = targets.filter_map(|(_, target)| target.as_table());
    let tables = std::iter::once(manifest).chain(targets);
    let mut found = Vec::new();
    for table in tables {
        for kind in KINDS {
            for (name, value) in table.get(kind).and_then(Value::as_table).into_iter().flatten() {
                let renamed = value.get("package").and_then(Value::as_str);
                found.push((kind, renamed.unwrap_or(name).to_owned()));
            }
        }
    }
    found
}

#[test]
fn crates_depend_in_one_direction() {
    let found: Vec<String> = those("", "Cargo.toml").flat_map(|file| violations(file, &read(file))).collect();
    assert_none("a crate depends on one that it may not know", &found);
}

#[test]
fn every_crate_of_the_host_is_in_the_table() {
    let names = those("host/", "/Cargo.toml").filter(|file| file.split('/').count() == 3).map(|file| {
        let manifest: Table = toml::from_str(&read(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        manifest["package"]["name"].as_str().unwrap_or_default().to_owned()
    });
    let mut names: Vec<String> = names.collect();
    names.sort();
    let mut known: Vec<&str> = HOST.iter().map(|(name, _)| *name).collect();
    known.sort_unstable();
    assert_eq!(names, known);
}

#[test]
fn a_wrong_edge_is_found() {
    let upwards = "package.name = 'heptad-store'\ndependencies.heptad-model = '1'\ndependencies.heptad-web = '1'";
    assert_eq!(violations("host/store/Cargo.toml", upwards).len(), 1);
    let partner = "package.name = 'x'\ndependencies.heptad-sdk = '1'\ndev-dependencies.heptad-model = '1'";
    assert_eq!(violations("plugins/x/Cargo.toml", partner).len(), 1);
    let renamed = "package.name = 'heptad-sdk'\n[target.'cfg(unix)'.dependencies]\nm = { package = 'heptad-model' }";
    assert_eq!(violations("sdk/rust/Cargo.toml", renamed).len(), 1);
    let own = "package.name = 'heptad-web'\ndev-dependencies.heptad-web = '1'\ndependencies.heptad-bindings = '1'";
    assert_eq!(
        violations("host/web/Cargo.toml", own),
        ["host/web/Cargo.toml: heptad-web has heptad-bindings in [dependencies]"]
    );
}
