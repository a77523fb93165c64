//! The SDK for Rust and the contract: a folder with everything that a build wants of ours.
//!
//! The files lie as they lie in the repository, so that what refers from one to another holds. The SDK's `Cargo.toml` takes
//! versions from the repository's; here it stands on its own.

use std::io;
use std::path::Path;

use toml::{Table, Value};

use super::write;
use crate::embedded;

/// The SDK as a crate, and the contract beside it.
pub(super) fn put(target: &Path) -> io::Result<()> {
    for folder in ["sdk/rust", "wit"] {
        for (path, bytes) in embedded::below(folder) {
            write(&target.join(folder).join(path), bytes)?;
        }
    }
    let alone = standalone(embedded::text("sdk/rust/Cargo.toml"), embedded::text("Cargo.toml"));
    write(&target.join("sdk/rust/Cargo.toml"), alone.map_err(io::Error::other)?.as_bytes())
}

/// A crate's `Cargo.toml` with what it takes from its workspace written out.
fn standalone(member: &str, workspace: &str) -> Result<String, toml::de::Error> {
    let (mut member, root): (Table, Table) = (toml::from_str(member)?, toml::from_str(workspace)?);
    let shared = |section: &str| root.get("workspace").and_then(|all| all.get(section)).and_then(Value::as_table);
    member.remove("lints");
    if let (Some(package), Some(shared)) = (member.get_mut("package").and_then(Value::as_table_mut), shared("package"))
    {
        resolve(package, shared);
    }
    if let Some(shared) = shared("dependencies") {
        dependencies(&mut member, shared);
        let targets = member.get_mut("target").and_then(Value::as_table_mut);
        for target in targets.into_iter().flat_map(|all| all.iter_mut()).filter_map(|(_, one)| one.as_table_mut()) {
            dependencies(target, shared);
        }
    }
    Ok(member.to_string())
}

fn dependencies(of: &mut Table, shared: &Table) {
    if let Some(all) = of.get_mut("dependencies").and_then(Value::as_table_mut) {
        resolve(all, shared);
    }
}

/// Puts the workspace's value for each key that says `workspace = true`; features are added to it.
fn resolve(section: &mut Table, shared: &Table) {
    for (key, value) in section.iter_mut() {
        let Some(own) = value.as_table().filter(|own| own.get("workspace") == Some(&Value::Boolean(true))) else {
            continue;
        };
        let Some(theirs) = shared.get(key) else { continue };
        let more = own.get("features").and_then(Value::as_array).cloned().unwrap_or_default();
        *value = match theirs {
            Value::String(version) if !more.is_empty() => {
                let fields = [("version", Value::String(version.clone())), ("features", Value::Array(more))];
                Value::Table(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
            }
            Value::Table(fields) => {
                let mut fields = fields.clone();
                let features = fields.entry("features").or_insert_with(|| Value::Array(Vec::new()));
                if let Some(features) = features.as_array_mut() {
                    features.extend(more);
                }
                Value::Table(fields)
            }
            theirs => theirs.clone(),
        };
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::{FOLDER, vendor};
    use super::*;
    use crate::language::Language;

    #[test]
    fn the_sdk_stands_on_its_own() {
        let folder = tempfile::tempdir().unwrap();
        vendor(folder.path(), Language::Rust).unwrap();
        let sdk = folder.path().join(FOLDER).join("sdk/rust");
        let text = fs::read_to_string(sdk.join("Cargo.toml")).unwrap();
        assert!(!text.contains("workspace"), "{text}");
        let manifest: Table = toml::from_str(&text).unwrap();
        assert!(
            manifest["package"]["version"].is_str() && manifest["dependencies"]["wit-bindgen"].is_table(),
            "{text}"
        );
        assert!(sdk.join("../../wit/types").is_dir());
        // What an older version left is gone.
        fs::write(sdk.join("old.rs"), "").unwrap();
        vendor(folder.path(), Language::Rust).unwrap();
        assert!(!sdk.join("old.rs").exists());
    }
}
