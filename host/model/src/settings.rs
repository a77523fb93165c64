//! The subset of JSON Schema in which a plugin describes its settings, and from which the console makes a form.
//!
//! The root is an object with `properties` (at most 50) and `required`. A property is a `string` (`enum`, `minLength`,
//! `maxLength`), an `integer` (`minimum`, `maximum`), a `boolean`, or an `array` (`minItems`, `maxItems` up to 100) whose
//! `items` are one of the scalar types or an object of scalar properties. `default` may stand anywhere. Every object has
//! `additionalProperties: false`, said or not. Numbers are integers within ±(2^53 − 1).

use serde_json::{Map, Value};

use crate::money::MAX_SAFE;

/// A schema is not of the subset.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {problem}")]
pub struct SchemaError {
    /// A JSON pointer into the schema; empty for the root.
    pub path: String,
    /// What is not allowed there.
    pub problem: String,
}

const MAX_PROPERTIES: usize = 50;
const MAX_ITEMS: u64 = 100;

/// How deep a schema goes: the root holds everything, an item's properties only scalars.
#[derive(Clone, Copy, PartialEq)]
enum Level {
    Root,
    Property,
    Item,
    Scalar,
}

/// Checks that a schema is of the subset.
pub fn check_schema(schema: &Value) -> Result<(), SchemaError> {
    check(schema, "", Level::Root)
}

fn check(schema: &Value, path: &str, level: Level) -> Result<(), SchemaError> {
    let error = |problem: &str| SchemaError { path: path.to_owned(), problem: problem.to_owned() };
    let object = schema.as_object().ok_or_else(|| error("a schema is an object"))?;
    let kind = object.get("type").and_then(Value::as_str).ok_or_else(|| error("`type` is missing"))?;
    let allowed: &[&str] = match (kind, level) {
        ("object", Level::Root | Level::Item) => &["properties", "required", "additionalProperties"],
        ("array", Level::Property) => &["items", "minItems", "maxItems"],
        ("string", Level::Property | Level::Item | Level::Scalar) => &["enum", "minLength", "maxLength"],
        ("integer", Level::Property | Level::Item | Level::Scalar) => &["minimum", "maximum"],
        ("boolean", Level::Property | Level::Item | Level::Scalar) => &[],
        _ => return Err(error(&format!("type `{kind}` is not allowed here"))),
    };
    if let Some(key) =
        object.keys().find(|key| !matches!(key.as_str(), "type" | "default") && !allowed.contains(&key.as_str()))
    {
        return Err(error(&format!("`{key}` is not part of the subset for `{kind}`")));
    }
    match kind {
        "object" => check_object(object, path, if level == Level::Root { Level::Property } else { Level::Scalar }),
        "array" => {
            if object.get("maxItems").and_then(Value::as_u64).is_none_or(|most| most == 0 || most > MAX_ITEMS) {
                return Err(error("`maxItems` of 1 to 100 is required"));
            }
            check(
                object.get("items").ok_or_else(|| error("`items` is missing"))?,
                &format!("{path}/items"),
                Level::Item,
            )
        }
        "string" => match object.get("enum") {
            Some(choices)
                if !choices
                    .as_array()
                    .is_some_and(|list| !list.is_empty() && list.len() <= 100 && list.iter().all(Value::is_string)) =>
            {
                Err(error("`enum` is a list of 1 to 100 texts"))
            }
            None if object.get("maxLength").and_then(Value::as_u64).is_none_or(|most| most > 10_000) => {
                Err(error("`maxLength` of at most 10000 or an `enum` is required"))
            }
            _ => Ok(()),
        },
        "integer" => {
            for key in ["minimum", "maximum"] {
                if object.get(key).and_then(Value::as_i64).is_none_or(|bound| bound.abs() > MAX_SAFE) {
                    return Err(error(&format!("`{key}` within ±9007199254740991 is required")));
                }
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

fn check_object(object: &Map<String, Value>, path: &str, below: Level) -> Result<(), SchemaError> {
    let error = |problem: &str| SchemaError { path: path.to_owned(), problem: problem.to_owned() };
    let properties =
        object.get("properties").and_then(Value::as_object).ok_or_else(|| error("`properties` is missing"))?;
    if properties.len() > MAX_PROPERTIES {
        return Err(error("at most 50 properties"));
    }
    for (name, property) in properties {
        if name.is_empty()
            || name.len() > 64
            || !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        {
            return Err(error("property names are 1 to 64 lower-case letters, digits and underscores"));
        }
        check(property, &format!("{path}/properties/{name}"), below)?;
    }
    if let Some(required) = object.get("required") {
        let known = |name: &Value| name.as_str().is_some_and(|name| properties.contains_key(name));
        if !required.as_array().is_some_and(|list| list.iter().all(known)) {
            return Err(error("`required` names properties that exist"));
        }
    }
    if object.get("additionalProperties").is_some_and(|value| value != &Value::Bool(false)) {
        return Err(error("`additionalProperties` is false"));
    }
    Ok(())
}

/// The schema with `additionalProperties: false` at every object, as it is checked.
pub fn closed(schema: &Value) -> Value {
    let mut schema = schema.clone();
    close(&mut schema);
    schema
}

fn close(schema: &mut Value) {
    let Some(object) = schema.as_object_mut() else { return };
    if object.get("type").and_then(Value::as_str) == Some("object") {
        object.insert("additionalProperties".to_owned(), Value::Bool(false));
    }
    if let Some(properties) = object.get_mut("properties").and_then(Value::as_object_mut) {
        properties.values_mut().for_each(close);
    }
    if let Some(items) = object.get_mut("items") {
        close(items);
    }
}

/// Fills in the defaults of absent properties, in the root and in the items of lists.
pub fn with_defaults(schema: &Value, settings: &Value) -> Value {
    let mut settings = settings.clone();
    fill(schema, &mut settings);
    settings
}

fn fill(schema: &Value, value: &mut Value) {
    if let (Some(properties), Some(object)) =
        (schema.get("properties").and_then(Value::as_object), value.as_object_mut())
    {
        for (name, property) in properties {
            if let (false, Some(default)) = (object.contains_key(name), property.get("default")) {
                object.insert(name.clone(), default.clone());
            }
            if let Some(value) = object.get_mut(name) {
                fill(property, value);
            }
        }
    }
    if let (Some(items), Some(list)) = (schema.get("items"), value.as_array_mut()) {
        list.iter_mut().for_each(|item| fill(items, item));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_subset_is_held() {
        let root = |property: Value| json!({"type": "object", "properties": {"p": property}});
        for (property, problem) in [
            (json!({"type": "string", "maxLength": 10}), None),
            (json!({"type": "string", "enum": ["a", "b"]}), None),
            (
                json!({"type": "array", "maxItems": 3, "items": {"type": "object", "properties": {"x": {"type": "boolean"}}}}),
                None,
            ),
            (json!({"type": "string"}), Some("`maxLength`")),
            (json!({"type": "number"}), Some("type `number`")),
            (json!({"type": "object", "properties": {}}), Some("type `object`")),
            (json!({"type": "integer", "minimum": 0}), Some("`maximum`")),
            (json!({"type": "string", "maxLength": 10, "pattern": "(a+)+$"}), Some("`pattern`")),
            (json!({"type": "array", "items": {"type": "boolean"}}), Some("`maxItems`")),
            (
                json!({"type": "array", "maxItems": 2, "items": {"type": "array", "maxItems": 2, "items": {"type": "boolean"}}}),
                Some("type `array`"),
            ),
        ] {
            match (check_schema(&root(property.clone())), problem) {
                (Ok(()), None) => {}
                (Err(error), Some(problem)) => assert!(error.to_string().contains(problem), "{property}: {error}"),
                (result, _) => panic!("{property}: {result:?}"),
            }
        }
    }

    #[test]
    fn defaults_fill_what_is_absent() {
        let schema = json!({"type": "object", "properties": {
            "percent": {"type": "integer", "minimum": 0, "maximum": 100, "default": 10},
            "tiers": {"type": "array", "maxItems": 9, "items": {"type": "object", "properties": {"on": {"type": "boolean", "default": true}}}},
        }});
        assert_eq!(
            with_defaults(&schema, &json!({"tiers": [{}, {"on": false}]})),
            json!({"percent": 10, "tiers": [{"on": true}, {"on": false}]})
        );
    }
}
