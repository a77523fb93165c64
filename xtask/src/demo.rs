//! `cargo xtask demo`: builds the server and the plugins, and runs a shop on this machine until Ctrl-C.
//!
//! The demo itself is a command of the real binary, `heptad demo`; this file only builds, runs and cleans up.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};
use clap::Args;

use crate::guests;
use crate::process;
use crate::scratch::Scratch;
use crate::setup::{self, Mode, Purpose};
use crate::workspace::Workspace;

#[derive(Args)]
pub(crate) struct DemoArgs {
    /// The port of the API and the console
    #[arg(long)]
    port: Option<u16>,
    /// Start, print, and end at once
    #[arg(long)]
    once: bool,
}

/// Runs the demo; Ctrl-C is its proper end, so it is a success.
pub(crate) fn run(workspace: &Workspace, args: &DemoArgs) -> Result<()> {
    setup::run(workspace, Purpose::Demo, Mode::Install)?;
    println!("demo: building the server and the plugins (the first build takes about ten minutes)");
    guests::build_server(workspace)?;
    let plugins = guests::build_catalog(workspace)?;
    let scratch = Scratch::new(&workspace.target, "demo")?;
    // A folder of their own, since the tests' hostile guests lie beside the packed plugins.
    let catalog = scratch.path().join("plugins");
    fs::create_dir(&catalog).context("cannot make the folder of plugins")?;
    for plugin in plugins {
        if let Some(name) = plugin.file_name() {
            fs::copy(&plugin, catalog.join(name)).with_context(|| format!("cannot copy {}", plugin.display()))?;
        }
    }
    let mut demo = Command::new(workspace.heptad());
    demo.current_dir(&workspace.root).arg("demo");
    demo.arg("--guests").arg(catalog).arg("--data-dir").arg(scratch.path().join("data"));
    if let Some(port) = args.port {
        demo.args(["--port", &port.to_string()]);
    }
    if args.once {
        demo.arg("--once");
    }
    let result = process::run(&mut demo);
    if process::interrupted() { Ok(()) } else { result }
}
