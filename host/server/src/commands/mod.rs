//! A file per command.

pub(crate) mod backup;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod import;
pub(crate) mod keys;
pub(crate) mod licenses;
pub(crate) mod migrate;
pub(crate) mod operator_link;
mod place;
pub(crate) mod plugin;
pub(crate) mod publisher;
pub(crate) mod replay;
pub(crate) mod serve;
pub(crate) mod tenant;
pub(crate) mod token;
pub(crate) mod user;
