//! Fairness: tenant B offers a quarter of the measured capacity, tenant A ten times the capacity; both over HTTP, each
//! from a process of its own.

use anyhow::{Result, ensure};

use super::Scale;
use super::quotes::{quotes, send};
use crate::data::Data;
use crate::load::{Done, Load};
use crate::report::{Row, Sheet};
use crate::series::median;
use crate::setup::{Host, THREE};

/// What B offers, to the capacity.
const MODEST: f64 = 0.25;
/// What A offers, to the capacity.
const FLOOD: f64 = 10.0;
/// Connections of B: enough that none of its requests waits for one.
const MODEST_CONNECTIONS: usize = 64;
/// Connections of A.
const FLOOD_CONNECTIONS: usize = 256;

/// B alone and with A, in turn.
pub(super) async fn measure(scale: &Scale) -> Result<Sheet> {
    let data = Data::new()?;
    let mut host = Host::start(&data).await?;
    let address = host.listen().await?.to_string();
    let mut tokens = Vec::new();
    for slug in ["flood", "modest"] {
        let ctx = host.tenant(slug, &THREE[..1]).await?;
        tokens.push(host.token(&ctx).await?);
    }
    let [flood, modest] = [0, 1].map(|at: usize| quotes(address.clone(), tokens[at].clone(), scale.seconds));
    let mut capacities = Vec::new();
    for _ in 0..scale.rounds {
        capacities.push(send(&modest).await?.rate());
    }
    let capacity = median(&capacities);
    let modest = Load { per_second: Some(capacity * MODEST), connections: MODEST_CONNECTIONS, ..modest };
    let flood = Load { per_second: Some(capacity * FLOOD), connections: FLOOD_CONNECTIONS, ..flood };
    let mut rounds = Vec::new();
    for _ in 0..scale.rounds {
        let alone = send(&modest).await?;
        let (beside, flooding) = tokio::try_join!(modest.send(), flood.send())?;
        ensure!(beside.failed == 0 && flooding.failed == 0, "{beside:?} {flooding:?}");
        rounds.push((alone, beside, flooding));
    }

    let of = |figure: fn(&(Done, Done, Done)) -> f64| median(&rounds.iter().map(figure).collect::<Vec<_>>());
    let part = |done: &Done| 100.0 * done.completed as f64 / done.offered.max(1) as f64;
    let alone = rounds.iter().map(|(alone, ..)| part(alone)).collect::<Vec<_>>();
    let beside = rounds.iter().map(|(_, beside, _)| part(beside)).collect::<Vec<_>>();
    let (alone, beside) = (median(&alone), median(&beside));
    let p99 = [of(|(alone, ..)| alone.p99 / 1_000.0), of(|(_, beside, _)| beside.p99 / 1_000.0)];
    let refused = [of(|(alone, ..)| alone.refused as f64), of(|(_, beside, _)| beside.refused as f64)];
    let flooding = [
        of(|(.., flood)| flood.offered as f64 / flood.seconds),
        of(|(.., flood)| (flood.completed + flood.refused) as f64 / flood.seconds),
        of(|(.., flood)| flood.completed as f64 / flood.seconds),
    ];
    let title = format!(
        "capacity {capacity:.0} quotes a second with one plugin; tenant B offers {:.0}, tenant A {:.0}, each from a process of its own; median of {} rounds of {} s",
        capacity * MODEST,
        capacity * FLOOD,
        scale.rounds,
        scale.seconds
    );
    let mut sheet = Sheet::new("fairness", title, ["B alone", "B beside A", "A"]);
    let b = |figures: [f64; 2]| [Some(figures[0]), Some(figures[1]), None];
    sheet.row(Row::new("completed of what was offered", "%", b([alone, beside])).at_least("B beside A", beside, 80.0));
    sheet.row(Row::new("p99", "ms", b(p99)).with_ratios().at_most("B beside A to alone", p99[1] / p99[0], 5.0));
    sheet.row(Row::new("answers 429 to B", "", b(refused)).at_most("B beside A", refused[1], 0.0));
    for (what, value) in ["offered", "answered", "completed"].into_iter().zip(flooding) {
        sheet.row(Row::new(what, "/s", [None, None, Some(value)]));
    }
    Ok(sheet)
}
