//! The bounds of what comes from outside: each check names the field that breaks its rule.

use std::collections::BTreeSet;

use heptad_model::Minor;

use crate::CapabilityError;

/// The most codes or ids of a batch.
pub const MAX_BATCH: usize = 2_000;
/// The most tags of a product or customer.
pub const MAX_TAGS: usize = 20;
/// The highest price of a SKU, in minor units.
pub const MAX_PRICE: i64 = 1_000_000_000_000;

fn invalid(field: &str, problem: impl Into<String>) -> CapabilityError {
    CapabilityError::Invalid { field: field.to_owned(), problem: problem.into() }
}

fn has_length(text: &str, most: usize) -> bool {
    !text.is_empty() && text.len() <= most * 4 && text.chars().count() <= most
}

/// A code of the merchant's own, such as a SKU's: 1 to 64 characters, no white space, no control characters.
pub fn code(field: &str, text: &str) -> Result<(), CapabilityError> {
    if has_length(text, 64) && !text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Ok(());
    }
    Err(invalid(field, "1 to 64 characters without white space"))
}

/// What a person looks for, as a pattern for `lower(column) like … escape '!'`: a part of the text, letter case aside.
pub(crate) fn find_pattern(text: &str) -> String {
    let mut pattern = String::from("%");
    for c in text.trim().chars().take(100).flat_map(char::to_lowercase) {
        if matches!(c, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

/// A name that people read: 1 to 200 characters, not all white space, no control characters.
pub fn name(field: &str, text: &str) -> Result<(), CapabilityError> {
    sentence(field, text, 200)
}

/// Words that people read: 1 to `most` characters, not all white space, no control characters.
pub fn sentence(field: &str, text: &str, most: usize) -> Result<(), CapabilityError> {
    if has_length(text, most) && !text.trim().is_empty() && !text.chars().any(char::is_control) {
        return Ok(());
    }
    Err(invalid(field, format!("1 to {most} characters without control characters")))
}

/// A short word that programs compare, such as a tag or a tier: 1 to 40 letters (of any script, none upper-case),
/// digits and hyphens.
pub fn word(field: &str, text: &str) -> Result<(), CapabilityError> {
    if has_length(text, 40) && text.chars().all(|c| (c.is_alphanumeric() && !c.is_uppercase()) || c == '-') {
        return Ok(());
    }
    Err(invalid(field, "1 to 40 lower-case letters, digits and hyphens"))
}

/// At most 20 tags, each a [`word`]; they come back sorted, each once.
pub fn tags(field: &str, tags: &[String]) -> Result<Vec<String>, CapabilityError> {
    if tags.len() > MAX_TAGS {
        return Err(invalid(field, format!("at most {MAX_TAGS}")));
    }
    for (place, tag) in tags.iter().enumerate() {
        word(&format!("{field}.{place}"), tag)?;
    }
    let mut sorted = tags.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    Ok(sorted)
}

/// Tags after a change; each of those that are added is a [`word`], and at most 20 are left. One that is added and removed
/// at once is removed.
pub fn tags_changed(before: &[String], add: &[String], remove: &[String]) -> Result<Vec<String>, CapabilityError> {
    if add.len() + remove.len() > 2 * MAX_TAGS {
        return Err(invalid("tags", format!("at most {} changes", 2 * MAX_TAGS)));
    }
    let kept = before.iter().chain(add).filter(|tag| !remove.contains(tag)).cloned().collect::<BTreeSet<_>>();
    tags("tags", &kept.into_iter().collect::<Vec<_>>())
}

/// Those of `all` that are not among `others`: with the tags after and before a change what was added, the other way round
/// what was removed.
pub fn tags_without(all: &[String], others: &[String]) -> Vec<String> {
    all.iter().filter(|tag| !others.contains(tag)).cloned().collect()
}

/// A price: 0 to 10^12 minor units.
pub fn price(field: &str, price: Minor) -> Result<(), CapabilityError> {
    if (0..=MAX_PRICE).contains(&price.get()) {
        return Ok(());
    }
    Err(invalid(field, format!("0 to {MAX_PRICE} minor units")))
}

/// At most 2,000 of a batch.
pub fn batch<T>(field: &str, items: &[T]) -> Result<(), CapabilityError> {
    if items.len() <= MAX_BATCH {
        return Ok(());
    }
    Err(invalid(field, format!("{} given, at most {MAX_BATCH}", items.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_names_and_words_are_bounded() {
        let long = "x".repeat(65);
        for (text, as_code, as_word) in [
            ("A-1", true, false),
            ("gold", true, true),
            ("会员", true, true),
            ("", false, false),
            ("a b", false, false),
            ("a\u{7}", false, false),
            (long.as_str(), false, false),
        ] {
            assert_eq!(code("code", text).is_ok(), as_code, "{text}");
            assert_eq!(word("tag", text).is_ok(), as_word, "{text}");
        }
        assert!(
            name("name", "  ").is_err()
                && name("name", &"字".repeat(200)).is_ok()
                && name("name", &"字".repeat(201)).is_err()
        );
    }

    #[test]
    fn tags_come_back_sorted_and_a_bad_one_is_named() {
        let list = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        assert_eq!(tags("tags", &list(&["b", "a", "b"])).unwrap(), ["a", "b"]);
        assert!(tags("tags", &list(&["a", "B"])).unwrap_err().to_string().contains("tags.1"));
        assert!(tags("tags", &vec!["a".to_owned(); 21]).is_err());
    }
}
