//! Events, who did it, and attempts to tell of it, in the reader's words.

use heptad_model::id::InstallId;
use heptad_model::{EventType, Locale};
use heptad_platform::delivery::log::{Delivery, DeliveryOutcome};
use heptad_platform::delivery::subscription::{Subscription, SubscriptionKind};
use heptad_platform::install::Install;

use super::desk::Shop;
use super::i18n::Words;
use super::pages::catalog;
use super::{look, notice};

/// What happened, by the event's type; the type's name where the platform does not know it.
pub(super) fn title(locale: Locale, kind: &str) -> String {
    EventType::parse(kind).map_or_else(|| kind.to_owned(), |known| known.row().sentence.get(locale).to_owned())
}

/// The page of what an event is about; `None` where the console has none.
pub(super) fn about(shop: &Shop, kind: &str, key: &str) -> Option<String> {
    let page = |area: &str| Some(shop.url(format_args!("/{area}/{key}")));
    let is_of = |thing: &str| EventType::parse(kind).is_some_and(|kind| kind.row().key == thing);
    if shop.is_publisher() {
        return match key.split_once('_').map(|(prefix, _)| prefix) {
            Some("sub") => page("subscriptions"),
            Some("whk") => page("webhooks"),
            _ if is_of("plugin") => page("plugins"),
            _ => None,
        };
    }
    match key.split_once('_').map(|(prefix, _)| prefix) {
        Some("ord") => return page("orders"),
        Some("crt") => return page("carts"),
        Some("cus") => return page("customers"),
        Some("prd") => return page("products"),
        Some("ins") => return page("plugins"),
        Some("sub") => return page("subscriptions"),
        Some("whk") => return page("webhooks"),
        Some("sch") => return page("schedules"),
        _ => {}
    }
    is_of("sku").then(|| shop.url(format_args!("/products?{}", super::failure::query(&[("q", key)]))))
}

/// Who did it, for people, and the page of who did.
pub(super) fn actor(shop: &Shop, actor: &str, installs: &[Install]) -> (String, Option<String>) {
    if let Ok(id) = InstallId::parse(actor) {
        return match installs.iter().find(|install| install.id == id) {
            Some(install) => {
                let name = catalog::title(shop, &install.manifest).0;
                (shop.words().t1("events-by-plugin", "plugin", name), Some(shop.url(format_args!("/plugins/{id}"))))
            }
            None => (shop.words().t1("events-by-plugin", "plugin", actor), None),
        };
    }
    let page = actor.starts_with("cus_").then(|| shop.url(format_args!("/customers/{actor}")));
    (actor_kind(shop.words(), actor), page)
}

/// What kind of actor did it, where it is no plugin.
pub(super) fn actor_kind(words: Words, actor: &str) -> String {
    match actor.split_once('_').map_or(actor, |(kind, _)| kind) {
        "usr" => words.t("events-by-person"),
        "tok" => words.t("events-by-token"),
        "cus" => words.t("events-by-customer"),
        _ => words.t("events-by-platform"),
    }
}

/// All events about a thing, as a list.
pub(super) fn events_url(shop: &Shop, key: impl std::fmt::Display) -> String {
    shop.url(format_args!("/events?{}", super::failure::query(&[("key", &key.to_string())])))
}

/// Who a subscription belongs to: the name for people, and the page.
pub(super) fn owner(shop: &Shop, subscription: &Subscription, installs: &[Install]) -> (String, Option<String>) {
    match subscription.kind {
        SubscriptionKind::Plugin | SubscriptionKind::Schedule | SubscriptionKind::Outbound => {
            match installs.iter().find(|install| install.id.to_string() == subscription.owner) {
                Some(install) => {
                    let (name, _) = catalog::title(shop, &install.manifest);
                    (name, Some(shop.url(format_args!("/plugins/{}", install.id))))
                }
                None => (subscription.owner.clone(), None),
            }
        }
        SubscriptionKind::Webhook => {
            let page = shop.url(format_args!("/webhooks/{}", subscription.owner));
            (shop.words().t("webhook"), Some(page))
        }
    }
}

/// How an attempt looks: good, bad or neither.
pub(super) const fn tone(outcome: DeliveryOutcome) -> &'static str {
    match outcome {
        DeliveryOutcome::Ok => "good",
        DeliveryOutcome::Failed => "warn",
        DeliveryOutcome::Dead => "bad",
        DeliveryOutcome::Skipped => "",
    }
}

/// Why something failed: in plain words, and what a developer wants to know.
pub(super) struct Why {
    pub(super) sentence: String,
    /// Code and message in English; empty where there is none.
    pub(super) detail: String,
}

impl Why {
    /// Of a code and a message; a code without a sentence stands for itself.
    pub(super) fn of(shop: &Shop, code: &str, message: &str) -> Self {
        let detail = match (code, message) {
            ("", message) => message.to_owned(),
            (code, "") => code.to_owned(),
            (code, message) => format!("{code}: {message}"),
        };
        let sentence = if code.is_empty() { String::new() } else { notice::cause(shop.words(), code) };
        Self { sentence, detail }
    }
}

/// An attempt to deliver an event.
pub(super) struct AttemptRow {
    pub(super) at: String,
    pub(super) title: String,
    pub(super) kind: String,
    pub(super) event: String,
    pub(super) key: String,
    pub(super) about: Option<String>,
    /// To whom: name and address.
    pub(super) subscription: (String, String),
    pub(super) outcome: String,
    pub(super) tone: &'static str,
    pub(super) attempt: u32,
    /// Whether it was told as part of a replay.
    pub(super) replayed: bool,
    pub(super) took: String,
    pub(super) why: Why,
    /// What an endpoint answered: the HTTP status, and the first bytes.
    pub(super) status: Option<u16>,
    pub(super) response: String,
    /// Whether the event is kept: one that was sent to try an endpoint is not.
    pub(super) is_kept: bool,
    /// Where it is sent again.
    pub(super) again: String,
}

impl AttemptRow {
    /// `all` are the shop's subscriptions.
    pub(super) fn of(shop: &Shop, one: &Delivery, all: &[Subscription]) -> Self {
        let subscription = all.iter().find(|known| known.id == one.subscription);
        Self {
            at: shop.look.moment(one.at),
            title: title(shop.locale(), &one.kind),
            kind: one.kind.clone(),
            event: shop.url(format_args!("/events/{}", one.event)),
            key: one.key.clone(),
            about: about(shop, &one.kind, &one.key),
            subscription: (
                subscription.map_or_else(|| one.subscription.to_string(), |known| known.name.clone()),
                shop.url(format_args!("/subscriptions/{}", one.subscription)),
            ),
            outcome: shop.words().of_code("delivery", one.outcome.name()),
            tone: tone(one.outcome),
            attempt: one.attempt,
            replayed: one.replay.is_some(),
            took: look::millis(one.micros),
            why: Why::of(shop, &one.code, &one.message),
            status: one.status,
            response: one.response.clone(),
            is_kept: one.kind != EventType::WebhookTest.name(),
            again: shop.url(format_args!("/subscriptions/{}/deliveries/{}", one.subscription, one.id)),
        }
    }
}
