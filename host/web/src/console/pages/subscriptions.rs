//! Who is told of events: how far each is, what holds it up; pausing, resuming, skipping.

use askama::Template;
use axum::extract::State;
use heptad_model::id::SubscriptionId;
use heptad_platform::PlatformError;
use heptad_platform::delivery::backlog::{Backlog, Waiting, backlogs, lanes_waiting};
use heptad_platform::delivery::dead_letter::{dead_letter_counts, lane_skip};
use heptad_platform::delivery::lane::LaneKey;
use heptad_platform::delivery::subscription::{
    Subscription, SubscriptionState, subscription_get, subscription_list, subscription_state_put,
};
use heptad_platform::install::{Install, install_list};
use heptad_store::{REPLAY_PREFIX, Tx};

use super::go;
use crate::console::desk::Shop;
use crate::console::failure::ConsoleResult;
use crate::console::fields::Fields;
use crate::console::look;
use crate::console::shell::{Shell, page};
use crate::console::telling::{self, Why};
use crate::state::AppState;

/// How many keys that are behind are shown.
const WAITING: u32 = 50;

/// A subscription in a list.
#[derive(Clone)]
pub(super) struct SubscriptionRow {
    pub(super) url: String,
    pub(super) name: String,
    pub(super) owner: String,
    pub(super) owner_url: Option<String>,
    pub(super) types: Vec<String>,
    pub(super) is_paused: bool,
    pub(super) waiting: String,
    pub(super) keys: i64,
    pub(super) failing: i64,
    pub(super) oldest: Option<String>,
    pub(super) letters: i64,
}

impl SubscriptionRow {
    fn of(
        shop: &Shop,
        one: &Subscription,
        backlog: Backlog,
        letters: &[(SubscriptionId, i64)],
        installs: &[Install],
    ) -> Self {
        let (owner, owner_url) = telling::owner(shop, one, installs);
        Self {
            url: shop.url(format_args!("/subscriptions/{}", one.id)),
            name: one.name.clone(),
            owner,
            owner_url,
            types: one.types.iter().map(|kind| telling::title(shop.locale(), kind)).collect(),
            is_paused: one.state == SubscriptionState::Paused,
            waiting: look::grouped(backlog.events.unsigned_abs()),
            keys: backlog.keys,
            failing: backlog.failing,
            oldest: backlog.oldest.map(|at| shop.look.moment(at)),
            letters: letters.iter().find(|(id, _)| *id == one.id).map_or(0, |(_, letters)| *letters),
        }
    }
}

/// The subscriptions of the shop that pass, each with what waits for it.
pub(super) async fn rows(
    tx: &mut Tx,
    shop: &Shop,
    installs: &[Install],
    pass: impl Fn(&Subscription) -> bool,
) -> Result<Vec<SubscriptionRow>, PlatformError> {
    let all: Vec<Subscription> = subscription_list(tx).await?.into_iter().filter(pass).collect();
    let letters = dead_letter_counts(tx).await?;
    let backlogs = backlogs(tx, &all).await?;
    let row = |(one, backlog)| SubscriptionRow::of(shop, one, backlog, &letters, installs);
    Ok(all.iter().zip(backlogs).map(row).collect())
}

#[derive(Template)]
#[template(path = "subscriptions.html")]
struct SubscriptionsPage {
    shell: Shell,
    rows: Vec<SubscriptionRow>,
}

/// `GET …/subscriptions`.
pub(in crate::console) async fn list(shop: Shop, State(state): State<AppState>) -> ConsoleResult {
    let read = async |mut tx: Tx| {
        let installs = install_list(&mut tx).await?;
        rows(&mut tx, &shop, &installs, |_| true).await
    };
    let rows = state.store.read(&shop.ctx, read).await?;
    page(&SubscriptionsPage { rows, shell: shop.shell })
}

/// A page of the subscription.
pub(super) struct Tab {
    pub(super) url: String,
    pub(super) label: String,
    pub(super) current: bool,
    /// How many things there wait for a person.
    pub(super) count: i64,
}

/// What stands at the top of each page of a subscription.
pub(super) struct Head {
    pub(super) url: String,
    pub(super) name: String,
    pub(super) owner: String,
    pub(super) owner_url: Option<String>,
    pub(super) is_paused: bool,
    pub(super) tabs: Vec<Tab>,
}

/// Its pages, by the ends of their addresses.
const TABS: [(&str, &str); 4] = [
    ("", "subscription-tab"),
    ("/deliveries", "deliveries-tab"),
    ("/dead-letters", "letters-tab"),
    ("/replays", "replays-tab"),
];

/// The subscription of the address, and the head of its page that ends so.
pub(super) async fn arrive(tx: &mut Tx, shop: &Shop, end: &str) -> Result<(Subscription, Head), PlatformError> {
    // What is no id belongs to nothing.
    let id = shop.id::<SubscriptionId>("subscription");
    let id = id.map_err(|_| PlatformError::NotFound { kind: "subscription", name: String::new() })?;
    let subscription = subscription_get(tx, id).await?;
    let installs = install_list(tx).await?;
    let letters = dead_letter_counts(tx).await?;
    let letters = letters.iter().find(|(known, _)| *known == id).map_or(0, |(_, letters)| *letters);
    let url = shop.url(format_args!("/subscriptions/{id}"));
    let (owner, owner_url) = telling::owner(shop, &subscription, &installs);
    let tab = |(tail, key): (&str, &str)| Tab {
        url: format!("{url}{tail}"),
        label: shop.words().t(key),
        current: tail == end,
        count: if tail == "/dead-letters" { letters } else { 0 },
    };
    let head = Head {
        tabs: TABS.map(tab).into(),
        name: subscription.name.clone(),
        owner,
        owner_url,
        is_paused: subscription.state == SubscriptionState::Paused,
        url,
    };
    Ok((subscription, head))
}

/// A key that the subscription is behind with.
struct WaitingRow {
    key: String,
    /// Whether it is a replay's lane.
    is_replay: bool,
    about: Option<String>,
    behind: String,
    attempts: u32,
    since: Option<String>,
    due: String,
    next: Option<(String, String)>,
    why: Why,
}

impl WaitingRow {
    fn of(shop: &Shop, one: &Waiting) -> Self {
        let kind = one.next.as_ref().map(|(_, kind)| kind.as_str()).unwrap_or_default();
        Self {
            is_replay: one.key.starts_with(REPLAY_PREFIX),
            about: telling::about(shop, kind, &one.key),
            behind: look::grouped(one.behind.unsigned_abs()),
            attempts: one.attempts,
            since: one.failing_since.map(|at| shop.look.moment(at)),
            due: shop.look.moment(one.due_at),
            next: one
                .next
                .as_ref()
                .map(|(id, kind)| (telling::title(shop.locale(), kind), shop.url(format_args!("/events/{id}")))),
            why: Why::of(shop, &one.code, &one.message),
            key: one.key.clone(),
        }
    }
}

#[derive(Template)]
#[template(path = "subscription.html")]
struct SubscriptionPage {
    shell: Shell,
    head: Head,
    types: Vec<(String, String)>,
    filter: String,
    since: String,
    backlog_events: String,
    backlog_keys: i64,
    failing: i64,
    oldest: Option<String>,
    rows: Vec<WaitingRow>,
    is_cut: bool,
}

/// `GET …/subscriptions/{subscription}`.
pub(in crate::console) async fn show(shop: Shop, State(state): State<AppState>) -> ConsoleResult {
    let read = async |mut tx: Tx| {
        let (subscription, head) = arrive(&mut tx, &shop, "").await?;
        let backlog = backlogs(&mut tx, std::slice::from_ref(&subscription)).await?;
        let waiting = lanes_waiting(&mut tx, &subscription, WAITING).await?;
        Ok::<_, PlatformError>((subscription, head, backlog.into_iter().next().unwrap_or_default(), waiting))
    };
    let (subscription, head, backlog, waiting) = state.store.read(&shop.ctx, read).await?;
    page(&SubscriptionPage {
        head,
        types: subscription.types.iter().map(|kind| (telling::title(shop.locale(), kind), kind.clone())).collect(),
        filter: subscription.filter,
        since: shop.look.time(subscription.created_at),
        backlog_events: look::grouped(backlog.events.unsigned_abs()),
        backlog_keys: backlog.keys,
        failing: backlog.failing,
        oldest: backlog.oldest.map(|at| shop.look.moment(at)),
        is_cut: waiting.len() >= WAITING as usize,
        rows: waiting.iter().map(|one| WaitingRow::of(&shop, one)).collect(),
        shell: shop.shell,
    })
}

async fn put(shop: Shop, state: &AppState, to: SubscriptionState, done: &str) -> ConsoleResult {
    let id: SubscriptionId = shop.id("subscription")?;
    state.store.write(&shop.ctx, async |mut tx| subscription_state_put(&mut tx, id, to).await).await?;
    Ok(go(shop.url(format_args!("/subscriptions/{id}?done={done}"))))
}

/// `POST …/subscriptions/{subscription}/pause`.
pub(in crate::console) async fn pause_post(
    shop: Shop,
    State(state): State<AppState>,
    _fields: Fields,
) -> ConsoleResult {
    put(shop, &state, SubscriptionState::Paused, "paused").await
}

/// `POST …/subscriptions/{subscription}/resume`.
pub(in crate::console) async fn resume_post(
    shop: Shop,
    State(state): State<AppState>,
    _fields: Fields,
) -> ConsoleResult {
    put(shop, &state, SubscriptionState::Active, "resumed").await
}

/// `POST …/subscriptions/{subscription}/skip`.
pub(in crate::console) async fn skip_post(shop: Shop, State(state): State<AppState>, fields: Fields) -> ConsoleResult {
    let id: SubscriptionId = shop.id("subscription")?;
    let lane = LaneKey { subscription: id, key: fields.get("key").unwrap_or_default().to_owned() };
    state.store.write(&shop.ctx, async |mut tx| lane_skip(&mut tx, &lane).await).await?;
    Ok(go(shop.url(format_args!("/subscriptions/{id}/dead-letters?done=skipped"))))
}
