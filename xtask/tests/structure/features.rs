//! `docs/features.md` has every row that the platform must have, and names exactly the tests that show them.

use std::collections::{BTreeMap, BTreeSet};

use crate::tree::{assert_none, read, those};

/// The chapters and how many rows each has.
const CHAPTERS: [(char, usize); 9] =
    [('A', 15), ('B', 12), ('C', 9), ('D', 13), ('E', 14), ('F', 19), ('G', 11), ('H', 7), ('I', 15)];
/// The words of the status column.
const STATES: [&str; 3] = ["done", "partly", "not yet"];

/// A row of the page.
#[derive(Debug)]
struct Row {
    id: String,
    state: String,
    tests: BTreeSet<String>,
}

/// The rows of a table whose columns are id, asked for, status, what is there, tests.
fn rows(page: &str) -> Vec<Row> {
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let is_id = |text: &str| {
        text.len() == 3
            && text.starts_with(|c: char| c.is_ascii_uppercase())
            && text[1..].bytes().all(|b| b.is_ascii_digit())
    };
    let row = |line: &str| {
        let cells = cells(line);
        let [id, _asked, state, _here, tests] = cells.as_slice() else { return None };
        let tests = tests.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        is_id(id).then(|| Row { id: id.clone(), state: state.clone(), tests })
    };
    page.lines().filter(|line| line.starts_with('|')).filter_map(row).collect()
}

/// The tests whose name begins with a row's id, by that id.
fn tests_of(source: &str) -> impl Iterator<Item = (String, &str)> {
    source.split("fn ").skip(1).filter_map(|rest| {
        let name = rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next()?;
        let (id, _) = name.split_once('_')?;
        let of_row =
            id.len() == 3 && (b'a'..=b'i').contains(&id.as_bytes()[0]) && id[1..].bytes().all(|b| b.is_ascii_digit());
        of_row.then(|| (id.to_uppercase(), name))
    })
}

fn violations(rows: &[Row], tests: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let mut found = Vec::new();
    let wanted =
        CHAPTERS.iter().flat_map(|(letter, count)| (1..=*count).map(move |number| format!("{letter}{number:02}")));
    let wanted: Vec<String> = wanted.collect();
    if rows.iter().map(|row| &row.id).ne(&wanted) {
        found.push("the rows are not A01 to I15, each once and in order".to_owned());
    }
    let none = BTreeSet::new();
    for row in rows {
        let there = tests.get(&row.id).unwrap_or(&none);
        let (id, state) = (&row.id, &row.state);
        if !STATES.contains(&state.as_str()) {
            found.push(format!("{id}: the status `{state}` is none of {STATES:?}"));
        }
        if state == "done" && row.tests.is_empty() {
            found.push(format!("{id} is done, and names no test"));
        }
        if state == "not yet" && !row.tests.is_empty() {
            found.push(format!("{id} is not there yet, and names tests"));
        }
        found.extend(row.tests.difference(there).map(|test| format!("{id} names {test}, which does not exist")));
        found.extend(there.difference(&row.tests).map(|test| format!("{id} does not name {test}")));
    }
    let unknown = tests.keys().filter(|id| !wanted.contains(id));
    found.extend(unknown.map(|id| format!("a test is named after {id}, which is no row")));
    found
}

#[test]
fn the_page_of_features_names_the_tests_that_there_are() {
    let mut tests: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in those("", ".rs") {
        for (id, name) in tests_of(&read(file)) {
            tests.entry(id).or_default().insert(name.to_owned());
        }
    }
    assert_none("docs/features.md is not true", &violations(&rows(&read("docs/features.md")), &tests));
}

#[test]
fn a_false_page_is_found_out() {
    let page = "| A01 | shop | done | all | `a01_gone` |\n| A02 | fee | done | | |\n| A03 | x | perhaps | | |";
    let name = concat!("a0", "1_there");
    let tests =
        tests_of(&format!("async fn {name}(x) fn other()")).map(|(id, name)| (id, [name.to_owned()].into())).collect();
    let found = violations(&rows(page), &tests).join("\n");
    for part in
        ["each once and in order", "A01 names a01_gone", "A01 does not name a01_there", "A02 is done", "`perhaps`"]
    {
        assert!(found.contains(part), "{part}: {found}");
    }
}
