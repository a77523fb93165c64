//! Sentences that plugins give by code, rendered from their manifests in the reader's language.

use serde::{Deserialize, Serialize};

use crate::locale::Locale;
use crate::manifest::Manifest;
use crate::money::Money;

/// The most bytes of a code or of a text argument.
pub const MAX_WORD: usize = 256;
/// The most arguments of a sentence.
pub const MAX_ARGUMENTS: usize = 16;

/// The value of a placeholder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Argument {
    /// Shown as it is.
    Text(String),
    /// A whole number.
    Number(i64),
    /// An amount of money.
    Money(Money),
}

/// A sentence by its code in the plugin's manifest. Traces keep it rendered in every language of the platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    /// The key in the manifest's messages.
    pub code: String,
    /// The placeholders' names and values.
    pub arguments: Vec<(String, Argument)>,
}

impl Text {
    /// The sentence in the reader's language, then the tenant's, then the manifest's first; the bare code when no
    /// language has it. Placeholders without a value stay as they are; values are never read as placeholders.
    pub fn render(&self, manifest: &Manifest, reader: Locale, tenant: Locale) -> String {
        let template = [reader, tenant]
            .into_iter()
            .filter_map(|locale| manifest.locales.get(locale.tag()))
            .chain(manifest.locales.values())
            .find_map(|words| words.messages.get(&self.code));
        match template {
            Some(template) => self.fill(template),
            None => self.code.clone(),
        }
    }

    fn fill(&self, template: &str) -> String {
        let mut sentence = String::with_capacity(template.len());
        let mut rest = template;
        while let Some((before, from)) = rest.split_once('{') {
            sentence.push_str(before);
            let Some((name, after)) = from.split_once('}') else {
                sentence.push('{');
                rest = from;
                break;
            };
            match self.arguments.iter().find(|(argument, _)| argument == name) {
                Some((_, Argument::Text(text))) => sentence.push_str(text),
                Some((_, Argument::Number(number))) => sentence.push_str(&number.to_string()),
                Some((_, Argument::Money(money))) => sentence.push_str(&money.to_string()),
                None => {
                    sentence.push('{');
                    sentence.push_str(name);
                    sentence.push('}');
                }
            }
            rest = after;
        }
        sentence.push_str(rest);
        sentence
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_once() {
        let text = |arguments: Vec<(&str, Argument)>| Text {
            code: "x".to_owned(),
            arguments: arguments.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        };
        for (template, arguments, expected) in [
            ("at most {n}", vec![("n", Argument::Number(3))], "at most 3"),
            ("{a}{b}", vec![("a", Argument::Text("{b}".to_owned())), ("b", Argument::Text("B".to_owned()))], "{b}B"),
            ("{missing} and {", vec![], "{missing} and {"),
            ("plain", vec![], "plain"),
        ] {
            assert_eq!(text(arguments).fill(template), expected, "{template}");
        }
    }
}
