//! `cargo xtask test`: builds everything once, starts one PostgreSQL and one NATS for the run, and runs all tests natively.
//!
//! What a test finds in its environment:
//!
//! | variable | value |
//! | --- | --- |
//! | `HEPTAD_TEST_POSTGRES` | URL of a database, as the role that owns what it creates |
//! | `HEPTAD_TEST_POSTGRES_SERVER_ROLE` | the role that the server runs as, which owns nothing |
//! | `HEPTAD_TEST_POSTGRES_PROGRAMS` | folder of `initdb` and `postgres`, for a test that stops a server of its own |
//! | `HEPTAD_TEST_NATS` | URL of a NATS with JetStream; each test uses names of its own |
//! | `HEPTAD_TEST_NATS_SERVER` | the program `nats-server`, for a test that stops one of its own |
//! | `HEPTAD_TEST_S3_SERVER` | a program for Node.js that speaks S3, for a test that starts one of its own |
//! | `HEPTAD_TEST_GUESTS` | folder of packed plugins, `<name>.wasm` |
//! | `HEPTAD_TEST_CACHE` | folder for compiled components, shared by all tests |
//! | `HEPTAD_TEST_FULL` | `1` for full stress sizes (`--full`) |
//! | `HEPTAD_BIN` | the binary `heptad` |

use std::ffi::{OsStr, OsString};
use std::fs;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::counts::{Counts, junit_names};
use crate::foreign;
use crate::guests;
use crate::nats::{self, Nats};
use crate::postgres::{self, OWNER, Postgres, SERVER};
use crate::process;
use crate::setup::{self, Mode, Purpose};
use crate::workspace::{Workspace, find_program};

#[derive(Args)]
pub(crate) struct TestArgs {
    /// Run only tests whose name contains this
    filter: Option<String>,
    /// Full stress sizes
    #[arg(long)]
    full: bool,
}

/// Runs the tests; fails when one fails or, unless they were filtered, when SQLite and PostgreSQL did not run the same.
pub(crate) fn run(workspace: &Workspace, args: &TestArgs) -> Result<()> {
    let start = Instant::now();
    setup::run(workspace, Purpose::Test, Mode::Install)?;
    println!("test: building the server and the tests");
    // Selects what the runner selects below, so that nothing is compiled twice with other features.
    process::run(workspace.cargo_build().args(["--workspace", "--bins", "--tests"]))?;
    guests::build_catalog(workspace)?;
    guests::build_test_guests(workspace)?;
    foreign::install_s3(workspace)?;
    fs::create_dir_all(workspace.test_cache()).context("cannot make the folder of compiled components")?;
    println!("test: starting PostgreSQL and NATS");
    let servers = Servers::start()?;
    let built = start.elapsed();

    let run = TestRun { workspace, args, servers: &servers };
    let nextest = find_program("cargo-nextest").is_some();
    // First, so that the summary that ends the output is that of the tests proper.
    let documentation = if nextest && args.filter.is_none() { run.documentation() } else { Ok(()) };
    let (names, result) = if nextest { run.nextest() } else { run.cargo_test() };
    if process::interrupted() {
        return result;
    }
    let counts = Counts::of(names.iter().map(String::as_str));
    println!(
        "tests on SQLite: {}, on PostgreSQL: {}, on no database: {}",
        counts.sqlite, counts.postgres, counts.other
    );
    result?;
    documentation?;
    ensure!(!names.is_empty(), "the runner reported no test");
    if args.filter.is_none() {
        counts.check()?;
    }
    let ran = start.elapsed() - built;
    println!("test: all passed; {} s to build, {} s to run", built.as_secs(), ran.as_secs());
    Ok(())
}

/// Builds everything and runs the test of this name, with something more in its environment.
pub(crate) fn run_one(workspace: &Workspace, name: &str, more: &[(&str, &OsStr)]) -> Result<()> {
    setup::run(workspace, Purpose::Test, Mode::Install)?;
    guests::build_server(workspace)?;
    guests::build_catalog(workspace)?;
    guests::build_test_guests(workspace)?;
    fs::create_dir_all(workspace.test_cache()).context("cannot make the folder of compiled components")?;
    let servers = Servers::start()?;
    let mut command = workspace.cargo();
    command.args(["test", "--workspace", "--quiet", "--bins", "--tests", name]);
    process::run(command.envs(environment(workspace, &servers)).envs(more.iter().copied()))
}

/// `cargo xtask postgres`: the servers as the tests use them, for one command or until Ctrl-C.
pub(crate) fn with_postgres(workspace: &Workspace, command: &[String]) -> Result<()> {
    setup::run(workspace, Purpose::Test, Mode::Install)?;
    let mut servers = Servers::start()?;
    let environment = environment(workspace, &servers);
    if let Some((program, arguments)) = command.split_first() {
        return process::run(Command::new(program).args(arguments).envs(environment));
    }
    for (name, value) in environment {
        println!("export {name}='{}'", value.to_string_lossy());
    }
    servers.postgres.wait_for_interrupt()
}

/// What runs beside the tests.
struct Servers {
    postgres: Postgres,
    nats: Nats,
}

impl Servers {
    fn start() -> Result<Self> {
        Ok(Self { postgres: Postgres::start()?, nats: Nats::start()? })
    }
}

/// One run of the tests.
struct TestRun<'a> {
    workspace: &'a Workspace,
    args: &'a TestArgs,
    servers: &'a Servers,
}

impl TestRun<'_> {
    /// Runs the examples in the documentation, which nextest does not.
    fn documentation(&self) -> Result<()> {
        process::run(self.prepare(self.workspace.cargo().args(["test", "--quiet", "--doc", "--package", "heptad-sdk"])))
    }

    /// Runs nextest and gives the names of the tests that ran.
    fn nextest(&self) -> (Vec<String>, Result<()>) {
        // nextest keeps its reports here, wherever Cargo's target folder may be.
        let report = self.workspace.root.join("target/nextest/default/junit.xml");
        // An old report must not speak for a run that wrote none.
        let _ = fs::remove_file(&report);
        let mut command = self.workspace.cargo();
        command.args(["nextest", "run", "--workspace", "--cargo-quiet"]).args(&self.args.filter);
        let result = process::run(self.prepare(&mut command));
        (junit_names(&fs::read_to_string(report).unwrap_or_default()), result)
    }

    /// Runs Cargo's own test runner, documentation's examples included, and gives the names of the tests that ran.
    fn cargo_test(&self) -> (Vec<String>, Result<()>) {
        let mut names = Vec::new();
        let mut command = self.workspace.cargo();
        command.args(["test", "--workspace", "--no-fail-fast"]).args(&self.args.filter);
        let result = process::run_lines(self.prepare(&mut command), |line| {
            println!("{line}");
            let name = line.strip_prefix("test ").and_then(|rest| rest.split_once(" ... "));
            names.extend(name.map(|(name, _)| name.to_owned()));
        });
        (names, result)
    }

    fn prepare<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        if self.args.full {
            command.env("HEPTAD_TEST_FULL", "1");
        }
        command.envs(environment(self.workspace, self.servers))
    }
}

/// What every test finds in its environment.
fn environment(workspace: &Workspace, servers: &Servers) -> [(&'static str, OsString); 10] {
    [
        ("HEPTAD_TEST_POSTGRES", servers.postgres.url(OWNER).into()),
        ("HEPTAD_TEST_POSTGRES_SERVER_ROLE", SERVER.into()),
        ("HEPTAD_TEST_POSTGRES_PROGRAMS", postgres::find_binaries().unwrap_or_default().into()),
        ("HEPTAD_TEST_NATS", servers.nats.url().into()),
        ("HEPTAD_TEST_NATS_SERVER", nats::find_server().unwrap_or_default().into()),
        ("HEPTAD_TEST_S3_SERVER", foreign::s3_server(workspace).into()),
        ("HEPTAD_TEST_GUESTS", workspace.guests().into()),
        ("HEPTAD_TEST_CACHE", workspace.test_cache().into()),
        ("HEPTAD_TEST_TOOLS", workspace.tools().into()),
        ("HEPTAD_BIN", workspace.heptad().into()),
    ]
}
