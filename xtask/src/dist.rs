//! `cargo xtask dist`: the binary to hand out, in an archive with its licences, tried as somebody has it who has no Rust: a
//! plugin in TypeScript is made, tested and checked by it, with nothing else of this repository.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use crate::process;
use crate::projects;
use crate::scratch::Scratch;
use crate::setup::{self, Mode, Purpose};
use crate::workspace::Workspace;

/// Where programs are that no Rust toolchain has brought.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Builds the binary, packs it, and tries it.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    setup::run(workspace, Purpose::Test, Mode::Install)?;
    println!("dist: building the optimised binary");
    // The whole workspace is selected, as for the tests, so that dependencies have the same features.
    process::run(workspace.cargo_build().args(["--workspace", "--bin", "heptad", "--release"]))?;
    let binary = workspace.target.join("release/heptad");
    let archive = pack(workspace, &binary)?;
    let cache = projects::packages(workspace)?;
    try_out(&archive, &cache)?;
    println!("dist: {}", archive.display());
    Ok(())
}

/// The archive: the binary without what only a debugger reads, the licence, and the licences of all that is in it.
fn pack(workspace: &Workspace, binary: &Path) -> Result<PathBuf> {
    let version = env!("CARGO_PKG_VERSION");
    let name = format!("heptad-{version}-{}-{}", std::env::consts::ARCH, std::env::consts::OS);
    let folder = workspace.target.join("dist").join(&name);
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    fs::copy(binary, folder.join("heptad")).with_context(|| format!("cannot copy {}", binary.display()))?;
    process::run(Command::new("strip").arg("--strip-debug").arg(folder.join("heptad")))?;
    fs::copy(workspace.root.join("LICENSE"), folder.join("LICENSE")).context("cannot copy the licence")?;
    let licences = process::capture(Command::new(binary).arg("licenses"))?;
    fs::write(folder.join("THIRD-PARTY.txt"), licences).context("cannot write the licences")?;
    let archive = folder.with_file_name(format!("{name}.tar.gz"));
    let mut tar = Command::new("tar");
    process::run(tar.arg("-czf").arg(&archive).arg("-C").arg(workspace.target.join("dist")).arg(&name))?;
    Ok(archive)
}

/// Unpacks the archive in an empty folder, and makes a plugin there.
fn try_out(archive: &Path, cache: &Path) -> Result<()> {
    let scratch = Scratch::new(&std::env::temp_dir(), "dist")?;
    let home = scratch.path();
    let alone = |program: &Path, arguments: &[&str], folder: &Path| -> Command {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(folder).env_clear().env("PATH", PATH).env("HOME", home);
        command.stdin(Stdio::null());
        command
    };
    let has_rust = alone(Path::new("sh"), &["-c", "command -v cargo || command -v rustc"], home).output()?;
    ensure!(!has_rust.status.success(), "there is a Rust toolchain in {PATH}: the trial would prove nothing");
    process::run(Command::new("tar").arg("-xzf").arg(archive).args(["--strip-components=1", "-C"]).arg(home))?;
    let heptad = home.join("heptad");
    println!("dist: trying it where no Rust is");
    process::capture(&mut alone(&heptad, &["doctor"], home))?;
    process::capture(&mut alone(&heptad, &["plugin", "new", "tea-club", "--language", "typescript"], home))?;
    let project = home.join("tea-club");
    let cache = cache.to_str().context("the path of npm's cache is not UTF-8")?;
    let install = ["install", "--offline", "--no-audit", "--no-fund", "--loglevel=error", "--cache", cache];
    process::capture(&mut alone(Path::new("npm"), &install, &project))?;
    for command in ["test", "check"] {
        process::capture(&mut alone(&heptad, &["plugin", command], &project))?;
    }
    Ok(())
}
