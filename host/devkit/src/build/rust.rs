//! Rust, by Cargo.

use std::fs;
use std::path::Path;

use super::run;
use crate::project::{Project, ProjectError};

/// What Rust compiles to.
const TARGET: &str = "wasm32-wasip2";

pub(super) fn build(project: &Project) -> Result<Vec<u8>, ProjectError> {
    run(project, Path::new("cargo"), &["build", "--quiet", "--release", "--target", TARGET])?;
    let name = project.manifest.name.replace('-', "_");
    let component = project.scratch().join(TARGET).join("release").join(format!("{name}.wasm"));
    fs::read(&component).map_err(|_| ProjectError::NoComponent(component))
}
