//! Types of events that plugins tell of: `x.<plugin>.<word>`, the word being one of the manifest's `emits`.
//!
//! They stand beside the registry of the platform's own types ([`crate::event_type`]): their data is the plugin's business.

use std::fmt;

use serde_json::Value;

use crate::event::{MAX_DATA, NewEvent};
use crate::event_type::EventType;
use crate::manifest::is_slug;

/// The most words of a manifest's `emits`.
pub const MAX_EMITS: usize = 32;
/// The most bytes of a key.
pub const MAX_KEY: usize = 200;

/// A type of event of a plugin.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PluginEventType {
    /// The plugin's name.
    pub plugin: String,
    /// One of the words that its manifest lists: a short name.
    pub word: String,
}

/// Whether it is a type of event: one of the platform's own, or one as plugins name theirs.
pub fn is_event_type(name: &str) -> bool {
    EventType::parse(name).is_some() || PluginEventType::parse(name).is_some()
}

/// What is wrong with an event that a plugin tells of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EmissionError {
    /// The key has no bytes, or too many.
    #[error("the key has {0} bytes, 1 to {MAX_KEY} are allowed")]
    Key(usize),
    /// The data is no JSON object, or too large.
    #[error("the data is a JSON object of at most {MAX_DATA} bytes")]
    Data,
}

impl PluginEventType {
    /// Reads `x.<plugin>.<word>`.
    pub fn parse(name: &str) -> Option<Self> {
        let (plugin, word) = name.strip_prefix("x.")?.split_once('.')?;
        (is_slug(plugin) && is_slug(word)).then(|| Self { plugin: plugin.to_owned(), word: word.to_owned() })
    }

    /// An event of this type, with data as a plugin gave it.
    pub fn about(&self, key: &str, data: &str) -> Result<NewEvent, EmissionError> {
        if !(1..=MAX_KEY).contains(&key.len()) {
            return Err(EmissionError::Key(key.len()));
        }
        if data.len() > MAX_DATA {
            return Err(EmissionError::Data);
        }
        let data: Value = serde_json::from_str(data).map_err(|_| EmissionError::Data)?;
        if !data.is_object() {
            return Err(EmissionError::Data);
        }
        Ok(NewEvent { kind: self.to_string(), schema_version: 1, key: key.to_owned(), target: None, data })
    }
}

impl fmt::Display for PluginEventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "x.{}.{}", self.plugin, self.word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_strictly() {
        let booked = PluginEventType::parse("x.hotel-rooms.booked").unwrap();
        assert_eq!((booked.plugin.as_str(), booked.word.as_str()), ("hotel-rooms", "booked"));
        assert_eq!(booked.to_string(), "x.hotel-rooms.booked");
        for name in ["order.placed", "x.hotel-rooms", "x..booked", "x.hotel.room.booked", "x.Hotel.booked", "x.hotel."]
        {
            assert_eq!(PluginEventType::parse(name), None, "{name}");
        }
    }

    #[test]
    fn keys_and_data_are_bounded() {
        let kind = PluginEventType::parse("x.hotel-rooms.booked").unwrap();
        assert_eq!(kind.about("room-1", r#"{"nights":2}"#).unwrap().data["nights"], 2);
        assert_eq!(kind.about("", "{}"), Err(EmissionError::Key(0)));
        assert_eq!(kind.about(&"k".repeat(201), "{}"), Err(EmissionError::Key(201)));
        for data in ["", "[]", "1", "{", &format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_DATA))] {
            assert_eq!(kind.about("k", data), Err(EmissionError::Data), "{data:.20}");
        }
    }
}
