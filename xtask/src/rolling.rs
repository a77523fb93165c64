//! `cargo xtask rolling`: replaces the binary of another commit by the present one, process by process, under load.
//!
//! The other commit is built in a worktree with the same target folder, so that only what differs is compiled. The test is
//! that of the suite, which restarts the present binary where it gets no other.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::process;
use crate::scratch::Scratch;
use crate::test;
use crate::workspace::Workspace;

/// The test that does it.
const TEST: &str = "a_rolling_restart_under_load_fails_no_request_and_loses_nothing";

/// Builds `commit` and runs the test on both binaries.
pub(crate) fn run(workspace: &Workspace, commit: &str) -> Result<()> {
    let scratch = Scratch::new(&workspace.target, "rolling")?;
    let previous = build(workspace, commit, scratch.path())?;
    println!("rolling: from {commit} to what is here");
    test::run_one(workspace, TEST, &[("HEPTAD_PREVIOUS_BIN", previous.as_os_str())])
}

/// Builds the commit's binary and puts it aside, before the present one takes its place.
fn build(workspace: &Workspace, commit: &str, scratch: &Path) -> Result<PathBuf> {
    let tree = scratch.join("tree");
    let git = |arguments: &[&str]| {
        let mut git = Command::new("git");
        git.current_dir(&workspace.root).args(arguments);
        git
    };
    let path = tree.to_str().context("the target folder has a name that is not Unicode")?;
    process::run(&mut git(&["worktree", "add", "--detach", "--force", path, commit]))?;
    let mut cargo = workspace.cargo();
    cargo.current_dir(&tree).args(["build", "--quiet", "--workspace", "--bin", "heptad"]);
    let built = process::run(cargo.env("CARGO_TARGET_DIR", &workspace.target));
    // Whether or not it was built, git forgets the worktree.
    let forgotten = process::run(&mut git(&["worktree", "remove", "--force", path]));
    built?;
    forgotten?;
    let previous = scratch.join("heptad-previous");
    fs::copy(workspace.heptad(), &previous).context("cannot keep the binary of the commit")?;
    Ok(previous)
}
