//! Events that were given up: why, telling them once more, putting them aside.

use askama::Template;
use axum::extract::State;
use heptad_model::id::{DeadLetterId, SubscriptionId};
use heptad_platform::PlatformError;
use heptad_platform::delivery::dead_letter::{
    DeadLetter, DeadLetterState, dead_letter_discard, dead_letter_list, dead_letter_replay, dead_letters_replay,
};
use heptad_store::Tx;

use super::go;
use super::subscriptions::{Head, arrive};
use crate::console::desk::Shop;
use crate::console::failure::{ConsoleResult, query};
use crate::console::fields::{Asks, Fields, Listing};
use crate::console::shell::{Shell, page};
use crate::console::telling::{self, Why};
use crate::state::AppState;

/// Dead letters on a page.
const PER_PAGE: u32 = 50;

/// Which dead letters, and where to go on.
#[derive(Debug, Default, serde::Deserialize)]
pub(in crate::console) struct LettersListing {
    all: Option<String>,
    cursor: Option<String>,
}

/// The code of a letter whose event was purged.
const EXPIRED: &str = "expired";

/// An event that was given up.
struct LetterRow {
    /// Where it is told again or put aside.
    url: String,
    id: String,
    at: String,
    title: String,
    kind: String,
    event: String,
    key: String,
    about: Option<String>,
    attempts: u32,
    why: Why,
    is_open: bool,
    /// Whether the event is still there to be told.
    is_kept: bool,
    state: String,
}

impl LetterRow {
    fn of(shop: &Shop, letter: &DeadLetter) -> Self {
        Self {
            url: shop.url(format_args!("/subscriptions/{}/dead-letters/{}", letter.subscription, letter.id)),
            id: letter.id.to_string(),
            at: shop.look.moment(letter.at),
            title: telling::title(shop.locale(), &letter.kind),
            event: shop.url(format_args!("/events/{}", letter.event)),
            about: telling::about(shop, &letter.kind, &letter.key),
            why: Why::of(shop, &letter.code, &letter.message),
            is_open: letter.state == DeadLetterState::Open,
            is_kept: letter.code != EXPIRED,
            state: shop.words().of_code("letter", letter.state.name()),
            kind: letter.kind.clone(),
            key: letter.key.clone(),
            attempts: letter.attempts,
        }
    }
}

#[derive(Template)]
#[template(path = "dead_letters.html")]
struct LettersPage {
    shell: Shell,
    head: Head,
    all: bool,
    /// Whether one of these can be told again.
    may_replay: bool,
    rows: Vec<LetterRow>,
    next: Option<String>,
}

/// `GET …/subscriptions/{subscription}/dead-letters`.
pub(in crate::console) async fn list(
    shop: Shop,
    State(state): State<AppState>,
    Asks(listing): Asks<LettersListing>,
) -> ConsoleResult {
    let all = listing.all.is_some();
    let of = Some(DeadLetterState::Open).filter(|_| !all);
    let asked = Listing { cursor: listing.cursor, q: None }.page(PER_PAGE)?;
    let read = async |mut tx: Tx| {
        let (subscription, head) = arrive(&mut tx, &shop, "/dead-letters").await?;
        Ok::<_, PlatformError>((dead_letter_list(&mut tx, subscription.id, of, &asked).await?, head))
    };
    let (found, head) = state.store.read(&shop.ctx, read).await?;
    let next = |cursor: String| {
        let pairs: &[(&str, &str)] = if all { &[("all", "1"), ("cursor", &cursor)] } else { &[("cursor", &cursor)] };
        format!("?{}", query(pairs))
    };
    let rows: Vec<LetterRow> = found.items.iter().map(|letter| LetterRow::of(&shop, letter)).collect();
    page(&LettersPage {
        head,
        all,
        may_replay: rows.iter().any(|row| row.is_open && row.is_kept),
        rows,
        next: found.next.map(next),
        shell: shop.shell,
    })
}

/// `POST …/subscriptions/{subscription}/dead-letters`: tells all that are open once more, in their order.
pub(in crate::console) async fn replay_all(
    shop: Shop,
    State(state): State<AppState>,
    _fields: Fields,
) -> ConsoleResult {
    let subscription: SubscriptionId = shop.id("subscription")?;
    state.store.write(&shop.ctx, async |mut tx| dead_letters_replay(&mut tx, subscription).await).await?;
    Ok(go(shop.url(format_args!("/subscriptions/{subscription}/replays?done=replayed"))))
}

/// `POST …/subscriptions/{subscription}/dead-letters/{letter}`: tells it once more, or puts it aside.
pub(in crate::console) async fn act(shop: Shop, State(state): State<AppState>, fields: Fields) -> ConsoleResult {
    let (subscription, id): (SubscriptionId, DeadLetterId) = (shop.id("subscription")?, shop.id("letter")?);
    let (end, done) = if fields.text("action") == "discard" {
        state.store.write(&shop.ctx, async |mut tx| dead_letter_discard(&mut tx, id).await).await?;
        ("dead-letters", "discarded")
    } else {
        state.store.write(&shop.ctx, async |mut tx| dead_letter_replay(&mut tx, id).await).await?;
        ("replays", "replayed")
    };
    Ok(go(shop.url(format_args!("/subscriptions/{subscription}/{end}?done={done}"))))
}
