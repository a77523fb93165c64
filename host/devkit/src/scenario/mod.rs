//! Scenarios: a plugin tried in a shop of its own, in front of the host's real functions.
//!
//! A scenario is a file ([`mod@file`]): a shop with customers and stock, steps, and what is expected of each. [`Bench`] takes the
//! plugin in as a catalog would, once; [`Bench::run`] makes a new database for each scenario, sets the clock, installs the
//! plugin, and goes through the steps. Nothing leaves the machine: servers elsewhere are what the scenario says they answer.
//!
//! To add a step: a field in [`file::Step`], its arm in `steps`.

mod bench;
pub mod file;
mod fuel;
mod matching;
mod names;
mod servers;
mod shop;
mod steps;
mod told;

use std::path::{Path, PathBuf};
use std::{fs, io};

use heptad_capabilities::CapabilityError;
use heptad_model::Point;
use heptad_platform::PlatformError;
use heptad_runtime::{PackageError, RuntimeError};
use heptad_store::StoreError;
use serde::Serialize;

pub use bench::Bench;
pub use file::Scenario;
pub use fuel::{FUEL, Fuel, FuelError};
pub use shop::furnish;

/// The folder of a project's scenarios.
pub const FOLDER: &str = "tests";

/// Why a scenario cannot be run at all.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// A file cannot be read or written.
    #[error("{}: {error}", .file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A file is no scenario.
    #[error("{}: {problem}", .file.display())]
    Malformed {
        /// The file.
        file: PathBuf,
        /// What is wrong, and where.
        problem: String,
    },
    /// The shop cannot be made as the scenario says.
    #[error("{what}: {problem}")]
    Shop {
        /// The part of the file, such as `customers[1]`.
        what: String,
        /// Why.
        problem: String,
    },
    /// The database does not work.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The plugin would not be taken in, or the sandbox does not start.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The plugin would not be installed.
    #[error(transparent)]
    Platform(#[from] PlatformError),
    /// The shop's own functions refuse.
    #[error(transparent)]
    Capability(#[from] CapabilityError),
}

impl From<PackageError> for ScenarioError {
    fn from(error: PackageError) -> Self {
        RuntimeError::from(error).into()
    }
}

impl ScenarioError {
    pub(crate) fn shop(what: impl Into<String>, problem: impl std::fmt::Display) -> Self {
        Self::Shop { what: what.into(), problem: problem.to_string() }
    }
}

/// What came of a scenario.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The file's name without its ending.
    pub scenario: String,
    /// What is not as expected, each with its step; nothing where all is well.
    pub failures: Vec<String>,
    /// The calls into the plugin, in their order.
    pub calls: Vec<Used>,
    /// What was to be seen after each step.
    #[serde(skip)]
    pub seen: Vec<serde_json::Value>,
}

/// How much of a limit was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Share {
    /// What was used.
    pub used: u64,
    /// What may be used; 0 where the plugin was not called.
    pub limit: u64,
}

/// What a call into the plugin used of its limits.
#[derive(Debug, Clone, Serialize)]
pub struct Used {
    /// The step, from 1.
    pub step: usize,
    /// The point.
    pub point: Point,
    /// How it ended: `answered`, or the stable word for why not.
    pub outcome: String,
    /// Fuel: about one for each instruction.
    pub fuel: Share,
    /// Microseconds of this machine; the limit is the host's.
    pub micros: Share,
    /// Bytes of linear memory.
    pub memory: Share,
    /// Calls of the host's functions.
    pub host_calls: Share,
    /// Bytes from the host.
    pub bytes_in: Share,
    /// Bytes to the host.
    pub bytes_out: Share,
    /// What it logged.
    pub log: Vec<String>,
}

/// Reads a scenario's file.
pub fn read(file: &Path) -> Result<Scenario, ScenarioError> {
    let text = fs::read_to_string(file).map_err(|error| ScenarioError::Io { file: file.to_owned(), error })?;
    let malformed = |problem: String| ScenarioError::Malformed { file: file.to_owned(), problem };
    let document = toml::Deserializer::parse(&text).map_err(|error| malformed(error.to_string()))?;
    serde_path_to_error::deserialize(document)
        .map_err(|error| malformed(format!("{}: {}", error.path(), error.inner())))
}

/// The files of a project's scenarios, by name.
pub fn files(project: &Path) -> Result<Vec<PathBuf>, ScenarioError> {
    let folder = project.join(FOLDER);
    let failed = |error| ScenarioError::Io { file: folder.clone(), error };
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|ending| ending == "toml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
