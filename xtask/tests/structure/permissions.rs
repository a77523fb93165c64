//! Every function that a plugin may import has a row in the table of permissions, and every row a function.

use std::collections::{BTreeMap, BTreeSet};

use heptad_model::Permission;
use heptad_model::permission::FREE;

use crate::tree::assert_none;
use crate::wit::{Contract, Interface};

/// The world that holds everything importable.
const IMPORTS: &str = "imports";

/// What the table says: each function, and the permission that opens it; `None` for free ones.
type Table = BTreeMap<String, Option<&'static str>>;

fn table() -> Table {
    let rows = Permission::ALL.iter().map(|permission| permission.row());
    let rows = rows.flat_map(|row| row.functions.iter().map(move |function| ((*function).to_owned(), Some(row.name))));
    rows.chain(FREE.iter().map(|function| ((*function).to_owned(), None))).collect()
}

fn importable(contract: &Contract) -> Vec<&Interface> {
    let names = &contract.worlds[IMPORTS].imports;
    let known = |name: &String| contract.interfaces.iter().find(|interface| interface.name == *name);
    names.iter().map(|name| known(name).unwrap_or_else(|| panic!("the world imports the unknown `{name}`"))).collect()
}

fn violations(interfaces: &[&Interface], table: &Table) -> Vec<String> {
    let mut found = Vec::new();
    let mut functions = BTreeSet::new();
    for interface in interfaces {
        let mut opened_by = BTreeSet::new();
        for function in &interface.functions {
            let function = format!("{}#{function}", interface.unversioned());
            match table.get(&function) {
                Some(permission) => drop(opened_by.insert(*permission)),
                None => found.push(format!("{function} has no row")),
            }
            functions.insert(function);
        }
        if opened_by.len() > 1 {
            found.push(format!("{} needs more than one permission: {opened_by:?}", interface.name));
        }
        for permission in opened_by {
            let sentence = permission.map_or_else(|| "Free: ".to_owned(), |name| format!("Permission: `{name}`"));
            if !interface.doc.contains(&sentence) {
                found.push(format!("the doc of {} does not say “{}”", interface.name, sentence.trim()));
            }
        }
    }
    let orphans = table.keys().filter(|function| !functions.contains(*function));
    found.extend(orphans.map(|function| format!("{function} has a row, and is not importable")));
    found
}

#[test]
fn every_importable_function_has_one_permission_row() {
    let contract = Contract::of_tree();
    let found = violations(&importable(&contract), &table());
    assert_none("the contract and the table of permissions differ", &found);
}

#[test]
fn what_is_importable_is_exactly_what_has_functions() {
    let contract = Contract::of_tree();
    let imported: BTreeSet<&str> = contract.worlds[IMPORTS].imports.iter().map(String::as_str).collect();
    let exported: BTreeSet<&str> =
        contract.worlds.values().flat_map(|world| world.exports.iter().map(String::as_str)).collect();
    let rest = contract.interfaces.iter().filter(|interface| !interface.functions.is_empty());
    let rest: Vec<String> = rest
        .filter(|interface| !imported.contains(&*interface.name) && !exported.contains(&*interface.name))
        .map(|interface| interface.name.clone())
        .collect();
    assert_none("an interface has functions and stands in no world", &rest);
}

#[test]
fn a_missing_row_an_orphan_and_a_mixed_interface_are_found() {
    let interface = Interface {
        name: "a:b/c@0.1.0".to_owned(),
        doc: "Permission: `x`".to_owned(),
        functions: ["one", "two", "three"].map(str::to_owned).to_vec(),
    };
    let rows = [("a:b/c#one", Some("x")), ("a:b/c#two", None), ("a:b/c#gone", Some("x"))];
    let table = rows.into_iter().map(|(function, permission)| (function.to_owned(), permission)).collect();
    let found = violations(&[&interface], &table).join("\n");
    for part in ["a:b/c#three has no row", "more than one permission", "does not say “Free:”", "a:b/c#gone has a row"]
    {
        assert!(found.contains(part), "{part}: {found}");
    }
}
