//! Python, by componentize-py. Everything that the world names is imported, so the world has what the manifest asks for and
//! the sources mention: what is asked for in vain is found as it is for Rust.

use std::{fs, io};

use super::{run, text, tool, workshop};
use crate::project::{Project, ProjectError};
use crate::world::{Imports, WORLD, assemble};

/// Where a virtual environment has its programs.
const TOOLS: &str = ".venv/bin";
/// Where the plugin's own modules are.
const SOURCES: &str = "src";
/// The module with the plugin's classes; it may not have the world's name.
const MODULE: &str = "app";

pub(super) fn build(project: &Project) -> Result<Vec<u8>, ProjectError> {
    let folder = workshop(project)?;
    let (wit, component) = (folder.join("wit"), folder.join("component.wasm"));
    let sources = sources(project).map_err(|error| ProjectError::Io { file: project.folder.join(SOURCES), error })?;
    let imports = Imports::of(&project.manifest).mentioned_in(&sources);
    let assembled = assemble(&wit, &project.manifest, &imports, str::to_owned);
    assembled.map_err(|error| ProjectError::Io { file: wit.clone(), error })?;
    let packages = packages(project);
    let mut arguments = vec!["--quiet", "--wit-path", text(&wit)?, "--world", WORLD, "componentize", MODULE];
    arguments.extend(["--python-path", SOURCES]);
    for folder in &packages {
        arguments.extend(["--python-path", folder]);
    }
    arguments.extend(["--output", text(&component)?]);
    run(project, &tool(project, TOOLS, "componentize-py"), &arguments)?;
    fs::read(&component).map_err(|_| ProjectError::NoComponent(component))
}

/// The texts of the plugin's own modules.
fn sources(project: &Project) -> io::Result<Vec<String>> {
    let mut texts = Vec::new();
    let mut folders = vec![project.folder.join(SOURCES)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "py") {
                texts.push(fs::read_to_string(path)?);
            }
        }
    }
    Ok(texts)
}

/// The folders of the packages that the virtual environment has.
fn packages(project: &Project) -> Vec<String> {
    let libraries = project.folder.join(".venv/lib");
    let entries = fs::read_dir(libraries).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.path().join("site-packages"))
        .filter(|path| path.is_dir())
        .filter_map(|path| path.canonicalize().ok()?.to_str().map(str::to_owned))
        .collect()
}
