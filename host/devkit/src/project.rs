//! A project of a plugin: found by its `plugin.toml`, built by the tools of its language, and packed.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{fs, io};

use heptad_model::manifest::{Manifest, ManifestError};
use heptad_runtime::PackageError;
use heptad_runtime::{Inspected, package};

/// The name of a project's manifest.
pub const MANIFEST: &str = "plugin.toml";
/// What Rust compiles to.
const TARGET: &str = "wasm32-wasip2";

/// A folder with a plugin's sources.
#[derive(Debug, Clone)]
pub struct Project {
    /// The folder.
    pub folder: PathBuf,
    /// The manifest's text.
    pub text: String,
    /// The manifest.
    pub manifest: Manifest,
}

/// A plugin that was built.
#[derive(Debug)]
pub struct Built {
    /// The file.
    pub file: PathBuf,
    /// What an upload would see of it.
    pub inspected: Inspected,
}

/// Why a project cannot be worked on.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// No manifest.
    #[error("{} is no plugin's project: it has no {MANIFEST}", .0.display())]
    NoManifest(PathBuf),
    /// The manifest is wrong.
    #[error("{}: {error}", .file.display())]
    Manifest {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        error: ManifestError,
    },
    /// Not a language that is known here.
    #[error("the sources in {} are in no known language: there is no Cargo.toml", .0.display())]
    UnknownLanguage(PathBuf),
    /// A tool does not start.
    #[error("cannot start `{tool}`: {error}")]
    Tool {
        /// The tool.
        tool: &'static str,
        /// Why.
        error: io::Error,
    },
    /// A tool ended with a failure, and has said why.
    #[error("`{0}` failed")]
    Failed(String),
    /// The tool has made nothing where it should be.
    #[error("the build made no component: {} is not there", .0.display())]
    NoComponent(PathBuf),
    /// What was built would be refused.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// A file cannot be read or written.
    #[error("{}: {error}", .file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// Why.
        error: io::Error,
    },
}

impl ProjectError {
    /// A command to paste, where one helps.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoManifest(_) => Some("begin a project by `heptad plugin new NAME`, or name its folder"),
            Self::Tool { tool: "cargo", .. } => Some("install Rust: https://rustup.rs"),
            Self::Failed(command) if command.starts_with("cargo") => {
                Some("if the target is missing: rustup target add wasm32-wasip2")
            }
            _ => None,
        }
    }
}

impl Project {
    /// The text of the manifest in a folder.
    pub fn text(folder: &Path) -> Result<String, ProjectError> {
        let file = folder.join(MANIFEST);
        fs::read_to_string(&file).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => ProjectError::NoManifest(folder.to_owned()),
            _ => ProjectError::Io { file, error },
        })
    }

    /// The project in a folder.
    pub fn open(folder: &Path) -> Result<Self, ProjectError> {
        let (file, text) = (folder.join(MANIFEST), Self::text(folder)?);
        let manifest = Manifest::from_toml(&text).map_err(|error| ProjectError::Manifest { file, error })?;
        Ok(Self { folder: folder.to_owned(), text, manifest })
    }

    /// Where what is built goes.
    pub fn target(&self) -> PathBuf {
        self.folder.join("target").join(format!("{}.wasm", self.manifest.name))
    }

    /// Where tools keep what they make on the way: `CARGO_TARGET_DIR`, or `target` in the project.
    pub fn scratch(&self) -> PathBuf {
        match std::env::var_os("CARGO_TARGET_DIR") {
            Some(folder) => self.folder.join(folder),
            None => self.folder.join("target"),
        }
    }

    /// Compiles the sources, packs the component with its manifest, and writes the plugin. What the tools say goes to
    /// standard error.
    pub fn build(&self) -> Result<Built, ProjectError> {
        if !self.folder.join("Cargo.toml").is_file() {
            return Err(ProjectError::UnknownLanguage(self.folder.clone()));
        }
        let component = self.cargo()?;
        let bytes = fs::read(&component).map_err(|_| ProjectError::NoComponent(component))?;
        let bytes = package::pack(&bytes, &self.manifest)?;
        let inspected = package::inspect(&bytes)?;
        let file = self.target();
        let written = fs::create_dir_all(self.folder.join("target")).and_then(|()| fs::write(&file, &bytes));
        written.map_err(|error| ProjectError::Io { file: file.clone(), error })?;
        Ok(Built { file, inspected })
    }

    /// Compiles a crate; the component's file.
    fn cargo(&self) -> Result<PathBuf, ProjectError> {
        const ARGUMENTS: [&str; 4] = ["build", "--release", "--target", TARGET];
        let mut cargo = Command::new("cargo");
        cargo.args(ARGUMENTS).current_dir(&self.folder);
        cargo.stdin(Stdio::null()).stdout(Stdio::null());
        let status = cargo.status().map_err(|error| ProjectError::Tool { tool: "cargo", error })?;
        if !status.success() {
            return Err(ProjectError::Failed(format!("cargo {}", ARGUMENTS.join(" "))));
        }
        let name = self.manifest.name.replace('-', "_");
        Ok(self.scratch().join(TARGET).join("release").join(format!("{name}.wasm")))
    }
}
