//! The log of deliveries: what became of every attempt of a subscription.

use askama::Template;
use axum::extract::State;
use heptad_model::id::DeliveryId;
use heptad_platform::PlatformError;
use heptad_platform::delivery::log::{DeliveryOutcome, delivery_list};
use heptad_platform::delivery::replay::delivery_redeliver;
use heptad_store::Tx;

use super::go;
use super::subscriptions::{Head, arrive};
use crate::console::desk::Shop;
use crate::console::failure::{ConsoleResult, query};
use crate::console::fields::{Asks, Fields, Listing};
use crate::console::shell::{Shell, page};
use crate::console::telling::AttemptRow;
use crate::state::AppState;

/// Attempts on a page.
const PER_PAGE: u32 = 50;

/// Which attempts, and where to go on.
#[derive(Debug, Default, serde::Deserialize)]
pub(in crate::console) struct DeliveriesListing {
    #[serde(default)]
    outcome: String,
    cursor: Option<String>,
}

#[derive(Template)]
#[template(path = "deliveries.html")]
struct DeliveriesPage {
    shell: Shell,
    head: Head,
    outcome: String,
    attempts: Vec<AttemptRow>,
    next: Option<String>,
}

/// `GET …/subscriptions/{subscription}/deliveries`.
pub(in crate::console) async fn list(
    shop: Shop,
    State(state): State<AppState>,
    Asks(listing): Asks<DeliveriesListing>,
) -> ConsoleResult {
    let outcome: Option<DeliveryOutcome> = listing.outcome.parse().ok();
    let asked = Listing { cursor: listing.cursor, q: None }.page(PER_PAGE)?;
    let read = async |mut tx: Tx| {
        let (subscription, head) = arrive(&mut tx, &shop, "/deliveries").await?;
        let found = delivery_list(&mut tx, subscription.id, outcome, &asked).await?;
        Ok::<_, PlatformError>((subscription, head, found))
    };
    let (subscription, head, found) = state.store.read(&shop.ctx, read).await?;
    let all = [subscription];
    let word = outcome.map_or("", DeliveryOutcome::name);
    page(&DeliveriesPage {
        head,
        attempts: found.items.iter().map(|one| AttemptRow::of(&shop, one, &all)).collect(),
        next: found.next.map(|cursor| format!("?{}", query(&[("outcome", word), ("cursor", &cursor)]))),
        outcome: word.to_owned(),
        shell: shop.shell,
    })
}

/// `POST …/subscriptions/{subscription}/deliveries/{delivery}`: what the attempt was about is sent once more.
pub(in crate::console) async fn again(shop: Shop, State(state): State<AppState>, _fields: Fields) -> ConsoleResult {
    let id: DeliveryId = shop.id("delivery")?;
    let replay = state.store.write(&shop.ctx, async |mut tx: Tx| delivery_redeliver(&mut tx, id).await).await?;
    Ok(go(shop.url(format_args!("/subscriptions/{}/replays?done=replayed", replay.subscription))))
}
