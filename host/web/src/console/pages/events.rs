//! What happened in the shop, or to a publisher's plugins: the list, and an event with what became of it at each subscriber.

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use heptad_model::id::EventId;
use heptad_model::plugin_event::is_event_type;
use heptad_model::{Event, EventType, PageRequest};
use heptad_platform::PlatformError;
use heptad_platform::delivery::event::{EventQuery, event_get, event_list};
use heptad_platform::delivery::fate::{Fate, Received, event_fates};
use heptad_platform::delivery::log::delivery_of_event;
use heptad_platform::delivery::subscription::subscription_list;
use heptad_platform::install::{Install, install_list};
use heptad_store::Tx;

use super::catalog;
use crate::api::stream_after;
use crate::auth::{Listener, Standing};
use crate::console::assets;
use crate::console::desk::Shop;
use crate::console::failure::{ConsoleResult, Failure, query};
use crate::console::fields::{Asks, Listing};
use crate::console::shell::{Shell, page};
use crate::console::telling::{self, AttemptRow};
use crate::live::{self, Wanted};
use crate::state::AppState;

/// Events on a page.
const PER_PAGE: u32 = 50;
/// The most bytes of what is looked for.
const MOST: usize = 256;

/// Which events, and where to go on.
#[derive(Debug, Default, serde::Deserialize)]
pub(in crate::console) struct EventsListing {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    key: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    until: String,
    cursor: Option<String>,
}

impl EventsListing {
    /// What is asked of the database; a moment that cannot be read asks for nothing.
    fn query(&self, shop: &Shop) -> EventQuery {
        EventQuery {
            kind: Some(&self.kind).filter(|kind| is_event_type(kind)).cloned().unwrap_or_default(),
            key: Some(self.key.trim()).filter(|key| key.len() <= MOST).unwrap_or_default().to_owned(),
            from: shop.look.field_parse(&self.from),
            until: shop.look.field_parse(&self.until),
        }
    }

    fn page(&self) -> Result<PageRequest, Failure> {
        Listing { cursor: self.cursor.clone(), q: None }.page(PER_PAGE)
    }

    fn is_filtered(&self) -> bool {
        [&self.kind, &self.key, &self.from, &self.until].iter().any(|text| !text.is_empty())
    }

    /// What the stream is asked for that this list follows: the first page of what still goes on.
    fn live(&self) -> Option<String> {
        if self.cursor.is_some() || !self.until.is_empty() {
            return None;
        }
        let pairs = [("type", self.kind.as_str()), ("key", self.key.as_str())];
        let pairs: Vec<(&str, &str)> = pairs.into_iter().filter(|(_, text)| !text.is_empty()).collect();
        Some(if pairs.is_empty() { String::new() } else { format!("?{}", query(&pairs)) })
    }

    /// The address of the next page, with the same filter.
    fn next(&self, cursor: &str) -> String {
        let pairs = [("type", &*self.kind), ("key", &self.key), ("from", &self.from), ("until", &self.until)];
        let mut pairs: Vec<(&str, &str)> = pairs.into_iter().filter(|(_, text)| !text.is_empty()).collect();
        pairs.push(("cursor", cursor));
        format!("?{}", query(&pairs))
    }
}

/// An event in a list.
struct EventRow {
    url: String,
    at: String,
    title: String,
    kind: String,
    key: String,
    about: Option<String>,
    /// The name of the plugin that it is about, which says more than the id of an install.
    plugin: Option<String>,
    by: String,
    /// What a plugin logged, if it tells of that.
    lines: Vec<String>,
}

impl EventRow {
    fn of(shop: &Shop, event: &Event, installs: &[Install]) -> Self {
        Self {
            url: shop.url(format_args!("/events/{}", event.id)),
            at: shop.look.moment(event.at),
            title: telling::title(shop.locale(), &event.kind),
            kind: event.kind.clone(),
            about: telling::about(shop, &event.kind, &event.key),
            plugin: plugin(shop, event, installs),
            key: event.key.clone(),
            by: telling::actor(shop, &event.actor, installs).0,
            lines: event
                .data
                .get("lines")
                .and_then(|lines| serde_json::from_value(lines.clone()).ok())
                .unwrap_or_default(),
        }
    }
}

/// The plugin that an event is about: by its title where the shop has it, by its name else.
fn plugin(shop: &Shop, event: &Event, installs: &[Install]) -> Option<String> {
    let name = event.data["plugin"].as_str().filter(|name| *name != event.key)?;
    let install = installs.iter().find(|install| install.manifest.name == name);
    Some(install.map_or_else(|| name.to_owned(), |install| catalog::title(shop, &install.manifest).0))
}

/// A type to choose.
struct TypeChoice {
    name: &'static str,
    title: &'static str,
    chosen: bool,
}

#[derive(Template)]
#[template(path = "events.html")]
struct EventsPage {
    shell: Shell,
    types: Vec<TypeChoice>,
    key: String,
    from: String,
    until: String,
    is_filtered: bool,
    /// The stream that the list follows; absent where it shows what is past.
    live: Option<String>,
    script: String,
    rows: Vec<EventRow>,
    next: Option<String>,
}

/// `GET …/events`.
pub(in crate::console) async fn list(
    shop: Shop,
    State(state): State<AppState>,
    Asks(listing): Asks<EventsListing>,
) -> ConsoleResult {
    let (wanted, asked) = (listing.query(&shop), listing.page()?);
    let read = async |mut tx: Tx| {
        let installs = install_list(&mut tx).await?;
        Ok::<_, PlatformError>((event_list(&mut tx, &wanted, &asked).await?, installs))
    };
    let (found, installs) = state.store.read(&shop.ctx, read).await?;
    let choice = |kind: &EventType| TypeChoice {
        name: kind.name(),
        title: kind.row().sentence.get(shop.locale()),
        chosen: kind.name() == listing.kind,
    };
    let told = |kind: &&EventType| kind.row().told.reaches(shop.is_publisher());
    page(&EventsPage {
        types: EventType::ALL.iter().filter(told).map(choice).collect(),
        rows: found.items.iter().map(|event| EventRow::of(&shop, event, &installs)).collect(),
        next: found.next.map(|cursor| listing.next(&cursor)),
        is_filtered: listing.is_filtered(),
        live: listing.live().map(|asked| shop.url(format_args!("/events/live{asked}"))),
        script: assets::address("live.js"),
        key: listing.key,
        from: listing.from,
        until: listing.until,
        shell: shop.shell,
    })
}

/// `GET …/events/live`: the stream that the list follows, of the same events.
pub(in crate::console) async fn live(
    shop: Shop,
    State(state): State<AppState>,
    headers: HeaderMap,
    Asks(listing): Asks<EventsListing>,
) -> ConsoleResult {
    let EventQuery { kind, key, .. } = listing.query(&shop);
    let types = Some(kind).filter(|kind| !kind.is_empty()).into_iter().collect();
    let wanted = Wanted { types, key, filter: None };
    let standing = Standing::new(&headers, shop.scope(), Listener::ROLES);
    let after = stream_after(&headers, None)?;
    Ok(live::follow(&state, &shop.ctx, standing, wanted, after).await?)
}

/// What became of the event at a subscription.
struct ReceivedRow {
    owner: String,
    owner_url: Option<String>,
    name: String,
    url: String,
    state: String,
    tone: &'static str,
    due: Option<String>,
}

impl ReceivedRow {
    fn of(shop: &Shop, one: &Received, installs: &[Install]) -> Self {
        let (owner, owner_url) = telling::owner(shop, &one.subscription, installs);
        Self {
            owner,
            owner_url,
            name: one.subscription.name.clone(),
            url: shop.url(format_args!("/subscriptions/{}", one.subscription.id)),
            state: shop.words().of_code("fate", one.fate.name()),
            tone: match one.fate {
                Fate::Told => "good",
                Fate::Waiting => "accent",
                Fate::Failing => "warn",
                Fate::Dead => "bad",
                Fate::Skipped | Fate::PassedBy | Fate::Forgotten => "",
            },
            due: one.due_at.filter(|_| one.fate == Fate::Failing).map(|at| shop.look.moment(at)),
        }
    }
}

#[derive(Template)]
#[template(path = "event.html")]
struct EventPage {
    shell: Shell,
    title: String,
    kind: String,
    id: String,
    at: String,
    key: String,
    about: Option<String>,
    events_url: String,
    seq: i64,
    by: (String, Option<String>),
    cause: Option<String>,
    correlation: String,
    data: String,
    received: Vec<ReceivedRow>,
    attempts: Vec<AttemptRow>,
}

/// `GET …/events/{event}`.
pub(in crate::console) async fn show(shop: Shop, State(state): State<AppState>) -> ConsoleResult {
    let id: EventId = shop.id("event")?;
    let read = async |mut tx: Tx| {
        let event = event_get(&mut tx, id).await?;
        let attempts = delivery_of_event(&mut tx, id).await?;
        let received = event_fates(&mut tx, &event, &attempts).await?;
        let (all, installs) = (subscription_list(&mut tx).await?, install_list(&mut tx).await?);
        Ok::<_, PlatformError>((event, attempts, received, all, installs))
    };
    let (event, attempts, received, all, installs) = state.store.read(&shop.ctx, read).await?;
    page(&EventPage {
        title: telling::title(shop.locale(), &event.kind),
        id: event.id.to_string(),
        at: shop.look.moment(event.at),
        about: telling::about(&shop, &event.kind, &event.key),
        events_url: telling::events_url(&shop, &event.key),
        by: telling::actor(&shop, &event.actor, &installs),
        cause: event.causation.map(|cause| shop.url(format_args!("/events/{cause}"))),
        correlation: event.correlation.to_string(),
        data: serde_json::to_string_pretty(&event.data).unwrap_or_default(),
        received: received.iter().map(|one| ReceivedRow::of(&shop, one, &installs)).collect(),
        attempts: attempts.iter().map(|one| AttemptRow::of(&shop, one, &all)).collect(),
        kind: event.kind,
        key: event.key,
        seq: event.seq,
        shell: shop.shell,
    })
}
