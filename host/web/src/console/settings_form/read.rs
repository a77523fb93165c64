//! From what was typed to values.

use serde_json::{Map, Value};

use super::{is_required, kind, properties};
use crate::console::fields::Fields;

/// What the button that was pressed wants of the rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::console) enum Change {
    /// Another row at the end of this list.
    Add(String),
    /// This list without this row.
    Remove(String, usize),
}

impl Change {
    /// Of a button's value: `add:tiers`, `remove:tiers:2`.
    pub(in crate::console) fn parse(action: &str) -> Option<Self> {
        let mut parts = action.split(':');
        match (parts.next()?, parts.next()?, parts.next()) {
            ("add", list, None) => Some(Self::Add(list.to_owned())),
            ("remove", list, Some(index)) => Some(Self::Remove(list.to_owned(), index.parse().ok()?)),
            _ => None,
        }
    }
}

/// The settings that the form holds. Fields that the schema does not know are left out.
pub(in crate::console) fn read(schema: Option<&Value>, fields: &Fields) -> Value {
    let Some(schema) = schema else { return Value::Object(Map::new()) };
    let values = properties(schema).into_iter().filter_map(|(name, property)| {
        let value = match kind(property) {
            "array" => Some(read_rows(property, name, fields)),
            _ => scalar(property, fields.get(name), is_required(schema, name)),
        };
        Some((name.to_owned(), value?))
    });
    Value::Object(values.collect())
}

fn read_rows(schema: &Value, name: &str, fields: &Fields) -> Value {
    let items = schema.get("items").unwrap_or(&Value::Null);
    // One more than allowed is read, so that the check of the whole tells of it.
    let most = schema.get("maxItems").and_then(Value::as_u64).unwrap_or_default() as usize + 1;
    let count = fields.text(&format!("{name}.rows")).parse::<usize>().unwrap_or_default().min(most);
    let row = |index: usize| match kind(items) {
        "object" => {
            let cells = properties(items).into_iter().filter_map(|(column, schema)| {
                let typed = fields.get(&format!("{name}.{index}.{column}"));
                Some((column.to_owned(), scalar(schema, typed, is_required(items, column))?))
            });
            Value::Object(cells.collect())
        }
        _ => scalar(items, fields.get(&format!("{name}.{index}")), true).unwrap_or(Value::Null),
    };
    (0..count).map(row).collect()
}

/// One input's value; `None` for what was left blank and may be.
fn scalar(schema: &Value, typed: Option<&str>, required: bool) -> Option<Value> {
    match kind(schema) {
        "boolean" => Some(Value::Bool(typed.is_some())),
        "integer" => match typed.map(str::trim).unwrap_or_default() {
            "" => None,
            // What is no number stays a text: the check names the field, and the input shows what was typed.
            text => Some(text.parse::<i64>().map_or_else(|_| Value::String(text.to_owned()), Value::from)),
        },
        _ => {
            // Browsers send line ends as CR LF; a length counts them as one.
            let text = typed.unwrap_or_default().trim().replace("\r\n", "\n");
            // Blank is no value, unless the plugin has a default that a blank would bring back in its place.
            let absent = text.is_empty() && !required && schema.get("default").is_none();
            (!absent).then_some(Value::String(text))
        }
    }
}

/// The settings with the change of rows made. A new row holds the defaults of its columns.
pub(in crate::console) fn change(schema: Option<&Value>, mut values: Value, change: &Change) -> Value {
    let list_schema = |name: &str| schema.and_then(|schema| schema.pointer(&format!("/properties/{name}")));
    match change {
        Change::Add(name) => {
            let most =
                list_schema(name).and_then(|list| list.get("maxItems")).and_then(Value::as_u64).unwrap_or_default();
            let items = list_schema(name).and_then(|list| list.get("items")).cloned().unwrap_or_default();
            if let Some(list) = values.get_mut(name).and_then(Value::as_array_mut)
                && (list.len() as u64) < most
            {
                list.push(fresh(&items));
            }
        }
        Change::Remove(name, index) => {
            if let Some(list) = values.get_mut(name).and_then(Value::as_array_mut)
                && *index < list.len()
            {
                list.remove(*index);
            }
        }
    }
    values
}

fn fresh(items: &Value) -> Value {
    let default = |schema: &Value| schema.get("default").cloned();
    match kind(items) {
        "object" => {
            let cells = properties(items).into_iter();
            Value::Object(cells.filter_map(|(column, schema)| Some((column.to_owned(), default(schema)?))).collect())
        }
        _ => default(items).unwrap_or_else(|| Value::String(String::new())),
    }
}

#[cfg(test)]
mod tests {
    use heptad_model::{Locale, Manifest};
    use heptad_platform::settings::settings_check;
    use serde_json::json;

    use super::super::{Control, form};
    use super::*;
    use crate::console::i18n::Words;

    fn manifest() -> Manifest {
        let messages = json!({
            "settings.percent": "百分比", "settings.percent.help": "0 到 100", "settings.mode.best": "最优",
            "settings.tiers": "等级", "settings.tiers.tier": "代码",
        });
        let text = json!({
            "name": "p-one", "version": "1.0.0", "publisher": "heptad", "contract": "0.1", "license": "0BSD",
            "points": ["discount.lines"],
            "locales": {
                "zh-CN": {"name": "P", "summary": "S", "messages": messages},
                "en": {"name": "P", "summary": "S"},
            },
            "settings": {"type": "object", "required": ["percent"], "properties": {
                "percent": {"type": "integer", "minimum": 0, "maximum": 100, "default": 5},
                "mode": {"type": "string", "enum": ["all", "best"], "default": "best"},
                "note": {"type": "string", "maxLength": 20},
                "loud": {"type": "boolean", "default": true},
                "tiers": {"type": "array", "maxItems": 2, "default": [], "items": {
                    "type": "object", "required": ["tier", "off"],
                    "properties": {"off": {"type": "integer", "minimum": 1, "maximum": 9}, "tier": {"type": "string", "maxLength": 5}},
                }},
                "codes": {"type": "array", "maxItems": 3, "items": {"type": "string", "maxLength": 5}},
            }},
        });
        Manifest::from_json(text.to_string().as_bytes()).unwrap()
    }

    fn typed(pairs: &[(&str, &str)]) -> Value {
        let fields = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        read(manifest().settings.as_ref(), &Fields(fields))
    }

    #[test]
    fn what_was_typed_becomes_values() {
        let values = typed(&[
            ("percent", " 10 "),
            ("mode", "all"),
            ("note", ""),
            ("tiers.rows", "1"),
            ("tiers.0.tier", "gold"),
            ("tiers.0.off", "3"),
            ("codes.rows", "2"),
            ("codes.0", "a"),
            ("codes.1", "b"),
            ("unknown", "x"),
        ]);
        let expected = json!({"percent": 10, "mode": "all", "loud": false, "tiers": [{"tier": "gold", "off": 3}], "codes": ["a", "b"]});
        assert_eq!(values, expected);
        assert!(settings_check(&manifest(), &values).is_ok());
    }

    #[test]
    fn an_error_stands_at_its_field_and_the_input_is_kept() {
        let values = typed(&[
            ("percent", "ten"),
            ("mode", "best"),
            ("tiers.rows", "1"),
            ("tiers.0.tier", "titanium"),
            ("tiers.0.off", ""),
        ]);
        let errors = settings_check(&manifest(), &values).unwrap_err();
        let form = form(Words(Locale::ZhCn), &manifest(), Locale::ZhCn, &values, &errors);
        let percent = &form.fields[0];
        assert_eq!((percent.label.as_str(), percent.help.as_deref()), ("百分比", Some("0 到 100")));
        assert_eq!(percent.control, Control::Integer { value: "ten".to_owned(), least: 0, most: 100 });
        assert!(percent.error.as_deref().is_some_and(|error| error.contains("100")), "{percent:?}");
        let tiers = form.fields.iter().find(|field| field.name == "tiers").unwrap();
        let Control::Rows(rows) = &tiers.control else { panic!("{tiers:?}") };
        assert_eq!(rows.columns[0].0, "代码");
        let names: Vec<_> = rows.rows[0].iter().map(|cell| cell.name.as_str()).collect();
        assert_eq!(names, ["tiers.0.tier", "tiers.0.off"]);
        assert!(rows.rows[0].iter().all(|cell| cell.error.is_some()), "{rows:?}");
    }

    #[test]
    fn rows_come_and_go_within_their_bounds() {
        let manifest = manifest();
        let schema = manifest.settings.as_ref();
        let add = Change::parse("add:tiers").unwrap();
        let mut values = json!({"tiers": []});
        for expected in [1, 2, 2] {
            values = change(schema, values, &add);
            assert_eq!(values["tiers"].as_array().map(Vec::len), Some(expected));
        }
        values = change(schema, values, &Change::parse("remove:tiers:0").unwrap());
        values = change(schema, values, &Change::parse("remove:tiers:7").unwrap());
        assert_eq!(values["tiers"].as_array().map(Vec::len), Some(1));
        assert_eq!([Change::parse("save"), Change::parse("remove:x"), Change::parse("remove:x:y")], [None, None, None]);
    }

    #[test]
    fn labels_fall_back_to_another_language_then_to_the_name() {
        let form = form(Words(Locale::En), &manifest(), Locale::ZhCn, &json!({"mode": "best"}), &[]);
        let labels: Vec<_> = form.fields.iter().map(|field| field.label.as_str()).collect();
        assert_eq!(labels, ["百分比", "loud", "mode", "note", "codes", "等级"]);
        let Control::Choice { options } = &form.fields[2].control else { panic!() };
        assert_eq!(
            options.iter().map(|choice| (choice.label.as_str(), choice.selected)).collect::<Vec<_>>(),
            [("all", false), ("最优", true)]
        );
    }
}
