//! The SDK in a project: what its language's package manager takes, in a folder of the project.
//!
//! Rust gets a crate with the contract beside it (`cargo`), JavaScript and TypeScript a tarball for npm (`npm`), Python a
//! wheel for pip (`wheel`).

mod cargo;
mod npm;
mod wheel;

use std::path::Path;
use std::{fs, io};

use crate::language::Language;

/// Where the SDK lies in a project.
pub const FOLDER: &str = "vendor/heptad";

/// Puts the SDK of a language into a project, in place of what was there.
pub fn vendor(project: &Path, language: Language) -> io::Result<()> {
    let target = project.join(FOLDER);
    match fs::remove_dir_all(&target) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    match language {
        Language::Rust => cargo::put(&target),
        Language::JavaScript | Language::TypeScript => npm::put(&target),
        Language::Python => wheel::put(&target),
    }
}

pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, bytes)
}
