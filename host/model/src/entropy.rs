//! Randomness, passed in so that tests and replays repeat.

use std::sync::Mutex;

use rand::Rng as _;

/// A source of random bytes.
pub trait Entropy: Send + Sync {
    /// Fills the buffer.
    fn fill(&self, bytes: &mut [u8]);
}

/// Randomness for ids and secrets: a generator in each thread (ChaCha, by the `rand` crate) that takes its seed from the
/// operating system, again and again. Ids are made at every request, and asking the system for each would be a call of
/// microseconds.
#[derive(Debug, Default)]
pub struct SecureEntropy;

impl Entropy for SecureEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        rand::rng().fill_bytes(bytes);
    }
}

/// A repeatable sequence (SplitMix64, Steele et al. 2014). For tests; never for secrets.
#[derive(Debug)]
pub struct SeededEntropy(Mutex<u64>);

impl SeededEntropy {
    /// A sequence that depends on nothing but the seed.
    pub const fn new(seed: u64) -> Self {
        Self(Mutex::new(seed))
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        let mut state = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for chunk in bytes.chunks_mut(8) {
            *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut word = *state;
            word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            chunk.copy_from_slice(&(word ^ (word >> 31)).to_le_bytes()[..chunk.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_never_given_out_twice() {
        let mut seen = std::collections::HashSet::new();
        for length in [10, 32, 250, 300].into_iter().cycle().take(2_000) {
            let mut bytes = vec![0; length];
            SecureEntropy.fill(&mut bytes);
            assert!(bytes.iter().any(|byte| *byte != 0));
            assert!(seen.insert(bytes[..10].to_vec()), "the same bytes twice");
        }
    }
}
