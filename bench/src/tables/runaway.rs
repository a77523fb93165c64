//! Guests that do not come back: how long after its deadline the last of a call is gone, its memory given back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use heptad_capabilities::extensions::{CartLineView, CartView, Outcome};
use heptad_model::limits::PerLine;
use heptad_model::{Ctx, Limits, Point};
use tokio::task::JoinHandle;

use super::Scale;
use super::calls::Subject as _;
use crate::cart::cart;
use crate::data::Data;
use crate::peers::heptad::HeptadGuest;
use crate::report::{Row, Sheet};
use crate::series::Series;
use crate::setup::{Host, limits, runaway};

/// The most time past the deadline, in milliseconds.
const MOST_MS: f64 = 20.0;
/// Guests that spin beside the one that is watched.
const SPINNING: usize = 2;
/// Memory that the guests may have in MiB, and their names.
const CAPS: [(u32, &str); 2] = [(16, "runaway-16"), (64, "runaway-64")];
/// What a guest leaves for its stack and its data.
const REST_MIB: u32 = 4;
/// Calls that come back after each that does not: a breaker opens when half of a minute's calls fail.
const TAME: usize = 2;

/// How the guest runs away: its word and what to call it.
const WAYS: [(&str, &str); 3] =
    [("LOOP", "a loop"), ("TOUCH", "writes to every page"), ("FILL", "fills of all memory")];

fn order(way: &str, mib: u32) -> CartView {
    let line = CartLineView { index: 0, sku: way.to_owned(), quantity: mib, unit_price: 1, remaining: 1 };
    CartView { lines: vec![line], ..cart() }
}

/// Calls the guest so that it does not come back, and then lets its breaker see that it can.
async fn run_away(guest: &HeptadGuest) -> Result<(Duration, String)> {
    let begun = Instant::now();
    let answer = guest.ask().await?;
    let took = begun.elapsed();
    let Outcome::Failed { code, .. } = answer.trace.outcome else {
        anyhow::bail!("it came back: {:?}", answer.trace.outcome)
    };
    let tame = HeptadGuest { cart: order("TAME", 1), ..guest.clone() };
    for _ in 0..TAME {
        tame.call().await?;
    }
    Ok((took, code))
}

/// Guests that spin until told to stop.
fn spin(guest: &HeptadGuest, stop: &Arc<AtomicBool>) -> Vec<JoinHandle<Result<()>>> {
    let spin = |guest: HeptadGuest, stop: Arc<AtomicBool>| async move {
        while !stop.load(Ordering::Relaxed) {
            run_away(&guest).await?;
        }
        Ok(())
    };
    (0..SPINNING).map(|_| tokio::spawn(spin(guest.clone(), stop.clone()))).collect()
}

/// How late the guest is gone, in nanoseconds, call by call, and how many calls fuel ended.
async fn watch(guest: &HeptadGuest, spinner: &HeptadGuest, samples: usize) -> Result<(Series, usize)> {
    let deadline = limits().wall(Point::DiscountLines);
    let stop = Arc::new(AtomicBool::new(false));
    let spinning = spin(spinner, &stop);
    let (mut late, mut by_fuel) = (Vec::new(), 0);
    for _ in 0..samples {
        let (took, code) = run_away(guest).await?;
        ensure!(code == "fuel" || code == "deadline", "it ended by `{code}`");
        late.push(u64::try_from(took.saturating_sub(deadline).as_nanos())?);
        by_fuel += usize::from(code == "fuel");
    }
    stop.store(true, Ordering::Relaxed);
    for task in spinning {
        task.await??;
    }
    Ok((Series::new(late), by_fuel))
}

/// With the published fuel, and with so much that only the deadline ends a call.
pub(super) async fn measure(scale: &Scale) -> Result<Sheet> {
    let data = Data::new()?;
    let host = Host::start(&data).await?;
    let mut tenants = Vec::new();
    for (mib, name) in CAPS {
        host.publish(runaway(name, mib)?).await?;
        tenants.push((mib, host.tenant(name, &[name]).await?));
    }
    let spinner = host.tenant("spinner", &[CAPS[0].1]).await?;
    host.close().await;
    let title = format!(
        "{} calls each with {SPINNING} more guests spinning; time past the deadline, 0 where fuel ended the call before",
        scale.samples
    );
    let mut sheet = Sheet::new("runaway", title, ["p50", "p99", "ended by fuel, %"]);
    let endless = Limits { fuel: PerLine { base: 100_000_000_000, per_line: 0 }, ..limits() };
    for (limits, fuel) in [(limits(), "published fuel"), (endless, "fuel without end")] {
        let host = Host::open(&data, limits).await?;
        let guest = |ctx: &Ctx, cart| HeptadGuest { runtime: host.runtime.clone(), ctx: ctx.clone(), cart };
        let spinner = guest(&spinner, order("LOOP", 1));
        for ((mib, ctx), (way, words)) in tenants.iter().flat_map(|tenant| WAYS.map(|way| (tenant, way))) {
            let (late, by_fuel) = watch(&guest(ctx, order(way, mib - REST_MIB)), &spinner, scale.samples).await?;
            let (p50, p99) = (late.quantile(0.5) / 1_000.0, late.quantile(0.99) / 1_000.0);
            let by_fuel = 100.0 * by_fuel as f64 / scale.samples as f64;
            let row = Row::new(format!("{mib} MiB, {words}, {fuel}"), "ms", [p50, p99, by_fuel].map(Some));
            sheet.row(if *mib == CAPS[0].0 { row.at_most("p99", p99, MOST_MS) } else { row });
        }
    }
    Ok(sheet)
}
