//! The binary `heptad`: configuration, lifecycle and commands.
//!
//! [`cli`] is the command line and `commands/` has a file per command; [`base`] is what a command on a database starts
//! from. [`config`] says what can be set, [`lifecycle`] how a server starts and stops. A command's failure has a kind,
//! which decides the exit code: see [`error`].

mod base;
mod cli;
mod commands;
mod config;
mod error;
mod key;
mod lifecycle;
mod listener;
mod logging;
mod output;
mod progress;
mod retention;
mod telemetry;
mod vitals;

use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::Cli;

fn main() -> ExitCode {
    // Before anything else starts a thread or reads a file: the worker limits itself, and its input is hostile.
    if std::env::args_os().nth(1).is_some_and(|command| command == cli::COMPILE_WORKER) {
        std::process::exit(heptad_runtime::compile::worker(std::env::args_os().skip(2)).into());
    }
    match cli::run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error.print();
            ExitCode::from(error.kind().exit_code())
        }
    }
}
