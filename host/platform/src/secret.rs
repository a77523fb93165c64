//! Secrets that the platform makes and later recognises: tokens, sessions, one-time links. Only their hashes are stored.

use heptad_model::Env;
use sha2::{Digest, Sha256};

/// The random bytes of a secret: 256 bits, so a plain hash is enough, nobody can try them all.
const RANDOM: usize = 32;

/// A secret, shown to its owner once. Its debug form hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A new secret: the prefix, an underscore and 64 hexadecimal digits.
    pub(crate) fn generate(env: &Env, prefix: &str) -> Self {
        let mut random = [0; RANDOM];
        env.fill(&mut random);
        Self(format!("{prefix}_{}", hex::encode(random)))
    }

    /// The secret itself, for the one answer that shows it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is stored of it.
    pub(crate) fn hash(&self) -> String {
        hash(&self.0)
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// SHA-256 of a presented secret, in hexadecimal digits. Found by equality of hashes, so timing tells nothing.
pub(crate) fn hash(presented: &str) -> String {
    hex::encode(Sha256::digest(presented))
}
