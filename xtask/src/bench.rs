//! `cargo xtask bench`: runs the benchmark, a workspace of its own, on optimised builds.

use anyhow::Result;

use crate::guests;
use crate::process;
use crate::setup::{self, Mode, Purpose};
use crate::workspace::Workspace;

/// Builds the guests and runs the benchmark with `args`.
pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result<()> {
    setup::run(workspace, Purpose::Demo, Mode::Install)?;
    guests::build_server(workspace)?;
    guests::build_catalog(workspace)?;
    let mut bench = workspace.cargo();
    bench.args(["run", "--release", "--manifest-path", "bench/Cargo.toml", "--"]).args(args);
    process::run(bench.env("HEPTAD_TEST_GUESTS", workspace.guests()))
}
