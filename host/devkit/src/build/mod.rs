//! Building: from sources to a component, by the tools of the language.

mod javascript;
mod python;
mod rust;

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::language::Language;
use crate::project::{Project, ProjectError};

/// Compiles the sources; the component. What the tools say goes to standard error.
pub(crate) fn build(project: &Project) -> Result<Vec<u8>, ProjectError> {
    match project.language()? {
        Language::Rust => rust::build(project),
        Language::JavaScript | Language::TypeScript => javascript::build(project),
        Language::Python => python::build(project),
    }
}

/// Runs a tool in the project's folder; its output goes to standard error when it fails.
fn run(project: &Project, program: &Path, arguments: &[&str]) -> Result<(), ProjectError> {
    let mut tool = Command::new(program);
    tool.args(arguments).current_dir(&project.folder);
    // Python would leave its cache in the source folder.
    tool.env("PYTHONDONTWRITEBYTECODE", "1");
    tool.stdin(Stdio::null()).stdout(Stdio::null());
    let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let status = tool.status().map_err(|error| ProjectError::Tool { tool: name.clone(), error })?;
    if status.success() { Ok(()) } else { Err(ProjectError::Failed(format!("{name} {}", arguments.join(" ")))) }
}

/// The text of a path, which the tools' command lines want.
fn text(path: &Path) -> Result<&str, ProjectError> {
    path.to_str().ok_or_else(|| ProjectError::Io {
        file: path.to_owned(),
        error: io::Error::new(io::ErrorKind::InvalidInput, "the path is not UTF-8"),
    })
}

/// A tool that the project's dependencies brought along, else the one on the path.
fn tool(project: &Project, folder: &str, name: &str) -> PathBuf {
    let installed = project.folder.join(folder).join(name);
    // An absolute path: a relative one would be looked for in the folder that the tool runs in.
    match installed.is_file() {
        true => installed.canonicalize().unwrap_or(installed),
        false => PathBuf::from(name),
    }
}

/// Makes a folder for what is made on the way.
fn workshop(project: &Project) -> Result<PathBuf, ProjectError> {
    let folder = project.folder.join("target");
    let made = std::fs::create_dir_all(&folder).and_then(|()| folder.canonicalize());
    made.map_err(|error| ProjectError::Io { file: folder, error })
}
