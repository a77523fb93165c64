//! `cargo xtask guests`: builds guests and packs them, so that each is a plugin file `target/guests/<name>.wasm`.
//!
//! A guest is a folder with a `plugin.toml`. Those with a `Cargo.toml` are members of the workspace and built for
//! wasm32-wasip2 here; those of the tests in JavaScript and Python are built by `foreign`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::foreign;
use crate::process;
use crate::projects;
use crate::setup::{self, Mode, Purpose};
use crate::workspace::{GUEST_PROFILE, GUEST_TARGET, Workspace};

/// The tests' guests, each in a folder of its own.
pub(crate) const TEST_GUESTS: &str = "host/runtime/tests/guests";

/// The file that makes a folder a guest.
const MANIFEST: &str = "plugin.toml";

/// Builds and packs all guests.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    setup::run(workspace, Purpose::Test, Mode::Install)?;
    build_server(workspace)?;
    build_catalog(workspace)?;
    build_test_guests(workspace)?;
    foreign::install_s3(workspace)?;
    println!("guests: all packed in {}", workspace.guests().display());
    Ok(())
}

/// Builds the binary `heptad`, which packs guests.
pub(crate) fn build_server(workspace: &Workspace) -> Result<()> {
    // The whole workspace is selected, as for the tests, so that dependencies have the same features.
    process::run(workspace.cargo_build().args(["--workspace", "--bin", "heptad"]))
}

/// Builds and packs the first-party plugins and the examples, and gives the files; `heptad` must have been built.
pub(crate) fn build_catalog(workspace: &Workspace) -> Result<Vec<PathBuf>> {
    let mut guests = rust_guests(&workspace.root.join("plugins"))?;
    guests.extend(rust_guests(&workspace.root.join("examples"))?);
    build_rust(workspace, &guests)
}

/// Builds and packs the tests' guests and the examples that are not in Rust, and installs what else of others the tests run; `heptad` must
/// have been built.
pub(crate) fn build_test_guests(workspace: &Workspace) -> Result<()> {
    let folder = workspace.root.join(TEST_GUESTS);
    build_rust(workspace, &rust_guests(&folder)?)?;
    for (guest, component) in foreign::build(workspace, &folder)? {
        pack(workspace, &guest, &component)?;
    }
    projects::build(workspace)?;
    foreign::verifier(workspace)
}

/// The subfolders that hold a guest in Rust, in the order of their names.
fn rust_guests(parent: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(parent).with_context(|| format!("cannot read {}", parent.display()))?;
    let mut guests: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    guests.retain(|folder| folder.join(MANIFEST).is_file() && folder.join("Cargo.toml").is_file());
    guests.sort();
    Ok(guests)
}

fn build_rust(workspace: &Workspace, guests: &[PathBuf]) -> Result<Vec<PathBuf>> {
    if guests.is_empty() {
        return Ok(Vec::new());
    }
    let names = guests.iter().map(|guest| package_name(guest)).collect::<Result<Vec<_>>>()?;
    let mut build = workspace.cargo_build();
    build.args(["--target", GUEST_TARGET, "--profile", GUEST_PROFILE]);
    build.args(names.iter().flat_map(|name| ["--package", name]));
    process::run(&mut build)?;
    let built = workspace.target.join(GUEST_TARGET).join(GUEST_PROFILE);
    let component = |name: &str| built.join(format!("{}.wasm", name.replace('-', "_")));
    guests.iter().zip(&names).map(|(guest, name)| pack(workspace, guest, &component(name))).collect()
}

/// The name in a guest's `Cargo.toml`, of which the first `name` is the package's.
fn package_name(guest: &Path) -> Result<String> {
    let file = guest.join("Cargo.toml");
    let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let name = text.lines().find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
    Ok(name.with_context(|| format!("{} names no package", file.display()))?.to_owned())
}

/// Writes a component and its manifest into one plugin file, named as the guest's folder, and gives the file.
fn pack(workspace: &Workspace, guest: &Path, component: &Path) -> Result<PathBuf> {
    let name = guest.file_name().context("a guest lies in no folder")?;
    let manifest = guest.join(MANIFEST);
    if !manifest.is_file() {
        bail!("{} is missing", manifest.display());
    }
    let folder = workspace.guests();
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let plugin = folder.join(name).with_extension("wasm");
    let mut pack = Command::new(workspace.heptad());
    pack.current_dir(&workspace.root).args(["plugin", "pack"]).arg(component);
    pack.arg("--manifest").arg(manifest).arg("--output").arg(&plugin);
    // One line for each guest would say nothing that a failure does not say.
    process::capture(&mut pack)?;
    Ok(plugin)
}
