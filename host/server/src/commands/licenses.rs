//! `heptad licenses`: the licences of everything that is in this binary.
//!
//! `licenses.txt` lists the packages that the binary is linked from; a test compares it with what Cargo says, and writes
//! it anew when `HEPTAD_UPDATE_LICENSES` is set.

use serde::Serialize;

use crate::error::Result;
use crate::output::Output;

/// A line per package: name, version, SPDX expression, address; tabs between them.
const LICENSES: &str = include_str!("../../licenses.txt");

/// The options of `licenses`.
#[derive(Debug, clap::Args)]
pub(crate) struct LicensesArgs {
    #[command(flatten)]
    output: Output,
}

#[derive(Serialize)]
struct Package<'a> {
    name: &'a str,
    version: &'a str,
    license: &'a str,
    repository: &'a str,
}

/// Prints the list.
pub(crate) fn run(args: &LicensesArgs) -> Result {
    let packages: Vec<Package<'_>> = LICENSES.lines().filter_map(package).collect();
    args.output.print(&packages, |packages| {
        let width =
            packages.iter().map(|package| package.name.len() + package.version.len() + 1).max().unwrap_or_default();
        let line = |package: &Package<'_>| {
            format!("{:width$}  {}", format!("{} {}", package.name, package.version), package.license)
        };
        let head = format!(
            "heptad {} is licensed under Apache-2.0. It is built from {} packages:",
            env!("CARGO_PKG_VERSION"),
            packages.len()
        );
        format!("{head}\n\n{}", packages.iter().map(line).collect::<Vec<_>>().join("\n"))
    })
}

fn package(line: &str) -> Option<Package<'_>> {
    let mut fields = line.split('\t');
    let mut next = || fields.next();
    Some(Package { name: next()?, version: next()?, license: next()?, repository: next()? })
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashMap};
    use std::process::Command;

    use serde_json::Value;

    use super::*;

    /// The packages that the binary is linked from, by Cargo's own resolution.
    fn linked() -> String {
        let target = "x86_64-unknown-linux-gnu";
        let output = Command::new(env!("CARGO"))
            .args(["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", target])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
        let packages: HashMap<&str, &Value> = metadata["packages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|package| (package["id"].as_str().unwrap(), package))
            .collect();
        let nodes: HashMap<&str, &Value> = metadata["resolve"]["nodes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|node| (node["id"].as_str().unwrap(), node))
            .collect();
        let root = packages.values().find(|package| package["name"] == env!("CARGO_PKG_NAME")).unwrap();
        let (mut seen, mut waiting) = (BTreeSet::new(), vec![root["id"].as_str().unwrap()]);
        while let Some(id) = waiting.pop() {
            if !seen.insert(id) {
                continue;
            }
            for dependency in nodes[id]["deps"].as_array().unwrap() {
                let is_linked = dependency["dep_kinds"].as_array().unwrap().iter().any(|kind| kind["kind"].is_null());
                if is_linked {
                    waiting.push(dependency["pkg"].as_str().unwrap());
                }
            }
        }
        let line = |package: &&Value| {
            let text = |field: &str| package[field].as_str().unwrap_or("").to_owned();
            format!("{}\t{}\t{}\t{}\n", text("name"), text("version"), text("license"), text("repository"))
        };
        let foreign = seen.iter().map(|id| packages[id]).filter(|package| !package["source"].is_null());
        foreign.map(|package| line(&package)).collect::<BTreeSet<String>>().into_iter().collect()
    }

    #[test]
    fn the_list_is_what_the_binary_is_linked_from() {
        let (file, linked) = (concat!(env!("CARGO_MANIFEST_DIR"), "/licenses.txt"), linked());
        if std::env::var_os("HEPTAD_UPDATE_LICENSES").is_some() {
            std::fs::write(file, &linked).unwrap();
        }
        let listed = std::fs::read_to_string(file).unwrap();
        let (listed, linked): (BTreeSet<&str>, BTreeSet<&str>) = (listed.lines().collect(), linked.lines().collect());
        let difference: Vec<_> = listed.symmetric_difference(&linked).collect();
        assert!(difference.is_empty(), "licenses.txt is old; HEPTAD_UPDATE_LICENSES=1 writes it anew: {difference:#?}");
        assert!(linked.iter().all(|line| package(line).is_some_and(|package| !package.license.is_empty())));
    }
}
