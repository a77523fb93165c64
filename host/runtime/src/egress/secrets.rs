//! Secrets on their way: put into a request for a host that they are bound to, and taken out of what comes back.

use std::sync::Arc;

use heptad_model::SecretWish;
use heptad_platform::install::OpenSecret;
use http::header::{ACCEPT_ENCODING, CONTENT_LENGTH, HeaderName, HeaderValue};
use http::{HeaderMap, Response};
use hyper::body::Bytes;

/// What stands where a secret was.
const MASK: &[u8] = b"********";

/// The secrets that go to one host.
#[derive(Clone, Default)]
pub(super) struct Secrets(Arc<[Vec<u8>]>);

impl Secrets {
    /// Puts the secrets into the headers of a request to the host; the manifest says which and how. A header of the guest's
    /// own by that name gives way.
    pub(super) fn put(wishes: &[SecretWish], given: &[OpenSecret], host: &str, headers: &mut HeaderMap) -> Self {
        let mut put = Vec::new();
        for wish in wishes.iter().filter(|wish| wish.hosts.iter().any(|bound| bound == host)) {
            let Ok(name) = HeaderName::try_from(&wish.header) else { continue };
            headers.remove(&name);
            let Some(secret) = given.iter().find(|secret| secret.name == wish.name) else { continue };
            let Ok(mut value) = HeaderValue::try_from(wish.value(secret.reveal())) else { continue };
            value.set_sensitive(true);
            headers.insert(name, value);
            put.push(secret.reveal().as_bytes().to_vec());
        }
        if !put.is_empty() {
            // In a packed answer they could not be found.
            headers.remove(ACCEPT_ENCODING);
        }
        // The longest first, so that of two of which one is within the other nothing stays.
        put.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Self(put.into())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes the secrets out of the headers of an answer. Its body may have another length then.
    pub(super) fn mask_head<B>(&self, answer: &mut Response<B>) {
        if !self.is_empty() {
            answer.headers_mut().remove(CONTENT_LENGTH);
        }
        for value in answer.headers_mut().values_mut() {
            if self.0.iter().any(|secret| find(value.as_bytes(), secret).is_some()) {
                let masked = self.masked(value.as_bytes());
                *value = HeaderValue::from_bytes(&masked).unwrap_or(HeaderValue::from_static("********"));
            }
        }
    }

    fn masked(&self, text: &[u8]) -> Vec<u8> {
        let mut mask = Mask::new(self.clone());
        let mut masked = mask.pass(text).to_vec();
        masked.extend_from_slice(&mask.rest());
        masked
    }
}

/// Takes secrets out of a stream, also where they are cut in pieces.
pub(super) struct Mask {
    secrets: Secrets,
    /// The end of what came: a secret may begin in it.
    held: Vec<u8>,
}

impl Mask {
    pub(super) const fn new(secrets: Secrets) -> Self {
        Self { secrets, held: Vec::new() }
    }

    /// What of it may go on; the end is held back as long as a secret may begin in it.
    pub(super) fn pass(&mut self, bytes: &[u8]) -> Bytes {
        self.held.extend_from_slice(bytes);
        self.replace();
        let keep = self.secrets.0.iter().map(|secret| begun(&self.held, secret)).max().unwrap_or_default();
        let rest = self.held.split_off(self.held.len() - keep);
        std::mem::replace(&mut self.held, rest).into()
    }

    /// What is left at the end.
    pub(super) fn rest(&mut self) -> Bytes {
        std::mem::take(&mut self.held).into()
    }

    fn replace(&mut self) {
        for secret in self.secrets.0.iter() {
            let mut from = 0;
            while let Some(at) = find(&self.held[from..], secret) {
                self.held.splice(from + at..from + at + secret.len(), MASK.iter().copied());
                from += at + MASK.len();
            }
        }
    }
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

/// How many bytes at the end of the text are the beginning of a secret.
fn begun(text: &[u8], secret: &[u8]) -> usize {
    (1..secret.len()).rev().find(|length| text.ends_with(&secret[..*length])).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(all: &[&str]) -> Secrets {
        Secrets(all.iter().map(|secret| secret.as_bytes().to_vec()).collect())
    }

    #[test]
    fn a_secret_is_found_in_a_stream_wherever_it_is_cut() {
        let text = b"key=sesame-1, again sesame-1sesame-1 and sesame";
        for size in 1..=text.len() {
            let mut mask = Mask::new(secrets(&["sesame-1"]));
            let mut passed = Vec::new();
            for piece in text.chunks(size) {
                passed.extend_from_slice(&mask.pass(piece));
            }
            passed.extend_from_slice(&mask.rest());
            let passed = String::from_utf8(passed).unwrap();
            assert_eq!(passed, "key=********, again **************** and sesame", "pieces of {size}");
        }
    }

    #[test]
    fn of_two_secrets_one_within_the_other_nothing_stays() {
        let mut answer = Response::builder().header("x-echo", "Bearer open-sesame-1").body(()).unwrap();
        secrets(&["open-sesame-1", "sesame-1"]).mask_head(&mut answer);
        assert_eq!(answer.headers()["x-echo"], "Bearer ********");
    }
}
