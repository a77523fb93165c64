//! The help of every command.

use crate::support::Heptad;

/// The help of a command and of all below it.
fn collect(heptad: &Heptad, command: &[&str], into: &mut String) {
    let mut arguments = command.to_vec();
    arguments.push("--help");
    let help = heptad.run(&arguments).ended(0).stdout;
    into.push_str(&format!("$ heptad {}\n{help}\n", arguments.join(" ")));
    let commands = help.split_once("Commands:\n").map(|(_, rest)| rest.split("\n\n").next().unwrap_or_default());
    for name in commands.unwrap_or_default().lines().filter_map(|line| line.split_whitespace().next()) {
        if name != "help" {
            let mut below = command.to_vec();
            below.push(name);
            collect(heptad, &below, into);
        }
    }
}

#[test]
fn every_command_has_its_help() {
    let mut help = String::new();
    collect(&Heptad::new(), &[], &mut help);
    insta::assert_snapshot!(help);
}

#[test]
fn a_wrong_command_line_ends_with_2() {
    let heptad = Heptad::new();
    heptad.run(&["serv"]).ended(2).says("unrecognized subcommand");
    heptad.run(&["import", "orders", "x.csv"]).ended(2).says("--map <FILE>");
}

#[test]
fn licenses_and_completions_print() {
    let heptad = Heptad::new();
    let licenses = heptad.run(&["licenses", "--output", "json"]).json();
    let wasmtime = licenses.as_array().unwrap().iter().find(|package| package["name"] == "wasmtime").unwrap();
    assert_eq!(wasmtime["license"], "Apache-2.0 WITH LLVM-exception");
    assert!(heptad.run(&["licenses"]).ended(0).stdout.starts_with("heptad 0.1.0 is licensed under Apache-2.0"));
    for shell in ["bash", "zsh", "fish"] {
        assert!(heptad.run(&["completions", shell]).ended(0).stdout.contains("operator-link"), "{shell}");
    }
}
