//! Ids by the scenario's own names: `@alice` for a customer, `@order-1` for the first order.

use serde_json::Value;

/// The names, each with its id, in the order in which they were given.
#[derive(Debug, Default)]
pub(super) struct Names(Vec<(String, String)>);

impl Names {
    pub(super) fn add(&mut self, name: &str, id: impl std::fmt::Display) {
        self.0.push((format!("@{name}"), id.to_string()));
    }

    pub(super) fn id(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known.strip_prefix('@') == Some(name)).map(|(_, id)| id.as_str())
    }

    /// What the scenario says, with ids in place of whole texts that are names.
    pub(super) fn resolve(&self, value: &Value) -> Value {
        map(value, &|text| self.text(text))
    }

    /// A text of the scenario's: the id where it is a name.
    pub(super) fn text(&self, text: &str) -> String {
        let found = self.0.iter().find(|(name, _)| name == text);
        found.map_or_else(|| text.to_owned(), |(_, id)| id.clone())
    }

    /// What happened, with names in place of ids, also within texts.
    pub(super) fn named(&self, value: &Value) -> Value {
        map(value, &|text| self.0.iter().fold(text.to_owned(), |text, (name, id)| text.replace(id, name)))
    }
}

fn map(value: &Value, change: &dyn Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => Value::String(change(text)),
        Value::Array(items) => items.iter().map(|item| map(item, change)).collect(),
        Value::Object(fields) => fields.iter().map(|(name, value)| (change(name), map(value, change))).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ids_and_names_stand_for_each_other() {
        let mut names = Names::default();
        names.add("alice", "cus_1");
        let given = json!({"customer": "@alice", "text": "for @alice"});
        let resolved = names.resolve(&given);
        assert_eq!(resolved, json!({"customer": "cus_1", "text": "for @alice"}));
        assert_eq!(names.named(&json!({"bought:cus_1": ["cus_1", 1]})), json!({"bought:@alice": ["@alice", 1]}));
        assert_eq!(names.id("alice"), Some("cus_1"));
    }
}
