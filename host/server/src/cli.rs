//! The command line.

use clap::{Parser, Subcommand};
use clap_complete::Shell;

use crate::base::{Base, Global};
use crate::commands::plugin::PluginCommand;
use crate::commands::{
    backup, completions, config, demo, doctor, import, keys, licenses, migrate, operator_link, plugin, publisher,
    replay, serve, tenant, token, user,
};
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
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the API and the console, until SIGTERM or Ctrl-C
    Serve,
    /// Bring the database to the schema of this binary
    Migrate(migrate::MigrateArgs),
    /// Check the configuration, or print its keys
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Write everything into one file, while the platform runs
    Backup(backup::BackupArgs),
    /// Fill an empty, migrated database from a backup
    Restore(backup::BackupArgs),
    /// Load a merchant's past data
    #[command(subcommand)]
    Import(import::ImportCommand),
    /// Begin, build and check plugins; pack and inspect them; replay their calls
    #[command(subcommand)]
    Plugin(PluginCommand),
    /// Make shops
    #[command(subcommand)]
    Tenant(tenant::TenantCommand),
    /// Register makers of plugins
    #[command(subcommand)]
    Publisher(publisher::PublisherCommand),
    /// Make people who sign in
    #[command(subcommand)]
    User(user::UserCommand),
    /// Make API tokens
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Make a one-time link by which an operator sets login and password
    OperatorLink(operator_link::LinkArgs),
    /// Change the master key
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Run two shops with plugins on this machine, until Ctrl-C
    Demo(demo::DemoArgs),
    /// Print the licences of everything that is in this binary
    Licenses(licenses::LicensesArgs),
    /// Say which of the tools that plugins are made with are on this machine
    Doctor(doctor::DoctorArgs),
    /// Print what a shell needs to complete the command line
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Compile a component from standard input to standard output
    #[command(name = COMPILE_WORKER, hide = true)]
    CompileWorker,
}

/// Runs the command.
pub(crate) fn run(cli: Cli) -> Result {
    let Cli { global, command } = cli;
    match command {
        Command::Plugin(PluginCommand::Replay(args)) => wait(async { replay::run(&Base::load(global)?, args).await }),
        Command::Plugin(PluginCommand::Test(args)) => wait(plugin::test::run(args)),
        Command::Plugin(PluginCommand::Dev(args)) => wait(plugin::dev::run(global, args)),
        Command::Plugin(PluginCommand::Publish(args)) => wait(plugin::remote::publish(args)),
        Command::Plugin(PluginCommand::Versions(args)) => wait(plugin::remote::versions(args)),
        Command::Plugin(PluginCommand::Release(args)) => wait(plugin::remote::release(args)),
        Command::Doctor(args) => doctor::run(&args),
        Command::Plugin(PluginCommand::Check(args)) => wait(plugin::check::run(args)),
        Command::Plugin(command) => plugin::run(command),
        Command::Config(command) => config::run(global.config.as_deref(), &command),
        Command::Licenses(args) => licenses::run(&args),
        Command::Completions { shell } => completions::run(shell),
        // `main` runs the worker before it comes here.
        Command::CompileWorker => Ok(()),
        Command::Demo(args) => wait(demo::run(global, args)),
        Command::Serve => {
            let (base, telemetry) = Base::load_traced(global)?;
            let result = wait(serve::run(&base));
            telemetry.stop();
            result
        }
        command => wait(on_database(Base::load(global)?, command)),
    }
}

/// Runs a command on the configured database.
async fn on_database(base: Base, command: Command) -> Result {
    let base = &base;
    match command {
        Command::Migrate(args) => migrate::run(base, &args).await,
        Command::Backup(args) => backup::backup(base, &args).await,
        Command::Restore(args) => backup::restore(base, &args).await,
        Command::Import(command) => import::run(base, &command).await,
        Command::Tenant(command) => tenant::run(base, command).await,
        Command::Publisher(command) => publisher::run(base, command).await,
        Command::User(command) => user::run(base, command).await,
        Command::Token(command) => token::run(base, command).await,
        Command::OperatorLink(args) => operator_link::run(base, &args).await,
        Command::Keys(command) => keys::run(base, &command).await,
        Command::Serve
        | Command::Plugin(_)
        | Command::Config(_)
        | Command::Licenses(_)
        | Command::Completions { .. }
        | Command::Doctor(_)
        | Command::CompileWorker
        | Command::Demo(_) => Ok(()),
    }
}

fn wait(work: impl Future<Output = Result>) -> Result {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(work);
    // What is still running was given its time.
    runtime.shutdown_background();
    result
}
