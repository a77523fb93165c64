//! `cargo xtask bench`: runs the benchmark, a workspace of its own, on optimised builds, beside a PostgreSQL and a NATS.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::guests;
use crate::nats::Nats;
use crate::postgres::{OWNER, Postgres, SERVER};
use crate::process;
use crate::setup::{self, Mode, Purpose};
use crate::workspace::{GUEST_PROFILE, GUEST_TARGET, Workspace};

/// What is built for which target: the guests, and the peers that are guests elsewhere.
const BUILDS: &[(&str, &[&str])] = &[
    (GUEST_TARGET, &["bench-guest", "bench-handler", "bench-runaway", "bench-peer-wasi-http"]),
    (setup::PLAIN_TARGET, &["bench-peer-extism"]),
];

/// Builds the guests and runs the benchmark with `args`.
pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result<()> {
    setup::run(workspace, Purpose::Bench, Mode::Install)?;
    guests::build_server(workspace)?;
    guests::build_catalog(workspace)?;
    for (target, packages) in BUILDS {
        let mut build = cargo(workspace, "build");
        build.args(["--quiet", "--target", target, "--profile", GUEST_PROFILE]);
        build.args(packages.iter().flat_map(|package| ["--package", package]));
        process::run(&mut build)?;
    }
    process::run(workspace.cargo_build().args(["--release", "--package", "heptad-server"]))?;
    let (postgres, nats) = (Postgres::durable()?, Nats::start()?);
    let mut bench = cargo(workspace, "run");
    bench
        .args(["--release", "--"])
        .args(args)
        .env("HEPTAD_BIN", workspace.heptad())
        .env("HEPTAD_TEST_GUESTS", workspace.guests())
        .env("HEPTAD_TEST_POSTGRES", postgres.url(OWNER))
        .env("HEPTAD_TEST_POSTGRES_SERVER_ROLE", SERVER)
        .env("HEPTAD_TEST_NATS", nats.url())
        .env("HEPTAD_BENCH_SERVER", workspace.heptad_optimised())
        .env("HEPTAD_BENCH_TARGET", target(workspace))
        .env("HEPTAD_BENCH_TOOLS", workspace.tools());
    process::run(&mut bench)
}

fn cargo(workspace: &Workspace, command: &str) -> Command {
    let mut cargo = workspace.cargo();
    cargo.arg(command).args(["--manifest-path", "bench/Cargo.toml"]).env("CARGO_TARGET_DIR", target(workspace));
    cargo
}

fn target(workspace: &Workspace) -> PathBuf {
    workspace.target.join("bench")
}
