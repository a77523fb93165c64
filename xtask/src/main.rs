//! The project's commands, called as `cargo xtask <command>`.
//!
//! This is what a newcomer compiles first, so it depends on next to nothing. One file per command; `workspace` knows
//! where things lie, `process` runs other programs and hears Ctrl-C, `scratch` is a folder that goes away again.
#![expect(clippy::print_stdout, reason = "a command-line tool prints")]

mod bench;
mod counts;
mod demo;
mod dist;
mod docs;
mod foreign;
mod guests;
mod image;
mod nats;
mod postgres;
mod process;
mod projects;
mod rolling;
mod scratch;
mod setup;
mod test;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::setup::{Mode, Purpose};
use crate::workspace::Workspace;

/// The exit code of a program that Ctrl-C ended, by the shells' convention.
const EXIT_INTERRUPTED: u8 = 130;

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about = "The project's commands")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install what the other commands need, or say what to install
    Setup {
        /// Install nothing; fail when something is missing
        #[arg(long)]
        check: bool,
    },
    /// Start a shop with plugins on this machine, until Ctrl-C
    Demo(demo::DemoArgs),
    /// Build everything and run the tests on SQLite and on PostgreSQL
    Test(test::TestArgs),
    /// Build the plugins, the examples and the tests' guests, and pack them
    Guests,
    /// Start a PostgreSQL and a NATS as the tests use them, for one command that follows `--` or until Ctrl-C
    Postgres {
        /// Run with the tests' environment
        #[arg(last = true)]
        command: Vec<String>,
    },
    /// Replace another commit's binary by the present one, process by process, under load
    Rolling {
        /// The commit
        #[arg(default_value = "HEAD~1")]
        commit: String,
    },
    /// Run the build steps of ops/Containerfile as commands, and start what they make as the image would
    Image,
    /// Build the binary to hand out, and try it where no Rust is
    Dist,
    /// Write the parts of the documents that are made from the code
    Docs,
    /// Run the benchmark; its arguments follow `--`
    Bench {
        /// Passed on to the benchmark
        #[arg(last = true)]
        args: Vec<String>,
    },
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) if process::interrupted() => ExitCode::from(EXIT_INTERRUPTED),
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<()> {
    process::listen_for_interrupts()?;
    let workspace = Workspace::find()?;
    match cli.command {
        Command::Setup { check } => {
            let mode = if check { Mode::Check } else { Mode::Install };
            setup::run(&workspace, Purpose::Test, mode)?;
            println!("setup: everything is there");
            Ok(())
        }
        Command::Demo(args) => demo::run(&workspace, &args),
        Command::Test(args) => test::run(&workspace, &args),
        Command::Guests => guests::run(&workspace),
        Command::Postgres { command } => test::with_postgres(&workspace, &command),
        Command::Rolling { commit } => rolling::run(&workspace, &commit),
        Command::Image => image::run(&workspace),
        Command::Dist => dist::run(&workspace),
        Command::Docs => docs::run(&workspace),
        Command::Bench { args } => bench::run(&workspace, &args),
    }
}
