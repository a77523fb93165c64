//! Puts the SDK, the contract and the templates into the crate: each file by its path in the repository.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// What the maker of a plugin gets: folders, and single files.
const SOURCES: &[&str] = &[
    "Cargo.toml",
    "sdk/rust/Cargo.toml",
    "sdk/rust/src",
    "sdk/rust/wit",
    "sdk/js",
    "sdk/python",
    "sdk/templates",
    "wit",
];

fn main() -> io::Result<()> {
    let folder = |name: &str| env::var_os(name).map(PathBuf::from).ok_or_else(|| io::Error::other(name.to_owned()));
    let root = folder("CARGO_MANIFEST_DIR")?.join("../..").canonicalize()?;
    let mut files = Vec::new();
    for source in SOURCES {
        println!("cargo::rerun-if-changed={}", root.join(source).display());
        collect(&root, Path::new(source), &mut files)?;
    }
    files.sort();
    let mut list = String::from("&[\n");
    for file in files {
        let _ = writeln!(list, "    ({:?}, include_bytes!({:?})),", file, root.join(&file));
    }
    list.push_str("]\n");
    fs::write(folder("OUT_DIR")?.join("files.rs"), list)
}

fn collect(root: &Path, path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if !root.join(path).is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(root.join(path))? {
        collect(root, &path.join(entry?.file_name()), files)?;
    }
    Ok(())
}
