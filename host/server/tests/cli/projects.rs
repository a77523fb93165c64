//! Projects of plugins, in a folder that knows nothing of this repository.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::Heptad;

/// Where what is compiled for projects stays from test to test; nothing in it is of ours.
fn target() -> String {
    let cache = std::env::var("HEPTAD_TEST_CACHE").expect("run `cargo xtask test`, which passes a folder");
    format!("{cache}/projects")
}

/// Runs cargo in a folder, without network.
fn cargo(folder: &Path, arguments: &[&str]) {
    let mut cargo = Command::new("cargo");
    cargo.args(arguments).current_dir(folder).env("CARGO_TARGET_DIR", target()).env("CARGO_NET_OFFLINE", "true");
    cargo.env("HEPTAD_BIN", env!("CARGO_BIN_EXE_heptad"));
    let done = cargo.output().unwrap();
    assert!(
        done.status.success(),
        "{}{}",
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr)
    );
}

#[test]
fn a_new_project_passes_its_tests_and_may_be_published() {
    let heptad = Heptad::new().set("CARGO_TARGET_DIR", &target()).set("CARGO_NET_OFFLINE", "true");
    let folder = heptad.path("tea-club");
    let path = folder.display().to_string();
    let mut arguments = vec!["plugin", "new", &path, "--publisher", "tea-house"];
    for point in heptad_model::Point::ALL {
        arguments.extend(["--point", point.name()]);
    }
    heptad.run(&arguments).ended(0);
    cargo(&folder, &["test", "--quiet"]);
    let checked = heptad.run(&["plugin", "check", &path, "--output", "json"]).json();
    assert_eq!(checked["findings"], serde_json::json!([]));
    let built = folder.join("target/tea-club.wasm").display().to_string();
    let inspected = heptad.run(&["plugin", "inspect", &built, "--output", "json"]).json();
    assert_eq!(inspected["manifest"]["publisher"], "tea-house");

    // What is asked for in vain, and a sentence in one language, are found with their lines.
    let manifest = folder.join("plugin.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    let wish = "[[permissions]]\nname = \"members.tier.read\"\npurpose = { zh-CN = \"等级\", en = \"Tiers\" }\n";
    let english = "[locales.en.messages]\n\"only-here\" = \"Hello\"";
    let changed = format!("{}\n{wish}", text.replace("[locales.en.messages]", english));
    fs::write(&manifest, &changed).unwrap();
    let line = changed.lines().position(|line| line.contains("members.tier.read")).unwrap() + 1;
    let found = heptad.run(&["plugin", "check", &path]).ended(2);
    assert!(found.stdout.contains(&format!("plugin.toml:{line}: ")), "{}", found.stdout);
    assert!(
        found.stdout.contains("[permission-not-used]") && found.stdout.contains("[sentence-missing]"),
        "{}",
        found.stdout
    );

    // What an upload would refuse is found with its line, too.
    for (from, to, code, line) in [
        ("license = \"LicenseRef-Proprietary\"", "license = \"Free of charge\"", "invalid-manifest", "license"),
        ("contract = \"0.1\"", "contract = \"0.9\"", "contract-version", "contract"),
        ("\"schedule.run\", ", "", "invalid-manifest", "[[schedules]]"),
        ("\"discount.lines\", \"discount.order\", ", "", "export-not-listed", "points"),
    ] {
        assert!(text.contains(from), "{from} in {text}");
        let changed = text.replace(from, to);
        fs::write(&manifest, &changed).unwrap();
        let number = changed.lines().position(|text| text.starts_with(line)).unwrap() + 1;
        let found = heptad.run(&["plugin", "check", &path]).ended(2);
        let said = found
            .stdout
            .lines()
            .any(|said| said.starts_with(&format!("plugin.toml:{number}: ")) && said.ends_with(&format!("[{code}]")));
        assert!(said, "{from}: {}", found.stdout);
    }
}

#[test]
fn what_is_no_project_is_refused_with_a_hint() {
    let heptad = Heptad::new();
    let folder = heptad.path("nothing").display().to_string();
    heptad.run(&["plugin", "check", &folder]).ended(2).says("is no plugin's project").says("hint: begin a project");
    heptad.run(&["plugin", "new", &folder, "--point", "everything"]).ended(2).says("the points are discount.lines");
    heptad.run(&["plugin", "new", &folder]).ended(0);
    heptad.run(&["plugin", "new", &folder]).ended(4).says("is not empty").says("hint: name a folder");
    let odd = heptad.path("Odd Name").display().to_string();
    heptad.run(&["plugin", "new", &odd]).ended(2).says("`name`: 2 to 64 lower-case letters");
    heptad.run(&["plugin", "vendor", &folder]).ended(0);
}
