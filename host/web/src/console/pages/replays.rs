//! Telling events once more: those of a time or some by their ids; how far a replay is, and ending it.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use heptad_model::Page;
use heptad_model::id::{EventId, ReplayId, SubscriptionId};
use heptad_platform::PlatformError;
use heptad_platform::delivery::replay::{
    MAX_EVENTS, MAX_IDS, Replay, ReplayOf, replay_cancel, replay_create, replay_list,
};
use heptad_platform::delivery::subscription::subscription_get;
use heptad_store::Tx;

use super::customers::tags_of;
use super::go;
use super::subscriptions::{Head, arrive};
use crate::console::desk::Shop;
use crate::console::failure::{ConsoleResult, Failure};
use crate::console::fields::{Asks, Fields, Listing};
use crate::console::look;
use crate::console::shell::{Shell, page, page_with};
use crate::state::AppState;

/// Replays on a page.
const PER_PAGE: u32 = 20;

/// A replay in the list.
struct ReplayRow {
    /// Where it is ended.
    url: String,
    at: String,
    events: i64,
    done: i64,
    figures: String,
    state: String,
    tone: &'static str,
    is_running: bool,
}

impl ReplayRow {
    fn of(shop: &Shop, replay: &Replay) -> Self {
        let (done, all) = (look::grouped(replay.done.unsigned_abs()), look::grouped(replay.events.unsigned_abs()));
        Self {
            url: shop.url(format_args!("/subscriptions/{}/replays/{}", replay.subscription, replay.id)),
            at: shop.look.moment(replay.created_at),
            events: replay.events,
            done: replay.done,
            figures: shop.words().t2("replay-figures", "done", done, "all", all),
            state: shop.words().of_code("replay", replay.state),
            tone: match replay.state {
                "running" => "accent",
                "done" => "good",
                _ => "",
            },
            is_running: replay.state == "running",
        }
    }
}

/// The form, as it was typed.
#[derive(Debug, Default)]
struct ReplayForm {
    from: String,
    until: String,
    events: String,
    problem: Option<String>,
}

#[derive(Template)]
#[template(path = "replays.html")]
struct ReplaysPage {
    shell: Shell,
    head: Head,
    form: ReplayForm,
    help: String,
    rows: Vec<ReplayRow>,
    next: Option<String>,
}

async fn fetch(state: &AppState, shop: &Shop, listing: Listing) -> Result<(Page<Replay>, Head), Failure> {
    let asked = listing.page(PER_PAGE)?;
    let read = async |mut tx: Tx| {
        let (subscription, head) = arrive(&mut tx, shop, "/replays").await?;
        Ok::<_, PlatformError>((replay_list(&mut tx, subscription.id, &asked).await?, head))
    };
    Ok(state.store.read(&shop.ctx, read).await?)
}

fn replays_page(shop: Shop, found: Page<Replay>, head: Head, form: ReplayForm) -> ReplaysPage {
    let (events, ids) = (look::grouped(MAX_EVENTS.into()), look::grouped(MAX_IDS as u64));
    ReplaysPage {
        head,
        form,
        help: shop.words().t2("replay-help", "events", events, "ids", ids),
        rows: found.items.iter().map(|replay| ReplayRow::of(&shop, replay)).collect(),
        next: found.next,
        shell: shop.shell,
    }
}

/// `GET …/subscriptions/{subscription}/replays`.
pub(in crate::console) async fn list(
    shop: Shop,
    State(state): State<AppState>,
    Asks(listing): Asks<Listing>,
) -> ConsoleResult {
    let (found, head) = fetch(&state, &shop, listing).await?;
    page(&replays_page(shop, found, head, ReplayForm::default()))
}

/// What is to be told again; `None` for what cannot be read.
fn wanted(shop: &Shop, fields: &Fields) -> Option<ReplayOf> {
    if let Some(ids) = fields.opt("events") {
        let ids: Option<Vec<EventId>> = tags_of(&ids).iter().map(|id| EventId::parse(id).ok()).collect();
        return ids.map(ReplayOf::Events);
    }
    let until = match fields.text("until") {
        "" => shop.ctx.now(),
        until => shop.look.field_parse(until)?,
    };
    Some(ReplayOf::Range(shop.look.field_parse(fields.text("from"))?, until))
}

/// `POST …/subscriptions/{subscription}/replays`: begins one.
pub(in crate::console) async fn create(shop: Shop, State(state): State<AppState>, fields: Fields) -> ConsoleResult {
    let id: SubscriptionId = shop.id("subscription")?;
    let begun = match wanted(&shop, &fields) {
        None => None,
        Some(of) => {
            let create = async |mut tx: Tx| {
                let subscription = subscription_get(&mut tx, id).await?;
                replay_create(&mut tx, &subscription, &of).await
            };
            match state.store.write(&shop.ctx, create).await {
                Ok(replay) => Some(replay),
                Err(PlatformError::Field { .. }) => None,
                Err(error) => return Err(error.into()),
            }
        }
    };
    if begun.is_some() {
        return Ok(go(shop.url(format_args!("/subscriptions/{id}/replays?done=replayed"))));
    }
    let typed = |name: &str| fields.text(name).to_owned();
    let problem = Some(shop.words().t("rule-replay"));
    let form = ReplayForm { from: typed("from"), until: typed("until"), events: typed("events"), problem };
    let (found, head) = fetch(&state, &shop, Listing::default()).await?;
    page_with(StatusCode::UNPROCESSABLE_ENTITY, &replays_page(shop, found, head, form))
}

/// `POST …/subscriptions/{subscription}/replays/{replay}`: ends it before all is told.
pub(in crate::console) async fn cancel(shop: Shop, State(state): State<AppState>, _fields: Fields) -> ConsoleResult {
    let (subscription, id): (SubscriptionId, ReplayId) = (shop.id("subscription")?, shop.id("replay")?);
    state.store.write(&shop.ctx, async |mut tx| replay_cancel(&mut tx, id).await).await?;
    Ok(go(shop.url(format_args!("/subscriptions/{subscription}/replays?done=replay-ended"))))
}
