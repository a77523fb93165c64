//! Projects of plugins, in a folder that knows nothing of this repository.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::Heptad;

/// How long it may take from nothing to a project that passes, once what it depends on is there.
const MINUTE: Duration = Duration::from_secs(60);

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
fn a_new_project_in_rust_passes_within_a_minute_and_may_be_published() {
    let heptad = Heptad::new().set("CARGO_TARGET_DIR", &target()).set("CARGO_NET_OFFLINE", "true");
    let folder = heptad.path("tea-club");
    let path = folder.display().to_string();
    let mut arguments = vec!["plugin", "new", &path, "--publisher", "tea-house"];
    for point in heptad_model::Point::ALL {
        arguments.extend(["--point", point.name()]);
    }
    let started = Instant::now();
    heptad.run(&arguments).ended(0);
    cargo(&folder, &["test", "--quiet"]);
    assert!(started.elapsed() < MINUTE, "{:?}", started.elapsed());
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

/// A folder with what the registries gave when the tests were built.
fn tools(name: &str) -> String {
    let tools = std::env::var("HEPTAD_TEST_TOOLS").expect("run `cargo xtask test`, which passes a folder");
    format!("{tools}/{name}")
}

fn ran(mut command: Command) {
    let done = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(done.status.success(), "{command:?}: {}{}", text(&done.stdout), text(&done.stderr));
}

/// Begins a project with all points in a language, and installs what it depends on, without network.
fn begun(heptad: &Heptad, language: &str) -> PathBuf {
    let folder = heptad.path("tea-club");
    let path = folder.display().to_string();
    let mut arguments = vec!["plugin", "new", &path, "--publisher", "tea-house", "--language", language];
    for point in heptad_model::Point::ALL {
        arguments.extend(["--point", point.name()]);
    }
    heptad.run(&arguments).ended(0);
    if language == "python" {
        let mut venv = Command::new("python3");
        venv.args(["-m", "venv", ".venv"]).current_dir(&folder);
        ran(venv);
        let mut pip = Command::new(folder.join(".venv/bin/pip"));
        pip.args(["install", "--quiet", "--no-index", "--find-links", &tools("wheels")]);
        pip.args(["-r", "requirements.txt"]).current_dir(&folder);
        ran(pip);
    } else {
        let mut npm = Command::new("npm");
        npm.args(["install", "--offline", "--no-audit", "--no-fund", "--cache", &tools("npm-cache")]);
        npm.current_dir(&folder);
        ran(npm);
    }
    folder
}

/// A new project passes its scenarios and may be published; what is asked for in vain is found.
fn is_whole(heptad: &Heptad, folder: &Path) {
    let path = folder.display().to_string();
    let checked = heptad.run(&["plugin", "check", &path, "--output", "json"]).json();
    assert_eq!(checked["findings"], serde_json::json!([]));
    let tested = heptad.run(&["plugin", "test", &path, "--output", "json"]).json();
    assert_eq!(tested["scenarios"].as_array().unwrap().len(), 5, "{tested}");
    let manifest = folder.join("plugin.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    let wish = "[[permissions]]\nname = \"members.tier.read\"\npurpose = { zh-CN = \"等级\", en = \"Tiers\" }\n";
    fs::write(&manifest, format!("{text}\n{wish}")).unwrap();
    let found = heptad.run(&["plugin", "check", &path]).ended(2);
    assert!(found.stdout.contains("[permission-not-used]"), "{}", found.stdout);
}

#[test]
fn a_new_project_in_typescript_passes_within_a_minute() {
    let (heptad, started) = (Heptad::new(), Instant::now());
    let folder = begun(&heptad, "typescript");
    heptad.run(&["plugin", "test", &folder.display().to_string()]).ended(0);
    assert!(started.elapsed() < MINUTE, "{:?}", started.elapsed());
    let mut types = Command::new(folder.join("node_modules/.bin/tsc"));
    types.arg("--noEmit").current_dir(&folder);
    ran(types);
    is_whole(&heptad, &folder);
}

#[test]
fn a_new_project_in_javascript_passes_within_a_minute() {
    let (heptad, started) = (Heptad::new(), Instant::now());
    let folder = begun(&heptad, "javascript");
    heptad.run(&["plugin", "test", &folder.display().to_string()]).ended(0);
    assert!(started.elapsed() < MINUTE, "{:?}", started.elapsed());
    // What the sources import and the manifest does not ask for is refused before anything is made of it.
    let manifest = folder.join("plugin.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    let without = text.replace("name = \"platform.kv.write\"", "name = \"members.tier.read\"");
    fs::write(&manifest, &without).unwrap();
    let found = heptad.run(&["plugin", "check", &folder.display().to_string()]).ended(2);
    assert!(found.stdout.contains("heptad:platform/kv-write") && found.stdout.contains("[permission-not-asked]"));
    fs::write(&manifest, text).unwrap();
    is_whole(&heptad, &folder);
}

#[test]
fn a_new_project_in_python_passes_within_a_minute() {
    let (heptad, started) = (Heptad::new(), Instant::now());
    let folder = begun(&heptad, "python");
    heptad.run(&["plugin", "test", &folder.display().to_string()]).ended(0);
    assert!(started.elapsed() < MINUTE, "{:?}", started.elapsed());
    // The rest is the same for all languages, and compiling Python takes its time.
    let checked = heptad.run(&["plugin", "check", &folder.display().to_string(), "--output", "json"]).json();
    assert_eq!(checked["findings"], serde_json::json!([]));
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
