//! Events from their commit to the commit of what a handler made of them: a backlog, one at a time, and what it costs
//! quotes that a plugin hears of their carts.

use std::time::Instant;

use anyhow::{Result, ensure};
use heptad_capabilities::CapabilityError;
use heptad_capabilities::mall::catalog::{ProductIn, SkuIn, product_create, sku_create};
use heptad_capabilities::mall::inventory::level_set;
use heptad_model::{Ctx, Env, Minor, Origin};
use heptad_store::{PlatformTx, Store, StoreError, StoreOptions, Tx};

use super::Scale;
use super::quotes::{CONNECTIONS, quotes, send};
use crate::data::{Data, Database};
use crate::report::{Row, Sheet};
use crate::series::{Series, median, nanos};
use crate::setup::{Host, handler, limits};
use crate::watch::{delivered, handled, settled};

/// A handler, by what it does: the plugin's name, the subscription's, and how many events a second are wanted of it on
/// SQLite and on PostgreSQL.
const HANDLERS: [(&str, &str, [f64; 2]); 2] =
    [("does nothing", "nothing", [3_000.0, 1_500.0]), ("writes a key", "write", [500.0, 500.0])];
/// The plugin that hears of carts.
const HEARS_OF_CARTS: &str = "bench-carts";
/// Shops that a backlog is spread over, the first of which is judged.
const SHOPS: [usize; 2] = [10, 1];
/// Events of a key.
const EACH: usize = 10;
/// The most rounds of a backlog, of which the median counts: each takes seconds anyway.
const ROUNDS: usize = 3;
/// The most time from commit to commit when there is nothing else to do, in milliseconds.
const MOST_MS: f64 = 20.0;

fn plugin(subscription: &str) -> String {
    format!("bench-{subscription}")
}

/// A shop with so many SKUs and the plugin.
async fn shop(host: &Host, slug: &str, skus: usize, plugin: &str) -> Result<Ctx> {
    let ctx = host.empty_tenant(slug).await?;
    let stock = async |mut tx| {
        let (code, name, category) = ("BENCH".to_owned(), "Bench".to_owned(), "bench".to_owned());
        let product = product_create(&mut tx, ProductIn { code, name, category, tags: Vec::new() }).await?.id;
        for number in 0..skus {
            let price = Minor::new(100)?;
            sku_create(&mut tx, SkuIn { code: sku(number), product, name: sku(number), price }).await?;
        }
        Ok::<_, CapabilityError>(())
    };
    host.store.write(&ctx, stock).await?;
    host.install(&ctx, &[plugin]).await?;
    Ok(ctx)
}

fn sku(number: usize) -> String {
    format!("BENCH-{number:04}")
}

/// Tells of a change of each SKU's stock, in one transaction.
async fn tell(store: &Store, ctx: &Ctx, skus: usize, on_hand: usize) -> Result<()> {
    let set = async |mut tx: Tx| {
        for number in 0..skus {
            level_set(&mut tx, &sku(number), "HQ", on_hand as i64).await?;
        }
        Ok::<_, CapabilityError>(())
    };
    Ok(store.write(ctx, set).await?)
}

/// Delivers what is there to be delivered.
async fn deliver(mut host: Host) -> Result<()> {
    let delivery = host.deliver().await?;
    settled(&host.store).await?;
    delivery.stop().await;
    host.close().await;
    Ok(())
}

/// Events a second of a backlog in shops that are new, from the start of delivery to the last acknowledgement.
async fn backlog(data: &Data, name: &str, subscription: &str, shops: usize, events: usize) -> Result<f64> {
    let host = Host::open(data, limits()).await?;
    let skus = events / EACH / shops;
    let mut all = Vec::new();
    for number in 0..shops {
        all.push(shop(&host, &format!("{name}-{number}"), skus, &plugin(subscription)).await?);
    }
    // What was told when the shops were made is no part of the backlog.
    deliver(host).await?;

    let mut host = Host::open(data, limits()).await?;
    for on_hand in 0..EACH {
        for ctx in &all {
            tell(&host.store, ctx, skus, on_hand).await?;
        }
    }
    let begun = Instant::now();
    let delivery = host.deliver().await?;
    settled(&host.store).await?;
    let took = begun.elapsed().as_secs_f64();
    delivery.stop().await;
    for ctx in &all {
        let handled = handled(&host.store, ctx).await?;
        ensure!(handled == (skus * EACH) as i64, "{handled} events of {} were handled", skus * EACH);
    }
    host.close().await;
    Ok((skus * EACH * shops) as f64 / took)
}

/// How long events take that come one at a time, in nanoseconds.
async fn idle(data: &Data, subscription: &str, samples: usize) -> Result<Series> {
    let mut host = Host::open(data, limits()).await?;
    let ctx = shop(&host, &format!("idle-{subscription}"), 1, &plugin(subscription)).await?;
    let delivery = host.deliver().await?;
    settled(&host.store).await?;
    let mut times = Vec::new();
    for on_hand in 0..=samples {
        tell(&host.store, &ctx, 1, on_hand).await?;
        let begun = Instant::now();
        delivered(&host.store).await?;
        times.push(nanos(begun));
    }
    delivery.stop().await;
    host.close().await;
    // The first one read the plugin's code.
    Ok(Series::new(times.split_off(1)))
}

/// Quotes a second of a shop where nobody hears of carts, and of one where a plugin does.
async fn heard(data: &Data, scale: &Scale) -> Result<[f64; 2]> {
    let mut host = Host::open(data, limits()).await?;
    let address = host.listen().await?.to_string();
    let mut shops = Vec::new();
    for (slug, plugins) in [("unheard", &[][..]), ("heard", &[HEARS_OF_CARTS][..])] {
        let ctx = host.tenant(slug, plugins).await?;
        shops.push((quotes(address.clone(), host.token(&ctx).await?, scale.seconds), Vec::new()));
    }
    let delivery = host.deliver().await?;
    for _ in 0..scale.rounds {
        for (load, rates) in &mut shops {
            settled(&host.store).await?;
            rates.push(send(load).await?.rate());
        }
    }
    settled(&host.store).await?;
    delivery.stop().await;
    host.close().await;
    Ok([median(&shops[0].1), median(&shops[1].1)])
}

/// How PostgreSQL is set up to keep what was committed.
async fn durability(data: &Data) -> Result<String> {
    const SHOW: &str = "select current_setting('fsync') as fsync, current_setting('synchronous_commit') as commits";
    let store = Store::open(&StoreOptions::new(data.url.clone())).await?;
    let show = async |mut tx: PlatformTx| {
        tx.query(SHOW)
            .fetch_one(|row| Ok(format!("fsync {}, synchronous_commit {}", row.text("fsync")?, row.text("commits")?)))
            .await
    };
    let shown = store.platform_read::<_, StoreError, _>(&Origin::system("bench", Env::system()), show).await?;
    store.close().await;
    Ok(format!("PostgreSQL ran with {shown}."))
}

/// Both handlers on both databases.
pub(super) async fn measure(scale: &Scale) -> Result<Sheet> {
    let rounds = scale.rounds.min(ROUNDS);
    let title = format!(
        "{} events over {} keys, told before delivery starts, median of {rounds} rounds; {} events one at a time; quotes by {CONNECTIONS} connections, median of {} rounds of {} s",
        scale.events,
        scale.events / EACH,
        scale.samples,
        scale.rounds,
        scale.seconds
    );
    let mut sheet = Sheet::new("events", title, SHOPS.map(|shops| format!("shops: {shops}")));
    let one = |figure: f64| [None, Some(figure)];
    for (at, database) in Database::ALL.into_iter().enumerate() {
        let data = Data::on(database).await?;
        let host = Host::empty(&data).await?;
        for (_, subscription, _) in HANDLERS {
            host.publish(handler(&plugin(subscription), subscription, "inventory.changed")?).await?;
        }
        host.publish(handler(HEARS_OF_CARTS, "nothing", "cart.created")?).await?;
        host.close().await;

        let name = database.name();
        for (does, subscription, _) in HANDLERS {
            let times = idle(&data, subscription, scale.samples).await?;
            let (p50, p99) = (times.quantile(0.5) / 1_000.0, times.quantile(0.99) / 1_000.0);
            let row = Row::new(format!("{name}, {does}: commit to commit when idle, p50"), "ms", one(p50));
            sheet.row(row.at_most("p50", p50, MOST_MS));
            sheet.row(Row::new(format!("{name}, {does}: commit to commit when idle, p99"), "ms", one(p99)));
        }
        let [unheard, heard] = heard(&data, scale).await?;
        sheet.row(Row::new(format!("{name}: quotes, nobody hears of the cart"), "/s", one(unheard)));
        sheet.row(Row::new(format!("{name}: quotes, a plugin hears of the cart"), "/s", one(heard)));
        sheet.row(Row::new(format!("{name}: quotes, heard to unheard"), "", one(heard / unheard)));
        for (does, subscription, wanted) in HANDLERS {
            let mut rates = SHOPS.map(|_| Vec::new());
            for round in 0..rounds {
                for (shops, rates) in SHOPS.into_iter().zip(&mut rates) {
                    let name = format!("{subscription}-{round}-{shops}");
                    rates.push(backlog(&data, &name, subscription, shops, scale.events).await?);
                }
            }
            let rates = rates.map(|rates| median(&rates));
            let row = Row::new(format!("{name}, {does}: events"), "/s", rates.map(Some));
            let row = match rates {
                // It holds for both, so the slower one is judged.
                [ten, one] if ten <= one => row.at_least(&format!("shops: {}", SHOPS[0]), ten, wanted[at]),
                [_, one] => row.at_least(&format!("shops: {}", SHOPS[1]), one, wanted[at]),
            };
            sheet.row(row);
        }
        if database == Database::Postgres {
            sheet.note(durability(&data).await?);
        }
    }
    Ok(sheet)
}
