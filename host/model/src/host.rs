//! Hosts that a plugin calls: what for, which data goes there, and how long it is kept there. The merchant grants each.

use std::collections::BTreeMap;
use std::net::Ipv6Addr;

use serde::{Deserialize, Serialize};

use crate::locale::Locale;
use crate::permission::{Permission, PermissionSet};

/// The most hosts of a manifest.
pub const MAX_HOSTS: usize = 16;
/// The most days for which a manifest may say that data is kept.
pub const MAX_KEEPS_DAYS: u32 = 3_650;
/// The longest name in the domain name system, and the longest part of one.
const NAME: usize = 253;
const PART: usize = 63;
/// The port of `https`, which a name leaves out.
const HTTPS: u16 = 443;

/// A host that the plugin wants to call: the contract on the data that goes there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostWish {
    /// The host, with its port where that is not the usual one: `api.partner.example`, `api.partner.example:8443`.
    pub name: String,
    /// Whether the plugin works without it.
    #[serde(default)]
    pub optional: bool,
    /// What for, by BCP 47 tag, in words for the merchant.
    pub purpose: BTreeMap<String, String>,
    /// The permissions whose data goes there; none when absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data: Vec<Permission>,
    /// For how many days it is kept there; 0 where it is not kept. Required where data goes there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keeps_days: Option<u32>,
}

impl HostWish {
    /// What for, in a language, else in the platform's default language.
    pub fn purpose(&self, locale: Locale) -> &str {
        locale.of(&self.purpose)
    }
}

/// Checks the hosts of a manifest that asks for these permissions; the path of the field and the rule that it breaks.
pub(crate) fn host_check(hosts: &[HostWish], wishes: PermissionSet) -> Result<(), (String, String)> {
    if hosts.len() > MAX_HOSTS {
        return Err(("hosts".to_owned(), format!("at most {MAX_HOSTS} hosts")));
    }
    for (index, wish) in hosts.iter().enumerate() {
        let wrong = |name: &str, problem: String| Err((format!("hosts.{index}.{name}"), problem));
        if !is_host(&wish.name) {
            return wrong("name", "a host in lower case, such as api.partner.example or [2001:db8::1]:8443".to_owned());
        }
        if hosts[..index].iter().any(|other| other.name == wish.name) {
            return wrong("name", "a host that stands there once".to_owned());
        }
        if let Some(locale) = Locale::untold(&wish.purpose) {
            return wrong(&format!("purpose.{}", locale.tag()), "1 to 500 bytes".to_owned());
        }
        if let Some(permission) = wish.data.iter().find(|permission| !wishes.contains(**permission)) {
            return wrong("data", format!("`{permission}` is not asked for by `[[permissions]]`"));
        }
        match wish.keeps_days {
            None if !wish.data.is_empty() => {
                return wrong("keeps_days", "is required where data goes there".to_owned());
            }
            Some(days) if days > MAX_KEEPS_DAYS => return wrong("keeps_days", format!("0 to {MAX_KEEPS_DAYS}")),
            _ => {}
        }
    }
    Ok(())
}

/// Whether the text is a host as a manifest names it: the one way to write it, so that two names are two hosts.
pub fn is_host(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let is_port = |port: &str| {
        port.parse::<u16>().is_ok_and(|number| number != 0 && number != HTTPS && number.to_string() == port)
    };
    let is_name = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok_and(|parsed| parsed.to_string() == address),
        None => host.len() <= NAME && host.split('.').all(is_part),
    };
    is_name && port.is_none_or(is_port)
}

fn is_part(part: &str) -> bool {
    (1..=PART).contains(&part.len())
        && !part.starts_with('-')
        && !part.ends_with('-')
        && part.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_written_in_one_way() {
        for text in ["api.partner.example", "localhost:8080", "10.1.2.3", "127.0.0.1:80", "[::1]", "[2001:db8::1]:8443"]
        {
            assert!(is_host(text), "{text}");
        }
        for text in [
            "",
            "API.example",
            "api.example.",
            "api..example",
            "-a.example",
            "api.example:443",
            "api.example:0",
            "api.example:080",
            "api.example:70000",
            "https://api.example",
            "api.example/path",
            "user@api.example",
            "*.example",
            "[::0001]",
            "::1",
            "接口.example",
        ] {
            assert!(!is_host(text), "{text}");
        }
    }

    #[test]
    fn the_contract_on_data_is_whole() {
        let purpose = BTreeMap::from(["zh-CN", "en"].map(|tag| (tag.to_owned(), "x".to_owned())));
        let wish =
            HostWish { name: "a.example".to_owned(), optional: false, purpose, data: Vec::new(), keeps_days: None };
        let wishes = PermissionSet::from_iter([Permission::MallOrdersRead]);
        let check = |wish: HostWish| host_check(&[wish], wishes).map_err(|(path, _)| path);
        assert_eq!(check(wish.clone()), Ok(()));
        let data = vec![Permission::MallOrdersRead];
        assert_eq!(check(HostWish { data: data.clone(), ..wish.clone() }), Err("hosts.0.keeps_days".to_owned()));
        assert_eq!(check(HostWish { data, keeps_days: Some(30), ..wish.clone() }), Ok(()));
        let data = vec![Permission::MembersProfileRead];
        assert_eq!(check(HostWish { data, keeps_days: Some(0), ..wish.clone() }), Err("hosts.0.data".to_owned()));
        assert_eq!(
            check(HostWish { purpose: BTreeMap::new(), ..wish.clone() }),
            Err("hosts.0.purpose.zh-CN".to_owned())
        );
        assert_eq!(host_check(&[wish.clone(), wish], wishes).unwrap_err().0, "hosts.1.name");
    }
}
