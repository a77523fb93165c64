//! The same discount over HTTP: Heptad's quote, with its catalog, carts and database, beside servers that only compute.

use anyhow::Result;

use super::Scale;
use super::calls::Subject as _;
use super::quotes::{CONNECTIONS, quotes, send};
use crate::cart::{cart, peer_body};
use crate::data::Data;
use crate::load::Load;
use crate::peers::heptad::HeptadGuest;
use crate::peers::{axum, wasmtime_serve, workerd};
use crate::report::{Row, Sheet};
use crate::series::median;
use crate::setup::{Host, THREE};

/// A server and its rounds.
struct Column {
    name: &'static str,
    load: Load,
    rates: Vec<f64>,
    p50: Vec<f64>,
    p99: Vec<f64>,
}

impl Column {
    fn new(name: &'static str, load: Load) -> Self {
        Self { name, load, rates: Vec::new(), p50: Vec::new(), p99: Vec::new() }
    }
}

/// All servers in turn; those that are not installed are named.
pub(super) async fn measure(scale: &Scale) -> Result<Sheet> {
    let data = Data::new()?;
    let mut host = Host::start(&data).await?;
    let address = host.listen().await?.to_string();
    let ctx = host.tenant("shop", &THREE[..1]).await?;
    let token = host.token(&ctx).await?;
    let guest = HeptadGuest { runtime: host.runtime.clone(), ctx, cart: cart() };
    guest.call().await?;

    let peer = |address: String| Load {
        addresses: vec![address],
        path: "/".to_owned(),
        token: None,
        body: peer_body(),
        connections: CONNECTIONS,
        seconds: scale.seconds,
        per_second: None,
    };
    let plain = axum::plain().await?;
    let sandbox = axum::sandbox(guest).await?;
    let mut columns = vec![
        Column::new("Heptad's quote", quotes(address, token, scale.seconds)),
        Column::new("Heptad's sandbox behind axum", peer(sandbox.address())),
        Column::new("axum", peer(plain.address())),
    ];
    let (mut servers, mut missing) = (vec![plain, sandbox], Vec::new());
    for (name, started) in
        [(wasmtime_serve::NAME, wasmtime_serve::start().await), (workerd::NAME, workerd::start().await)]
    {
        match started? {
            Ok(server) => {
                columns.push(Column::new(name, peer(server.address())));
                servers.push(server);
            }
            Err(absent) => missing.push(format!("{name} is skipped: {absent}")),
        }
    }
    for _ in 0..scale.rounds {
        for column in &mut columns {
            let done = send(&column.load).await?;
            column.rates.push(done.rate());
            column.p50.push(done.p50 / 1_000.0);
            column.p99.push(done.p99 / 1_000.0);
        }
    }
    drop(servers);
    let title = format!(
        "one discount plugin, ten lines, {CONNECTIONS} connections from another process, median of {} rounds of {} s, interleaved; ratios to Heptad's quote",
        scale.rounds, scale.seconds
    );
    let mut sheet = Sheet::new("http", title, columns.iter().map(|column| column.name));
    let row = |what: &str, unit, of: fn(&Column) -> &[f64]| {
        Row::new(what, unit, columns.iter().map(|column| Some(median(of(column))))).with_ratios()
    };
    let mut requests = row("requests", "/s", |column| &column.rates);
    if let Some(serve) = columns.iter().find(|column| column.name == wasmtime_serve::NAME) {
        requests = requests.at_least("quote to wasmtime serve", median(&columns[0].rates) / median(&serve.rates), 2.0);
    }
    sheet.row(requests);
    sheet.row(row("p50", "ms", |column| &column.p50));
    sheet.row(row("p99", "ms", |column| &column.p99));
    missing.into_iter().for_each(|note| sheet.note(note));
    Ok(sheet)
}
