//! A webhook's message: an event as CloudEvents JSON, signed as [Standard Webhooks](https://www.standardwebhooks.com) has
//! it, sent once, and what the answer means.
//!
//! It knows no database and tries nothing again: whoever delivers does ([`heptad_platform::webhook`] says how an endpoint
//! fares). Start with [`Message`] and [`Sender`].

mod answer;
mod message;
mod sender;

pub use answer::{Answer, KEPT, Verdict, text};
pub use message::{How, Message};
pub use sender::{AddressError, Sender};
