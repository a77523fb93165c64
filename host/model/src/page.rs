//! Pages: a cursor and a limit.

use serde::{Deserialize, Serialize};

/// The most items of a page.
pub const MAX_LIMIT: u32 = 200;
/// The items of a page when nobody says.
pub const DEFAULT_LIMIT: u32 = 50;
/// The most bytes of a cursor.
const MAX_CURSOR: usize = 1024;

/// A page is asked for in a way that no list can answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// The limit is 0 or above 200.
    #[error("the limit is {0}, it must be 1 to {MAX_LIMIT}")]
    Limit(u32),
    /// The cursor was not made by this list.
    #[error("the cursor was not given by this list")]
    Cursor,
}

/// Where to go on reading, and how much.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    after: Option<String>,
    limit: u32,
}

impl PageRequest {
    /// Reads a cursor and a limit from outside.
    pub fn new(cursor: Option<&str>, limit: Option<u32>) -> Result<Self, PageError> {
        let limit = limit.unwrap_or(DEFAULT_LIMIT);
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(PageError::Limit(limit));
        }
        let after = match cursor {
            None => None,
            Some(cursor) if cursor.len() > MAX_CURSOR => return Err(PageError::Cursor),
            Some(cursor) => Some(decode(cursor).ok_or(PageError::Cursor)?),
        };
        Ok(Self { after, limit })
    }

    /// The first page with the default limit.
    pub fn first() -> Self {
        Self { after: None, limit: DEFAULT_LIMIT }
    }

    /// The key of the last item read, empty for the first page: rows with a greater key come next.
    pub fn after(&self) -> &str {
        self.after.as_deref().unwrap_or_default()
    }

    /// How many rows to fetch: one more than asked for, to know whether another page follows.
    pub fn fetch(&self) -> i64 {
        i64::from(self.limit) + 1
    }

    /// Makes the page of at most [`PageRequest::fetch`] rows; `key` gives a row's place in the order.
    pub fn page<T>(&self, mut rows: Vec<T>, key: impl Fn(&T) -> String) -> Page<T> {
        let more = rows.len() > self.limit as usize;
        rows.truncate(self.limit as usize);
        let next = rows.last().filter(|_| more).map(|row| hex::encode(key(row)));
        Page { items: rows, next }
    }
}

fn decode(cursor: &str) -> Option<String> {
    String::from_utf8(hex::decode(cursor).ok()?).ok()
}

/// Some items of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// The cursor of the next page; absent on the last one.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// The same page of other items.
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(f).collect(), next: self.next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_meet_without_gap_or_repetition() {
        let all: Vec<String> = (0..10).map(|n| format!("k{n}")).collect();
        let mut cursor: Option<String> = None;
        let mut seen = Vec::new();
        loop {
            let request = PageRequest::new(cursor.as_deref(), Some(3)).unwrap();
            let rows = all
                .iter()
                .filter(|key| key.as_str() > request.after())
                .take(request.fetch() as usize)
                .cloned()
                .collect();
            let page = request.page(rows, Clone::clone);
            seen.extend(page.items);
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, all);
    }

    #[test]
    fn limits_and_cursors_are_checked() {
        assert_eq!(PageRequest::new(None, Some(0)), Err(PageError::Limit(0)));
        assert_eq!(PageRequest::new(None, Some(201)), Err(PageError::Limit(201)));
        assert_eq!(PageRequest::new(Some("zz"), None), Err(PageError::Cursor));
        assert_eq!(PageRequest::new(Some(&"00".repeat(600)), None), Err(PageError::Cursor));
    }
}
