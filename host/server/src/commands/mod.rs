//! A file per command.

pub(crate) mod plugin;
