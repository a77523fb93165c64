//! What the host counts and measures is what the registry of metrics says: no name but a row's, no label but the row's,
//! no row that nothing feeds; and alerts read only what there is.

use std::collections::BTreeSet;

use heptad_model::alert;
use heptad_model::metric::{self, Kind, Metric};
use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};

use crate::strings::{is_test_module, parse, strings_outside_tests};
use crate::tree::{assert_none, read, those};

/// Where the names stand.
const REGISTRIES: [&str; 2] = ["host/model/src/metric.rs", "host/model/src/alert.rs"];

/// A use of one of the macros.
#[derive(Debug, PartialEq, Eq)]
struct Use {
    line: usize,
    kind: String,
    /// The constant; the argument as it is written where it is none.
    row: Result<String, String>,
    labels: BTreeSet<String>,
}

/// The uses in a file, outside of its tests.
fn uses(file: &str, text: &str) -> Vec<Use> {
    struct Macros(Vec<Use>);
    impl<'ast> Visit<'ast> for Macros {
        fn visit_item_mod(&mut self, node: &'ast syn::ItemMod) {
            if !is_test_module(node) {
                visit::visit_item_mod(self, node);
            }
        }
        fn visit_macro(&mut self, node: &'ast syn::Macro) {
            let name = node.path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default();
            if matches!(name.as_str(), "counter" | "gauge" | "histogram") {
                let arguments = arguments(node.tokens.clone());
                let row = row(arguments.first().map_or("", String::as_str));
                let labels = arguments.iter().skip(1).map(|argument| label(argument)).collect();
                self.0.push(Use { line: node.span().start().line, kind: name, row, labels });
            }
        }
    }
    let mut macros = Macros(Vec::new());
    macros.visit_file(&parse(file, text));
    macros.0
}

/// What stands between commas, without spaces.
fn arguments(tokens: TokenStream) -> Vec<String> {
    let mut arguments = vec![String::new()];
    for tree in tokens {
        match (&tree, arguments.last_mut()) {
            (TokenTree::Punct(punct), _) if punct.as_char() == ',' => arguments.push(String::new()),
            (_, Some(last)) => last.push_str(&tree.to_token_stream().to_string()),
            _ => {}
        }
    }
    arguments.retain(|argument| !argument.is_empty());
    arguments
}

/// `metric::CONSTANT.name`.
fn row(argument: &str) -> Result<String, String> {
    let constant = argument.strip_prefix("metric::").and_then(|rest| rest.strip_suffix(".name"));
    constant.map(str::to_owned).ok_or_else(|| argument.to_owned())
}

/// The label of `"label"=>value`.
fn label(argument: &str) -> String {
    argument.split("=>").next().unwrap_or_default().trim_matches('"').to_owned()
}

/// The name of a row's constant.
fn constant(metric: &Metric) -> String {
    metric.name.trim_start_matches("heptad_").to_uppercase()
}

/// What is wrong with a file's uses; the constants that it names go into `used`.
fn violations(file: &str, text: &str, used: &mut BTreeSet<String>) -> Vec<String> {
    let mut found = Vec::new();
    for Use { line, kind, row, labels } in uses(file, text) {
        let at = format!("{file}:{line}");
        let constant_name = match row {
            Ok(name) => name,
            Err(argument) => {
                found.push(format!("{at}: {kind}! takes {argument}, and not `metric::….name`"));
                continue;
            }
        };
        let Some(metric) = metric::ALL.iter().find(|metric| constant(metric) == constant_name) else {
            found.push(format!("{at}: {constant_name} is not in `metric::ALL`"));
            continue;
        };
        if metric.kind.name() != kind {
            found.push(format!("{at}: {} is a {}, and not a {kind}", metric.name, metric.kind.name()));
        }
        let known: BTreeSet<String> = metric.labels.iter().map(|label| (*label).to_owned()).collect();
        if labels != known {
            found.push(format!("{at}: {} has the labels {known:?}, and not {labels:?}", metric.name));
        }
        used.insert(constant_name);
    }
    if !REGISTRIES.contains(&file) {
        let literals = strings_outside_tests(file, text).all.into_iter();
        let names = literals.filter(|string| metric::ALL.iter().any(|metric| string.text == metric.name));
        found.extend(names.map(|string| format!("{file}:{}: {} is written out", string.line, string.text)));
    }
    found
}

fn sources() -> impl Iterator<Item = &'static str> {
    those("host/", ".rs").filter(|file| file.contains("/src/"))
}

#[test]
fn every_macro_names_a_row_and_every_row_has_a_macro() {
    let mut used = BTreeSet::new();
    let mut found: Vec<String> = sources().flat_map(|file| violations(file, &read(file), &mut used)).collect();
    for metric in metric::ALL {
        let name = constant(metric);
        if !used.contains(&name) {
            found.push(format!("nothing feeds {}", metric.name));
        }
    }
    assert_none("the registry of metrics and the host differ", &found);
}

#[test]
fn rows_are_named_by_the_rules() {
    let mut found = Vec::new();
    let mut names = BTreeSet::new();
    for metric in metric::ALL {
        let name = metric.name;
        if !names.insert(name) {
            found.push(format!("{name} stands there twice"));
        }
        if !name.starts_with("heptad_") && !name.starts_with("process_") {
            found.push(format!("{name} begins with neither heptad_ nor process_"));
        }
        if (metric.kind == Kind::Counter) != name.ends_with("_total") {
            found.push(format!("{name}: counters, and only they, end with _total"));
        }
        if matches!(metric.kind, Kind::Histogram(_)) && !name.ends_with("_seconds") {
            found.push(format!("{name}: a histogram ends with its unit"));
        }
        if !metric.meaning.ends_with('.') {
            found.push(format!("{name}: its meaning is no sentence"));
        }
        for label in metric.labels {
            if ["tenant", "install", "version", "customer", "user", "le"].contains(label) {
                found.push(format!("{name} has the label {label}"));
            }
        }
    }
    // A constant outside of ALL would be described nowhere.
    let constants = read(REGISTRIES[0]).lines().filter(|line| line.contains(": Metric =")).count();
    if constants != metric::ALL.len() {
        found.push(format!("{constants} constants, and {} of them in ALL", metric::ALL.len()));
    }
    assert_none("the registry of metrics breaks its rules", &found);
}

/// The words of an expression that look like metrics and are none.
fn unknown_metrics(expression: &str) -> Vec<&str> {
    let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let parts = ["_bucket", "_sum", "_count"];
    let exists = |word: &str| {
        metric::ALL.iter().any(|metric| match metric.kind {
            Kind::Histogram(_) => parts.iter().any(|part| word.strip_suffix(part) == Some(metric.name)),
            Kind::Counter | Kind::Gauge => word == metric.name,
        })
    };
    words
        .filter(|word| word.starts_with("heptad_") || word.starts_with("process_"))
        .filter(|word| !exists(word))
        .collect()
}

#[test]
fn alerts_read_metrics_that_there_are() {
    let mut found = Vec::new();
    for row in alert::ALL {
        found.extend(unknown_metrics(row.when).iter().map(|name| format!("{} reads {name}", row.name)));
        if !row.when.contains("heptad_") || !row.name.starts_with("Heptad") {
            found.push(format!("{} is not about Heptad", row.name));
        }
        for (open, close) in [('(', ')'), ('{', '}'), ('[', ']')] {
            if row.when.matches(open).count() != row.when.matches(close).count() {
                found.push(format!("{}: a {open} is not closed", row.name));
            }
        }
        // Other alerts and metrics that a sentence names are there.
        for word in row.first.split('`').skip(1).step_by(2) {
            let is_known = match word {
                alert if alert.starts_with("Heptad") => alert::ALL.iter().any(|other| other.name == alert),
                name if name.starts_with("heptad_") => metric::ALL.iter().any(|metric| metric.name == name),
                _ => true,
            };
            if !is_known {
                found.push(format!("{} names {word}, which does not exist", row.name));
            }
        }
    }
    assert_none("an alert is not right", &found);
}

#[test]
fn what_is_wrong_is_found() {
    let check = |text: &str| violations("a.rs", &format!("fn a() {{ {text} }}"), &mut BTreeSet::new()).len();
    assert_eq!(check(r#"metrics::counter!(metric::NOTICES_TOTAL.name, "kind" => kind.name()).increment(1);"#), 0);
    assert_eq!(check(r#"counter!("heptad_notices_total", "kind" => kind).increment(1);"#), 2);
    assert_eq!(check(r#"counter!(metric::NOTICES_TOTAL.name).increment(1);"#), 1);
    assert_eq!(check(r#"counter!(metric::NOTICES_TOTAL.name, "kind" => kind, "tenant" => tenant).increment(1);"#), 1);
    assert_eq!(check(r#"gauge!(metric::NOTICES_TOTAL.name, "kind" => kind).set(1.0);"#), 1);
    assert_eq!(check("counter!(metric::NOWHERE_TOTAL.name).increment(1);"), 1);
    assert_eq!(unknown_metrics("rate(heptad_notices_total[5m]) > heptad_nowhere"), ["heptad_nowhere"]);
    assert_eq!(unknown_metrics("rate(heptad_http_request_seconds[5m])"), ["heptad_http_request_seconds"]);
}
