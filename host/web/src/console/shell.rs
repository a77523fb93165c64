//! What stands around every page: language, navigation, who is signed in, the last thing that was done.

use std::ops::Deref;

use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use heptad_model::Locale;
use heptad_platform::Role;

use super::assets;
use super::failure::{Failure, query};
use super::i18n::Words;
use super::visit::{Place, Visit};

/// Where the inbox of a place lies.
const NOTICES: &str = "/notices";
/// Where its audit log lies.
const AUDIT: &str = "/audit";

/// A link of the navigation or the switcher.
#[derive(Debug, Clone)]
pub(super) struct Link {
    pub(super) url: String,
    pub(super) label: String,
    pub(super) role: String,
    pub(super) current: bool,
    /// How many unread notices lie behind it.
    pub(super) unread: i64,
}

/// The frame of a page. Its sentences are at hand by `shell.t(…)`.
#[derive(Debug, Clone)]
pub(super) struct Shell {
    /// The language.
    pub(super) words: Words,
    /// What forms carry.
    pub(super) csrf: String,
    /// Path and query of this page.
    pub(super) path: String,
    /// The request's id.
    pub(super) request: String,
    /// The name of who is signed in; empty for nobody.
    pub(super) person: String,
    /// The place that the page belongs to, if it does.
    pub(super) place: Option<Link>,
    /// The other places of the person.
    pub(super) places: Vec<Link>,
    /// The pages of the place.
    pub(super) nav: Vec<Link>,
    /// What was just done, in a sentence.
    pub(super) done: Option<String>,
    /// Where all addresses of the place begin.
    pub(super) base: String,
    /// Whether the place is a publisher's.
    pub(super) is_publisher: bool,
    /// The style's address.
    pub(super) css: String,
    /// The script's address.
    pub(super) htmx: String,
    /// The picture's address.
    pub(super) mark: String,
}

impl Deref for Shell {
    type Target = Words;
    fn deref(&self) -> &Words {
        &self.words
    }
}

impl Shell {
    /// Around a page that belongs to no place.
    pub(super) fn outside(visit: &Visit) -> Self {
        Self::new(visit, visit.origin.locale, None)
    }

    /// Around a page of a place, in this language.
    pub(super) fn new(visit: &Visit, locale: Locale, place: Option<&Place>) -> Self {
        let words = Words(locale);
        let base = place.map(base).unwrap_or_default();
        let person = visit.person.as_ref();
        let all = person.map(|person| person.places.as_slice()).unwrap_or_default();
        let places = all.iter().map(|place| link(words, place)).filter(|link| link.url != base).collect();
        let path = visit.path.split('?').next().unwrap_or_default();
        Self {
            words,
            csrf: visit.csrf.clone(),
            path: visit.path.clone(),
            request: visit.origin.request.to_string(),
            person: person.map(|person| person.session.user.name.clone()).unwrap_or_default(),
            place: place.map(|place| link(words, place)),
            places,
            nav: place.map(|place| nav(words, place, &base, path)).unwrap_or_default(),
            done: done(words, &visit.path),
            base,
            is_publisher: matches!(place, Some(Place::Publisher(_))),
            css: assets::address("console.css"),
            htmx: assets::address("htmx.min.js"),
            mark: assets::address("mark.svg"),
        }
    }

    /// With the number of unread notices at the link to the inbox.
    pub(super) fn with_unread(mut self, unread: i64) -> Self {
        for link in self.nav.iter_mut().filter(|link| link.url.strip_prefix(&self.base) == Some(NOTICES)) {
            link.unread = unread;
        }
        self
    }

    /// The BCP 47 tag of the page.
    pub(super) fn tag(&self) -> &'static str {
        self.words.locale().tag()
    }

    /// The address of this page without what stands behind its question mark.
    pub(super) fn here(&self) -> &str {
        self.path.split('?').next().unwrap_or_default()
    }

    /// Whether somebody is signed in.
    pub(super) fn is_signed_in(&self) -> bool {
        !self.person.is_empty()
    }

    /// This page in the other languages: tag, name in its own language, address, whether it is this one.
    pub(super) fn languages(&self) -> Vec<(&'static str, &'static str, String, bool)> {
        let (path, asked) = self.path.split_once('?').unwrap_or((&self.path, ""));
        let kept: Vec<(String, String)> = form_urlencoded::parse(asked.as_bytes())
            .filter(|(name, _)| name != "lang" && name != "done")
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        let address = |locale: Locale| {
            let mut pairs: Vec<(&str, &str)> =
                kept.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            pairs.push(("lang", locale.tag()));
            format!("{path}?{}", query(&pairs))
        };
        let name = |locale| match locale {
            Locale::ZhCn => "中文",
            Locale::En => "English",
        };
        let is_this = |locale| locale == self.words.locale();
        Locale::ALL.into_iter().map(|locale| (locale.tag(), name(locale), address(locale), is_this(locale))).collect()
    }
}

/// The page as an answer.
pub(super) fn page(page: &impl Template) -> Result<Response, Failure> {
    Ok(Html(page.render()?).into_response())
}

/// The page as an answer with a status: a form that is shown again.
pub(super) fn page_with(status: StatusCode, page: &impl Template) -> Result<Response, Failure> {
    Ok((status, Html(page.render()?)).into_response())
}

/// Where the addresses of a place begin.
pub(super) fn base(place: &Place) -> String {
    match place {
        Place::Shop(record, _) => format!("/console/shops/{}", record.slug),
        Place::Publisher(publisher) => format!("/console/publishers/{}", publisher.slug),
        Place::Platform => "/console/operator".to_owned(),
    }
}

fn link(words: Words, place: &Place) -> Link {
    let (label, role) = match place {
        Place::Shop(record, Role::Owner) => (record.name.clone(), "role-owner"),
        Place::Shop(record, _) => (record.name.clone(), "role-staff"),
        Place::Publisher(publisher) => (publisher.name.clone(), "role-publisher"),
        Place::Platform => (words.t("place-platform"), "role-operator"),
    };
    Link { url: base(place), label, role: words.t(role), current: false, unread: 0 }
}

fn nav(words: Words, place: &Place, base: &str, path: &str) -> Vec<Link> {
    let pages: &[(&str, &str)] = match place {
        Place::Shop(..) => &[
            ("", "nav-overview"),
            ("/catalog", "nav-catalog"),
            ("/plugins", "nav-plugins"),
            ("/events", "nav-events"),
            ("/subscriptions", "nav-subscriptions"),
            ("/webhooks", "nav-webhooks"),
            ("/schedules", "nav-schedules"),
            ("/usage", "nav-usage"),
            (NOTICES, "nav-notices"),
            ("/carts", "nav-carts"),
            ("/orders", "nav-orders"),
            ("/customers", "nav-customers"),
            ("/products", "nav-products"),
            (AUDIT, "nav-audit"),
        ],
        Place::Publisher(_) => &[
            ("", "nav-own-plugins"),
            ("/upload", "nav-upload"),
            ("/keys", "nav-keys"),
            ("/events", "nav-events"),
            ("/webhooks", "nav-webhooks"),
            (NOTICES, "nav-notices"),
        ],
        Place::Platform => &[
            ("", "nav-queue"),
            ("/tenants", "nav-tenants"),
            ("/publishers", "nav-publishers"),
            ("/limits", "nav-limits"),
            ("/retention", "nav-retention"),
            (AUDIT, "nav-audit"),
            (NOTICES, "nav-notices"),
        ],
    };
    let below =
        |end: &str| path.strip_prefix(base).is_some_and(|rest| rest == end || rest.starts_with(&format!("{end}/")));
    // What a place's first page lists lies beside it.
    let listed = match place {
        Place::Shop(..) => "",
        Place::Publisher(_) => "/plugins",
        Place::Platform => "/versions",
    };
    let current = |end: &str| match end {
        "" => path.trim_end_matches('/') == base || (!listed.is_empty() && below(listed)),
        end => below(end),
    };
    let link = |(end, key): &(&str, &str)| Link {
        url: format!("{base}{end}"),
        label: words.t(key),
        role: String::new(),
        current: current(end),
        unread: 0,
    };
    // A shop's audit log is its owner's.
    let is_open = |end: &str| end != AUDIT || !matches!(place, Place::Shop(_, Role::Staff));
    pages.iter().filter(|(end, _)| is_open(end)).map(link).collect()
}

/// The sentence of `?done=word`, where the console has one: nobody can put a sentence of their own there.
fn done(words: Words, path: &str) -> Option<String> {
    let (_, asked) = path.split_once('?')?;
    let (_, word) = form_urlencoded::parse(asked.as_bytes()).find(|(name, _)| name == "done")?;
    words.known(&format!("done-{word}"))
}
