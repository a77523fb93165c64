//! Where things lie: the repository, Cargo's target folder, and the folders that these commands keep in it.

use std::env;
use std::ffi::OsStr;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::process;

/// The wasm target of guests written in Rust.
pub(crate) const GUEST_TARGET: &str = "wasm32-wasip2";

/// The Cargo profile of guests written in Rust: small and without debug information.
pub(crate) const GUEST_PROFILE: &str = "guest";

/// The paths that every command shares, absolute.
pub(crate) struct Workspace {
    /// The repository's top folder.
    pub(crate) root: PathBuf,
    /// Cargo's target folder, wherever the environment or the configuration puts it.
    pub(crate) target: PathBuf,
}

impl Workspace {
    /// Finds the repository that this command was built from and asks Cargo for the target folder.
    pub(crate) fn find() -> Result<Self> {
        let package = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root = Path::new(&package).parent().context("xtask lies in no repository")?.to_owned();
        let metadata =
            process::capture(cargo_in(&root).args(["metadata", "--no-deps", "--offline", "--format-version=1"]))?;
        let target = json_text(&metadata, "target_directory").context("cargo metadata names no target folder")?;
        Ok(Self { root, target: PathBuf::from(target) })
    }

    /// A `cargo` command that runs in the repository's top folder.
    pub(crate) fn cargo(&self) -> Command {
        cargo_in(&self.root)
    }

    /// `cargo build`, with its progress shown on a terminal and kept out of logs.
    pub(crate) fn cargo_build(&self) -> Command {
        let mut command = self.cargo();
        command.arg("build");
        if !io::stderr().is_terminal() {
            command.arg("--quiet");
        }
        command
    }

    /// The packed guests, one `<name>.wasm` each.
    pub(crate) fn guests(&self) -> PathBuf {
        self.target.join("guests")
    }

    /// Installed tools that the tests' guests are built with (npm and pip packages).
    pub(crate) fn tools(&self) -> PathBuf {
        self.target.join("tools")
    }

    /// Components that the tests compiled, kept from one run to the next.
    pub(crate) fn test_cache(&self) -> PathBuf {
        self.target.join("test-cache")
    }

    /// The binary `heptad` of a development build.
    pub(crate) fn heptad(&self) -> PathBuf {
        self.heptad_of("debug")
    }

    /// The binary `heptad` of an optimised build.
    pub(crate) fn heptad_optimised(&self) -> PathBuf {
        self.heptad_of("release")
    }

    fn heptad_of(&self, profile: &str) -> PathBuf {
        self.target.join(profile).join(format!("heptad{}", env::consts::EXE_SUFFIX))
    }
}

/// Finds a program in `PATH`.
pub(crate) fn find_program(name: impl AsRef<OsStr>) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(name.as_ref())).find(|file| file.is_file())
}

fn cargo_in(folder: &Path) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(folder);
    command
}

/// The text value of a key in compact JSON, read without a parser since this is the only JSON that is read here.
fn json_text(json: &str, key: &str) -> Option<String> {
    let (_, rest) = json.split_once(&format!("\"{key}\":\""))?;
    let mut text = String::new();
    let mut letters = rest.chars();
    loop {
        match letters.next()? {
            '"' => return Some(text),
            '\\' => text.push(letters.next()?),
            letter => text.push(letter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::json_text;

    #[test]
    fn json_text_reads_a_path_with_escapes() {
        let json = r#"{"version":1,"target_directory":"/a b/\"c\"\\d","x":"y"}"#;
        assert_eq!(json_text(json, "target_directory").as_deref(), Some("/a b/\"c\"\\d"));
        assert_eq!(json_text(json, "workspace_root"), None);
        assert_eq!(json_text(r#"{"a":"cut"#, "a"), None);
    }
}
