//! What is told of events is written from the registry, and what is told of filters is what the host does.

use heptad_model::event_type::{Field, FieldKind};
use heptad_model::{EventType, Filter};

use crate::operations::{filled, written};
use crate::tree::read;

const PAGE: &str = "docs/events.md";

/// A field as the page shows it.
fn field(field: &Field) -> String {
    let kind = match field.kind {
        FieldKind::Id(prefix) => format!("`{prefix}_…`"),
        FieldKind::Text => "text".to_owned(),
        FieldKind::Words => "list of texts".to_owned(),
        FieldKind::Integer => "number".to_owned(),
        FieldKind::Amount => "amount".to_owned(),
        FieldKind::Currency => "ISO 4217".to_owned(),
        FieldKind::Time => "milliseconds".to_owned(),
    };
    let absent = if field.required { "" } else { "?" };
    format!("`{}{absent}` {kind}", field.name)
}

fn types() -> String {
    let mut table =
        "| Type | What it tells | Told to | Key | Needs | Data |\n| --- | --- | --- | --- | --- | --- |\n".to_owned();
    for kind in EventType::ALL {
        let row = kind.row();
        let needs = row.permission.map(|permission| format!("`{}`", permission.row().name)).unwrap_or_default();
        let filled = if row.fill.is_some() { "; a profile is filled in" } else { "" };
        let fields: Vec<String> = row.fields.iter().map(field).collect();
        let (name, says, told, data) = (row.name, row.sentence.en, row.told.names().join(", "), fields.join(", "));
        table.push_str(&format!("| `{name}` | {says} | {told} | {} | {needs} | {data}{filled} |\n", row.key));
    }
    table
}

#[test]
fn what_is_told_of_event_types_is_written_from_the_registry() {
    written(PAGE, &filled(&read(PAGE), "event types", &types()));
}

#[test]
fn what_is_told_of_filters_is_true() {
    let page = read(PAGE);
    let section = page.split("## Filters").nth(1).and_then(|rest| rest.split("\n## ").next()).expect("the section");
    let examples = section.split("```\n").nth(1).expect("the examples");
    for filter in examples.lines() {
        assert!(Filter::parse(filter).is_ok(), "{filter}");
    }
    let mut refused = 0;
    for row in section.split("| What is said |").nth(1).expect("the table of errors").lines().skip(2) {
        let Some((filter, said)) = row.trim_matches(['|', ' ']).split_once("` | ") else { continue };
        let error = Filter::parse(filter.trim_start_matches('`')).expect_err(filter).to_string();
        assert_eq!(error, format!("the filter, {}", said.replace("\\|", "|")), "{filter}");
        refused += 1;
    }
    assert!(refused > 3, "{refused}");
}
