//! JavaScript and TypeScript: esbuild makes one file of the sources, componentize-qjs a component of it.
//!
//! The world has what the one file imports, so that what is asked for in vain is found as it is for Rust.

use std::fs;
use std::path::Path;

use super::{run, text, tool, workshop};
use crate::project::{Project, ProjectError};
use crate::world::{Imports, WORLD, assemble};

/// Where npm puts the programs of packages.
const TOOLS: &str = "node_modules/.bin";
/// componentize-qjs 0.4 runs the component once while it is made, with WASI's own interfaces linked and all others answered
/// by stubs. Those of HTTP name resources of `wasi:io`, and stubs have resources of their own: they do not fit. So on the way
/// HTTP stands on packages of another name, of the same length, and gets WASI's name back in the end.
const ON_THE_WAY: &str = "wusi:";
const WASI: &str = "wasi:";

pub(super) fn build(project: &Project) -> Result<Vec<u8>, ProjectError> {
    let folder = workshop(project)?;
    let (bundle, wit, component) = (folder.join("plugin.js"), folder.join("wit"), folder.join("component.wasm"));
    let failed = |file: &Path| {
        let file = file.to_owned();
        move |error| ProjectError::Io { file, error }
    };
    let entry = match project.folder.join("src/plugin.ts").is_file() {
        true => "src/plugin.ts",
        false => "src/plugin.js",
    };
    let outfile = format!("--outfile={}", text(&bundle)?);
    let esbuild = tool(project, TOOLS, "esbuild");
    run(
        project,
        &esbuild,
        &[
            entry,
            "--bundle",
            "--format=esm",
            "--platform=neutral",
            "--main-fields=module,main",
            "--log-level=warning",
            "--charset=utf8",
            "--external:heptad:*",
            "--external:wasi:*",
            &outfile,
        ],
    )?;
    let source = fs::read_to_string(&bundle).map_err(failed(&bundle))?;
    let imports = Imports::in_sources(&source);
    if let Some((interface, permission)) = imports.not_asked(&project.manifest) {
        return Err(ProjectError::NotAsked { interface, permission });
    }
    let rename = |text: &str| text.replace(WASI, ON_THE_WAY);
    fs::write(&bundle, source.replace("\"wasi:", "\"wusi:")).map_err(failed(&bundle))?;
    assemble(&wit, &project.manifest, &imports, rename).map_err(failed(&wit))?;
    let qjs = tool(project, TOOLS, "componentize-qjs");
    let arguments =
        ["--world", WORLD, "--sync", "--wit", text(&wit)?, "--js", text(&bundle)?, "--output", text(&component)?];
    run(project, &qjs, &arguments)?;
    let mut bytes = fs::read(&component).map_err(|_| ProjectError::NoComponent(component))?;
    replace(&mut bytes, ON_THE_WAY.as_bytes(), WASI.as_bytes());
    Ok(bytes)
}

/// Puts one text in place of another of the same length.
fn replace(bytes: &mut [u8], from: &[u8], to: &[u8]) {
    let mut at = 0;
    while let Some(rest) = bytes.get(at..at + from.len()) {
        if rest == from {
            bytes[at..at + from.len()].copy_from_slice(to);
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_are_put_back() {
        let mut bytes = b"xwusi:http/types wusi".to_vec();
        super::replace(&mut bytes, b"wusi:", b"wasi:");
        assert_eq!(bytes, b"xwasi:http/types wusi");
    }
}
