//! W3C trace context: the header `traceparent`, by which spans of several programs belong to one trace. It goes with a
//! request into the events that it tells of, and with them to those who are told.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// A `traceparent` of version 00. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceParent(Arc<str>);

impl TraceParent {
    /// The header's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for TraceParent {
    type Err = ();

    /// `00-<trace: 32 digits>-<span: 16 digits>-<flags: 2 digits>`, hexadecimal in lower case; neither id is zero.
    fn from_str(text: &str) -> Result<Self, ()> {
        let is_hex = |part: &str| part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let is_id = |part: &str, digits| part.len() == digits && is_hex(part) && part.bytes().any(|byte| byte != b'0');
        let parts: Vec<&str> = text.split('-').take(5).collect();
        match parts[..] {
            ["00", trace, span, flags] if is_id(trace, 32) && is_id(span, 16) && flags.len() == 2 && is_hex(flags) => {
                Ok(Self(text.into()))
            }
            _ => Err(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_trace_context_is_refused() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(good.parse::<TraceParent>().unwrap().to_string(), good);
        for bad in [
            "",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-é",
        ] {
            assert_eq!(bad.parse::<TraceParent>(), Err(()), "{bad}");
        }
    }
}
