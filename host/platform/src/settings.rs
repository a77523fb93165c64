//! Settings held against the schema of a manifest: defaults first, then every broken rule by field.

use heptad_model::Manifest;
use heptad_model::settings::{closed, with_defaults};
use jsonschema::error::ValidationErrorKind;
use serde_json::{Map, Value};

use crate::{FieldError, PlatformError};

/// The most bytes of one install's settings as JSON.
pub const MAX_SETTINGS: usize = 64 * 1024;

/// The settings with the schema's defaults filled in; an empty object for a plugin without settings.
pub(crate) fn filled(manifest: &Manifest, settings: Value) -> Value {
    match &manifest.settings {
        Some(schema) => with_defaults(schema, &settings),
        None => settings,
    }
}

/// The settings with defaults filled in, if they hold by the manifest's schema; else every rule that they break.
///
/// The same check serves the form, the API, enabling and the tools of plugin authors.
pub fn settings_check(manifest: &Manifest, settings: &Value) -> Result<Value, Vec<FieldError>> {
    let whole = |message: String| vec![FieldError { pointer: String::new(), message }];
    let bytes = settings.to_string().len();
    if bytes > MAX_SETTINGS {
        return Err(whole(format!("at most {MAX_SETTINGS} bytes, these are {bytes}")));
    }
    let Some(schema) = &manifest.settings else {
        return match settings.as_object() {
            Some(object) if object.is_empty() => Ok(Value::Object(Map::new())),
            _ => Err(whole("the plugin has no settings".to_owned())),
        };
    };
    let settings = with_defaults(schema, settings);
    // The manifest was checked when it was read; a schema that fails here is reported rather than trusted.
    let validator =
        jsonschema::draft202012::new(&closed(schema)).map_err(|error| whole(format!("the schema: {error}")))?;
    let mut errors: Vec<FieldError> = validator.iter_errors(&settings).flat_map(|error| fields_of(&error)).collect();
    if errors.is_empty() {
        fractions(&settings, "", &mut errors);
    }
    match errors.is_empty() {
        true => Ok(settings),
        false => Err(errors),
    }
}

/// The same as an error of this crate.
pub(crate) fn checked(manifest: &Manifest, settings: &Value) -> Result<Value, PlatformError> {
    settings_check(manifest, settings).map_err(PlatformError::Settings)
}

/// The fields of one validation error. Messages never hold the value: a setting may be confidential.
fn fields_of(error: &jsonschema::ValidationError<'_>) -> Vec<FieldError> {
    let at = error.instance_path().as_str();
    match error.kind() {
        ValidationErrorKind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            vec![FieldError { pointer: format!("{at}/{name}"), message: "is required".to_owned() }]
        }
        ValidationErrorKind::AdditionalProperties { unexpected } => unexpected
            .iter()
            .take(10)
            .map(|name| FieldError {
                pointer: format!("{at}/{}", escaped(name)),
                message: "is not a setting".to_owned(),
            })
            .collect(),
        _ => vec![FieldError { pointer: at.to_owned(), message: error.masked().to_string() }],
    }
}

/// JSON Schema takes `5.0` for an integer; a plugin that reads integers does not.
fn fractions(value: &Value, at: &str, errors: &mut Vec<FieldError>) {
    match value {
        Value::Number(number) if number.is_f64() => {
            errors.push(FieldError {
                pointer: at.to_owned(),
                message: "is a whole number, written without a point".to_owned(),
            });
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| fractions(item, &format!("{at}/{index}"), errors));
        }
        Value::Object(object) => {
            object.iter().for_each(|(name, value)| fractions(value, &format!("{at}/{name}"), errors));
        }
        _ => {}
    }
}

/// A property name as a token of a JSON pointer (RFC 6901), cut to 64 characters.
fn escaped(name: &str) -> String {
    name.chars().take(64).collect::<String>().replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use heptad_model::Manifest;
    use serde_json::json;

    use super::*;

    fn manifest(schema: Value) -> Manifest {
        let words = json!({"name": "P", "summary": "S"});
        let text = json!({
            "name": "p-one", "version": "1.0.0", "publisher": "heptad", "contract": heptad_model::manifest::CONTRACT,
            "license": "0BSD", "points": ["discount.lines"], "settings": schema,
            "locales": {"zh-CN": words, "en": words},
        });
        Manifest::from_json(text.to_string().as_bytes()).unwrap()
    }

    fn check(settings: Value, expected: Result<Value, &[(&str, &str)]>) {
        let manifest = manifest(json!({
            "type": "object",
            "required": ["percent", "tiers"],
            "properties": {
                "percent": {"type": "integer", "minimum": 0, "maximum": 100},
                "mode": {"type": "string", "enum": ["all", "best"], "default": "best"},
                "tiers": {"type": "array", "maxItems": 2, "items": {
                    "type": "object", "required": ["name"], "properties": {"name": {"type": "string", "maxLength": 5}},
                }},
            },
        }));
        let found = settings_check(&manifest, &settings);
        match expected {
            Ok(value) => assert_eq!(found, Ok(value), "{settings}"),
            Err(expected) => {
                let mut found: Vec<_> =
                    found.unwrap_err().into_iter().map(|error| (error.pointer, error.message)).collect();
                found.sort();
                assert_eq!(found.len(), expected.len(), "{settings}: {found:?}");
                for ((pointer, message), (wanted, part)) in found.iter().zip(expected) {
                    assert_eq!(pointer, wanted, "{settings}");
                    assert!(message.contains(part), "{settings}: {message}");
                }
            }
        }
    }

    #[test]
    fn each_broken_rule_names_its_field() {
        check(json!({"percent": 5, "tiers": []}), Ok(json!({"percent": 5, "mode": "best", "tiers": []})));
        check(json!({}), Err(&[("/percent", "is required"), ("/tiers", "is required")]));
        check(json!({"percent": 101, "tiers": []}), Err(&[("/percent", "maximum of 100")]));
        check(json!({"percent": 5.0, "tiers": []}), Err(&[("/percent", "whole number")]));
        check(json!({"percent": "x", "tiers": []}), Err(&[("/percent", "value is not of type \"integer\"")]));
        check(
            json!({"percent": 5, "tiers": [{"name": "gold"}, {"name": "titanium"}]}),
            Err(&[("/tiers/1/name", "longer than 5")]),
        );
        check(json!({"percent": 5, "tiers": [{}]}), Err(&[("/tiers/0/name", "is required")]));
        check(json!({"percent": 5, "tiers": [], "a/b": 1}), Err(&[("/a~1b", "is not a setting")]));
        check(json!({"percent": 5, "tiers": [{"name": "x", "y": 1}]}), Err(&[("/tiers/0/y", "is not a setting")]));
        check(json!([]), Err(&[("", "object")]));
    }

    #[test]
    fn a_plugin_without_settings_takes_none() {
        let mut manifest = manifest(json!({"type": "object", "properties": {}}));
        manifest.settings = None;
        assert_eq!(settings_check(&manifest, &json!({})), Ok(json!({})));
        assert!(settings_check(&manifest, &json!({"a": 1})).is_err());
        assert!(settings_check(&manifest, &Value::Null).is_err());
    }
}
