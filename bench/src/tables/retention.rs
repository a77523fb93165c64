//! What it costs those who ask that expired events are removed meanwhile: quotes of a process that has nothing to remove,
//! and of the same one while it removes events all the time.

use anyhow::{Result, ensure};
use heptad_model::time::span::DAY;
use heptad_model::{Ctx, Env, EventType, Origin, retention};
use heptad_store::{Store, StoreError, StoreOptions, Tx};
use serde_json::json;

use super::Scale;
use super::quotes::{CONNECTIONS, QUOTES, quotes, send};
use crate::data::{Data, Database};
use crate::process::Process;
use crate::report::{Row, Sheet};
use crate::series::median;
use crate::setup::{Host, THREE};
use crate::watch::settled;

/// Events for each second that is measured: more than a process removes in that time.
const EACH_SECOND: f64 = 30_000.0;
/// Of a transaction.
const BATCH: usize = 5_000;
/// The most rounds, each of which tells all these events again.
const ROUNDS: usize = 3;
/// How much longer the slowest hundredth may take.
const MOST: f64 = 2.0;

/// Tells of so many events that happened a day before the oldest that are kept, and lets them leave the outbox.
async fn expired(data: &Data, host: &mut Host, ctx: &Ctx, events: usize) -> Result<()> {
    let then = host.env.now().plus(-retention::EVENTS.millis - DAY);
    let origin = Origin { env: Env::fixed(then.as_millis()), ..ctx.origin().clone() };
    let ctx = origin.for_tenant(ctx.tenant().clone());
    for begin in (0..events).step_by(BATCH) {
        let tell = async |mut tx: Tx| {
            for number in begin..events.min(begin + BATCH) {
                let sku = format!("OLD-{:03}", number % 1_000);
                let level = json!({"sku": sku, "location": "HQ", "on_hand": number});
                tx.emit(EventType::InventoryChanged.about(&sku, level));
            }
            Ok::<_, StoreError>(())
        };
        host.store.write(&ctx, tell).await?;
    }
    let delivery = host.deliver().await?;
    let store = Store::open(&StoreOptions::new(data.url.clone())).await?;
    settled(&store).await?;
    store.close().await;
    delivery.stop().await;
    Ok(())
}

/// How many events of that kind are left.
async fn left(store: &Store, ctx: &Ctx) -> Result<i64> {
    const LEFT: &str = "select count(*) as n from events where tenant_id = $1 and kind = 'inventory.changed'";
    let count = async |mut tx: Tx| tx.query(LEFT).fetch_one(|row| row.int("n")).await;
    Ok(store.read::<_, StoreError, _>(ctx, count).await?)
}

/// Quotes a second, p50 and p99 in milliseconds: while events are removed, and when nothing is left.
async fn look(data: &Data, ctx: &Ctx, token: &str, scale: &Scale) -> Result<[[f64; 3]; 2]> {
    let mut host = Host::open(data, crate::setup::limits()).await?;
    expired(data, &mut host, ctx, (EACH_SECOND * scale.seconds) as usize).await?;
    let store = Store::open(&StoreOptions::new(data.url.clone())).await?;
    host.close().await;
    // A process begins with a round of removing.
    let process = Process::start(data).await?;
    let load = quotes(process.address.clone(), token.to_owned(), scale.seconds);
    let figures = |done: crate::load::Done| [done.rate(), done.p50 / 1_000.0, done.p99 / 1_000.0];
    let meanwhile = figures(send(&load).await?);
    ensure!(left(&store, ctx).await? > 0, "the events were gone before: more have to be told");
    while left(&store, ctx).await? > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let alone = figures(send(&load).await?);
    store.close().await;
    Ok([alone, meanwhile])
}

/// Both databases.
pub(super) async fn measure(scale: &Scale) -> Result<Sheet> {
    let rounds = scale.rounds.min(ROUNDS);
    let title = format!(
        "POST {QUOTES}, ten lines, one plugin, {CONNECTIONS} connections, median of {rounds} rounds of {} s; ratios to nothing to remove",
        scale.seconds
    );
    let mut sheet = Sheet::new("retention", title, ["nothing to remove", "removing"]);
    for database in Database::ALL {
        let data = Data::on(database).await?;
        let host = Host::start(&data).await?;
        let ctx = host.tenant("shop", &THREE[..1]).await?;
        let token = host.token(&ctx).await?;
        host.close().await;
        let mut found = Vec::new();
        for _ in 0..rounds {
            found.push(look(&data, &ctx, &token, scale).await?);
        }
        let name = database.name();
        for (at, (what, unit)) in [("quotes", "/s"), ("p50", "ms"), ("p99", "ms")].into_iter().enumerate() {
            let of = |which: usize| median(&found.iter().map(|round| round[which][at]).collect::<Vec<f64>>());
            let (alone, meanwhile) = (of(0), of(1));
            let row = Row::new(format!("{name}: {what}"), unit, [Some(alone), Some(meanwhile)]).with_ratios();
            sheet.row(if what == "p99" { row.at_most("removing to nothing", meanwhile / alone, MOST) } else { row });
        }
    }
    Ok(sheet)
}
