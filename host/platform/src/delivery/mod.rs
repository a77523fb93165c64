//! Telling: who is told of events, how far each is, and what became of every attempt.
//!
//! A [`subscription`] asks for types of events. Each of its keys has a lane ([`lane`]): the number of the last event that
//! was dealt with, the number up to which there is something to tell, and when it is tried next. The lane's row moves in
//! the very transaction in which a handler writes, so that what a handler does to the platform's data happens exactly
//! once, however often an event is delivered. Attempts are kept as a [`log`]; what was given up lies in [`dead_letter`];
//! a [`replay`] tells events once more, in a lane of its own.

/// The words of an enum in the database and the API.
macro_rules! words {
    ($kind:ident, $what:literal, $($variant:ident = $word:literal),+) => {
        impl $kind {
            /// The word in the database and the API.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl std::str::FromStr for $kind {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                match text { $($word => Ok(Self::$variant),)+ _ => Err(format!("`{text}` is no {}", $what)) }
            }
        }
    };
}

pub mod backlog;
pub mod dead_letter;
pub mod event;
pub mod fate;
pub mod lane;
pub mod log;
pub mod replay;
pub mod retention;
pub mod stream;
pub mod subscription;
