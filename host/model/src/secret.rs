//! Secrets that a merchant gives to a plugin, such as a key for its maker's server: which header of requests to which hosts
//! they go into. The plugin itself never sees them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::host::HostWish;
use crate::locale::Locale;
use crate::manifest::is_slug;

/// The most secrets of a manifest.
pub const MAX_SECRETS: usize = 16;
/// The bytes of a secret: fewer would be found in answers by chance.
pub const SECRET_BYTES: std::ops::RangeInclusive<usize> = 8..=4_096;
/// What stands for the secret in the value of a header.
const PLACE: &str = "{secret}";
/// The most bytes of such a value, and of a header's name.
const MAX_FORMAT: usize = 200;
/// Headers that are the connection's business, or the host's.
const TAKEN: [&str; 8] =
    ["connection", "content-length", "host", "idempotency-key", "te", "trailer", "transfer-encoding", "upgrade"];

/// A secret that the plugin wants the merchant to give it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretWish {
    /// The secret's name, unique in the manifest: a short name.
    pub name: String,
    /// The hosts of the manifest to which it goes, and no others.
    pub hosts: Vec<String>,
    /// The header that it goes into, in lower case.
    pub header: String,
    /// The header's value, with `{secret}` where the secret stands, such as `Bearer {secret}`; the secret alone when absent.
    #[serde(default = "alone", skip_serializing_if = "is_alone")]
    pub format: String,
    /// Whether the plugin works without it.
    #[serde(default)]
    pub optional: bool,
    /// What for, by BCP 47 tag, in words for the merchant.
    pub purpose: BTreeMap<String, String>,
}

fn alone() -> String {
    PLACE.to_owned()
}

fn is_alone(format: &str) -> bool {
    format == PLACE
}

impl SecretWish {
    /// What for, in a language, else in the platform's default language.
    pub fn purpose(&self, locale: Locale) -> &str {
        locale.of(&self.purpose)
    }

    /// The header's value with this secret.
    pub fn value(&self, secret: &str) -> String {
        self.format.replacen(PLACE, secret, 1)
    }
}

/// Checks the secrets of a manifest that names these hosts; the path of the field and the rule that it breaks.
pub(crate) fn secret_check(secrets: &[SecretWish], hosts: &[HostWish]) -> Result<(), (String, String)> {
    if secrets.len() > MAX_SECRETS {
        return Err(("secrets".to_owned(), format!("at most {MAX_SECRETS} secrets")));
    }
    for (index, wish) in secrets.iter().enumerate() {
        let wrong = |name: &str, problem: &str| Err((format!("secrets.{index}.{name}"), problem.to_owned()));
        if !is_slug(&wish.name) || secrets[..index].iter().any(|other| other.name == wish.name) {
            return wrong("name", "a short name that no other secret has");
        }
        let is_known = |name: &String| hosts.iter().any(|host| host.name == *name);
        if wish.hosts.is_empty() || !wish.hosts.iter().all(is_known) {
            return wrong("hosts", "one or more of the manifest's `[[hosts]]`");
        }
        if !is_header(&wish.header) || TAKEN.contains(&wish.header.as_str()) {
            return wrong("header", "the name of a header in lower case that plugins may set, such as authorization");
        }
        let is_visible = wish.format.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        if wish.format.matches(PLACE).count() != 1 || wish.format.len() > MAX_FORMAT || !is_visible {
            return wrong("format", "the value of a header, with `{secret}` in it once, such as `Bearer {secret}`");
        }
        if Locale::untold(&wish.purpose).is_some() {
            return wrong("purpose", "1 to 500 bytes in each language");
        }
    }
    Ok(())
}

fn is_header(text: &str) -> bool {
    (1..=MAX_FORMAT).contains(&text.len())
        && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'))
}

/// Whether the text can be a secret: 8 to 4,096 visible characters of ASCII, as a header can hold them.
pub fn is_secret(text: &str) -> bool {
    SECRET_BYTES.contains(&text.len()) && text.bytes().all(|byte| (b'!'..=b'~').contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_goes_into_a_header_for_hosts_of_the_manifest() {
        let purpose = BTreeMap::from(["zh-CN", "en"].map(|tag| (tag.to_owned(), "x".to_owned())));
        let host = HostWish {
            name: "a.example".to_owned(),
            optional: false,
            purpose: purpose.clone(),
            data: Vec::new(),
            keeps_days: None,
        };
        let wish = SecretWish {
            name: "key".to_owned(),
            hosts: vec!["a.example".to_owned()],
            header: "authorization".to_owned(),
            format: "Bearer {secret}".to_owned(),
            optional: false,
            purpose,
        };
        assert_eq!(wish.value("abc"), "Bearer abc");
        let check = |wish: SecretWish| secret_check(&[wish], std::slice::from_ref(&host)).map_err(|(path, _)| path);
        assert_eq!(check(wish.clone()), Ok(()));
        for (changed, path) in [
            (SecretWish { name: "K".to_owned(), ..wish.clone() }, "name"),
            (SecretWish { hosts: vec!["b.example".to_owned()], ..wish.clone() }, "hosts"),
            (SecretWish { hosts: Vec::new(), ..wish.clone() }, "hosts"),
            (SecretWish { header: "Authorization".to_owned(), ..wish.clone() }, "header"),
            (SecretWish { header: "host".to_owned(), ..wish.clone() }, "header"),
            (SecretWish { format: "Bearer".to_owned(), ..wish.clone() }, "format"),
            (SecretWish { format: "{secret}\n".to_owned(), ..wish.clone() }, "format"),
            (SecretWish { purpose: BTreeMap::new(), ..wish.clone() }, "purpose"),
        ] {
            assert_eq!(check(changed), Err(format!("secrets.0.{path}")));
        }
        assert!(is_secret("12345678") && !is_secret("1234567") && !is_secret("1234 5678") && !is_secret("1234567\n"));
    }
}
