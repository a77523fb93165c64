//! Counting tests per database: the same tests must have run on both.
//!
//! A test that runs on both databases is two tests, whose names end in `::sqlite` and `::postgres`.

use std::collections::BTreeSet;

use anyhow::{Result, bail};

/// How many names of a difference a message shows.
const SHOWN: usize = 10;

/// Which tests ran on which database.
pub(crate) struct Counts {
    /// Tests that ran on SQLite.
    pub(crate) sqlite: usize,
    /// Tests that ran on PostgreSQL.
    pub(crate) postgres: usize,
    /// Tests that concern no database, or choose their own.
    pub(crate) other: usize,
    only_sqlite: Vec<String>,
    only_postgres: Vec<String>,
}

impl Counts {
    /// Sorts the names of all tests that ran.
    pub(crate) fn of<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let (mut sqlite, mut postgres, mut other) = (BTreeSet::new(), BTreeSet::new(), 0);
        for name in names {
            if let Some(test) = name.strip_suffix("::sqlite") {
                sqlite.insert(test);
            } else if let Some(test) = name.strip_suffix("::postgres") {
                postgres.insert(test);
            } else {
                other += 1;
            }
        }
        let difference = |these: &BTreeSet<&str>, those: &BTreeSet<&str>| {
            these.difference(those).map(|&test| test.to_owned()).collect()
        };
        Self {
            sqlite: sqlite.len(),
            postgres: postgres.len(),
            other,
            only_sqlite: difference(&sqlite, &postgres),
            only_postgres: difference(&postgres, &sqlite),
        }
    }

    /// Fails when a test ran on one database only.
    pub(crate) fn check(&self) -> Result<()> {
        let mut problems = Vec::new();
        for (database, tests) in [("SQLite", &self.only_sqlite), ("PostgreSQL", &self.only_postgres)] {
            if !tests.is_empty() {
                let shown = tests.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
                let more = tests.len().saturating_sub(SHOWN);
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                problems.push(format!("only on {database}: {shown}{more}"));
            }
        }
        if !problems.is_empty() {
            bail!("the two databases did not run the same tests; {}", problems.join("; "));
        }
        Ok(())
    }
}

/// The full names, crate and binary included, of the tests in a JUnit report.
///
/// Reads what nextest writes and no other XML: attributes in double quotes, each element's name first.
pub(crate) fn junit_names(report: &str) -> Vec<String> {
    let attribute = |element: &str, name: &str| {
        let (_, rest) = element.split_once(&format!(" {name}=\""))?;
        rest.split_once('"').map(|(value, _)| value.to_owned())
    };
    let name = |element: &str| {
        let element = element.split_once('>').map_or(element, |(start, _)| start);
        Some(format!("{}::{}", attribute(element, "classname")?, attribute(element, "name")?))
    };
    report.split("<testcase").skip(1).filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::{Counts, junit_names};

    const REPORT: &str = r#"<testsuites name="nextest-run"><testsuite name="store" tests="3">
        <testcase name="read::sqlite" classname="store" timestamp="2026-01-01" time="0.1">
        </testcase>
        <testcase name="read::postgres" classname="store" time="0.1"><failure type="x">a="b"</failure></testcase>
        <testcase name="parse" classname="store" time="0.1"/></testsuite></testsuites>"#;

    #[test]
    fn equal_sets_pass() {
        let names = junit_names(REPORT);
        assert_eq!(names, ["store::read::sqlite", "store::read::postgres", "store::parse"]);
        let counts = Counts::of(names.iter().map(String::as_str));
        assert_eq!((counts.sqlite, counts.postgres, counts.other), (1, 1, 1));
        assert!(counts.check().is_ok());
    }

    #[test]
    fn a_test_on_one_database_only_is_named() {
        let counts = Counts::of(["a::x::sqlite", "a::y::postgres", "b::x::sqlite", "b::x::postgres"].into_iter());
        let message = counts.check().err().map(|error| error.to_string());
        assert_eq!(
            message.as_deref(),
            Some("the two databases did not run the same tests; only on SQLite: a::x; only on PostgreSQL: a::y")
        );
    }
}
