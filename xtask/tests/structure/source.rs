//! What no source file does: grow without end, silence a lint, leave a test out, sleep in a test.

use std::ops::RangeInclusive;

use syn::spanned::Spanned as _;
use syn::visit::Visit;

use crate::strings::{is_test_module, parse};
use crate::tree::{assert_none, read, those};

/// The most lines of a file: beyond, it is more than one thing.
const LINES: usize = 500;
/// Files that are longer, each with the reason why it is one thing all the same.
const LONGER: &[(&str, &str)] = &[];
/// Guests may do anything: it is the host that must bear it.
const GUESTS: &str = "host/runtime/tests/guests/";

#[test]
fn a_file_is_one_thing() {
    let mut found = Vec::new();
    for file in those("", ".rs") {
        let lines = read(file).lines().count();
        match LONGER.iter().any(|(known, _)| *known == file) {
            false if lines > LINES => found.push(format!("{file} has {lines} lines")),
            true if lines <= LINES => found.push(format!("{file} needs no exception any more")),
            _ => {}
        }
    }
    assert_none(&format!("a file has more than {LINES} lines"), &found);
}

/// Lines with one of these, each with its place.
fn lines_with(file: &str, text: &str, needles: &[&str]) -> Vec<String> {
    let code = |line: &str| !line.trim_start().starts_with("//");
    let lines =
        text.lines().enumerate().filter(|(_, line)| code(line) && needles.iter().any(|needle| line.contains(needle)));
    lines.map(|(number, line)| format!("{file}:{}: {}", number + 1, line.trim())).collect()
}

// In halves, so that this file does not hold what it looks for.
const ALLOW: &[&str] = &[concat!("#[all", "ow("), concat!("#![all", "ow("), concat!(", all", "ow(")];
const IGNORE: &[&str] = &[concat!("#[ign", "ore]"), concat!("#[ign", "ore ="), concat!(", ign", "ore)]")];
const UNSAFE: &[&str] = &[concat!("expect(unsafe", "_code"), concat!("allow(unsafe", "_code")];
const SLEEP: &[&str] = &[concat!("thread::sl", "eep"), concat!("time::sl", "eep("), concat!("time::sl", "eep;")];

fn all_lines_with(needles: &[&str]) -> Vec<String> {
    those("", ".rs").flat_map(|file| lines_with(file, &read(file), needles)).collect()
}

#[test]
fn no_lint_is_silenced_without_being_expected() {
    assert_none("write #[expect(…, reason = …)]", &all_lines_with(ALLOW));
    assert_eq!(lines_with("a.rs", &format!("{}unused)]\n// {}x)]", ALLOW[0], ALLOW[0]), ALLOW).len(), 1);
}

#[test]
fn no_test_is_left_out() {
    assert_none("a test is ignored", &all_lines_with(IGNORE));
    assert_eq!(lines_with("a.rs", IGNORE[0], IGNORE).len(), 1);
}

#[test]
fn compiled_code_is_mapped_in_one_place() {
    let found = all_lines_with(UNSAFE);
    assert_eq!(found.len(), 1, "unsafe code is expected once, where compiled code is mapped: {found:#?}");
    assert!(found[0].starts_with("host/runtime/src/code.rs:"), "{}", found[0]);
    let manifest = read("Cargo.toml");
    assert!(manifest.contains("unsafe_code = \"deny\""), "the workspace denies unsafe code");
    for file in those("", "/Cargo.toml").filter(|file| !file.starts_with("bench/") && !file.starts_with("fuzz/")) {
        assert!(read(file).contains("[lints]\nworkspace = true"), "{file} takes the workspace's lints");
    }
}

/// The lines of the test modules inside a source file.
fn test_modules(file: &str, text: &str) -> Vec<RangeInclusive<usize>> {
    struct Modules(Vec<RangeInclusive<usize>>);
    impl<'ast> Visit<'ast> for Modules {
        fn visit_item_mod(&mut self, node: &'ast syn::ItemMod) {
            if is_test_module(node) {
                let span = node.span();
                self.0.push(span.start().line..=span.end().line);
            }
        }
    }
    let mut modules = Modules(Vec::new());
    modules.visit_file(&parse(file, text));
    modules.0
}

fn sleeps(file: &str, text: &str) -> Vec<String> {
    let is_test = file.split('/').any(|part| part == "tests" || part == "tests.rs" || part == "testing.rs");
    let modules = if is_test { vec![1..=usize::MAX] } else { test_modules(file, text) };
    let lines = lines_with(file, text, SLEEP).into_iter();
    let number =
        |line: &String| line[file.len() + 1..].split(':').next().and_then(|number| number.parse().ok()).unwrap_or(0);
    lines.filter(|line| modules.iter().any(|range| range.contains(&number(line)))).collect()
}

#[test]
fn no_test_sleeps() {
    let files = those("", ".rs").filter(|file| !file.starts_with(GUESTS));
    let found: Vec<String> = files.flat_map(|file| sleeps(file, &read(file))).collect();
    assert_none("a test sleeps; wait for what it waits for", &found);
    let sample = format!("fn a() {{ {0}(1) }}\n#[cfg(test)]\nmod tests {{\n fn b() {{ {0}(1) }}\n}}\n", SLEEP[0]);
    assert_eq!(sleeps("a.rs", &sample).len(), 1);
    assert_eq!(sleeps("x/tests/a.rs", &sample).len(), 2);
}
