//! Quotes of one, two and three processes of the real program on one PostgreSQL and NATS.

use anyhow::Result;

use super::Scale;
use super::quotes::{QUOTES, quotes, send};
use crate::data::{Data, Database};
use crate::load::Load;
use crate::process::Process;
use crate::report::{Row, Sheet};
use crate::series::median;
use crate::setup::{Host, THREE};

/// Processes in the end.
const PROCESSES: usize = 3;
/// Connections of the generator, the same for any number of processes; they are spread over these.
const CONNECTIONS: usize = 24;

/// One process after the other joins.
pub(super) async fn measure(scale: &Scale) -> Result<Sheet> {
    let data = Data::on(Database::Postgres).await?;
    let host = Host::start(&data).await?;
    let ctx = host.tenant("shop", &THREE[..1]).await?;
    let token = host.token(&ctx).await?;
    host.close().await;
    let (mut processes, mut addresses, mut medians) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..PROCESSES {
        let process = Process::start(&data).await?;
        addresses.push(process.address.clone());
        processes.push(process);
        let quotes = quotes(String::new(), token.clone(), scale.seconds);
        let load = Load { addresses: addresses.clone(), connections: CONNECTIONS, ..quotes };
        // The new one reads installs and code at its first quotes.
        send(&load).await?;
        let (mut rates, mut p50, mut p99) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..scale.rounds {
            let done = send(&load).await?;
            rates.push(done.rate());
            p50.push(done.p50 / 1_000.0);
            p99.push(done.p99 / 1_000.0);
        }
        medians.push([median(&rates), median(&p50), median(&p99)]);
    }
    let title = format!(
        "POST {QUOTES}, ten lines, one plugin, {CONNECTIONS} connections from one generator, PostgreSQL and NATS on the same machine, median of {} rounds of {} s; ratios to one process",
        scale.rounds, scale.seconds
    );
    let mut sheet = Sheet::new("processes", title, ["1 process", "2 processes", "3 processes"]);
    for (at, (what, unit)) in [("quotes", "/s"), ("p50", "ms"), ("p99", "ms")].into_iter().enumerate() {
        sheet.row(Row::new(what, unit, medians.iter().map(|figures| Some(figures[at]))).with_ratios());
    }
    Ok(sheet)
}
