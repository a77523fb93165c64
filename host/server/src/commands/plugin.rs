//! `heptad plugin`: projects of plugins ([`project`], [`check`], [`mod@test`], [`dev`]), their files ([`mod@file`]), and what
//! a publisher does on a server ([`remote`]).

pub(crate) mod check;
pub(crate) mod dev;
pub(crate) mod file;
mod project;
pub(crate) mod remote;
pub(crate) mod test;

use self::dev::DevArgs;
use self::file::{InspectArgs, KeyArgs, PackArgs, SignArgs};
use self::project::{NewArgs, ProjectArgs, VendorArgs};
use self::remote::{PublishArgs, ReleaseArgs, VersionsArgs};
use self::test::TestArgs;
use crate::commands::replay::ReplayArgs;
use crate::error::Result;

/// What can be done with a plugin's project, and with its file.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum PluginCommand {
    /// Begin a project, with all that it needs of this program in its folder
    New(NewArgs),
    /// Compile a project into a plugin
    Build(ProjectArgs),
    /// Compile a project and say what publishing would refuse, with the line of plugin.toml to change
    Check(ProjectArgs),
    /// Run a project's scenarios (`tests/*.toml`), each in a shop of its own, and print what the calls used of their limits
    Test(TestArgs),
    /// Run a project in a shop on this machine, and swap in each change of its sources
    Dev(DevArgs),
    /// Renew the SDK in a project's folder by that of this program
    Vendor(VendorArgs),
    /// Put a manifest into a component, which makes it a plugin; the component's code stays as it is
    Pack(PackArgs),
    /// Make a key for signing plugins, and print its public part
    Key(KeyArgs),
    /// Sign a plugin
    Sign(SignArgs),
    /// Build, sign and upload a plugin to a server
    Publish(PublishArgs),
    /// List the versions of a plugin on a server, in whatever state
    Versions(VersionsArgs),
    /// Recommend, deprecate or withdraw a version on a server
    Release(ReleaseArgs),
    /// Print what a plugin says and asks for, after the checks of an upload
    Inspect(InspectArgs),
    /// Run a recorded call again, on this host and bit for bit, or on a changed plugin, and print what differs
    Replay(ReplayArgs),
}

/// Runs a command that waits for nothing; [`crate::cli`] runs the others.
pub(crate) fn run(command: PluginCommand) -> Result {
    match command {
        PluginCommand::New(args) => project::new(&args),
        PluginCommand::Build(args) => project::build(&args),
        PluginCommand::Vendor(args) => project::vendor(&args),
        PluginCommand::Pack(args) => file::pack(&args),
        PluginCommand::Key(args) => file::key(&args),
        PluginCommand::Sign(args) => file::sign(&args),
        PluginCommand::Inspect(args) => file::inspect(&args),
        PluginCommand::Replay(_)
        | PluginCommand::Check(_)
        | PluginCommand::Test(_)
        | PluginCommand::Dev(_)
        | PluginCommand::Publish(_)
        | PluginCommand::Versions(_)
        | PluginCommand::Release(_) => Ok(()),
    }
}
