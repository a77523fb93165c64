//! What holds the shape of the project: rules that no compiler knows, read off the files themselves.
//!
//! Each rule is a module with two parts: what it says of the tree, and a bad sample that it catches, so that a rule which
//! finds nothing is known to look. A violation is told with its place. To add a rule: a function from text to violations,
//! a test of the tree, a test of a sample.

mod crates;
mod events;
mod features;
mod folders;
mod metrics;
mod operations;
mod ops;
mod permissions;
mod points;
mod scenarios;
mod source;
mod sql;
mod strings;
mod tenants;
mod tree;
mod wit;
