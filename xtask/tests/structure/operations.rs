//! What operators read is written from the registries: the tables of `docs/operations.md`, and `docs/alerts.yaml`.

use heptad_model::alert;
use heptad_model::metric;
use yaml_rust2::{Yaml, YamlLoader};

use crate::tree::{read, root};

const PAGE: &str = "docs/operations.md";
const RULES: &str = "docs/alerts.yaml";
/// What writes both.
const COMMAND: &str = "cargo xtask docs";

/// The rows of the page's table of metrics.
fn metrics() -> String {
    let mut table = "| Metric | Kind | Unit | Labels | What it says |\n| --- | --- | --- | --- | --- |\n".to_owned();
    for row in metric::ALL {
        let labels: Vec<String> = row.labels.iter().map(|label| format!("`{label}`")).collect();
        let (kind, unit, labels) = (row.kind.name(), row.unit.name(), labels.join(", "));
        table.push_str(&format!("| `{}` | {kind} | {unit} | {labels} | {} |\n", row.name, row.meaning));
    }
    table
}

/// The rows of the page's table of alerts.
fn alerts() -> String {
    let mut table = "| Alert | Severity | What is wrong | First action |\n| --- | --- | --- | --- |\n".to_owned();
    for row in alert::ALL {
        table.push_str(&format!("| `{}` | {} | {} | {} |\n", row.name, row.severity.name(), row.says, row.first));
    }
    table
}

/// The rules as Prometheus reads them. JSON's strings are YAML's, too.
fn rules() -> String {
    let mut text = format!(
        "# Alert rules for Prometheus, written by `{COMMAND}` from host/model/src/alert.rs.\n\
         # What each means and what to do first: operations.md.\n\
         groups:\n  - name: heptad\n    rules:\n"
    );
    for row in alert::ALL {
        text.push_str(&format!("      - alert: {}\n        expr: {}\n", row.name, quoted(row.when)));
        if row.seconds > 0 {
            text.push_str(&format!("        for: {}s\n", row.seconds));
        }
        text.push_str(&format!(
            "        labels:\n          severity: {}\n        annotations:\n          summary: {}\n          \
             description: {}\n",
            row.severity.name(),
            quoted(row.says),
            quoted(row.first)
        ));
    }
    text
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The page with this text between the markers of a table.
pub(crate) fn filled(page: &str, name: &str, table: &str) -> String {
    let (begin, end) = (format!("<!-- {name}: written by `{COMMAND}` -->\n"), format!("<!-- end of {name} -->"));
    let between = || {
        let (before, rest) = page.split_once(&begin)?;
        let (_, after) = rest.split_once(&end)?;
        Some(format!("{before}{begin}\n{table}\n{end}{after}"))
    };
    between().unwrap_or_else(|| panic!("the page has no place for {name}: {begin}…{end}"))
}

/// Asserts that the file is what is made from the registries; writes it where that is wanted.
pub(crate) fn written(file: &str, text: &str) {
    if std::env::var_os("HEPTAD_UPDATE_DOCS").is_some() {
        std::fs::write(root().join(file), text).unwrap_or_else(|error| panic!("{file}: {error}"));
    }
    assert!(std::fs::read_to_string(root().join(file)).is_ok_and(|now| now == text), "{file} is old: {COMMAND}");
}

#[test]
fn what_operators_read_is_written_from_the_registries() {
    let page = filled(&filled(&read(PAGE), "metrics", &metrics()), "alerts", &alerts());
    written(PAGE, &page);
    written(RULES, &rules());
}

#[test]
fn the_rules_are_yaml_with_all_alerts() {
    let documents = YamlLoader::load_from_str(&read(RULES)).unwrap_or_else(|error| panic!("{RULES}: {error}"));
    let [document] = &documents[..] else { panic!("{RULES} has {} documents", documents.len()) };
    let Yaml::Array(found) = &document["groups"][0]["rules"] else { panic!("{RULES} has no rules") };
    assert_eq!(found.len(), alert::ALL.len());
    for (rule, row) in found.iter().zip(alert::ALL) {
        assert_eq!(rule["alert"].as_str(), Some(row.name));
        assert_eq!(rule["expr"].as_str(), Some(row.when));
        assert_eq!(rule["labels"]["severity"].as_str(), Some(row.severity.name()));
        assert_eq!(rule["annotations"]["summary"].as_str(), Some(row.says));
        assert_eq!(rule["annotations"]["description"].as_str(), Some(row.first));
        let wait = (row.seconds > 0).then(|| format!("{}s", row.seconds));
        assert_eq!(rule["for"].as_str(), wait.as_deref());
    }
}

#[test]
fn an_old_page_is_filled_anew() {
    let old = "a\n<!-- x: written by `cargo xtask docs` -->\n\nold\n\n<!-- end of x -->\nb\n";
    let new = filled(old, "x", "| new |\n");
    assert_eq!(new, "a\n<!-- x: written by `cargo xtask docs` -->\n\n| new |\n\n<!-- end of x -->\nb\n");
    assert_eq!(filled(&new, "x", "| new |\n"), new);
    assert_eq!(quoted(r#"a{b="c\d"}"#), r#""a{b=\"c\\d\"}""#);
}
