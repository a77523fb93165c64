//! `heptad plugin`: projects of plugins ([`project`]), and their files: a component becomes a plugin, and a plugin says what
//! it is.

pub(crate) mod check;
mod project;
pub(crate) mod test;

use std::path::{Path, PathBuf};

use heptad_model::Manifest;
use heptad_runtime::package;
use heptad_runtime::{Inspected, PackageError};
use serde::Serialize;

use self::project::{NewArgs, ProjectArgs, VendorArgs};
use self::test::TestArgs;
use crate::commands::replay::ReplayArgs;
use crate::error::{CliError, Explain as _, Kind, Result};
use crate::output::Output;

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
    /// Renew the SDK in a project's folder by that of this program
    Vendor(VendorArgs),
    /// Put a manifest into a component, which makes it a plugin; the component's code stays as it is
    Pack {
        /// The component, from any toolchain
        file: PathBuf,
        /// The manifest
        #[arg(long, default_value = "plugin.toml", value_name = "FILE")]
        manifest: PathBuf,
        /// Where the plugin goes
        #[arg(long = "output", value_name = "FILE")]
        target: PathBuf,
    },
    /// Print what a plugin says and asks for, after the checks of an upload
    Inspect {
        /// The plugin
        file: PathBuf,
        #[command(flatten)]
        output: Output,
    },
    /// Run a recorded call again, on this host and bit for bit, or on a changed plugin, and print what differs
    Replay(ReplayArgs),
}

/// What `inspect` prints.
#[derive(Serialize)]
struct Report<'a> {
    digest: &'a str,
    size: usize,
    imports: &'a [String],
    manifest: &'a Manifest,
}

/// Runs a command on files; `replay`, which needs the database, is run by [`super::replay`], `check` by [`check`] and `test` by [`test`].
pub(crate) fn run(command: PluginCommand) -> Result {
    match command {
        PluginCommand::New(args) => project::new(&args),
        PluginCommand::Build(args) => project::build(&args),
        PluginCommand::Vendor(args) => project::vendor(&args),
        PluginCommand::Pack { file, manifest, target } => pack(&file, &manifest, &target),
        PluginCommand::Inspect { file, output } => inspect(&file, output),
        PluginCommand::Replay(_) | PluginCommand::Check(_) | PluginCommand::Test(_) => Ok(()),
    }
}

fn pack(file: &Path, manifest: &Path, target: &Path) -> Result {
    let component = read(file)?;
    let text = std::fs::read_to_string(manifest).during(|| cannot_read(manifest)).kind(Kind::Input)?;
    let manifest = Manifest::from_toml(&text).during(|| manifest.display().to_string()).kind(Kind::Input)?;
    let packed = package::pack(&component, &manifest).map_err(|error| refused(file, error))?;
    std::fs::write(target, &packed).during(|| format!("cannot write {}", target.display()))?;
    crate::output::line(format!("packed {} {} into {}", manifest.name, manifest.version, target.display()))
}

fn inspect(file: &Path, output: Output) -> Result {
    let Inspected { manifest, digest, size, imports } =
        package::inspect(&read(file)?).map_err(|error| refused(file, error))?;
    let report = Report { digest: &digest, size, imports: &imports, manifest: &manifest };
    output.print(&report, human)
}

fn human(report: &Report<'_>) -> String {
    let manifest = report.manifest;
    let list = |items: Vec<String>| if items.is_empty() { "none".to_owned() } else { items.join("\n             ") };
    let wish = |wish: &heptad_model::manifest::PermissionWish| {
        format!("{}{}", wish.name, if wish.optional { " (optional)" } else { "" })
    };
    format!(
        "plugin       {} {}\npublisher    {}\nlicence      {}\ndigest       {}\nsize         {} bytes\n\
         points       {}\npermissions  {}\nimports      {}\nsettings     {}\nlocales      {}",
        manifest.name,
        manifest.version,
        manifest.publisher,
        manifest.license,
        report.digest,
        report.size,
        list(manifest.points.iter().map(|point| point.name().to_owned()).collect()),
        list(manifest.permissions.iter().map(wish).collect()),
        list(report.imports.to_vec()),
        if manifest.settings.is_some() { "a form" } else { "none" },
        manifest.locales.keys().cloned().collect::<Vec<_>>().join(", "),
    )
}

fn read(file: &Path) -> Result<Vec<u8>> {
    std::fs::read(file).during(|| cannot_read(file)).kind(Kind::Input)
}

fn cannot_read(file: &Path) -> String {
    format!("cannot read {}", file.display())
}

fn refused(file: &Path, error: PackageError) -> CliError {
    CliError::new(Kind::Input, format!("{}: {error} [{}]", file.display(), error.code()))
}
