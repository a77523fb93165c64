//! Reads the contract: interfaces with their functions and docs, and worlds. Knows as much of WIT as `wit/` uses, with a
//! declaration on a line of its own, and fails at anything else.

use std::collections::BTreeMap;

use crate::tree::{assert_none, read, those};

/// An interface.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Interface {
    /// `package/interface@version`.
    pub(crate) name: String,
    /// The doc comment, without slashes, lines joined by spaces.
    pub(crate) doc: String,
    /// The functions' names.
    pub(crate) functions: Vec<String>,
}

impl Interface {
    /// `package/interface`.
    pub(crate) fn unversioned(&self) -> &str {
        self.name.split('@').next().unwrap_or_default()
    }
}

/// A world.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct World {
    /// Names of interfaces, with version.
    pub(crate) imports: Vec<String>,
    /// Names of interfaces, with version.
    pub(crate) exports: Vec<String>,
}

/// The whole contract.
#[derive(Debug, Default)]
pub(crate) struct Contract {
    /// Every interface.
    pub(crate) interfaces: Vec<Interface>,
    /// The worlds by name.
    pub(crate) worlds: BTreeMap<String, World>,
}

impl Contract {
    /// The contract of the tree.
    pub(crate) fn of_tree() -> Self {
        let mut contract = Self::default();
        for folder in packages() {
            let texts: Vec<String> = those(&format!("wit/{folder}/"), ".wit").map(read).collect();
            contract.add_package(&texts);
        }
        contract
    }

    fn add_package(&mut self, files: &[String]) {
        let header = files.iter().flat_map(|text| text.lines()).find_map(|line| line.strip_prefix("package "));
        let header = header.expect("a package has a header").trim_end_matches(';');
        let (package, version) = header.split_once('@').expect("a package has a version");
        for text in files {
            self.add_file(package, version, text);
        }
    }

    fn add_file(&mut self, package: &str, version: &str, text: &str) {
        let full =
            |name: &str| if name.contains(':') { name.to_owned() } else { format!("{package}/{name}@{version}") };
        let (mut doc, mut depth, mut place) = (Vec::new(), 0_usize, Place::Outside);
        let (mut functions, mut seen) = (text.lines().filter(|line| is_function(line)).count(), 0);
        for line in text.lines().map(str::trim) {
            if let Some(sentence) = line.strip_prefix("///") {
                doc.push(sentence.trim());
                continue;
            }
            let documented = std::mem::take(&mut doc).join(" ");
            match (depth, &mut place) {
                (0, _) if line.starts_with("interface ") => {
                    let name = full(middle(line, "interface "));
                    self.interfaces.push(Interface { name, doc: documented, functions: Vec::new() });
                    place = Place::Interface;
                }
                (0, _) if line.starts_with("world ") => {
                    let name = middle(line, "world ").to_owned();
                    self.worlds.insert(name.clone(), World::default());
                    place = Place::World(name);
                }
                (1, Place::Interface) if is_function(line) => {
                    let name = line.split(':').next().unwrap_or_default().to_owned();
                    self.interfaces.last_mut().expect("inside an interface").functions.push(name);
                    seen += 1;
                }
                (1, Place::World(world)) => {
                    let world = self.worlds.get_mut(world).expect("the world was just entered");
                    if let Some(name) = line.strip_prefix("import ") {
                        world.imports.push(full(name.trim_end_matches(';')));
                    } else if let Some(name) = line.strip_prefix("export ") {
                        world.exports.push(full(name.trim_end_matches(';')));
                    }
                }
                _ => {}
            }
            depth = depth + line.matches('{').count() - line.matches('}').count();
        }
        functions -= seen;
        assert_eq!(functions, 0, "{package}: functions at a place that this reader does not know");
    }
}

enum Place {
    Outside,
    Interface,
    World(String),
}

fn is_function(line: &str) -> bool {
    !line.trim_start().starts_with("//")
        && (line.contains(": func(") || line.contains(": async func(") || line.contains("static func("))
}

fn middle<'a>(line: &'a str, keyword: &str) -> &'a str {
    line.trim_start_matches(keyword).trim_end_matches('{').trim()
}

/// The folders of the contract.
pub(crate) fn packages() -> Vec<&'static str> {
    let folder = |file: &'static str| file.strip_prefix("wit/")?.split_once('/').map(|(folder, _)| folder);
    let mut folders: Vec<&str> = those("wit/", ".wit").filter_map(folder).collect();
    folders.dedup();
    folders
}

/// Declarations without a sentence.
fn undocumented(file: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut before = "";
    for (number, line) in text.lines().map(str::trim).enumerate() {
        let passed = ["//", "}", "use ", "import ", "export ", "include ", "@"];
        let declares = !line.is_empty() && !passed.iter().any(|start| line.starts_with(start));
        // A package's folder has one header, with the sentence of the package.
        if declares && !before.starts_with("///") {
            found.push(format!("{file}:{}: {line}", number + 1));
        }
        if !line.is_empty() {
            before = line;
        }
    }
    found
}

#[test]
fn every_item_of_the_contract_is_documented() {
    let found: Vec<String> = those("wit/", ".wit").flat_map(|file| undocumented(file, &read(file))).collect();
    assert_none("an item of the contract has no sentence", &found);
    assert_eq!(undocumented("a.wit", "/// It.\ninterface a {\n    b: func();\n}\n"), ["a.wit:3: b: func();"]);
}

#[test]
fn the_reader_finds_functions_and_worlds() {
    let text = "/// P.\npackage a:b@0.1.0;\n/// I.\n/// Free.\ninterface c {\n record d {\n e: u8,\n }\n /// F.\n f: func(x: u8);\n}\n\
                world w {\n import a:z/y@0.2.0;\n export c;\n}\n";
    let mut contract = Contract::default();
    contract.add_package(&[text.to_owned()]);
    let interface =
        Interface { name: "a:b/c@0.1.0".to_owned(), doc: "I. Free.".to_owned(), functions: vec!["f".to_owned()] };
    assert_eq!(contract.interfaces, [interface]);
    let world = World { imports: vec!["a:z/y@0.2.0".to_owned()], exports: vec!["a:b/c@0.1.0".to_owned()] };
    assert_eq!(contract.worlds["w"], world);
}
