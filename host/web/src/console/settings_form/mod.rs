//! A plugin's settings as a form: from its schema and values to fields, and from what was typed back to values.
//!
//! Names of inputs are paths: `percent`, `tiers.0.percent`. Rows are added and removed by buttons that send the form, so
//! nothing needs a script. What cannot be a number stays a text, so that it is shown again beside its error.

mod read;

use heptad_model::{Locale, Manifest};
use heptad_platform::FieldError;
use serde_json::Value;

use super::i18n::Words;
pub(super) use read::{Change, change, read};

/// A form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct SettingsForm {
    /// The properties, those that are required first.
    pub(super) fields: Vec<Field>,
    /// Errors that belong to no field.
    pub(super) errors: Vec<String>,
}

impl SettingsForm {
    /// Whether anything is wrong.
    pub(super) fn has_errors(&self) -> bool {
        let of_rows = |control: &Control| match control {
            Control::Rows(rows) => rows.rows.iter().flatten().any(|cell| cell.error.is_some()),
            _ => false,
        };
        !self.errors.is_empty() || self.fields.iter().any(|field| field.error.is_some() || of_rows(&field.control))
    }
}

/// A property of the root, or a cell of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    /// The input's name, which is also its id.
    pub(super) name: String,
    /// What stands before it.
    pub(super) label: String,
    /// What it means, if the plugin says so.
    pub(super) help: Option<String>,
    /// Whether it must be filled in.
    pub(super) required: bool,
    /// Whether it may stay empty, and then is nothing.
    pub(super) optional: bool,
    /// The rule that its value breaks.
    pub(super) error: Option<String>,
    /// What it is.
    pub(super) control: Control,
}

/// What a field is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Control {
    /// One line of text.
    Text { value: String, most: u64 },
    /// A longer text.
    Area { value: String, most: u64 },
    /// A whole number.
    Integer { value: String, least: i64, most: i64 },
    /// One of a list.
    Choice { options: Vec<Choice> },
    /// Yes or no.
    Check { on: bool },
    /// Rows of cells.
    Rows(Rows),
}

/// An option of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) value: String,
    pub(super) label: String,
    pub(super) selected: bool,
}

/// A list of values, or of objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rows {
    /// The columns' labels and helps.
    pub(super) columns: Vec<(String, Option<String>)>,
    /// Each row's cells, in the order of the columns.
    pub(super) rows: Vec<Vec<Field>>,
    /// Whether another row fits.
    pub(super) may_add: bool,
    /// Whether a row may go.
    pub(super) may_remove: bool,
}

/// From what length a text gets an area.
const AREA_FROM: u64 = 200;

/// What every part of the form reads.
struct Maker<'a> {
    words: Words,
    manifest: &'a Manifest,
    tenant: Locale,
    errors: &'a [FieldError],
}

/// The form for these values, with these errors at their fields.
pub(super) fn form(
    words: Words,
    manifest: &Manifest,
    tenant: Locale,
    values: &Value,
    errors: &[FieldError],
) -> SettingsForm {
    let Some(schema) = &manifest.settings else { return SettingsForm::default() };
    let maker = Maker { words, manifest, tenant, errors };
    let fields: Vec<Field> = properties(schema)
        .into_iter()
        .map(|(name, property)| {
            let label = format!("settings.{name}");
            let path = Path { name: name.to_owned(), pointer: format!("/{name}"), label };
            maker.field(path, property, values.get(name), is_required(schema, name))
        })
        .collect();
    let errors = errors.iter().filter(|error| error.pointer.is_empty()).map(|error| error.message.clone()).collect();
    SettingsForm { fields, errors }
}

/// Where a value stands: in the form, in the settings, among the manifest's messages.
struct Path {
    name: String,
    pointer: String,
    label: String,
}

impl Maker<'_> {
    fn message(&self, code: &str) -> Option<String> {
        let reader =
            [self.words.locale(), self.tenant].into_iter().filter_map(|locale| self.manifest.locales.get(locale.tag()));
        reader.chain(self.manifest.locales.values()).find_map(|words| words.messages.get(code)).cloned()
    }

    fn label(&self, code: &str) -> String {
        self.message(code).unwrap_or_else(|| code.rsplit('.').next().unwrap_or(code).to_owned())
    }

    fn help(&self, code: &str) -> Option<String> {
        self.message(&format!("{code}.help"))
    }

    fn field(&self, path: Path, schema: &Value, value: Option<&Value>, required: bool) -> Field {
        let error = self.errors.iter().any(|error| error.pointer == path.pointer);
        Field {
            label: self.label(&path.label),
            help: self.help(&path.label),
            required: required && is_typed(schema),
            optional: !required && is_typed(schema) && schema.get("enum").is_none() && schema.get("default").is_none(),
            error: error.then(|| self.rule(schema, value)),
            control: self.control(&path, schema, value),
            name: path.name,
        }
    }

    fn control(&self, path: &Path, schema: &Value, value: Option<&Value>) -> Control {
        let most = schema.get("maxLength").and_then(Value::as_u64).unwrap_or_default();
        let text = value.map(text_of).unwrap_or_default();
        match kind(schema) {
            "boolean" => Control::Check { on: value.and_then(Value::as_bool).unwrap_or_default() },
            "integer" => {
                Control::Integer { value: text, least: bound(schema, "minimum"), most: bound(schema, "maximum") }
            }
            "array" => Control::Rows(self.rows(path, schema, value)),
            _ => match schema.get("enum").and_then(Value::as_array) {
                Some(options) => Control::Choice { options: self.choices(&path.label, options, &text) },
                None if most >= AREA_FROM => Control::Area { value: text, most },
                None => Control::Text { value: text, most },
            },
        }
    }

    fn choices(&self, label: &str, options: &[Value], chosen: &str) -> Vec<Choice> {
        let values = options.iter().filter_map(Value::as_str);
        let choice = |value: &str| Choice {
            label: self.label(&format!("{label}.{value}")),
            selected: value == chosen,
            value: value.to_owned(),
        };
        values.map(choice).collect()
    }

    fn rows(&self, path: &Path, schema: &Value, value: Option<&Value>) -> Rows {
        let items = schema.get("items").unwrap_or(&Value::Null);
        let values = value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let columns = properties(items);
        let row = |(index, value): (usize, &Value)| match kind(items) {
            "object" => columns
                .iter()
                .map(|(column, schema)| {
                    let at = Path {
                        name: format!("{}.{index}.{column}", path.name),
                        pointer: format!("{}/{index}/{column}", path.pointer),
                        label: format!("{}.{column}", path.label),
                    };
                    self.field(at, schema, value.get(column), is_required(items, column))
                })
                .collect(),
            _ => {
                let at = Path {
                    name: format!("{}.{index}", path.name),
                    pointer: format!("{}/{index}", path.pointer),
                    label: path.label.clone(),
                };
                vec![self.field(at, items, Some(value), true)]
            }
        };
        let head = |(column, _): &(&str, &Value)| {
            let label = format!("{}.{column}", path.label);
            (self.label(&label), self.help(&label))
        };
        let count = values.len() as u64;
        Rows {
            columns: match kind(items) {
                "object" => columns.iter().map(head).collect(),
                _ => vec![(self.label(&path.label), None)],
            },
            rows: values.iter().enumerate().map(row).collect(),
            may_add: count < schema.get("maxItems").and_then(Value::as_u64).unwrap_or_default(),
            may_remove: count > schema.get("minItems").and_then(Value::as_u64).unwrap_or_default(),
        }
    }

    /// The rule that a value breaks, told from the schema: the reader's language, and never the value.
    fn rule(&self, schema: &Value, value: Option<&Value>) -> String {
        let words = self.words;
        let text = value.map(text_of).unwrap_or_default();
        match kind(schema) {
            "integer" if text.is_empty() => words.t("rule-required"),
            "integer" => words.t2("rule-integer", "least", bound(schema, "minimum"), "most", bound(schema, "maximum")),
            "array" => {
                let least = schema.get("minItems").and_then(Value::as_u64).unwrap_or_default();
                words.t2(
                    "rule-rows",
                    "least",
                    least,
                    "most",
                    schema.get("maxItems").and_then(Value::as_u64).unwrap_or_default(),
                )
            }
            "string" if schema.get("enum").is_some() => words.t("rule-choice"),
            "string" if text.is_empty() => words.t("rule-required"),
            "string" => {
                let least = schema.get("minLength").and_then(Value::as_u64).unwrap_or_default();
                words.t2(
                    "rule-text",
                    "least",
                    least,
                    "most",
                    schema.get("maxLength").and_then(Value::as_u64).unwrap_or_default(),
                )
            }
            _ => words.t("rule-other"),
        }
    }
}

/// Whether a person types or chooses it: the others cannot be left empty.
fn is_typed(schema: &Value) -> bool {
    matches!(kind(schema), "string" | "integer")
}

/// The type of a schema.
fn kind(schema: &Value) -> &str {
    schema.get("type").and_then(Value::as_str).unwrap_or_default()
}

fn bound(schema: &Value, key: &str) -> i64 {
    schema.get(key).and_then(Value::as_i64).unwrap_or_default()
}

fn is_required(schema: &Value, name: &str) -> bool {
    schema.get("required").and_then(Value::as_array).is_some_and(|list| list.iter().any(|known| known == name))
}

/// The properties in the order of a form: the required ones as the plugin lists them, then the others.
fn properties(schema: &Value) -> Vec<(&str, &Value)> {
    let Some(all) = schema.get("properties").and_then(Value::as_object) else { return Vec::new() };
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .map(|list| list.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    let place = |name: &str| required.iter().position(|known| *known == name).unwrap_or(required.len());
    let mut properties: Vec<(&str, &Value)> = all.iter().map(|(name, property)| (name.as_str(), property)).collect();
    properties.sort_by_key(|(name, property)| (place(name), kind(property) == "array"));
    properties
}

/// A value as its input shows it.
fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
