//! Fresh calls: a new sandbox, ten lines of logic, six host calls answered from memory, and the sandbox torn down.

use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;

use super::Scale;
use crate::cart::cart;
use crate::data::Data;
use crate::peers::bare::BareGuest;
use crate::peers::extism::ExtismGuest;
use crate::peers::heptad::HeptadGuest;
use crate::report::{Row, Sheet};
use crate::series::{Series, median, nanos, rate};
use crate::setup::{Host, THREE, bench_guest, built};

/// Something that makes calls.
pub(crate) trait Subject: Send + Sync + 'static {
    /// One call, from nothing to nothing.
    fn call(&self) -> impl Future<Output = Result<()>> + Send;
}

/// A subject and its rounds.
struct Column<S> {
    subject: Arc<S>,
    p50: Vec<f64>,
    p99: Vec<f64>,
    one: Vec<f64>,
    two: Vec<f64>,
}

impl<S: Subject> Column<S> {
    /// The first calls touch memory for the first time and are not counted.
    async fn new(subject: S, scale: &Scale) -> Result<Self> {
        for _ in 0..scale.calls / 10 {
            subject.call().await?;
        }
        Ok(Self { subject: Arc::new(subject), p50: Vec::new(), p99: Vec::new(), one: Vec::new(), two: Vec::new() })
    }

    async fn round(&mut self, calls: usize) -> Result<()> {
        let mut times = Vec::with_capacity(calls);
        for _ in 0..calls {
            let begun = Instant::now();
            self.subject.call().await?;
            times.push(nanos(begun));
        }
        let times = Series::new(times);
        self.p50.push(times.quantile(0.5));
        self.p99.push(times.quantile(0.99));
        self.one.push(self.throughput(1, calls).await?);
        self.two.push(self.throughput(2, calls).await?);
        Ok(())
    }

    /// Calls a second by so many tasks at once.
    async fn throughput(&self, tasks: usize, calls: usize) -> Result<f64> {
        let begun = Instant::now();
        let run = |subject: Arc<S>| async move {
            for _ in 0..calls {
                subject.call().await?;
            }
            Ok::<_, anyhow::Error>(())
        };
        let tasks: Vec<_> = (0..tasks).map(|_| tokio::spawn(run(self.subject.clone()))).collect();
        let count = tasks.len();
        for task in tasks {
            task.await??;
        }
        Ok(rate(calls * count, begun.elapsed()))
    }

    /// The medians: p50, p99, one thread, two threads, two to one.
    fn medians(&self) -> [f64; 5] {
        let (one, two) = (median(&self.one), median(&self.two));
        [median(&self.p50), median(&self.p99), one, two, two / one]
    }
}

/// Bare wasmtime, Heptad and Extism in turn.
pub(super) async fn measure(scale: &Scale) -> Result<Sheet> {
    let data = Data::new()?;
    let host = Host::start(&data).await?;
    let ctx = host.tenant("calls", &THREE[..1]).await?;
    let heptad = HeptadGuest { runtime: host.runtime.clone(), ctx, cart: cart() };
    let mut bare = Column::new(BareGuest::new(&bench_guest(THREE[0])?)?, scale).await?;
    let mut heptad = Column::new(heptad, scale).await?;
    let mut extism =
        Column::new(ExtismGuest::new(built("wasm32-unknown-unknown", "bench_peer_extism")?)?, scale).await?;
    for _ in 0..scale.rounds {
        bare.round(scale.calls).await?;
        heptad.round(scale.calls).await?;
        extism.round(scale.calls).await?;
    }
    let (bare, heptad, extism) = (bare.medians(), heptad.medians(), extism.medians());
    let row =
        |at: usize, what: &str, unit| Row::new(what, unit, [bare[at], heptad[at], extism[at]].map(Some)).with_ratios();
    let ratio = |at: usize| heptad[at] / bare[at];
    let title =
        format!("median of {} rounds of {} calls, interleaved; ratios to bare wasmtime", scale.rounds, scale.calls);
    let mut sheet = Sheet::new("calls", title, ["bare wasmtime", "Heptad", "Extism"]);
    sheet.row(row(0, "fresh call, p50", "µs").at_most("Heptad to bare", ratio(0), 1.25));
    sheet.row(row(1, "fresh call, p99", "µs").at_most("Heptad to bare", ratio(1), 1.5));
    sheet.row(row(2, "calls, one thread", "/s"));
    sheet.row(row(3, "calls, two threads", "/s"));
    sheet.row(row(4, "two threads to one", "").at_least("Heptad to bare", ratio(4), 0.9));
    Ok(sheet)
}
