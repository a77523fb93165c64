//! How cost grows with the number of shops, of a shop's plugins, and of the events that it keeps, in a process of the real
//! program.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use heptad_model::id::CartId;
use heptad_model::{Ctx, Env, EventType, Origin};
use heptad_platform::principal::Role;
use heptad_runtime::FLUSH_EVERY;
use heptad_store::dialect::Dialect;
use heptad_store::{PlatformTx, Store, StoreError, StoreOptions, Tx};
use hyper::Method;

use super::Scale;
use super::quotes::{QUOTES, quotes, send};
use crate::cart::{cart, quote_body};
use crate::client::Client;
use crate::data::{Data, Database};
use crate::load::Load;
use crate::machine::{processor_millis, resident_kib};
use crate::process::Process;
use crate::report::{Row, Sheet};
use crate::series::{Series, nanos};
use crate::setup::{Host, bench_guest, handler};
use crate::watch::{delivered, settled};

/// How many shops there are.
const SHOPS: [usize; 3] = [10, 100, 1_000];
/// How many plugins of a shop give discounts.
const PLUGINS: [usize; 4] = [0, 2, 5, 20];
/// How many events of the first shop are kept.
const KEPT: [usize; 3] = [1_000, 10_000, 100_000];
/// Plugins that give discounts, and handlers that write a key, of which each shop has one.
const DISCOUNTS: usize = 7;
const HANDLERS: usize = 3;
/// How many events are told in a transaction while a shop is filled.
const AT_ONCE: usize = 500;
/// The time of an idle process, in rounds over HTTP: with four seconds each a minute, in which each thing that a process
/// does by itself comes at least once.
const IDLE: f64 = 15.0;
/// Events for each sample: pages of the database are coarse.
const EVENTS: usize = 5;

/// What there is.
#[derive(Clone, Copy)]
struct Case {
    shops: usize,
    /// Plugins of each shop that give discounts.
    discounts: usize,
    /// Events that are kept of the first shop.
    kept: usize,
    /// Whether the idle process is looked at, which takes a minute.
    idle: bool,
}

/// What the other cases differ from.
const PLAIN: Case = Case { shops: 10, discounts: 2, kept: 0, idle: false };

/// What is looked at, in the order of [`Found`].
const ROWS: [(&str, &str); 11] = [
    ("start until ready", "ms"),
    ("resident when started", "MiB"),
    ("resident when each shop was asked", "MiB"),
    ("processor time when idle", "ms/s"),
    ("quote, p50", "ms"),
    ("rows of a quote", ""),
    ("database of a quote", "KiB"),
    ("rows of an event", ""),
    ("database of an event", "KiB"),
    ("commit to commit when idle, p50", "ms"),
    ("commit to commit when idle, p99", "ms"),
];
type Found = [f64; ROWS.len()];

/// The size of what a shop has told and been told: its rows of these tables, and the bytes of the whole database.
struct Size {
    rows: i64,
    bytes: i64,
}

impl Size {
    async fn of(store: &Store, ctx: &Ctx) -> Result<Self> {
        const ROWS: &str = "select (select count(*) from carts where tenant_id = $1) \
                            + (select count(*) from cart_lines where tenant_id = $1) \
                            + (select count(*) from quotes where tenant_id = $1) \
                            + (select count(*) from events where tenant_id = $1) \
                            + (select count(*) from event_keys where tenant_id = $1) \
                            + (select count(*) from audit where tenant_id = $1) \
                            + (select count(*) from lanes where tenant = $1) \
                            + (select count(*) from deliveries where tenant_id = $1) \
                            + (select count(*) from plugin_kv where tenant_id = $1) as rows_of_shop";
        const SQLITE: &str = "select page_count * page_size as bytes from pragma_page_count(), pragma_page_size()";
        const POSTGRES: &str = "select pg_database_size(current_database()) as bytes";
        let bytes = if store.dialect() == Dialect::Sqlite { SQLITE } else { POSTGRES };
        let rows = async |mut tx: Tx| tx.query(ROWS).fetch_one(|row| row.int("rows_of_shop")).await;
        let bytes = async |mut tx: PlatformTx| tx.query(bytes).fetch_one(|row| row.int("bytes")).await;
        let rows = store.read::<_, StoreError, _>(ctx, rows).await?;
        let bytes = store.platform_read::<_, StoreError, _>(&Origin::system("bench", Env::system()), bytes).await?;
        Ok(Self { rows, bytes })
    }

    /// Rows and KiB since then, for each of so many.
    fn since(&self, before: &Self, of: u64) -> [f64; 2] {
        let of = of.max(1) as f64;
        [(self.rows - before.rows) as f64 / of, (self.bytes - before.bytes) as f64 / 1_024.0 / of]
    }
}

/// Shops and their tokens, and one of the staff of the first.
struct Shops {
    first: Ctx,
    tokens: Vec<String>,
    staff: String,
}

/// Tells of carts, of which nobody hears.
async fn tell(host: &Host, ctx: &Ctx, events: usize) -> Result<()> {
    for begin in (0..events).step_by(AT_ONCE) {
        let some = async |mut tx: Tx| {
            for _ in begin..events.min(begin + AT_ONCE) {
                let cart = CartId::generate(&tx.ctx().env);
                tx.emit(EventType::CartCreated.about(cart, serde_json::json!({"cart": cart, "lines": 1})));
            }
            Ok::<_, StoreError>(())
        };
        host.store.write(ctx, some).await?;
    }
    Ok(())
}

async fn fill(data: &Data, case: Case) -> Result<Shops> {
    let host = Host::empty(data).await?;
    let many = DISCOUNTS.max(case.discounts);
    let discounts: Vec<String> = (0..many).map(|number| format!("bench-discount-{number}")).collect();
    let handlers: Vec<String> = (0..HANDLERS).map(|number| format!("bench-handler-{number}")).collect();
    for name in &discounts {
        host.publish(bench_guest(name)?).await?;
    }
    for name in &handlers {
        host.publish(handler(name, "write", "inventory.changed")?).await?;
    }
    let (mut first, mut tokens) = (None, Vec::new());
    for number in 0..case.shops {
        let discount = |at: usize| discounts[(case.discounts * number + at) % many].as_str();
        let mut plugins: Vec<&str> = (0..case.discounts).map(discount).collect();
        plugins.push(&handlers[number % HANDLERS]);
        let ctx = host.tenant(&format!("shop-{number:04}"), &plugins).await?;
        tokens.push(host.token(&ctx).await?);
        first.get_or_insert(ctx);
    }
    let first = first.context("there is a shop")?;
    tell(&host, &first, case.kept).await?;
    let staff = host.token_of(&first, Role::Staff).await?;
    host.close().await;
    Ok(Shops { first, tokens, staff })
}

/// Sends a request that has to succeed.
async fn ask(client: &mut Client, method: Method, path: &str, body: &str) -> Result<()> {
    let (status, answer) = client.ask(method, path, body).await?;
    ensure!(status.is_success(), "{path}: {status} {}", String::from_utf8_lossy(&answer));
    Ok(())
}

/// One process of a case.
async fn look(database: Database, case: Case, scale: &Scale) -> Result<Found> {
    let data = Data::on(database).await?;
    let shops = fill(&data, case).await?;
    let process = Process::start(&data).await?;
    let resident = || resident_kib(&process.id()).0 as f64 / 1_024.0;
    let started = resident();
    for token in &shops.tokens {
        let mut client = Client::connect(&process.address, Some(token)).await?;
        ask(&mut client, Method::POST, QUOTES, &quote_body()).await?;
    }
    let asked = resident();

    let store = Store::open(&StoreOptions::new(data.url.clone())).await?;
    settled(&store).await?;
    // What these calls used is written by then, and is not taken for what an idle process does.
    tokio::time::sleep(FLUSH_EVERY + Duration::from_secs(2)).await;
    let (used, begun) = (processor_millis(&process.id()), Instant::now());
    if case.idle {
        tokio::time::sleep(Duration::from_secs_f64(scale.seconds * IDLE)).await;
    }
    let idle = (processor_millis(&process.id()) - used) as f64 / begun.elapsed().as_secs_f64();

    let before = Size::of(&store, &shops.first).await?;
    let quotes = quotes(process.address.clone(), shops.tokens[0].clone(), scale.seconds);
    let quoted = send(&Load { connections: 1, ..quotes }).await?;
    settled(&store).await?;
    let after_quotes = Size::of(&store, &shops.first).await?;

    let mut staff = Client::connect(&process.address, Some(&shops.staff)).await?;
    let (mut times, skus) = (Vec::new(), cart().lines);
    let events = scale.samples * EVENTS;
    for (on_hand, line) in (0..events).zip(skus.iter().cycle()) {
        let path = format!("/v1/inventory-levels/{}/HQ", line.sku);
        ask(&mut staff, Method::PUT, &path, &format!(r#"{{"on_hand":{on_hand}}}"#)).await?;
        let begun = Instant::now();
        delivered(&store).await?;
        times.push(nanos(begun));
    }
    let after_events = Size::of(&store, &shops.first).await?;
    store.close().await;

    let [quote_rows, quote_kib] = after_quotes.since(&before, quoted.completed);
    let [event_rows, event_kib] = after_events.since(&after_quotes, events as u64);
    let times = Series::new(times);
    Ok([
        process.ready_after.as_secs_f64() * 1_000.0,
        started,
        asked,
        idle,
        quoted.p50 / 1_000.0,
        quote_rows,
        quote_kib,
        event_rows,
        event_kib,
        times.quantile(0.5) / 1_000.0,
        times.quantile(0.99) / 1_000.0,
    ])
}

/// A sheet of some cases on each database: these of [`ROWS`].
async fn sheet(
    (name, title): (&'static str, String),
    cases: impl IntoIterator<Item = (String, Case)>,
    rows: &[usize],
    scale: &Scale,
) -> Result<Sheet> {
    let (heads, cases): (Vec<String>, Vec<Case>) = cases.into_iter().unzip();
    let mut sheet = Sheet::new(name, title, heads);
    for database in Database::ALL {
        let mut found = Vec::new();
        for case in &cases {
            found.push(look(database, *case, scale).await?);
        }
        for at in rows {
            let (what, unit) = ROWS[*at];
            let figures = found.iter().map(|found| Some(found[*at]));
            sheet.row(Row::new(format!("{}: {what}", database.name()), unit, figures));
        }
    }
    Ok(sheet)
}

/// Numbers of shops, of plugins and of events, each on each database.
pub(super) async fn measure(scale: &Scale) -> Result<[Sheet; 3]> {
    let loads =
        format!("quotes by one connection for {} s, {} events one at a time", scale.seconds, scale.samples * EVENTS);
    let shops = SHOPS.into_iter().filter(|shops| *shops <= scale.tenants);
    let shops = shops.map(|shops| (format!("shops: {shops}"), Case { shops, idle: true, ..PLAIN }));
    let plugins = PLUGINS.map(|discounts| (format!("plugins: {discounts}"), Case { discounts, ..PLAIN }));
    let kept = KEPT.into_iter().filter(|kept| *kept <= scale.events * 10);
    let kept = kept.map(|kept| (format!("events: {kept}"), Case { kept, ..PLAIN }));
    let of_shops = format!("two discounts and a handler in each shop; {} s idle, {loads}", scale.seconds * IDLE);
    let of_plugins = format!("discounts of each shop, and a handler; 10 shops; {loads}");
    let of_events = format!("events of the first of 10 shops that are kept; two discounts and a handler; {loads}");
    Ok([
        sheet(("growth", of_shops), shops, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10], scale).await?,
        sheet(("growth-plugins", of_plugins), plugins, &[2, 4, 5, 6, 9, 10], scale).await?,
        sheet(("growth-events", of_events), kept, &[0, 2, 4, 9, 10], scale).await?,
    ])
}
