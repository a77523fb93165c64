//! The built-in capabilities: pure rules, then operations on a transaction.
//!
//! A module each. Rules are functions of values and know no database; operations take a [`heptad_store::Tx`], fetch, call
//! the rule and write. Plugins are asked through [`extensions::Extensions`] and never inside a transaction: the
//! operations that ask them, [`mall::quote::quote_create`] and [`mall::order::order_place`], take the store instead and
//! open their transactions around the questions.
//!
//! To add an operation: its input and output types and its function in the file of its noun, its bounds through
//! [`bounds`], its failures through [`CapabilityError`], and an audit row in the transaction of each write.

pub mod bounds;
pub mod error;
pub mod extensions;
pub mod idempotency;
pub mod import;
pub mod mall;
pub mod members;

pub use error::{CapabilityError, ErrorClass};
pub use extensions::Extensions;
pub use idempotency::IdempotencyKey;
