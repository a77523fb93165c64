//! Randomness, passed in so that tests and replays repeat.

use std::cell::RefCell;
use std::sync::Mutex;

/// A source of random bytes.
pub trait Entropy: Send + Sync {
    /// Fills the buffer.
    fn fill(&self, bytes: &mut [u8]);
}

/// The operating system's randomness, taken in advance by each thread: ids are made at every request, and asking for
/// each would be a system call.
#[derive(Debug, Default)]
pub struct OsEntropy;

/// How many bytes a thread takes at once.
const AHEAD: usize = 1_024;

thread_local! {
    /// Bytes that were taken and not given out, at the end of the buffer; what was given out is wiped.
    static TAKEN: RefCell<(usize, [u8; AHEAD])> = const { RefCell::new((0, [0; AHEAD])) };
}

impl Entropy for OsEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        // Without randomness no secret can be made: stopping is the only safe answer.
        let ask = |bytes: &mut [u8]| getrandom::fill(bytes).expect("the operating system gives random bytes");
        if bytes.len() > AHEAD / 4 {
            return ask(bytes);
        }
        TAKEN.with_borrow_mut(|(left, buffer)| {
            if *left < bytes.len() {
                ask(buffer);
                *left = AHEAD;
            }
            let given = &mut buffer[*left - bytes.len()..*left];
            bytes.copy_from_slice(given);
            given.fill(0);
            *left -= bytes.len();
        });
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
    fn what_is_taken_ahead_is_given_out_once() {
        let mut seen = std::collections::HashSet::new();
        for length in [10, 32, 250, 300].into_iter().cycle().take(2_000) {
            let mut bytes = vec![0; length];
            OsEntropy.fill(&mut bytes);
            assert!(bytes.iter().any(|byte| *byte != 0));
            assert!(seen.insert(bytes[..10].to_vec()), "the same bytes twice");
        }
    }
}
