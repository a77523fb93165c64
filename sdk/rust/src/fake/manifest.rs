//! What tests need of `plugin.toml`: permissions, defaults of settings, sentences.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use crate::{Argument, Money, Text};

#[derive(Debug)]
pub(super) struct Manifest {
    /// The names of the permissions that the plugin asks for.
    pub(super) permissions: BTreeSet<String>,
    /// The hosts that it calls.
    pub(super) hosts: BTreeSet<String>,
    /// The words of its own events.
    pub(super) emits: BTreeSet<String>,
    /// Its collections with their indexed fields.
    pub(super) collections: BTreeMap<String, BTreeSet<String>>,
    schema: Value,
    /// Sentences by language and code.
    messages: BTreeMap<String, BTreeMap<String, String>>,
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    permissions: Vec<Wish>,
    #[serde(default)]
    hosts: Vec<Wish>,
    #[serde(default)]
    emits: BTreeSet<String>,
    #[serde(default)]
    collections: Vec<Collection>,
    #[serde(default)]
    settings: Value,
    #[serde(default)]
    locales: BTreeMap<String, Words>,
}

#[derive(Deserialize)]
struct Collection {
    name: String,
    #[serde(default)]
    indexes: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Wish {
    name: String,
}

#[derive(Deserialize)]
struct Words {
    #[serde(default)]
    messages: BTreeMap<String, String>,
}

impl Manifest {
    #[track_caller]
    pub(super) fn read(text: &str) -> Self {
        let file: File = toml::from_str(text).unwrap_or_else(|error| panic!("plugin.toml: {error}"));
        Self {
            permissions: file.permissions.into_iter().map(|wish| wish.name).collect(),
            hosts: file.hosts.into_iter().map(|wish| wish.name).collect(),
            emits: file.emits,
            collections: file.collections.into_iter().map(|one| (one.name, one.indexes)).collect(),
            schema: file.settings,
            messages: file.locales.into_iter().map(|(locale, words)| (locale, words.messages)).collect(),
        }
    }

    /// Fills in the defaults of absent properties, in the root and in the items of lists, as the host does.
    pub(super) fn fill_defaults(&self, settings: &mut Value) {
        fill(&self.schema, settings);
    }

    #[track_caller]
    pub(super) fn render(&self, locale: &str, text: &Text) -> String {
        let Some(template) = self.messages.get(locale).and_then(|messages| messages.get(&text.code)) else {
            panic!("plugin.toml has no message `{}` in `{locale}`", text.code);
        };
        let mut sentence = String::new();
        let mut rest = template.as_str();
        while let Some((before, from)) = rest.split_once('{') {
            let Some((name, after)) = from.split_once('}') else { panic!("`{template}` has an open brace") };
            let Some(argument) = text.arguments.iter().find(|argument| argument.name == name) else {
                panic!("`{}` gives no value for {{{name}}} of `{template}`", text.code);
            };
            sentence.push_str(before);
            sentence.push_str(&match &argument.value {
                Argument::Text(word) => word.clone(),
                Argument::Number(number) => number.to_string(),
                Argument::Money(money) => shown(money),
            });
            rest = after;
        }
        sentence + rest
    }
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

/// Money as the platform writes it: `307.00 CNY`. ISO 4217 has two digits for all but a few currencies.
fn shown(money: &Money) -> String {
    let digits = match money.currency.as_str() {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "VND" | "VUV"
        | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        _ => 2,
    };
    let sign = if money.amount < 0 { "-" } else { "" };
    let (amount, unit) = (money.amount.unsigned_abs(), 10_u64.pow(digits));
    if digits == 0 {
        return format!("{sign}{amount} {}", money.currency);
    }
    format!("{sign}{}.{:0width$} {}", amount / unit, amount % unit, money.currency, width = digits as usize)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TOML: &str = r#"
[[permissions]]
name = "mall.catalog.read"

[settings.properties.percent]
default = 10
[settings.properties.tiers.items.properties.on]
default = true

[locales.en.messages]
off = "{amount} off, {n} left of {sku}"
"#;

    #[test]
    fn sentences_are_filled() {
        let manifest = Manifest::read(TOML);
        let text = Text::new("off").money("amount", Money::new(-105, "CNY")).number("n", 3).text("sku", "{n}");
        assert_eq!(manifest.render("en", &text), "-1.05 CNY off, 3 left of {n}");
        assert_eq!(shown(&Money::new(1_200, "JPY")), "1200 JPY");
        assert_eq!(shown(&Money::new(1_234, "KWD")), "1.234 KWD");
    }

    #[test]
    #[should_panic(expected = "`off` gives no value for {amount}")]
    fn a_forgotten_argument_is_found() {
        Manifest::read(TOML).render("en", &Text::new("off"));
    }

    #[test]
    fn defaults_and_permissions_are_read() {
        let manifest = Manifest::read(TOML);
        let mut settings = json!({"tiers": [{}, {"on": false}]});
        manifest.fill_defaults(&mut settings);
        assert_eq!(settings, json!({"percent": 10, "tiers": [{"on": true}, {"on": false}]}));
        assert!(manifest.permissions.contains("mall.catalog.read"));
    }
}
