//! The tables: printed for people as they come, written as JSON at the end.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Serialize;

use crate::machine::Facts;

/// Everything that was measured.
#[derive(Serialize)]
pub(crate) struct Report {
    #[serde(flatten)]
    facts: Facts,
    /// Whether the rounds were so short that the figures mean little.
    quick: bool,
    tables: Vec<Sheet>,
}

/// A table: a column for each subject, a row for each figure.
#[derive(Serialize)]
pub(crate) struct Sheet {
    name: &'static str,
    title: String,
    columns: Vec<String>,
    rows: Vec<Row>,
    /// What was left out, and how to have it.
    notes: Vec<String>,
}

/// A figure of each subject.
#[derive(Serialize)]
pub(crate) struct Row {
    what: String,
    unit: &'static str,
    values: Vec<Option<f64>>,
    /// To the first column.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ratios: Vec<Option<f64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<Target>,
}

/// What is asked of a row.
#[derive(Serialize)]
struct Target {
    /// Which figure is judged.
    of: String,
    value: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    at_most: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at_least: Option<f64>,
    met: bool,
}

impl Row {
    /// Figures in the order of the columns; `None` where there is none.
    pub(crate) fn new(
        what: impl Into<String>,
        unit: &'static str,
        values: impl IntoIterator<Item = Option<f64>>,
    ) -> Self {
        Self { what: what.into(), unit, values: values.into_iter().collect(), ratios: Vec::new(), target: None }
    }

    /// Shows each figure's ratio to the first.
    pub(crate) fn with_ratios(mut self) -> Self {
        let first = self.values.first().copied().flatten();
        self.ratios = self.values.iter().map(|value| Some((*value)? / first?)).collect();
        self
    }

    /// A figure that may be so much at the most.
    pub(crate) fn at_most(mut self, of: &str, value: f64, most: f64) -> Self {
        self.target =
            Some(Target { of: of.to_owned(), value, at_most: Some(most), at_least: None, met: value <= most });
        self
    }

    /// A figure that has to be so much at the least.
    pub(crate) fn at_least(mut self, of: &str, value: f64, least: f64) -> Self {
        self.target =
            Some(Target { of: of.to_owned(), value, at_most: None, at_least: Some(least), met: value >= least });
        self
    }

    fn cells(&self) -> String {
        let cell = |(at, value): (usize, &Option<f64>)| match (value, self.ratios.get(at).copied().flatten()) {
            (None, _) => "–".to_owned(),
            (Some(value), Some(ratio)) if at > 0 => format!("{} ({ratio:.2})", figure(*value)),
            (Some(value), _) => figure(*value),
        };
        self.values.iter().enumerate().map(cell).collect::<Vec<_>>().join(" | ")
    }

    fn verdict(&self) -> String {
        let Some(Target { of, value, at_most, at_least, met }) = &self.target else { return " | ".to_owned() };
        let sign = if at_most.is_some() { "≤" } else { "≥" };
        let bound = at_most.or(*at_least).unwrap_or_default();
        format!("{of} {sign} {bound} | {} ({})", if *met { "met" } else { "**not met**" }, figure(*value))
    }
}

/// A number with as many digits as mean something.
fn figure(value: f64) -> String {
    match value.abs() {
        size if size >= 1_000.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

impl Sheet {
    /// A table without rows.
    pub(crate) fn new(
        name: &'static str,
        title: impl Into<String>,
        columns: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        let columns = columns.into_iter().map(Into::into).collect();
        Self { name, title: title.into(), columns, rows: Vec::new(), notes: Vec::new() }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// Adds a sentence below the table.
    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }
}

impl Report {
    /// Nothing yet.
    pub(crate) fn new(facts: Facts, quick: bool) -> Self {
        Self { facts, quick, tables: Vec::new() }
    }

    /// Says what is measured on.
    pub(crate) fn print_head(&self) {
        println!("{}", self.facts.line());
        if self.quick {
            println!("quick: the rounds are too short for figures to be quoted");
        }
    }

    /// Prints a table and keeps it.
    pub(crate) fn add(&mut self, sheet: Sheet) {
        println!("\n## {}: {}\n", sheet.name, sheet.title);
        println!("| Row | Unit | {} | Target | Met |", sheet.columns.join(" | "));
        println!("|{}", " --- |".repeat(sheet.columns.len() + 4));
        for row in &sheet.rows {
            println!("| {} | {} | {} | {} |", row.what, row.unit, row.cells(), row.verdict());
        }
        for note in &sheet.notes {
            println!("\n{note}");
        }
        self.tables.push(sheet);
    }

    /// Prints how many targets are met.
    pub(crate) fn print_verdict(&self) {
        let targets: Vec<_> =
            self.tables.iter().flat_map(|sheet| &sheet.rows).filter_map(|row| row.target.as_ref()).collect();
        let met = targets.iter().filter(|target| target.met).count();
        println!("\n{met} of {} targets met", targets.len());
    }

    /// Writes everything as JSON.
    pub(crate) fn write(&self, file: &Path) -> Result<()> {
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        std::fs::write(file, serde_json::to_string_pretty(self)? + "\n")
            .with_context(|| format!("cannot write {}", file.display()))?;
        println!("written to {}", file.display());
        Ok(())
    }
}
