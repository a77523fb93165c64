//! A project of a plugin: found by its `plugin.toml`, built by the tools of its language, and packed.

use std::path::{Path, PathBuf};
use std::{fs, io};

use heptad_model::Permission;
use heptad_model::manifest::{Manifest, ManifestError};
use heptad_runtime::{Inspected, PackageError, package};

use crate::build::build;
use crate::language::Language;

/// The name of a project's manifest.
pub const MANIFEST: &str = "plugin.toml";

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
    #[error("the sources in {} are in no known language: there is no Cargo.toml, package.json or requirements.txt", .0.display())]
    UnknownLanguage(PathBuf),
    /// A tool does not start.
    #[error("cannot start `{tool}`: {error}")]
    Tool {
        /// The tool.
        tool: String,
        /// Why.
        error: io::Error,
    },
    /// A tool ended with a failure, and has said why.
    #[error("`{0}` failed")]
    Failed(String),
    /// The sources import what the manifest does not ask for.
    #[error(
        "the sources import `{interface}` but the manifest does not ask for `{permission}`: add [[permissions]] name = \"{permission}\""
    )]
    NotAsked {
        /// The interface.
        interface: String,
        /// The permission that opens it.
        permission: Permission,
    },
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
            Self::Tool { tool, .. } if tool == "cargo" => Some("install Rust: https://rustup.rs"),
            Self::Tool { tool, .. } if tool == "componentize-py" => {
                Some("python3 -m venv .venv && .venv/bin/pip install -r requirements.txt")
            }
            Self::Tool { .. } => Some("npm install"),
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

    /// The language of the sources.
    pub fn language(&self) -> Result<Language, ProjectError> {
        Language::of(&self.folder).ok_or_else(|| ProjectError::UnknownLanguage(self.folder.clone()))
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
        let bytes = package::pack(&build(self)?, &self.manifest)?;
        let inspected = package::inspect(&bytes)?;
        let file = self.target();
        let written = fs::create_dir_all(self.folder.join("target")).and_then(|()| fs::write(&file, &bytes));
        written.map_err(|error| ProjectError::Io { file: file.clone(), error })?;
        Ok(Built { file, inspected })
    }
}
