//! How a process is, besides its database and its sandbox: those who watch over a part of it put down here what they see,
//! and `/readyz` tells.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

/// How a part is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Vital {
    /// As this word says; the process can work.
    Well(&'static str),
    /// It keeps the process from its work, for this reason.
    Ill(String),
}

/// The parts of a process, by name. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Vitals(Arc<RwLock<BTreeMap<&'static str, Vital>>>);

impl Vitals {
    /// Puts down how a part is; whether that is new.
    pub fn set(&self, part: &'static str, vital: Vital) -> bool {
        let mut parts = self.0.write().unwrap_or_else(PoisonError::into_inner);
        parts.insert(part, vital.clone()) != Some(vital)
    }

    /// The first part that keeps the process from its work, and why.
    pub(crate) fn check(&self) -> Result<(), (&'static str, String)> {
        let parts = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let ill = parts.iter().find_map(|(part, vital)| match vital {
            Vital::Well(_) => None,
            Vital::Ill(reason) => Some((*part, reason.clone())),
        });
        ill.map_or(Ok(()), Err)
    }

    /// All parts that are well.
    pub(crate) fn parts(&self) -> BTreeMap<&'static str, String> {
        let parts = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let well = parts.iter().filter_map(|(part, vital)| match vital {
            Vital::Well(word) => Some((*part, (*word).to_owned())),
            Vital::Ill(_) => None,
        });
        well.collect()
    }
}
