//! Collections of a plugin's documents, as its manifest declares them: a name, and the fields by which documents are found.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::manifest::is_slug;
use crate::money::MAX_SAFE;

/// The most collections of a manifest.
pub const MAX_COLLECTIONS: usize = 16;
/// The most indexed fields of a collection.
pub const MAX_INDEXES: usize = 8;
/// The most items of a list in an indexed field that are indexed.
pub const MAX_ITEMS: usize = 32;
/// The most bytes of a text that are indexed.
pub const MAX_TEXT: usize = 256;
/// The most bytes of a document's id.
pub const MAX_ID: usize = 128;
/// The most bytes of a document.
pub const MAX_DOCUMENT: usize = 64 << 10;

/// A collection of a plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Collection {
    /// The name, unique in the manifest: a short name.
    pub name: String,
    /// The fields by which documents are found: names at the document's top level.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub indexes: Vec<String>,
}

/// A value of an indexed field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IndexValue {
    /// A text.
    Text(String),
    /// A whole number within ±(2^53 − 1).
    Integer(i64),
    /// A truth value.
    Boolean(bool),
}

impl IndexValue {
    /// The value as it stands in the index: a letter for its kind, and then so that texts are in the order of the values.
    pub fn encode(&self) -> String {
        match self {
            Self::Text(text) => {
                let end = (0..=MAX_TEXT.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
                format!("s{}", &text[..end.unwrap_or_default()])
            }
            Self::Integer(number) => format!("n{:017}", number.clamp(&-MAX_SAFE, &MAX_SAFE) + MAX_SAFE),
            Self::Boolean(is_so) => format!("b{}", u8::from(*is_so)),
        }
    }

    /// What a JSON value is in the index; fractions, objects and null are not in it.
    fn of(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => Some(Self::Text(text.clone())),
            Value::Bool(is_so) => Some(Self::Boolean(*is_so)),
            Value::Number(number) => {
                number.as_i64().filter(|number| (-MAX_SAFE..=MAX_SAFE).contains(number)).map(Self::Integer)
            }
            _ => None,
        }
    }
}

impl Collection {
    /// Whether the declaration keeps the rules.
    pub(crate) fn check(&self) -> Result<(), String> {
        if !is_slug(&self.name) {
            return Err("`name` is a short name".to_owned());
        }
        if self.indexes.len() > MAX_INDEXES {
            return Err(format!("at most {MAX_INDEXES} indexes"));
        }
        for (place, field) in self.indexes.iter().enumerate() {
            let is_name = (1..=64).contains(&field.len())
                && field.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
            if !is_name || self.indexes[..place].contains(field) {
                return Err("each of `indexes` is another name of 1 to 64 letters, digits, `_` and `-`".to_owned());
            }
        }
        Ok(())
    }

    /// What the index holds of a document: fields and encoded values, each once.
    pub fn entries(&self, document: &Value) -> Vec<(String, String)> {
        let mut entries = Vec::new();
        for field in &self.indexes {
            let values = match document.get(field) {
                Some(Value::Array(items)) => &items[..items.len().min(MAX_ITEMS)],
                Some(value) => std::slice::from_ref(value),
                None => continue,
            };
            entries.extend(values.iter().filter_map(IndexValue::of).map(|value| (field.clone(), value.encode())));
        }
        entries.sort_unstable();
        entries.dedup();
        entries
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_order_of_the_texts_is_that_of_the_values() {
        let numbers = [-MAX_SAFE, -10, -9, 0, 1, 9, 10, MAX_SAFE];
        let encoded: Vec<String> = numbers.iter().map(|number| IndexValue::Integer(*number).encode()).collect();
        assert!(encoded.is_sorted() && encoded.iter().all(|text| text.len() == 18), "{encoded:?}");
        assert!(IndexValue::Boolean(false).encode() < IndexValue::Boolean(true).encode());
        let long = IndexValue::Text("字".repeat(200)).encode();
        assert_eq!(long.len(), 1 + 255, "cut between characters");
    }

    #[test]
    fn a_document_is_indexed_by_its_declared_fields() {
        let rooms =
            Collection { name: "rooms".to_owned(), indexes: vec!["floor".into(), "tags".into(), "free".into()] };
        let document =
            json!({"floor": 3, "tags": ["sea", "quiet", "sea"], "free": true, "price": 100, "note": {"a": 1}});
        let of = |field: &str, value: IndexValue| (field.to_owned(), value.encode());
        assert_eq!(
            rooms.entries(&document),
            [
                of("floor", IndexValue::Integer(3)),
                of("free", IndexValue::Boolean(true)),
                of("tags", IndexValue::Text("quiet".into())),
                of("tags", IndexValue::Text("sea".into())),
            ]
        );
        assert_eq!(rooms.entries(&json!({"floor": 1.5, "tags": null, "free": {}})), []);
    }

    #[test]
    fn declarations_are_checked() {
        let collection = |name: &str, indexes: &[&str]| Collection {
            name: name.to_owned(),
            indexes: indexes.iter().map(|index| (*index).to_owned()).collect(),
        };
        assert!(collection("rooms", &["floor", "check_in"]).check().is_ok());
        for bad in [
            collection("Rooms", &[]),
            collection("rooms", &["a", "a"]),
            collection("rooms", &["a.b"]),
            collection("rooms", &[""]),
            collection("rooms", &["1", "2", "3", "4", "5", "6", "7", "8", "9"]),
        ] {
            assert!(bad.check().is_err(), "{bad:?}");
        }
    }
}
