//! The first call of a tenant that nobody has asked for, with the compiled code on disk.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::Scale;
use super::calls::Subject as _;
use crate::cart::cart;
use crate::data::Data;
use crate::peers::heptad::HeptadGuest;
use crate::report::{Row, Sheet};
use crate::series::{Series, nanos};
use crate::setup::{Host, THREE, limits};

/// What a host does by itself when it starts is done by then; nobody asks a server sooner.
const SETTLED: Duration = Duration::from_millis(20);

/// A fresh host for each sample: it reads the tenant's installs, reads the code, proves that it is its own, maps and
/// links it, and makes the call. Then another tenant with the same plugin, for which the code is ready.
pub(super) async fn measure(scale: &Scale) -> Result<Sheet> {
    let data = Data::new()?;
    let first = Host::start(&data).await?;
    let cold = first.tenant("cold", &THREE[..1]).await?;
    let next = first.tenant("next", &THREE[..1]).await?;
    first.close().await;
    let (mut of_host, mut of_tenant) = (Vec::new(), Vec::new());
    let samples = scale.samples;
    for _ in 0..samples {
        let host = Host::open(&data, limits()).await?;
        tokio::time::sleep(SETTLED).await;
        for (ctx, times) in [(&cold, &mut of_host), (&next, &mut of_tenant)] {
            let guest = HeptadGuest { runtime: host.runtime.clone(), ctx: ctx.clone(), cart: cart() };
            let begun = Instant::now();
            guest.call().await?;
            times.push(nanos(begun));
        }
        host.close().await;
    }
    let title = format!("first calls in {samples} hosts that were just started, compiled code on disk");
    let mut sheet = Sheet::new("cold", title, ["p50", "p99"]);
    for (what, times) in [("code from disk", of_host), ("code ready, tenant never asked", of_tenant)] {
        let times = Series::new(times);
        let (p50, p99) = (times.quantile(0.5) / 1_000.0, times.quantile(0.99) / 1_000.0);
        sheet.row(Row::new(what, "ms", [Some(p50), Some(p99)]).at_most("p99", p99, 5.0));
    }
    Ok(sheet)
}
