//! The world of a plugin in JavaScript or Python, whose toolchains want one: what the plugin imports and exports.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{fs, io};

use heptad_model::permission::FREE;
use heptad_model::{Manifest, Permission, Point};

use crate::embedded;
use crate::vendor::write;

/// The name of the world.
pub(crate) const WORLD: &str = "plugin";
/// The contract's version in the names of interfaces.
const VERSION: &str = "0.1.0";
/// WASI, as the SDKs use it.
const WASI: &str = "0.2.0";
/// The packages of the contract, by their folders in `wit/`.
const CONTRACT: [&str; 5] = ["types", "mall", "members", "platform", "points"];
/// The packages of WASI that HTTP stands on, by their folders in the SDK's `wit/`.
const HTTP: [&str; 3] = ["clocks", "http", "io"];

/// What a plugin imports: interfaces of the contract such as `heptad:mall/catalog`, and whether it calls other servers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Imports {
    pub(crate) interfaces: BTreeSet<String>,
    pub(crate) calls_out: bool,
}

impl Imports {
    /// All that the manifest asks for, and what is free.
    pub(crate) fn of(manifest: &Manifest) -> Self {
        let asked = manifest.permissions.iter().flat_map(|wish| wish.name.row().functions.iter().copied());
        let interface = |function: &str| function.split('#').next().unwrap_or_default().to_owned();
        Self {
            interfaces: asked.chain(FREE.iter().copied()).map(interface).collect(),
            calls_out: !manifest.hosts.is_empty(),
        }
    }

    /// Those that the sources of a bundle import, of the contract's.
    pub(crate) fn in_sources(text: &str) -> Self {
        let quoted = text.split(['"', '\'', '`']);
        let mut imports = Self::default();
        for name in quoted {
            match name.split_once('@') {
                Some((interface, VERSION)) if interface.starts_with("heptad:") && interface.contains('/') => {
                    imports.interfaces.insert(interface.to_owned());
                }
                Some(("wasi:http/outgoing-handler", _)) => imports.calls_out = true,
                _ => {}
            }
        }
        imports
    }

    /// Those of them whose modules, as componentize-py names them, stand in these sources. The SDK reads the settings.
    pub(crate) fn mentioned_in(self, sources: &[String]) -> Self {
        let is_word = |character: char| character.is_alphanumeric() || character == '_';
        let words: BTreeSet<&str> = sources.iter().flat_map(|text| text.split(|at| !is_word(at))).collect();
        let is_mentioned = |interface: &String| {
            let module = interface.rsplit('/').next().unwrap_or_default().replace('-', "_");
            module == "settings" || words.contains(module.as_str())
        };
        Self { interfaces: self.interfaces.into_iter().filter(is_mentioned).collect(), ..self }
    }

    /// The first interface that needs a permission which the manifest does not ask for.
    pub(crate) fn not_asked(&self, manifest: &Manifest) -> Option<(String, Permission)> {
        let wishes = manifest.wishes();
        self.interfaces.iter().find_map(|interface| {
            let opens = |permission: &Permission| {
                permission.row().functions.iter().any(|function| function.split('#').next() == Some(interface.as_str()))
            };
            let permission = Permission::ALL.iter().copied().find(opens)?;
            (!wishes.contains(permission)).then(|| (interface.clone(), permission))
        })
    }
}

/// Writes the world and the packages that it names into a folder, in place of what was there. `rename` gives WASI's packages
/// another name.
pub(crate) fn assemble(
    folder: &Path,
    manifest: &Manifest,
    imports: &Imports,
    rename: impl Fn(&str) -> String,
) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let packages = CONTRACT.map(|package| format!("wit/{package}")).into_iter();
    let packages = packages.chain(HTTP.map(|package| format!("sdk/rust/wit/{package}")));
    for package in packages {
        let name = PathBuf::from(&package).file_name().map(PathBuf::from).unwrap_or_default();
        for (path, bytes) in embedded::below(&package).filter(|(path, _)| path.ends_with(".wit")) {
            let text = rename(&String::from_utf8_lossy(bytes));
            write(&folder.join("deps").join(&name).join(path), text.as_bytes())?;
        }
    }
    write(&folder.join("plugin.wit"), rename(&text(manifest, imports)).as_bytes())
}

/// The world's text.
fn text(manifest: &Manifest, imports: &Imports) -> String {
    let mut text = format!("package heptad:plugin;\n\nworld {WORLD} {{\n");
    // Two packages have an interface called `types`: with both there, Python's bindings have the same names in every world.
    for interface in ["heptad:types/types", "heptad:mall/types"] {
        let _ = writeln!(text, "    import {interface}@{VERSION};");
    }
    for interface in &imports.interfaces {
        let _ = writeln!(text, "    import {interface}@{VERSION};");
    }
    let answers = manifest.points.contains(&Point::HttpRoute);
    if answers || imports.calls_out {
        for interface in ["http/types", "io/streams", "io/poll"] {
            let _ = writeln!(text, "    import wasi:{interface}@{WASI};");
        }
    }
    if imports.calls_out {
        let _ = writeln!(text, "    import wasi:http/outgoing-handler@{WASI};");
    }
    let exports: BTreeSet<&str> = manifest.points.iter().map(|point| point.row().interface).collect();
    for interface in exports {
        // Of WASI's the registry names the release, and not the patch.
        let interface = match interface.strip_prefix("wasi:") {
            Some(_) => format!("{interface}.0"),
            None => interface.to_owned(),
        };
        let _ = writeln!(text, "    export {interface};");
    }
    text + "}\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(points: &str, more: &str) -> Manifest {
        let words = "name = \"x\"\nsummary = \"x\"\n";
        let text = format!(
            "name = \"tea\"\nversion = \"0.1.0\"\npublisher = \"tea-house\"\ncontract = \"0.1\"\nlicense = \"0BSD\"\n\
             points = [{points}]\n{more}\n[locales.zh-CN]\n{words}\n[locales.en]\n{words}"
        );
        Manifest::from_toml(&text).unwrap()
    }

    const TIERS: &str = "[[permissions]]\nname = \"members.tier.read\"\npurpose = { zh-CN = \"x\", en = \"x\" }\n";

    #[test]
    fn a_world_has_what_the_manifest_asks_for() {
        let manifest = manifest("\"discount.lines\", \"discount.order\"", TIERS);
        let text = text(&manifest, &Imports::of(&manifest));
        assert!(text.contains("import heptad:members/tiers@0.1.0;"), "{text}");
        assert_eq!(text.matches("export heptad:points/discount@0.1.0;").count(), 1, "{text}");
        assert!(!text.contains("wasi:") && !text.contains("heptad:mall/catalog"), "{text}");
    }

    #[test]
    fn what_no_source_mentions_is_not_imported() {
        let imports = Imports::of(&manifest("\"discount.order\"", TIERS));
        let names = |imports: Imports| imports.interfaces.into_iter().collect::<Vec<_>>();
        let source = ["from wit_world.imports import tiers\n".to_owned()];
        assert_eq!(names(imports.clone().mentioned_in(&source)), ["heptad:members/tiers", "heptad:platform/settings"]);
        assert_eq!(names(imports.mentioned_in(&["tiers_of = 1".to_owned()])), ["heptad:platform/settings"]);
    }

    #[test]
    fn imports_are_read_from_sources() {
        let source = "import * as tiers from \"heptad:members/tiers@0.1.0\";\nimport log from 'heptad:platform/log@0.1.0';\
                      \nconst text = \"heptad:nothing\";";
        let imports = Imports::in_sources(source);
        assert_eq!(
            imports.interfaces.iter().map(String::as_str).collect::<Vec<_>>(),
            ["heptad:members/tiers", "heptad:platform/log"]
        );
        let without = manifest("\"discount.order\"", "");
        let (interface, permission) = imports.not_asked(&without).unwrap();
        assert_eq!((interface.as_str(), permission), ("heptad:members/tiers", Permission::MembersTierRead));
        assert_eq!(imports.not_asked(&manifest("\"discount.order\"", TIERS)), None);
    }
}
