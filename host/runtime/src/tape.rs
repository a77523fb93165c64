//! The tape of a call: what passed the gate, in order, so that the call can be run again.
//!
//! A guest sees nothing of the world but its question, its settings, a clock that stands, seeded randomness, and the
//! answers of host functions. Those answers are on the tape; the rest is in the recording's head.

use std::ops::Range;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// One host call: the function, its arguments and its result, both in postcard's encoding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// As `package/interface#function`.
    pub function: String,
    /// The arguments.
    pub arguments: Vec<u8>,
    /// The result, an error of the contract included.
    pub result: Vec<u8>,
}

/// A guest in a replay called what the recorded one did not.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the call {0} with these arguments is not in the recording")]
pub struct NotRecorded(pub String);

/// A value cannot be put on the tape, or is not what the function gives.
#[derive(Debug, thiserror::Error)]
#[error("the tape: {0}")]
pub struct TapeError(#[from] postcard::Error);

/// What a host function finds when it begins.
pub(crate) enum Begun<T> {
    /// It is recorded: do the work, then [`Tape::end`].
    Record {
        /// Bytes of the arguments.
        bytes: usize,
    },
    /// It is replayed: this is the answer.
    Replayed {
        /// Bytes of the arguments.
        bytes: usize,
        /// The recorded answer.
        value: T,
        /// Bytes of the answer.
        result_bytes: usize,
    },
}

/// A tape in one of its modes.
pub(crate) enum Tape {
    /// Entries as ranges of one buffer: a call appends and allocates next to nothing.
    Recording { bytes: Vec<u8>, entries: Vec<(&'static str, Range<usize>, Range<usize>)>, open: usize },
    /// Nothing is kept: what passes is only counted.
    Counting { bytes: Vec<u8> },
    /// What was recorded; each entry answers once, in order where the order is the same.
    Replaying { entries: Vec<Entry>, used: Vec<bool> },
}

impl Tape {
    pub(crate) const fn recording() -> Self {
        Self::Recording { bytes: Vec::new(), entries: Vec::new(), open: 0 }
    }

    /// Counts and keeps nothing.
    pub(crate) const fn counting() -> Self {
        Self::Counting { bytes: Vec::new() }
    }

    pub(crate) fn replaying(entries: Vec<Entry>) -> Self {
        let used = vec![false; entries.len()];
        Self::Replaying { entries, used }
    }

    /// Puts the arguments on the tape, or looks up the answer that was recorded for them.
    pub(crate) fn begin<T: DeserializeOwned>(
        &mut self,
        function: &'static str,
        arguments: &impl Serialize,
    ) -> wasmtime::Result<Begun<T>> {
        match self {
            Self::Recording { bytes, entries, open } => {
                if entries.capacity() == 0 {
                    // Enough for most calls, at once.
                    bytes.reserve(1_024);
                    entries.reserve(8);
                }
                *open = bytes.len();
                append(bytes, arguments)?;
                Ok(Begun::Record { bytes: bytes.len() - *open })
            }
            Self::Counting { bytes } => {
                bytes.clear();
                append(bytes, arguments)?;
                Ok(Begun::Record { bytes: bytes.len() })
            }
            Self::Replaying { entries, used } => {
                let arguments = postcard::to_stdvec(arguments).map_err(TapeError)?;
                let fits = |entry: &Entry| entry.function == function && entry.arguments == arguments;
                let next = (0..entries.len()).find(|at| !used[*at] && fits(&entries[*at]));
                // A changed plugin may ask the same thing more often; what it read once stands still.
                let found = next.or_else(|| (0..entries.len()).find(|at| fits(&entries[*at])));
                let at = found.ok_or_else(|| NotRecorded(function.to_owned()))?;
                used[at] = true;
                let result = &entries[at].result;
                let value = postcard::from_bytes(result).map_err(TapeError)?;
                Ok(Begun::Replayed { bytes: arguments.len(), value, result_bytes: result.len() })
            }
        }
    }

    /// Puts the result behind the arguments; gives its bytes.
    pub(crate) fn end(&mut self, function: &'static str, result: &impl Serialize) -> wasmtime::Result<usize> {
        match self {
            Self::Recording { bytes, entries, open } => {
                let middle = bytes.len();
                append(bytes, result)?;
                entries.push((function, *open..middle, middle..bytes.len()));
                Ok(bytes.len() - middle)
            }
            Self::Counting { bytes } => {
                bytes.clear();
                append(bytes, result)?;
                Ok(bytes.len())
            }
            Self::Replaying { .. } => Ok(0),
        }
    }

    /// What was recorded.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        match self {
            Self::Recording { bytes, entries, .. } => {
                let entry = |(function, arguments, result): &(&'static str, Range<usize>, Range<usize>)| Entry {
                    function: (*function).to_owned(),
                    arguments: bytes[arguments.clone()].to_vec(),
                    result: bytes[result.clone()].to_vec(),
                };
                entries.iter().map(entry).collect()
            }
            Self::Counting { .. } => Vec::new(),
            Self::Replaying { entries, .. } => entries.clone(),
        }
    }

    /// How many bytes it holds.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Recording { bytes, .. } | Self::Counting { bytes } => bytes.len(),
            Self::Replaying { entries, .. } => {
                entries.iter().map(|entry| entry.arguments.len() + entry.result.len()).sum()
            }
        }
    }

    /// How many recorded calls the guest did not make.
    pub(crate) fn unused(&self) -> usize {
        match self {
            Self::Recording { .. } | Self::Counting { .. } => 0,
            Self::Replaying { used, .. } => used.iter().filter(|used| !**used).count(),
        }
    }
}

fn append(bytes: &mut Vec<u8>, value: &impl Serialize) -> Result<(), TapeError> {
    *bytes = postcard::to_extend(value, std::mem::take(bytes))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begun<T: DeserializeOwned>(tape: &mut Tape, function: &'static str, argument: &str) -> Option<T> {
        match tape.begin(function, &argument) {
            Ok(Begun::Replayed { value, .. }) => Some(value),
            _ => None,
        }
    }

    #[test]
    fn what_was_recorded_is_answered_in_order_and_nothing_else_is() {
        let mut tape = Tape::recording();
        for (argument, result) in [("a", 1_u32), ("b", 2), ("a", 3)] {
            assert_eq!(begun::<u32>(&mut tape, "f", argument), None);
            assert_eq!(tape.end("f", &result).unwrap(), 1);
        }
        let mut replay = Tape::replaying(tape.entries());
        assert_eq!(begun(&mut replay, "f", "a"), Some(1_u32));
        assert_eq!(begun(&mut replay, "f", "a"), Some(3_u32));
        assert_eq!(begun(&mut replay, "f", "a"), Some(1_u32), "once more than recorded");
        assert_eq!(begun::<u32>(&mut replay, "f", "c"), None);
        assert_eq!(begun::<u32>(&mut replay, "g", "a"), None);
        assert_eq!(replay.unused(), 1);
    }
}
