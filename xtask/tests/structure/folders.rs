//! What lies at the top, that each folder there says what it is, and that no file knows the machine it was written on.

use std::collections::BTreeSet;

use crate::tree::{assert_none, files, read};

/// The top folders. A new one is a decision: it gets a row in the README's map and a README of its own.
const FOLDERS: &[&str] = &["bench", "docs", "examples", "fuzz", "host", "ops", "plugins", "sdk", "wit", "xtask"];
/// Folders of tools, named by the tools.
const TOOLS: &[&str] = &[".cargo", ".ci", ".config"];
/// The files at the top.
const FILES: &[&str] = &[
    ".editorconfig",
    ".gitattributes",
    ".gitignore",
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "README.zh-CN.md",
    "clippy.toml",
    "deny.toml",
    "rust-toolchain.toml",
    "rustfmt.toml",
];

#[test]
fn the_top_holds_what_the_map_says() {
    let top = |file: &String| file.split_once('/').map(|(folder, _)| folder.to_owned());
    let folders: BTreeSet<String> = files().iter().filter_map(top).collect();
    let known: BTreeSet<String> = FOLDERS.iter().chain(TOOLS).map(|name| (*name).to_owned()).collect();
    assert_eq!(folders, known);
    let found: Vec<&str> = files().iter().map(String::as_str).filter(|file| !file.contains('/')).collect();
    assert_eq!(found, FILES);
}

#[test]
fn every_top_folder_has_a_readme_and_stands_in_both_maps() {
    let mut found = Vec::new();
    for folder in FOLDERS {
        if !files().contains(&format!("{folder}/README.md")) {
            found.push(format!("{folder}/README.md is missing"));
        }
        for map in ["README.md", "README.zh-CN.md"] {
            if !read(map).contains(&format!("`{folder}/`")) {
                found.push(format!("{map} does not name `{folder}/`"));
            }
        }
    }
    assert_none("a top folder is not explained", &found);
}

/// The relative links of a Markdown text that lead nowhere.
fn dead_links(file: &str, text: &str) -> Vec<String> {
    let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut dead = Vec::new();
    for target in text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
        if target.is_empty() || target.contains("://") || target.starts_with("mailto:") {
            continue;
        }
        let mut path: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
        for part in target.split('/') {
            match part {
                "" | "." => {}
                ".." => drop(path.pop()),
                part => path.push(part),
            }
        }
        let path = path.join("/");
        let exists = files().iter().any(|file| *file == path || file.starts_with(&format!("{path}/")));
        if !exists {
            dead.push(format!("{file}: {target}"));
        }
    }
    dead
}

#[test]
fn links_between_documents_lead_somewhere() {
    let documents = files().iter().filter(|file| file.ends_with(".md"));
    let dead: Vec<String> = documents.flat_map(|file| dead_links(file, &read(file))).collect();
    assert_none("a link leads nowhere", &dead);
    assert_eq!(dead_links("host/README.md", "[a](../wit/README.md) [b](nowhere.md) [c](https://x.example/)").len(), 1);
}

/// Lines that name a place of one machine, or a folder beside the repository.
fn machine_paths(file: &str, text: &str) -> Vec<String> {
    // In halves, so that this file does not name them.
    let places = [concat!("/wor", "k/"), concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("../sha", "red")];
    let outside =
        |before: Option<char>| before.is_none_or(|c| !c.is_alphanumeric() && !matches!(c, '_' | '-' | '.' | '}' | '/'));
    let named =
        |line: &str, place: &str| line.match_indices(place).any(|(at, _)| outside(line[..at].chars().next_back()));
    let lines = text.lines().enumerate().filter(|(_, line)| places.iter().any(|place| named(line, place)));
    lines.map(|(number, line)| format!("{file}:{}: {}", number + 1, line.trim())).collect()
}

#[test]
fn no_file_knows_the_machine_it_was_written_on() {
    let mut found = Vec::new();
    for file in files() {
        // What is no text holds no path that a person wrote.
        if let Ok(text) = std::fs::read_to_string(crate::tree::root().join(file)) {
            found.extend(machine_paths(file, &text));
        }
    }
    assert_none("a file names a place of one machine", &found);
    let sample = format!("fine\nsee {}main\n", concat!("/wor", "k/"));
    assert_eq!(machine_paths("a.md", &sample).len(), 1);
    assert!(machine_paths("a.md", &format!("a frame{}now", concat!("/wor", "k/"))).is_empty());
}
