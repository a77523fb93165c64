//! `cargo xtask setup`: installs what the other commands need, or says in one line what to install.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use crate::nats;
use crate::postgres;
use crate::process;
use crate::workspace::{GUEST_TARGET, Workspace, find_program};

/// The wasm target of modules that are no components, which a peer of the benchmark wants.
pub(crate) const PLAIN_TARGET: &str = "wasm32-unknown-unknown";

/// What the tools are for: a demo runs on SQLite with guests in Rust, the benchmark wants servers, the tests want more.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// `cargo xtask demo`.
    Demo,
    /// `cargo xtask bench`.
    Bench,
    /// `cargo xtask test` and `cargo xtask guests`.
    Test,
}

/// Whether missing tools may be installed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Install them where this can be done unasked: rustup, and apt as root.
    Install,
    /// Only say what is missing.
    Check,
}

/// Something of the operating system that the tests or the benchmark need.
struct Tool {
    /// What it is called in messages.
    name: &'static str,
    /// Tells whether it is there.
    present: fn() -> bool,
    /// The Debian packages that bring it.
    packages: &'static [&'static str],
}

const SERVERS: &[Tool] = &[
    Tool {
        name: "PostgreSQL's server (initdb, postgres)",
        present: || postgres::find_binaries().is_some(),
        packages: &["postgresql"],
    },
    Tool { name: "nats-server", present: || nats::find_server().is_some(), packages: &["nats-server"] },
];

const LANGUAGES: &[Tool] = &[
    Tool { name: "Node.js", present: || find_program("node").is_some(), packages: &["nodejs"] },
    Tool { name: "npm", present: || find_program("npm").is_some(), packages: &["npm"] },
    Tool { name: "Python 3 with venv", present: has_python_venv, packages: &["python3", "python3-venv"] },
];

/// Makes sure that all tools for `purpose` are there; quick and silent when they are.
pub(crate) fn run(workspace: &Workspace, purpose: Purpose, mode: Mode) -> Result<()> {
    guest_target(workspace, mode, GUEST_TARGET)?;
    match purpose {
        Purpose::Demo => Ok(()),
        Purpose::Bench => {
            guest_target(workspace, mode, PLAIN_TARGET)?;
            system_packages(mode, &[SERVERS])
        }
        Purpose::Test => system_packages(mode, &[SERVERS, LANGUAGES]),
    }
}

/// The standard library for guests in Rust, next to that of the pinned toolchain.
fn guest_target(workspace: &Workspace, mode: Mode, target: &str) -> Result<()> {
    let sysroot = process::capture(Command::new("rustc").args(["--print", "sysroot"]).current_dir(&workspace.root))?;
    if PathBuf::from(sysroot.trim()).join("lib/rustlib").join(target).is_dir() {
        return Ok(());
    }
    let mut install = Command::new("rustup");
    install.args(["target", "add", target]).current_dir(&workspace.root);
    if mode == Mode::Check || find_program("rustup").is_none() {
        bail!("Rust's target {target} is missing; install it: rustup target add {target}");
    }
    process::run(&mut install)
}

fn system_packages(mode: Mode, tools: &[&'static [Tool]]) -> Result<()> {
    let missing = missing_tools(tools);
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.iter().map(|tool| tool.name).collect::<Vec<_>>().join(", ");
    let packages = missing.iter().flat_map(|tool| tool.packages).copied().collect::<Vec<_>>();
    let with_apt = find_program("apt-get").is_some();
    if mode == Mode::Check || !with_apt || !is_root() {
        if with_apt {
            bail!("missing: {names}; install as root: apt-get install -y {}", packages.join(" "));
        }
        bail!("missing: {names}; install them with this system's package manager");
    }
    println!("setup: installing {}", packages.join(" "));
    // An old list of packages asks for files that the mirror no longer has.
    process::run(Command::new("apt-get").args(["update", "-qq"]))?;
    process::run(
        Command::new("apt-get")
            .args(["install", "-y", "-qq", "--no-install-recommends"])
            .args(&packages)
            .env("DEBIAN_FRONTEND", "noninteractive"),
    )?;
    let missing = missing_tools(tools);
    if !missing.is_empty() {
        let names = missing.iter().map(|tool| tool.name).collect::<Vec<_>>().join(", ");
        bail!("{names} still not found after installing {}", packages.join(" "));
    }
    Ok(())
}

fn missing_tools(tools: &[&'static [Tool]]) -> Vec<&'static Tool> {
    tools.iter().copied().flatten().filter(|tool| !(tool.present)()).collect()
}

fn has_python_venv() -> bool {
    process::succeeds(Command::new("python3").args(["-c", "import ensurepip, venv"]))
}

/// Whether this program runs as the superuser.
pub(crate) fn is_root() -> bool {
    process::capture(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}
