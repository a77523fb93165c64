//! HTTP routes of a plugin: which requests it answers, and for whom.
//!
//! A path is `/` and literal parts (`/orders/export`), `{name}` for any one part, and perhaps `*` as the last one for all
//! that follows, nothing included: `/orders/{id}`, `/app/*`. Of several routes that fit, the manifest's first counts.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::locale::Locale;

/// The most routes of a manifest.
pub const MAX_ROUTES: usize = 64;
/// The most bytes of a path in the manifest.
const MAX_PATH: usize = 256;
/// The methods that a route may name.
pub const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// For whom a route is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Audience {
    /// Anybody at all.
    Public,
    /// Shoppers, by the token that the storefront gave them.
    Customer,
    /// The shop's own people.
    Staff,
    /// Programs elsewhere, whom the plugin itself recognises.
    Webhook,
}

impl Audience {
    /// Every audience.
    pub const ALL: [Self; 4] = [Self::Public, Self::Customer, Self::Staff, Self::Webhook];

    /// The word in manifests and the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Customer => "customer",
            Self::Staff => "staff",
            Self::Webhook => "webhook",
        }
    }
}

impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Requests that the plugin wants to answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteWish {
    /// Which paths.
    pub path: String,
    /// By which methods; `GET` brings `HEAD` along.
    pub methods: Vec<String>,
    /// For whom.
    pub audience: Audience,
    /// What for, by BCP 47 tag, in words for the merchant.
    pub purpose: BTreeMap<String, String>,
}

impl RouteWish {
    /// Whether the path of a request is one of this route's.
    pub fn has_path(&self, path: &str) -> bool {
        let mut parts = path.split('/').skip(1);
        for wanted in self.path.split('/').skip(1) {
            if wanted == "*" {
                return true;
            }
            let Some(part) = parts.next() else { return false };
            let fits = if is_parameter(wanted) { !part.is_empty() } else { part == wanted };
            if !fits {
                return false;
            }
        }
        parts.next().is_none()
    }

    /// Whether the route takes this method.
    pub fn has_method(&self, method: &str) -> bool {
        let is_named = |method: &str| self.methods.iter().any(|named| named == method);
        is_named(method) || (method == "HEAD" && is_named("GET"))
    }

    /// A path that leads there without anything to fill in: what a link in the console opens.
    pub fn entry(&self) -> Option<&str> {
        let path = self.path.strip_suffix('*').unwrap_or(&self.path);
        (self.has_method("GET") && !path.split('/').any(is_parameter)).then_some(path)
    }

    /// What for, in a language, else in the platform's default language.
    pub fn purpose(&self, locale: Locale) -> &str {
        locale.of(&self.purpose)
    }
}

/// What became of looking for a request's route.
#[derive(Debug, PartialEq, Eq)]
pub enum Found<'a> {
    /// This route.
    Route(&'a RouteWish),
    /// The path is known, and takes these methods.
    OtherMethods(Vec<&'a str>),
    /// No route has the path.
    Nothing,
}

/// The route of a request.
pub fn route_find<'a>(routes: &'a [RouteWish], method: &str, path: &str) -> Found<'a> {
    let mut methods: Vec<&str> = Vec::new();
    for route in routes.iter().filter(|route| route.has_path(path)) {
        if route.has_method(method) {
            return Found::Route(route);
        }
        methods.extend(route.methods.iter().map(String::as_str));
    }
    match methods.is_empty() {
        true => Found::Nothing,
        false => Found::OtherMethods(methods),
    }
}

/// Whether everybody reads the path of a request alike: it has no dots that go up, no empty parts, and hides no slash.
/// Otherwise the plugin could see another path than the one whose audience was looked at.
pub fn path_is_plain(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    let hides = ["%2e", "%2f", "%5c", "%00", "\\"].iter().any(|hidden| lower.contains(hidden));
    let dots = path.split('/').any(|part| matches!(part, "." | ".."));
    path.starts_with('/') && !hides && !dots && !path.contains("//")
}

fn is_parameter(part: &str) -> bool {
    part.starts_with('{')
}

/// Checks the routes of a manifest; the field and the rule that it breaks.
pub(crate) fn route_check(routes: &[RouteWish]) -> Result<(), (String, String)> {
    if routes.len() > MAX_ROUTES {
        return Err(("routes".to_owned(), format!("at most {MAX_ROUTES} routes")));
    }
    for (index, route) in routes.iter().enumerate() {
        let wrong = |field: &str, problem: &str| Err((format!("routes.{index}.{field}"), problem.to_owned()));
        if !is_path(&route.path) {
            let rule = "a path such as `/orders/{id}` or `/app/*`, of letters, digits and `-._~`, at most 256 bytes, \
                        not below `/.heptad`";
            return wrong("path", rule);
        }
        if route.methods.is_empty() || !route.methods.iter().all(|method| METHODS.contains(&method.as_str())) {
            return wrong("methods", &format!("some of {}", METHODS.join(", ")));
        }
        let same = |other: &RouteWish| {
            other.path == route.path && other.methods.iter().any(|method| route.methods.contains(method))
        };
        if routes[..index].iter().any(same) {
            return wrong("path", "another route has it for the same method");
        }
        if let Some(locale) = Locale::untold(&route.purpose) {
            return wrong(&format!("purpose.{}", locale.tag()), "1 to 500 bytes");
        }
    }
    Ok(())
}

fn is_path(path: &str) -> bool {
    let Some(rest) = path.strip_prefix('/').filter(|_| path.len() <= MAX_PATH) else { return false };
    let parts: Vec<&str> = rest.split('/').collect();
    let word = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
    };
    let fits = |(place, part): (usize, &&str)| {
        let is_last = place + 1 == parts.len();
        match part.strip_prefix('{') {
            Some(name) => name.strip_suffix('}').is_some_and(word),
            // A path may end in a slash; `/` alone is the root.
            None => word(part) || (is_last && (part.is_empty() || *part == "*")),
        }
    };
    parts.iter().enumerate().all(fits) && !parts.iter().any(|part| matches!(*part, "." | ".." | ".heptad"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(path: &str, methods: &[&str]) -> RouteWish {
        let purpose = Locale::ALL.iter().map(|locale| (locale.tag().to_owned(), "for tests".to_owned())).collect();
        let methods = methods.iter().map(|method| (*method).to_owned()).collect();
        RouteWish { path: path.to_owned(), methods, audience: Audience::Public, purpose }
    }

    #[test]
    fn a_path_fits_part_by_part() {
        for (pattern, path, fits) in [
            ("/", "/", true),
            ("/", "/x", false),
            ("/orders", "/orders", true),
            ("/orders", "/orders/", false),
            ("/orders", "/ordersX", false),
            ("/orders/{id}", "/orders/7", true),
            ("/orders/{id}", "/orders/", false),
            ("/orders/{id}", "/orders/7/lines", false),
            ("/app/*", "/app", true),
            ("/app/*", "/app/", true),
            ("/app/*", "/app/a/b", true),
            ("/app/*", "/apple", false),
            ("/*", "/", true),
            ("/*", "/anything/at/all", true),
        ] {
            assert_eq!(route(pattern, &["GET"]).has_path(path), fits, "{pattern} {path}");
        }
    }

    #[test]
    fn the_first_route_that_fits_counts_and_others_tell_their_methods() {
        let routes = [route("/a/{x}", &["GET"]), route("/a/b", &["POST"]), route("/a/*", &["DELETE", "POST"])];
        let found = |method, path| match route_find(&routes, method, path) {
            Found::Route(route) => route.path.clone(),
            Found::OtherMethods(methods) => methods.join(" "),
            Found::Nothing => String::new(),
        };
        assert_eq!(found("GET", "/a/b"), "/a/{x}");
        assert_eq!(found("HEAD", "/a/b"), "/a/{x}");
        assert_eq!(found("POST", "/a/b"), "/a/b");
        assert_eq!(found("POST", "/a/c"), "/a/*");
        assert_eq!(found("PUT", "/a/b"), "GET POST DELETE POST");
        assert_eq!(found("GET", "/b"), "");
    }

    #[test]
    fn paths_that_are_read_in_two_ways_are_not_plain() {
        for path in ["/", "/a", "/a/", "/a.b/c~d", "/a%20b", "/%E9%9D%92", "/.well-known/x"] {
            assert!(path_is_plain(path), "{path}");
        }
        for path in
            ["", "a", "//a", "/a//b", "/a/../b", "/a/.", "/..", "/%2e%2e/b", "/a%2Fb", "/a%5cb", "/a\\b", "/a%00"]
        {
            assert!(!path_is_plain(path), "{path}");
        }
    }

    #[test]
    fn a_link_opens_what_needs_nothing_filled_in() {
        for (path, methods, entry) in [
            ("/app/*", &["GET"][..], Some("/app/")),
            ("/*", &["GET"], Some("/")),
            ("/list", &["GET", "POST"], Some("/list")),
            ("/orders/{id}", &["GET"], None),
            ("/hook", &["POST"], None),
        ] {
            assert_eq!(route(path, methods).entry(), entry, "{path}");
        }
    }

    #[test]
    fn routes_are_held_to_their_rules() {
        let (good, hidden) = (route("/a/{b}/*", &["GET"]), route("/.heptad/x", &["GET"]));
        assert_eq!(route_check(&[good.clone(), route("/a/", &["POST"])]), Ok(()));
        let no_words = RouteWish { purpose: BTreeMap::new(), ..good.clone() };
        for (routes, field) in [
            (vec![route("a", &["GET"])], "routes.0.path"),
            (vec![route("/a//b", &["GET"])], "routes.0.path"),
            (vec![route("/*/b", &["GET"])], "routes.0.path"),
            (vec![route("/a/..", &["GET"])], "routes.0.path"),
            (vec![route("/{}", &["GET"])], "routes.0.path"),
            (vec![route("/a?b", &["GET"])], "routes.0.path"),
            (vec![hidden], "routes.0.path"),
            (vec![good.clone(), good.clone()], "routes.1.path"),
            (vec![route("/a", &[])], "routes.0.methods"),
            (vec![route("/a", &["TRACE"])], "routes.0.methods"),
            (vec![route("/a", &["get"])], "routes.0.methods"),
            (vec![no_words], "routes.0.purpose.zh-CN"),
            (vec![good; MAX_ROUTES + 1], "routes"),
        ] {
            assert_eq!(route_check(&routes).unwrap_err().0, field, "{:?}", routes[0]);
        }
    }
}
