//! The languages of people.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A language that the platform speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub enum Locale {
    /// Simplified Chinese, mainland.
    #[default]
    #[serde(rename = "zh-CN")]
    ZhCn,
    /// English.
    #[serde(rename = "en")]
    En,
}

impl Locale {
    /// All of them, the default first.
    pub const ALL: [Self; 2] = [Self::ZhCn, Self::En];

    /// The BCP 47 tag.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::ZhCn => "zh-CN",
            Self::En => "en",
        }
    }

    /// The language of a BCP 47 tag: by its primary subtag, `None` for others.
    pub fn parse(tag: &str) -> Option<Self> {
        match tag.split(['-', '_']).next()?.trim().to_ascii_lowercase().as_str() {
            "zh" => Some(Self::ZhCn),
            "en" => Some(Self::En),
            _ => None,
        }
    }

    /// The words in this language, else in the platform's default one; empty where there are neither.
    pub fn of(self, words: &BTreeMap<String, String>) -> &str {
        words.get(self.tag()).or_else(|| words.get(Self::default().tag())).map_or("", String::as_str)
    }

    /// A language in which these words are missing, or blank, or longer than 500 bytes.
    pub(crate) fn untold(words: &BTreeMap<String, String>) -> Option<Self> {
        let is_told = |text: &String| !text.trim().is_empty() && text.len() <= 500;
        Self::ALL.into_iter().find(|locale| !words.get(locale.tag()).is_some_and(is_told))
    }

    /// The first language of an `Accept-Language` header that the platform speaks.
    /// Quality values are read; of equal ones the earlier wins.
    pub fn negotiate(header: &str) -> Option<Self> {
        let mut best: Option<(f32, Self)> = None;
        for part in header.split(',').take(32) {
            let mut pieces = part.split(';');
            let Some(locale) = pieces.next().and_then(Self::parse) else { continue };
            let quality = pieces.find_map(|piece| piece.trim().strip_prefix("q=")?.parse().ok()).unwrap_or(1.0);
            if quality > best.map_or(0.0, |(quality, _)| quality) {
                best = Some((quality, locale));
            }
        }
        best.map(|(_, locale)| locale)
    }
}

impl fmt::Display for Locale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.tag())
    }
}

/// A sentence in every language of the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sentence {
    /// Simplified Chinese.
    pub zh_cn: &'static str,
    /// English.
    pub en: &'static str,
}

impl Sentence {
    /// The sentence in the reader's language.
    pub const fn get(self, locale: Locale) -> &'static str {
        match locale {
            Locale::ZhCn => self.zh_cn,
            Locale::En => self.en,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_spoken_language_wins() {
        for (header, expected) in [
            ("en-US,en;q=0.9", Some(Locale::En)),
            ("fr, zh-TW;q=0.5, en;q=0.4", Some(Locale::ZhCn)),
            ("en;q=0.1, zh;q=0.9", Some(Locale::ZhCn)),
            ("fr", None),
            ("", None),
            ("en;q=0", None),
        ] {
            assert_eq!(Locale::negotiate(header), expected, "{header}");
        }
    }
}
