//! What tests need that others made: the toolchains of guests in JavaScript and Python with the builds themselves, and the
//! verifier of webhooks.
//!
//! Toolchains are installed into the target folder at the versions that the guests' lock files pin. Each step keeps a
//! stamp of what it read, and is skipped while that is unchanged.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::process;
use crate::workspace::Workspace;

/// The folder of the guest in JavaScript, and its source.
const JS: (&str, &str) = ("money-js", "money.js");

/// The folder of the guest in Python, and its module.
const PY: (&str, &str) = ("money-py", "money");

/// The folder that pins the S3 server of the tests.
const S3: &str = "host/runtime/tests/s3";

/// The folder of the HTTP example that comes with componentize-py, its module, and its world.
const HTTP: (&str, &str, &str) = ("http-py", "app", "wasi:http/proxy");

/// The crate that brings WASI's own WIT along.
const WASI: &str = "wasmtime-wasi-http";

/// The world that the first two export, in the tests' `wit` folder.
const WORLD: &str = "guest";

/// Builds the guests below `folder`; gives each one's folder and component.
pub(crate) fn build(workspace: &Workspace, folder: &Path) -> Result<Vec<(PathBuf, PathBuf)>> {
    let wit = assemble_wit(workspace, folder)?;
    let js = (folder.join(JS.0), workspace.guests().join("components").join("money-js.wasm"));
    let py = (folder.join(PY.0), workspace.guests().join("components").join("money-py.wasm"));
    fs::create_dir_all(workspace.guests().join("components")).context("cannot make the folder of components")?;
    let http = (folder.join(HTTP.0), workspace.guests().join("components").join("http-py.wasm"));
    build_js(workspace, &js.0, &wit, &js.1)?;
    // Both by the toolchain that the first one pins.
    install_py(workspace, &py.0)?;
    build_py(workspace, &py.0, PY.1, (&wit, WORLD), &py.1)?;
    build_py(workspace, &http.0, HTTP.1, (&wasi_wit(workspace)?, HTTP.2), &http.1)?;
    Ok(vec![js, py, http])
}

/// The folder of the verifier of webhooks, which is not ours either.
const VERIFIER: &str = "host/delivery/tests/verifier";

/// Installs the verifier of webhooks at the version that its lock file pins, unchanged, beside the script that runs it.
pub(crate) fn verifier(workspace: &Workspace) -> Result<()> {
    let (from, tools) = (workspace.root.join(VERIFIER), workspace.tools().join("webhooks"));
    unless_done(&tools.join("stamp"), std::slice::from_ref(&from), || {
        println!("tests: installing the verifier of webhooks");
        fs::create_dir_all(&tools)?;
        for name in ["package.json", "package-lock.json", "verify.mjs"] {
            fs::copy(from.join(name), tools.join(name))?;
        }
        let mut npm = Command::new("npm");
        npm.args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(&tools);
        process::run(npm.stdout(Stdio::null()))
    })
}

fn build_js(workspace: &Workspace, guest: &Path, wit: &Path, component: &Path) -> Result<()> {
    let tools = workspace.tools().join("js");
    let locked = install_js(guest, &tools, "guests: installing the JavaScript toolchain")?;
    let source = guest.join(JS.1);
    unless_done(&component.with_extension("stamp"), &[&locked[..], &[source.clone(), wit.to_owned()]].concat(), || {
        let mut build = Command::new(tools.join("node_modules/.bin/componentize-qjs"));
        build.arg("--wit").arg(wit).args(["--world", WORLD, "--sync"]);
        build.arg("--js").arg(&source).arg("--output").arg(component);
        process::run(build.stdout(Stdio::null()))
    })
}

/// Installs the S3 server that the tests of the store of components run.
pub(crate) fn install_s3(workspace: &Workspace) -> Result<()> {
    let tools = workspace.tools().join("s3");
    install_js(&workspace.root.join(S3), &tools, "guests: installing the tests' S3 server").map(drop)
}

/// The S3 server's program, for Node.js.
pub(crate) fn s3_server(workspace: &Workspace) -> PathBuf {
    workspace.tools().join("s3/node_modules/s3rver/bin/s3rver.js")
}

/// Installs what a folder pins; gives the files that pin it.
fn install_js(pinned: &Path, tools: &Path, says: &str) -> Result<[PathBuf; 2]> {
    let pins = ["package.json", "package-lock.json"];
    let locked = pins.map(|name| pinned.join(name));
    unless_done(&tools.join("stamp"), &locked, || {
        println!("{says}");
        fs::create_dir_all(tools)?;
        for name in pins {
            fs::copy(pinned.join(name), tools.join(name))?;
        }
        // Not `npm ci`: that refuses a lock file whose toolchain names packages for some systems that were never
        // published. `install` takes the same versions and checks the same digests.
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(tools);
        process::run(npm.stdout(Stdio::null()))
    })?;
    Ok(locked)
}

fn install_py(workspace: &Workspace, guest: &Path) -> Result<()> {
    let tools = workspace.tools().join("python");
    let locked = guest.join("requirements.txt");
    unless_done(&tools.join("stamp"), std::slice::from_ref(&locked), || {
        println!("guests: installing the Python toolchain");
        process::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&tools))?;
        let mut pip = Command::new(tools.join("bin/pip"));
        process::run(pip.args(["install", "--quiet", "--disable-pip-version-check", "--requirement"]).arg(&locked))
    })
}

fn build_py(
    workspace: &Workspace,
    guest: &Path,
    module: &str,
    (wit, world): (&Path, &str),
    component: &Path,
) -> Result<()> {
    let tools = workspace.tools().join("python");
    let source = guest.join(module).with_extension("py");
    unless_done(&component.with_extension("stamp"), &[tools.join("stamp"), source, wit.to_owned()], || {
        let mut build = Command::new(tools.join("bin/componentize-py"));
        build.arg("--quiet").arg("--wit-path").arg(wit).args([
            "--world",
            world,
            "componentize",
            module,
            "--python-path",
        ]);
        build.arg(guest).arg("--output").arg(component);
        // Python would leave its cache in the source folder.
        process::run(build.env("PYTHONDONTWRITEBYTECODE", "1"))
    })
}

/// The folder of WASI's WIT, within the sources that Cargo has fetched.
fn wasi_wit(workspace: &Workspace) -> Result<PathBuf> {
    // For this machine alone: what others need was not fetched.
    let platform = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let mut ask = workspace.cargo();
    ask.args(["metadata", "--offline", "--format-version=1", "--filter-platform", &platform]);
    let metadata = process::capture(&mut ask)?;
    let paths = metadata.split("\"manifest_path\":\"").skip(1).filter_map(|rest| rest.split('"').next());
    let is_wasi = |path: &Path| {
        let folder = path.parent().and_then(Path::file_name).unwrap_or_default();
        folder.to_string_lossy().strip_prefix(WASI).is_some_and(|version| version.starts_with('-'))
    };
    let manifest = paths.map(Path::new).find(|path| is_wasi(path)).with_context(|| format!("{WASI} is not fetched"))?;
    Ok(manifest.with_file_name("wit"))
}

/// Lays the contract out as these toolchains want it: the world, and a folder for each package that it names.
fn assemble_wit(workspace: &Workspace, folder: &Path) -> Result<PathBuf> {
    let wit = workspace.guests().join("wit");
    if wit.exists() {
        // A file that the contract no longer has must not stay.
        fs::remove_dir_all(&wit).with_context(|| format!("cannot remove {}", wit.display()))?;
    }
    copy_wit(&folder.join("wit"), &wit)?;
    for package in sorted(&workspace.root.join("wit"))? {
        if let Some(name) = package.file_name().filter(|_| package.is_dir()) {
            copy_wit(&package, &wit.join("deps").join(name))?;
        }
    }
    Ok(wit)
}

fn copy_wit(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("cannot make {}", to.display()))?;
    for file in sorted(from)? {
        if let Some(name) = file.file_name().filter(|_| file.extension().is_some_and(|kind| kind == "wit")) {
            fs::copy(&file, to.join(name)).with_context(|| format!("cannot copy {}", file.display()))?;
        }
    }
    Ok(())
}

/// Does `work` unless the stamp tells that it was done on the same inputs; files or folders, read whole.
pub(crate) fn unless_done(stamp: &Path, inputs: &[PathBuf], work: impl FnOnce() -> Result<()>) -> Result<()> {
    let mut hasher = DefaultHasher::new();
    for input in inputs {
        hash(input, &mut hasher)?;
    }
    let now = format!("{:016x}", hasher.finish());
    if fs::read_to_string(stamp).is_ok_and(|before| before == now) {
        return Ok(());
    }
    // Work that fails half-way must not look done.
    let _ = fs::remove_file(stamp);
    work()?;
    fs::write(stamp, now).with_context(|| format!("cannot write {}", stamp.display()))
}

fn hash(path: &Path, hasher: &mut DefaultHasher) -> Result<()> {
    path.file_name().hash(hasher);
    if path.is_dir() {
        return sorted(path)?.iter().try_for_each(|entry| hash(entry, hasher));
    }
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))?.hash(hasher);
    Ok(())
}

/// The entries of a folder in the order of their names.
pub(crate) fn sorted(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    Ok(paths)
}
