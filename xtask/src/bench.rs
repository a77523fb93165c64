//! `cargo xtask bench`: runs the benchmark, a workspace of its own, on optimised builds.

use anyhow::Result;

use crate::guests;
use crate::process;
use crate::setup::{self, Mode, Purpose};
use crate::workspace::{GUEST_PROFILE, GUEST_TARGET, Workspace};

/// Builds the guests and runs the benchmark with `args`.
pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result<()> {
    setup::run(workspace, Purpose::Demo, Mode::Install)?;
    guests::build_server(workspace)?;
    guests::build_catalog(workspace)?;
    let target = workspace.target.join("bench");
    let cargo = |command: &str| {
        let mut cargo = workspace.cargo();
        cargo.arg(command).args(["--manifest-path", "bench/Cargo.toml"]).env("CARGO_TARGET_DIR", &target);
        cargo
    };
    let mut guest = cargo("build");
    guest.args(["--quiet", "--package", "bench-guest", "--target", GUEST_TARGET, "--profile", GUEST_PROFILE]);
    process::run(&mut guest)?;
    let mut bench = cargo("run");
    bench
        .args(["--release", "--"])
        .args(args)
        .env("HEPTAD_BIN", workspace.heptad())
        .env("HEPTAD_TEST_GUESTS", workspace.guests())
        .env("HEPTAD_BENCH_GUEST", target.join(GUEST_TARGET).join(GUEST_PROFILE).join("bench_guest.wasm"));
    process::run(&mut bench)
}
