//! The registry of points agrees with the contract: what is registered is exported, and what is exported is registered.

use std::collections::BTreeSet;

use heptad_model::Point;

use crate::tree::{assert_none, files};
use crate::wit::Contract;

fn violations(registered: &BTreeSet<&str>, contract: &Contract) -> Vec<String> {
    let defined: BTreeSet<&str> = contract.interfaces.iter().map(|interface| &*interface.name).collect();
    let exported: BTreeSet<&str> =
        contract.worlds.values().flat_map(|world| world.exports.iter().map(String::as_str)).collect();
    let missing = registered.difference(&exported).map(|name| format!("{name} is registered, and no world exports it"));
    let unknown = exported.difference(registered).map(|name| format!("{name} is exported, and no point has it"));
    let undefined = exported.difference(&defined).map(|name| format!("{name} is exported, and not defined"));
    missing.chain(unknown).chain(undefined).collect()
}

#[test]
fn the_registry_and_the_contract_name_the_same_interfaces() {
    // Interfaces of WASI are defined elsewhere.
    let own = |interface: &&str| interface.starts_with("heptad:");
    let registered = Point::ALL.iter().map(|point| point.row().interface).filter(own).collect();
    assert_none("the registry of points and wit/points differ", &violations(&registered, &Contract::of_tree()));
}

#[test]
fn a_world_exports_one_interface() {
    let contract = Contract::of_tree();
    let many = contract.worlds.iter().filter(|(_, world)| world.exports.len() > 1);
    assert_none("a world exports more than one interface", &many.map(|(name, _)| name.clone()).collect::<Vec<_>>());
}

#[test]
fn every_interface_of_points_has_its_files() {
    let mut missing = Vec::new();
    for point in Point::ALL {
        let interface = point.row().interface;
        let (_, name) = interface.split_once('/').unwrap_or_default();
        let name = name.split('@').next().unwrap_or_default().replace('-', "_");
        for file in [format!("host/runtime/src/points/{name}.rs"), format!("sdk/rust/src/points/{name}.rs")] {
            if !files().contains(&file) {
                missing.push(format!("{interface}: {file}"));
            }
        }
    }
    assert_none("a point's interface lacks a file", &missing);
}

#[test]
fn a_difference_is_found_on_either_side() {
    let contract = Contract::of_tree();
    let found = violations(&["heptad:points/tax@0.1.0"].into(), &contract);
    assert!(found.iter().any(|line| line.contains("tax@0.1.0 is registered")), "{found:?}");
    assert!(found.iter().any(|line| line.contains("discount@0.1.0 is exported")), "{found:?}");
}
