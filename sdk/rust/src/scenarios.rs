//! Scenarios from `cargo test`.

use std::path::Path;
use std::process::Command;

/// Where the program is, when it is not on the path.
const PROGRAM: &str = "HEPTAD_BIN";

/// Runs the scenarios of the project in this folder (`tests/*.toml`) by `heptad plugin test`, which builds the plugin and
/// tries it in front of the host's real functions.
///
/// # Panics
///
/// Where a scenario fails, with what is not as expected; where the plugin does not build; where there is no `heptad`.
pub fn scenarios(project: impl AsRef<Path>) {
    let program = std::env::var_os(PROGRAM).unwrap_or_else(|| "heptad".into());
    let run = Command::new(&program).args(["plugin", "test"]).arg(project.as_ref()).output();
    let done = run.unwrap_or_else(|error| {
        panic!("cannot start {}: {error}; put `heptad` on the path, or its place into {PROGRAM}", program.display())
    });
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(done.status.success(), "{}\n{}", text(&done.stdout), text(&done.stderr));
}
