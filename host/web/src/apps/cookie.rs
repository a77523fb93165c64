//! Cookies of plugins: confined to the plugin's own host or path, and never under a name of the platform's.

use super::Place;

/// The most bytes of a `Set-Cookie`; browsers keep no more.
const MOST_BYTES: usize = 4_096;
/// The prefixes by which browsers bind a cookie more tightly (RFC 6265bis).
const PREFIXES: [&str; 4] = ["__host-http-", "__http-", "__host-", "__secure-"];
/// How the names of the platform's own cookies begin, behind a prefix.
const PLATFORM: &str = "heptad";

/// Whether the name is the platform's.
fn is_platforms(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let bare = PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(&name);
    bare.starts_with(PLATFORM)
}

/// What a plugin sees of a `Cookie`: all but the platform's own; `None` when nothing is left.
pub(super) fn seen(header: &str) -> Option<String> {
    let own = |pair: &&str| !is_platforms(pair.split('=').next().unwrap_or_default().trim());
    let kept: Vec<&str> = header.split(';').map(str::trim).filter(|pair| !pair.is_empty()).filter(own).collect();
    (!kept.is_empty()).then(|| kept.join("; "))
}

/// The value of a cookie of this name; the first, which is the one with the longest path.
pub(super) fn find<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    header
        .split(';')
        .find_map(|pair| pair.trim().split_once('=').filter(|(known, _)| *known == name).map(|(_, value)| value))
}

/// A plugin's `Set-Cookie` as browsers get it; `None` where it cannot be confined.
///
/// Without `Domain`, so that the host alone gets it; below the plugin's path where hosts are shared; `Secure` with HTTPS;
/// for this site alone; and only with attributes that are known.
pub(super) fn confined(header: &str, place: &Place) -> Option<String> {
    let mut parts = header.split(';');
    let (name, value) = parts.next()?.split_once('=')?;
    let (name, value) = (name.trim(), value.trim());
    let is_token = |byte: u8| byte.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?={}".contains(&byte);
    if header.len() > MOST_BYTES || name.is_empty() || !name.bytes().all(is_token) || is_platforms(name) {
        return None;
    }
    let prefix = PREFIXES.iter().find(|prefix| name.to_ascii_lowercase().starts_with(**prefix));
    let is_bound_to_host = prefix.is_some_and(|prefix| prefix.contains("host"));
    // Browsers would refuse it, or another plugin's pages would get it.
    if prefix.is_some() && !place.is_secure || is_bound_to_host && !place.base.is_empty() {
        return None;
    }
    let mut path = "/".to_owned();
    let (mut same_site, mut http_only, mut kept) =
        ("Lax", prefix.is_some_and(|prefix| prefix.contains("http-")), String::new());
    for part in parts {
        let (attribute, argument) = part.split_once('=').unwrap_or((part, ""));
        let (attribute, argument) = (attribute.trim().to_ascii_lowercase(), argument.trim());
        match attribute.as_str() {
            "path" if argument.starts_with('/') && !is_bound_to_host => path = argument.to_owned(),
            "samesite" if argument.eq_ignore_ascii_case("strict") => same_site = "Strict",
            "httponly" => http_only = true,
            "max-age" if argument.parse::<i64>().is_ok() => kept.push_str(&format!("; Max-Age={argument}")),
            "expires" => kept.push_str(&format!("; Expires={argument}")),
            _ => {}
        }
    }
    let secure = if place.is_secure { "; Secure" } else { "" };
    let http_only = if http_only { "; HttpOnly" } else { "" };
    Some(format!("{name}={value}; Path={}{path}{kept}; SameSite={same_site}{secure}{http_only}", place.base))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(base: &str, is_secure: bool) -> Place {
        Place { base: base.to_owned(), is_secure, is_shared: !base.is_empty() }
    }

    #[test]
    fn a_cookie_stays_with_its_plugin() {
        let (host, plain, shared) = (place("", true), place("", false), place("/ins-1", true));
        for (header, place, expected) in [
            ("a=1", &host, Some("a=1; Path=/; SameSite=Lax; Secure")),
            ("a=1", &plain, Some("a=1; Path=/; SameSite=Lax")),
            (
                "a=1; Domain=shop.example; Path=/x; HttpOnly",
                &host,
                Some("a=1; Path=/x; SameSite=Lax; Secure; HttpOnly"),
            ),
            ("a=1; SameSite=None; Partitioned; Priority=High", &host, Some("a=1; Path=/; SameSite=Lax; Secure")),
            ("a=1; samesite=STRICT; max-age=5", &host, Some("a=1; Path=/; Max-Age=5; SameSite=Strict; Secure")),
            ("a=1; Path=/x", &shared, Some("a=1; Path=/ins-1/x; SameSite=Lax; Secure")),
            ("a=1; Path=x", &shared, Some("a=1; Path=/ins-1/; SameSite=Lax; Secure")),
            ("__Host-a=1; Path=/x", &host, Some("__Host-a=1; Path=/; SameSite=Lax; Secure")),
            ("__Host-a=1", &shared, None),
            ("__Secure-a=1", &plain, None),
            ("__Secure-a=1; Path=/x", &shared, Some("__Secure-a=1; Path=/ins-1/x; SameSite=Lax; Secure")),
            ("heptad-session=1", &plain, None),
            ("__Host-heptad-session=1", &host, None),
            ("HEPTAD-visit=1", &host, None),
            ("a", &host, None),
            ("=1", &host, None),
            ("a b=1", &host, None),
            ("a=1; Max-Age=soon", &host, Some("a=1; Path=/; SameSite=Lax; Secure")),
        ] {
            assert_eq!(confined(header, place).as_deref(), expected, "{header} {place:?}");
        }
        assert_eq!(confined(&format!("a={}", "x".repeat(MOST_BYTES)), &host), None);
    }

    #[test]
    fn a_plugin_sees_no_cookie_of_the_platform() {
        for (header, expected) in [
            ("a=1; heptad-session=s; b=2", Some("a=1; b=2")),
            ("__Host-heptad-visit=v", None),
            ("__Secure-Heptad-x=v;c=3", Some("c=3")),
            ("", None),
        ] {
            assert_eq!(seen(header).as_deref(), expected, "{header}");
        }
        assert_eq!(find("a=1; heptad-visit=x=y", "heptad-visit"), Some("x=y"));
        assert_eq!(find("a=1", "b"), None);
    }
}
