//! Looks for phone numbers in what leaves the platform. A seatbelt, and no more: whoever wants to carry numbers out can
//! write them in other ways. What keeps personal data in is that a plugin sees none without a grant.
//!
//! Mobile numbers of mainland China (eleven digits from 13 to 19) and numbers in the international form of E.164 are found
//! where neither a letter nor a digit touches them, so that they are not seen in identifiers, amounts and digests. Numbers
//! may be in groups (`138-0013-8000`), percent-encoded, or escaped as JSON has it.

use std::borrow::Cow;
use std::io::Read as _;

use flate2::read::MultiGzDecoder;

/// The most bytes of a body that is looked through, unpacked.
pub(super) const MOST: usize = 1 << 20;
/// The digits of a number of E.164, without the plus.
const INTERNATIONAL: std::ops::RangeInclusive<usize> = 8..=15;
/// The digits of a mobile number of mainland China, in the groups in which they are written.
const GROUPS: [usize; 3] = [3, 4, 4];

/// Why something does not leave without the grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finding {
    /// A phone number is in it.
    Phone,
    /// It cannot be looked through: of another encoding, or too large.
    Unreadable,
}

/// Looks through a body with this content coding.
pub(super) fn look(body: &[u8], coding: &str) -> Option<Finding> {
    let unpacked;
    let bytes = match coding {
        "" | "identity" => body,
        "gzip" | "x-gzip" => match unzip(body) {
            Some(bytes) => {
                unpacked = bytes;
                &unpacked
            }
            None => return Some(Finding::Unreadable),
        },
        _ => return Some(Finding::Unreadable),
    };
    match std::str::from_utf8(bytes) {
        Ok(text) if text.len() <= MOST && !text.contains('\0') => has_phone(text).then_some(Finding::Phone),
        _ => Some(Finding::Unreadable),
    }
}

fn unzip(body: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    MultiGzDecoder::new(body).take(MOST as u64 + 1).read_to_end(&mut bytes).ok()?;
    (bytes.len() <= MOST).then_some(bytes)
}

/// Whether a phone number is in the text.
pub(crate) fn has_phone(text: &str) -> bool {
    let plain = plain(text);
    has_number(text) || matches!(plain, Cow::Owned(plain) if has_number(&plain))
}

/// The text without percent-encoding and without JSON's escapes of single characters.
fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', '\\']) {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let (value, length) = match byte {
            b'%' => (hex(bytes, at + 1, 2), 3),
            b'\\' if bytes.get(at + 1) == Some(&b'u') => (hex(bytes, at + 2, 4), 6),
            _ => (None, 1),
        };
        // Phone numbers are ASCII; what is not is left as it stands.
        match value.and_then(|value| u8::try_from(value).ok()) {
            Some(value) => {
                plain.push(value);
                at += length;
            }
            None => {
                plain.push(byte);
                at += 1;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&plain).into_owned())
}

fn hex(bytes: &[u8], at: usize, digits: usize) -> Option<u32> {
    let text = std::str::from_utf8(bytes.get(at..at + digits)?).ok()?;
    u32::from_str_radix(text, 16).ok()
}

fn has_number(text: &str) -> bool {
    let bytes = text.as_bytes();
    // A number begins where no letter or digit stands before it.
    let begins = |at: &usize| *at == 0 || !bytes[at - 1].is_ascii_alphanumeric();
    (0..bytes.len()).filter(begins).map(|at| &bytes[at..]).any(|rest| is_international(rest) || is_mobile(rest))
}

/// `+` and 8 to 15 digits, the first of them not zero, in groups or not.
fn is_international(bytes: &[u8]) -> bool {
    let Some(rest) = bytes.strip_prefix(b"+") else { return false };
    let mut digits = 0;
    let mut at = 0;
    while let Some(&byte) = rest.get(at) {
        let is_digit = byte.is_ascii_digit();
        let is_between = matches!(byte, b' ' | b'-') && rest.get(at + 1).is_some_and(u8::is_ascii_digit) && digits > 0;
        if !is_digit && !is_between {
            break;
        }
        if is_digit && INTERNATIONAL.contains(&(digits + 1)) && ends(&rest[at + 1..]) {
            return rest[0] != b'0';
        }
        digits += usize::from(is_digit);
        at += 1;
    }
    false
}

/// A mobile number of mainland China, with its groups apart or not, with the country before it or not.
fn is_mobile(bytes: &[u8]) -> bool {
    let country = [&b"0086"[..], b"86"].iter().find_map(|country| bytes.strip_prefix(*country));
    let bytes = country.map_or(bytes, |rest| rest.strip_prefix(b" ").or(rest.strip_prefix(b"-")).unwrap_or(rest));
    if bytes.first() != Some(&b'1') || !bytes.get(1).is_some_and(|second| (b'3'..=b'9').contains(second)) {
        return false;
    }
    let mut at = 0;
    for (place, group) in GROUPS.into_iter().enumerate() {
        if place > 0 && matches!(bytes.get(at), Some(b' ' | b'-')) {
            at += 1;
        }
        match bytes.get(at..at + group) {
            Some(digits) if digits.iter().all(u8::is_ascii_digit) => at += group,
            _ => return false,
        }
    }
    ends(&bytes[at..])
}

/// Whether a number ends here.
fn ends(rest: &[u8]) -> bool {
    !rest.first().is_some_and(u8::is_ascii_alphanumeric)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    #[test]
    fn i12_phone_numbers_are_found_in_the_ways_in_which_they_are_written() {
        for text in [
            "13800138000",
            r#"{"phone":"13800138000"}"#,
            "phone=19912345678&x=1",
            "138-0013-8000",
            "138 0013 8000",
            "+8613800138000",
            "+86 138 0013 8000",
            "8613800138000",
            "86-13800138000",
            "008613800138000",
            "tel:+4930123456",
            "+14155550123,",
            "%2B8613800138000",
            "to=%31%33800138000",
            r"\u00313800138000",
            "手机号13800138000。",
            "第一行\n13800138000\n",
        ] {
            assert!(has_phone(text), "{text}");
        }
    }

    #[test]
    fn i12_identifiers_amounts_and_digests_are_no_phone_numbers() {
        for text in [
            "",
            "138001380000",
            "1380013800",
            "12800138000",
            "ORD13800138000",
            "8513800138000",
            "86138001380000",
            "13800138000x",
            "a13912345678b",
            "1767323045678",
            "2026-01-02T03:04:05+08:00",
            "+1234567",
            "+01234567890",
            "1+13912345678901234567",
            "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8",
            "cus_019380c2f2b07d1c8a4b9e5f60718293",
        ] {
            assert!(!has_phone(text), "{text}");
        }
    }

    #[test]
    fn i12_a_body_is_looked_through_in_plain_and_gzip_and_no_other_coding() {
        let zipped = |text: &[u8]| {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(text).unwrap();
            encoder.finish().unwrap()
        };
        assert_eq!(look(b"nothing", ""), None);
        assert_eq!(look(b"13800138000", "identity"), Some(Finding::Phone));
        assert_eq!(look(&zipped(b"13800138000"), "gzip"), Some(Finding::Phone));
        assert_eq!(look(&zipped(b"nothing"), "gzip"), None);
        assert_eq!(look(b"nothing", "gzip"), Some(Finding::Unreadable));
        assert_eq!(look(b"nothing", "br"), Some(Finding::Unreadable));
        assert_eq!(look(&[0xff, 0xfe, 0x31, 0x00], ""), Some(Finding::Unreadable), "UTF-16");
        assert_eq!(look(b"1\x003\x008\x00", ""), Some(Finding::Unreadable), "UTF-16 without a mark");
        assert_eq!(look(&zipped(&vec![b'x'; MOST + 1]), "gzip"), Some(Finding::Unreadable), "a bomb");
    }
}
