//! The command line.

use clap::{Parser, Subcommand};

use crate::commands;
use crate::error::Result;

/// The hidden command by which the server compiles an upload in a process of its own.
pub(crate) const COMPILE_WORKER: &str = "compile-worker";

/// Below the help of the program.
const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    the machine, the database or the host failed
  2    the command line, a file or a row of it is wrong
  3    the configuration is wrong
  4    the present state refuses: schema behind, database not empty, name taken
  130  interrupted by Ctrl-C before the work was done";

/// A commercial operating system for retail, with sandboxed plugins
#[derive(Debug, Parser)]
#[command(name = "heptad", version, after_help = EXIT_CODES, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Pack and inspect plugins
    #[command(subcommand)]
    Plugin(commands::plugin::PluginCommand),
    /// Compile a component from standard input to standard output
    #[command(name = COMPILE_WORKER, hide = true)]
    CompileWorker,
}

/// Runs the command.
pub(crate) fn run(cli: Cli) -> Result {
    match cli.command {
        Command::Plugin(command) => commands::plugin::run(command),
        // `main` runs the worker before it comes here.
        Command::CompileWorker => Ok(()),
    }
}
