//! `POST /v1/quotes` over loopback: the whole way from the socket to the row in SQLite (WAL, `synchronous = full`), with
//! 0, 1 and 3 plugins that the merchant enabled.

use anyhow::{Result, ensure};

use super::Scale;
use crate::cart::quote_body;
use crate::data::Data;
use crate::load::{Done, Load};
use crate::report::{Row, Sheet};
use crate::series::median;
use crate::setup::{Host, THREE};

/// Connections of the generator.
pub(super) const CONNECTIONS: usize = 8;
/// Where quotes are asked for.
pub(super) const QUOTES: &str = "/v1/quotes";

/// Quotes of one tenant, one after the other on each connection.
pub(super) fn quotes(address: String, token: String, seconds: f64) -> Load {
    let body = quote_body();
    Load {
        addresses: vec![address],
        path: QUOTES.to_owned(),
        token: Some(token),
        body,
        connections: CONNECTIONS,
        seconds,
        per_second: None,
    }
}

/// Sends them, of which all have to be answered.
pub(super) async fn send(load: &Load) -> Result<Done> {
    let done = load.send().await?;
    ensure!(done.refused == 0 && done.failed == 0, "{:?}: {done:?}", load.addresses);
    Ok(done)
}

/// Three shops in turn.
pub(super) async fn measure(scale: &Scale) -> Result<Sheet> {
    let data = Data::new()?;
    let mut host = Host::start(&data).await?;
    let address = host.listen().await?.to_string();
    let mut shops = Vec::new();
    for plugins in [&[][..], &THREE[..1], &THREE[..]] {
        let ctx = host.tenant(&format!("shop-{}", plugins.len()), plugins).await?;
        let load = quotes(address.clone(), host.token(&ctx).await?, scale.seconds);
        shops.push((load, Vec::new(), Vec::new(), Vec::new()));
    }
    for _ in 0..scale.rounds {
        for (load, rates, p50, p99) in &mut shops {
            let done = send(load).await?;
            rates.push(done.rate());
            p50.push(done.p50 / 1_000.0);
            p99.push(done.p99 / 1_000.0);
        }
    }
    let medians: Vec<[f64; 3]> =
        shops.iter().map(|(_, rates, p50, p99)| [median(rates), median(p50), median(p99)]).collect();
    let row =
        |at: usize, what: &str, unit| Row::new(what, unit, medians.iter().map(|shop| Some(shop[at]))).with_ratios();
    let title = format!(
        "POST {QUOTES}, ten lines, {CONNECTIONS} connections from another process, median of {} rounds of {} s, interleaved; ratios to none",
        scale.rounds, scale.seconds
    );
    let mut sheet = Sheet::new("quotes", title, ["no plugin", "1 plugin", "3 plugins"]);
    sheet.row(row(0, "quotes", "/s").at_least("one to none", medians[1][0] / medians[0][0], 0.6));
    sheet.row(row(1, "p50", "ms"));
    sheet.row(row(2, "p99", "ms"));
    Ok(sheet)
}
