//! Sentences for people: a code of the manifest's messages, and what stands in its placeholders.

use crate::{Argument, Minor, Money, NamedArgument, Text};

/// The most bytes of a text argument.
const MAX_WORD: usize = 256;

impl Text {
    /// The sentence with this code in `[locales.….messages]` of `plugin.toml`.
    ///
    /// ```
    /// use heptad_sdk::{Money, Text};
    ///
    /// // messages.threshold = "{off} off orders of {threshold} or more"
    /// let reason = Text::new("threshold")
    ///     .money("off", Money::new(5_000, "CNY"))
    ///     .money("threshold", Money::new(30_000, "CNY"));
    /// assert_eq!(reason.arguments.len(), 2);
    /// ```
    pub fn new(code: impl Into<String>) -> Self {
        Self { code: code.into(), arguments: Vec::new() }
    }

    /// Fills a placeholder with a word, such as a SKU; what is longer than 256 bytes is cut, for the host takes no more.
    #[must_use]
    pub fn text(self, name: &str, value: &str) -> Self {
        let end = (0..=value.len().min(MAX_WORD)).rev().find(|end| value.is_char_boundary(*end)).unwrap_or_default();
        self.argument(name, Argument::Text(value[..end].to_owned()))
    }

    /// Fills a placeholder with a whole number within ±(2^53 − 1); the host writes it the reader's way.
    #[must_use]
    pub fn number(self, name: &str, value: Minor) -> Self {
        self.argument(name, Argument::Number(value))
    }

    /// Fills a placeholder with money; the host writes it the reader's way.
    #[must_use]
    pub fn money(self, name: &str, value: Money) -> Self {
        self.argument(name, Argument::Money(value))
    }

    fn argument(mut self, name: &str, value: Argument) -> Self {
        self.arguments.push(NamedArgument { name: name.to_owned(), value });
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_words_are_cut_between_characters() {
        let text = Text::new("x").text("word", &"件".repeat(100));
        assert_eq!(text.arguments[0].value, Argument::Text("件".repeat(85)));
        assert_eq!(Text::new("x").text("word", "").arguments[0].value, Argument::Text(String::new()));
    }
}
