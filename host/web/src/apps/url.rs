//! Where plugins' routes are reached: each install has a host of its own, or all share one and have a path each.

use std::str::FromStr;

use heptad_model::id::InstallId;

/// The place of the install in an address.
const INSTALL: &str = "{install}";

/// The addresses of plugins' routes, such as `https://{install}.apps.shop.example`; without `{install}` all installs share
/// the origin, each below a path of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppsUrl {
    is_secure: bool,
    /// What stands before the authority's own part: `https://`.
    scheme: &'static str,
    /// Host and port; behind the install and a point where hosts are apart.
    authority: String,
    is_shared: bool,
}

/// The text is no address of plugins' routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "https:// and a host that begins with `{{install}}.`, or a host that all plugins share; perhaps a port, no path"
)]
pub struct AppsUrlError;

impl FromStr for AppsUrl {
    type Err = AppsUrlError;

    fn from_str(text: &str) -> Result<Self, AppsUrlError> {
        let (scheme, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => ("https://", rest),
            (_, Some(rest)) => ("http://", rest),
            _ => return Err(AppsUrlError),
        };
        let (authority, is_shared) = match rest.strip_prefix(INSTALL) {
            Some(behind) => (behind.strip_prefix('.').ok_or(AppsUrlError)?, false),
            None => (rest, true),
        };
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
        if authority.is_empty() || !authority.bytes().all(fits) || host_of(authority).is_empty() {
            return Err(AppsUrlError);
        }
        Ok(Self { is_secure: scheme == "https://", scheme, authority: authority.to_ascii_lowercase(), is_shared })
    }
}

impl std::fmt::Display for AppsUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let install = if self.is_shared { "" } else { "{install}." };
        write!(f, "{}{install}{}", self.scheme, self.authority)
    }
}

impl AppsUrl {
    /// Whether all installs share an origin. Then browsers keep their pages apart only by what the pages are denied.
    pub const fn is_shared(&self) -> bool {
        self.is_shared
    }

    /// Whether it is HTTPS.
    pub const fn is_secure(&self) -> bool {
        self.is_secure
    }

    /// The host that all installs share, or below which each has its own; without a port.
    pub fn host(&self) -> &str {
        host_of(&self.authority)
    }

    /// The origin of an install.
    pub fn origin_of(&self, install: InstallId) -> String {
        let Self { scheme, authority, .. } = self;
        if self.is_shared { format!("{scheme}{authority}") } else { format!("{scheme}{}.{authority}", label(install)) }
    }

    /// The path below which an install's routes lie, without a slash at the end: empty where it has a host of its own.
    pub fn base_of(&self, install: InstallId) -> String {
        if self.is_shared { format!("/{}", label(install)) } else { String::new() }
    }

    /// The address of an install's path.
    pub fn address(&self, install: InstallId, path: &str) -> String {
        format!("{}{}{path}", self.origin_of(install), self.base_of(install))
    }

    /// The install that a request to this host and path is for, and the path as the plugin sees it.
    pub fn find<'a>(&self, authority: &str, path: &'a str) -> Option<(InstallId, &'a str)> {
        if self.is_shared {
            let rest = path.strip_prefix('/')?;
            let (label, _) = rest.split_once('/').unwrap_or((rest, ""));
            let own = &rest[label.len()..];
            return Some((install(label)?, if own.is_empty() { "/" } else { own }));
        }
        let authority = authority.to_ascii_lowercase();
        let (label, behind) = host_of(&authority).split_once('.')?;
        (behind == self.host()).then(|| install(label)).flatten().map(|install| (install, path))
    }
}

/// The host of an authority.
pub fn host_of(authority: &str) -> &str {
    match authority.strip_prefix('[') {
        Some(address) => address.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    }
}

/// An install in a host's name, where no underscore may stand.
fn label(install: InstallId) -> String {
    install.to_string().replace('_', "-")
}

fn install(label: &str) -> Option<InstallId> {
    label.strip_prefix("ins-").and_then(|digits| InstallId::parse(&format!("ins_{digits}")).ok())
}

#[cfg(test)]
mod tests {
    use heptad_model::Env;

    use super::*;

    #[test]
    fn an_address_leads_to_its_install() {
        let env = Env::fixed(0);
        let (one, other) = (InstallId::generate(&env), InstallId::generate(&env));
        let hosts: AppsUrl = "https://{install}.Apps.example:8443".parse().unwrap();
        assert_eq!(hosts.address(one, "/a?b"), format!("https://{}.apps.example:8443/a?b", label(one)));
        let host = format!("{}.APPS.example", label(one));
        assert_eq!(hosts.find(&host, "/a/b"), Some((one, "/a/b")));
        for wrong in [&format!("{}.example", label(one)), "apps.example", "x.apps.example", ""] {
            assert_eq!(hosts.find(wrong, "/"), None, "{wrong}");
        }
        let shared: AppsUrl = "http://localhost:8081".parse().unwrap();
        assert_eq!(shared.address(other, "/a"), format!("http://localhost:8081/{}/a", label(other)));
        assert_eq!(shared.find("anything", &format!("/{}", label(other))), Some((other, "/")));
        assert_eq!(shared.find("anything", &format!("/{}/a/b", label(other))), Some((other, "/a/b")));
        assert_eq!(shared.find("anything", "/a"), None);
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in
            ["", "apps.example", "ftp://a", "https://", "https://{install}", "https://{install}.", "https://a/b"]
        {
            assert_eq!(text.parse::<AppsUrl>(), Err(AppsUrlError), "{text}");
        }
        assert_eq!("http://[::1]:80".parse::<AppsUrl>().unwrap().host(), "::1");
    }
}
