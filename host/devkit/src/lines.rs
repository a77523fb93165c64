//! Where a field stands in `plugin.toml`.

use toml_edit::{Document, Item, Table, TableLike, Value};

/// The line, from 1, of a field by its path, such as `hosts.0.name`, or of the nearest thing around it that stands there.
/// A list's entry is named by its place or by its `name`.
pub(crate) fn line_of(text: &str, path: &str) -> Option<usize> {
    let document = Document::parse(text).ok()?;
    let at = in_table(document.as_table(), path)?;
    Some(text.get(..at)?.matches('\n').count() + 1)
}

/// The byte where the deepest part of the path begins that stands in the table.
fn in_table(table: &dyn TableLike, path: &str) -> Option<usize> {
    for (name, item) in table.iter() {
        let Some(rest) = behind(path, name) else { continue };
        let own = table.key(name).and_then(toml_edit::Key::span).or_else(|| item.span()).map(|span| span.start);
        return in_item(item, rest).or(own);
    }
    None
}

fn in_item(item: &Item, path: &str) -> Option<usize> {
    match item {
        Item::Table(table) => in_table(table, path).or_else(|| table.span().map(|span| span.start)),
        Item::ArrayOfTables(entries) => {
            let entry: &Table = entries.iter().enumerate().find_map(|(place, entry)| named(place, entry, path))?;
            let rest = rest_of(entry, path);
            in_table(entry, rest).or_else(|| entry.span().map(|span| span.start))
        }
        Item::Value(Value::InlineTable(table)) => in_table(table, path),
        _ => None,
    }
}

fn named<'a>(place: usize, entry: &'a Table, path: &str) -> Option<&'a Table> {
    let by_place = behind(path, &place.to_string()).is_some();
    let by_name = name_of(entry).is_some_and(|name| behind(path, name).is_some());
    (by_place || by_name).then_some(entry)
}

fn rest_of<'a>(entry: &Table, path: &'a str) -> &'a str {
    let by_name = name_of(entry).and_then(|name| behind(path, name));
    by_name.unwrap_or_else(|| path.split_once('.').map_or("", |(_, rest)| rest))
}

fn name_of(entry: &Table) -> Option<&str> {
    entry.get("name").and_then(Item::as_str)
}

/// What follows a part of a path.
fn behind<'a>(path: &'a str, part: &str) -> Option<&'a str> {
    let rest = path.strip_prefix(part)?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('.') }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "name = \"tea\"\npoints = [\"event.handle\"]\n\n[[permissions]]\nname = \"mall.orders.read\"\n\
                        purpose = { en = \"\", zh-CN = \"x\" }\n\n[[hosts]]\nname = \"A\"\n\n[locales.en]\nname = \"Tea\"\n\n\
                        [locales.en.messages]\nhello = \"Hello\"\n";

    #[test]
    fn a_field_is_found_by_its_path() {
        for (path, line) in [
            ("points", 2),
            ("permissions.mall.orders.read", 4),
            ("permissions.mall.orders.read.purpose.en", 6),
            ("hosts.0.name", 9),
            ("hosts.0.keeps_days", 8),
            ("locales.en.name", 12),
            ("locales.en.messages.hello", 15),
            ("locales.en.messages", 14),
            ("locales.en.summary", 11),
        ] {
            assert_eq!(line_of(TEXT, path), Some(line), "{path}");
        }
        assert_eq!(line_of(TEXT, "nothing"), None);
    }
}
