//! Header rules between the world and plugins, both ways.
//!
//! A request loses what carries the platform's credentials and what is about the connection. A response loses what would
//! reach beyond the plugin's own pages, and gets what keeps browsers from mixing origins.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use heptad_model::Audience;

use super::{Place, cookie};
use crate::auth::{CSRF_HEADER, SCOPE_HEADER};

/// How the platform's tokens begin.
const TOKEN: &str = "hpt_";
/// The most cookies that one response sets.
const MOST_COOKIES: usize = 20;

/// About the connection (RFC 9110, 7.6.1), besides those that `Connection` names.
const HOP_BY_HOP: [&str; 10] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
];

/// What a plugin does not learn of a request: who stands between, and what only the platform reads.
const NOT_ASKED: [&str; 7] = [CSRF_HEADER, SCOPE_HEADER, "expect", "forwarded", "host", "via", "x-real-ip"];

/// What a plugin may not say in its own name: these speak for the whole origin, for others, or for the server.
const NOT_ANSWERED: [&str; 23] = [
    "alt-svc",
    "clear-site-data",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
    "date",
    "expect-ct",
    "nel",
    "observe-browsing-topics",
    "origin-agent-cluster",
    "public-key-pins",
    "public-key-pins-report-only",
    "referrer-policy",
    "report-to",
    "reporting-endpoints",
    "server",
    "service-worker-allowed",
    "set-login",
    "speculation-rules",
    "strict-transport-security",
    "timing-allow-origin",
    "x-content-type-options",
    "x-frame-options",
    "x-permitted-cross-domain-policies",
];

/// And these families.
const NOT_ANSWERED_FAMILIES: [&str; 3] = ["access-control-", "attribution-reporting-", "heptad-"];

/// Takes out of a request what is not the plugin's business.
pub(super) fn asked(headers: &mut HeaderMap) {
    without_connection(headers);
    retain(headers, |name| !NOT_ASKED.contains(&name) && !name.starts_with("x-forwarded-"));
    if headers.get(header::AUTHORIZATION).is_some_and(|value| platform_token(value).is_some()) {
        headers.remove(header::AUTHORIZATION);
    }
    let cookies: Vec<HeaderValue> = headers.get_all(header::COOKIE).iter().cloned().collect();
    headers.remove(header::COOKIE);
    for value in cookies {
        let seen = value.to_str().ok().and_then(cookie::seen);
        if let Some(value) = seen.and_then(|seen| HeaderValue::from_str(&seen).ok()) {
            headers.append(header::COOKIE, value);
        }
    }
}

/// The platform's token in an `Authorization`.
pub(super) fn platform_token(value: &HeaderValue) -> Option<&str> {
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && token.starts_with(TOKEN)).then_some(token)
}

/// Makes of a plugin's headers what browsers get.
pub(super) fn answered(headers: &mut HeaderMap, place: &Place, audience: Audience) {
    without_connection(headers);
    retain(headers, |name| {
        !NOT_ANSWERED.contains(&name) && !NOT_ANSWERED_FAMILIES.iter().any(|family| name.starts_with(family))
    });
    let cookies: Vec<HeaderValue> = headers.get_all(header::SET_COOKIE).iter().take(MOST_COOKIES).cloned().collect();
    headers.remove(header::SET_COOKIE);
    for value in cookies {
        let confined = value.to_str().ok().and_then(|value| cookie::confined(value, place));
        if let Some(value) = confined.and_then(|value| HeaderValue::from_str(&value).ok()) {
            headers.append(header::SET_COOKIE, value);
        }
    }
    if place.is_shared {
        // A browser would send what it is told here to the other plugins of the origin.
        headers.remove(header::WWW_AUTHENTICATE);
    }
    let is_private = matches!(audience, Audience::Customer | Audience::Staff);
    let mut is_kept_apart = headers.get_all(header::CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    if is_private && !is_kept_apart.any(|value| value.contains("private") || value.contains("no-store")) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    secured(headers, place, is_private);
}

/// What the host adds to all that comes from a plugin's origin. A plugin's own policy holds besides: browsers keep both.
pub(super) fn secured(headers: &mut HeaderMap, place: &Place, is_private: bool) {
    // Where hosts are shared each page is an origin of its own, which may not read even the next page of its plugin.
    let (policy, frame, resource) = match (place.is_shared, is_private) {
        (true, _) => (
            "sandbox allow-forms allow-scripts allow-popups allow-modals allow-downloads; frame-ancestors 'none'",
            "DENY",
            "cross-origin",
        ),
        (false, true) => ("frame-ancestors 'self'", "SAMEORIGIN", "same-origin"),
        (false, false) => ("frame-ancestors 'self'", "SAMEORIGIN", "cross-origin"),
    };
    headers.append(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    let mut put = |name: HeaderName, value: &'static str| headers.insert(name, HeaderValue::from_static(value));
    put(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    put(header::X_FRAME_OPTIONS, frame);
    put(header::REFERRER_POLICY, "same-origin");
    put(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    put(HeaderName::from_static("cross-origin-resource-policy"), resource);
    put(HeaderName::from_static("x-permitted-cross-domain-policies"), "none");
    put(HeaderName::from_static("origin-agent-cluster"), "?1");
    if place.is_secure {
        put(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
}

fn without_connection(headers: &mut HeaderMap) {
    let named: Vec<String> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(',').map(|name| name.trim().to_ascii_lowercase()))
        .collect();
    retain(headers, |name| !HOP_BY_HOP.contains(&name) && !named.iter().any(|named| named == name));
}

fn retain(headers: &mut HeaderMap, keeps: impl Fn(&str) -> bool) {
    let gone: Vec<HeaderName> = headers.keys().filter(|name| !keeps(name.as_str())).cloned().collect();
    for name in gone {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> HeaderMap {
        let pair =
            |(name, value): &(&str, &str)| (name.parse::<HeaderName>().unwrap(), value.parse::<HeaderValue>().unwrap());
        let mut headers = HeaderMap::new();
        for (name, value) in pairs.iter().map(pair) {
            headers.append(name, value);
        }
        headers
    }

    fn place(is_shared: bool) -> Place {
        let base = if is_shared { "/ins-1" } else { "" };
        Place { base: base.to_owned(), is_secure: true, is_shared }
    }

    #[test]
    fn a_request_carries_none_of_the_platforms_credentials() {
        for (name, value, kept) in [
            ("authorization", "Bearer hpt_0", None),
            ("authorization", "bearer  hpt_0", None),
            ("authorization", "Basic aTp1", Some("Basic aTp1")),
            ("authorization", "Bearer of-their-own", Some("Bearer of-their-own")),
            ("cookie", "heptad-session=s", None),
            ("cookie", "__Host-heptad-visit=s; a=1", Some("a=1")),
            ("x-csrf-token", "csrf_0", None),
            ("heptad-scope", "platform", None),
            ("proxy-authorization", "Basic x", None),
            ("x-forwarded-for", "10.0.0.1", None),
            ("forwarded", "for=10.0.0.1", None),
            ("te", "trailers", None),
            ("upgrade", "websocket", None),
            ("webhook-signature", "v1,x", Some("v1,x")),
            ("content-type", "application/json", Some("application/json")),
        ] {
            let mut headers = map(&[(name, value)]);
            asked(&mut headers);
            assert_eq!(headers.get(name).map(|value| value.to_str().unwrap()), kept, "{name}: {value}");
        }
        let mut headers = map(&[("connection", "close, X-Mine"), ("x-mine", "1"), ("x-other", "2")]);
        asked(&mut headers);
        assert_eq!(headers.keys().collect::<Vec<_>>(), ["x-other"]);
    }

    #[test]
    fn a_response_speaks_for_its_plugin_alone() {
        for (name, value) in [
            ("access-control-allow-origin", "*"),
            ("access-control-allow-credentials", "true"),
            ("alt-svc", "h3=\"evil:443\""),
            ("clear-site-data", "\"*\""),
            ("nel", "{}"),
            ("report-to", "{}"),
            ("service-worker-allowed", "/"),
            ("timing-allow-origin", "*"),
            ("set-cookie", "heptad-session=x"),
            ("connection", "upgrade"),
            ("transfer-encoding", "chunked"),
        ] {
            let mut headers = map(&[(name, value)]);
            answered(&mut headers, &place(false), Audience::Public);
            assert!(!headers.contains_key(name), "{name}");
        }
        for (name, value, expected) in [
            ("strict-transport-security", "max-age=0", "max-age=31536000"),
            ("x-content-type-options", "sniff", "nosniff"),
            ("x-frame-options", "ALLOWALL", "SAMEORIGIN"),
            ("referrer-policy", "unsafe-url", "same-origin"),
            ("cross-origin-opener-policy", "unsafe-none", "same-origin"),
            ("cross-origin-resource-policy", "cross-origin", "same-origin"),
            ("cache-control", "public, max-age=60", "no-store"),
        ] {
            let mut headers = map(&[(name, value)]);
            answered(&mut headers, &place(false), Audience::Staff);
            assert_eq!(headers.get_all(name).iter().collect::<Vec<_>>(), [expected], "{name}");
        }
        for (name, value) in
            [("location", "/next"), ("cache-control", "private, max-age=5"), ("content-type", "text/html")]
        {
            let mut headers = map(&[(name, value)]);
            answered(&mut headers, &place(false), Audience::Staff);
            assert_eq!(headers.get_all(name).iter().collect::<Vec<_>>(), [value], "{name}");
        }
    }

    #[test]
    fn a_plugins_policy_holds_beside_the_hosts() {
        let mut headers = map(&[("content-security-policy", "default-src *; frame-ancestors *")]);
        answered(&mut headers, &place(false), Audience::Public);
        let policies: Vec<_> = headers.get_all(header::CONTENT_SECURITY_POLICY).iter().collect();
        assert_eq!(policies, ["default-src *; frame-ancestors *", "frame-ancestors 'self'"]);
        let mut headers = map(&[("www-authenticate", "Basic")]);
        answered(&mut headers, &place(true), Audience::Public);
        let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("sandbox ") && !policy.contains("allow-same-origin"), "{policy}");
        assert!(!headers.contains_key(header::WWW_AUTHENTICATE));
    }
}
