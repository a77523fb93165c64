//! Fresh calls: a new sandbox, ten lines of logic, six host calls answered from memory, and the sandbox torn down.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use heptad_capabilities::extensions::{Extensions as _, Outcome};
use heptad_model::{Ctx, Point};
use heptad_runtime::limits::Profile;
use heptad_runtime::{Runtime, engine};

use crate::bare::BareGuest;
use crate::setup::Host;
use crate::table::{Series, compare, median, rate};

const ROUNDS: usize = 5;
const CALLS: usize = 20_000;

/// One call, of either kind.
trait Subject: Send + Sync + 'static {
    fn call(&self) -> impl Future<Output = Result<()>> + Send;
}

impl Subject for BareGuest {
    async fn call(&self) -> Result<()> {
        ensure!(self.call().await? == 1, "one operation");
        Ok(())
    }
}

/// The production path: routing, gate, trace and metering.
struct Production {
    runtime: Arc<Runtime>,
    ctx: Ctx,
    cart: heptad_capabilities::extensions::CartView,
}

impl Subject for Production {
    async fn call(&self) -> Result<()> {
        let point = Point::DiscountLines;
        let until = Instant::now() + Duration::from_millis(100);
        let serving = self.runtime.serving(&self.ctx, point).await?;
        let answer = self.runtime.discounts(&self.ctx, &serving[0], point, &self.cart, until).await;
        ensure!(answer.trace.outcome == Outcome::Answered, "{:?}", answer.trace.outcome);
        Ok(())
    }
}

async fn series(subject: &impl Subject, calls: usize) -> Result<Series> {
    let mut nanos = Vec::with_capacity(calls);
    for _ in 0..calls {
        let begun = Instant::now();
        subject.call().await?;
        nanos.push(begun.elapsed().as_nanos() as u64);
    }
    Ok(Series::new(nanos))
}

async fn throughput<S: Subject>(subject: &Arc<S>, threads: usize) -> Result<f64> {
    let begun = Instant::now();
    let tasks: Vec<_> = (0..threads)
        .map(|_| {
            let subject = subject.clone();
            tokio::spawn(async move {
                for _ in 0..CALLS {
                    subject.call().await?;
                }
                Ok::<_, anyhow::Error>(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    Ok(rate(CALLS * threads, begun.elapsed()))
}

/// Measures and prints.
pub(crate) async fn run() -> Result<()> {
    let host = Host::start().await?;
    let component = host.bench_guest()?;
    let budget = Profile::default().budget(Point::DiscountLines, 16, 10);
    let engine = engine::running()?;
    let bare = Arc::new(BareGuest::new(engine, &component, budget)?);
    let ctx = host.tenant("calls").await?;
    host.install(&ctx, "bench-guest").await?;
    let heptad = Arc::new(Production { runtime: host.runtime.clone(), ctx, cart: crate::cart() });

    // The first calls touch memory for the first time and are not counted.
    series(bare.as_ref(), CALLS / 10).await?;
    series(heptad.as_ref(), CALLS / 10).await?;
    let (mut p50, mut p99, mut one, mut two) = (pair(), pair(), pair(), pair());
    for _ in 0..ROUNDS {
        let (b, h) = (series(bare.as_ref(), CALLS).await?, series(heptad.as_ref(), CALLS).await?);
        push(&mut p50, b.quantile(0.5), h.quantile(0.5));
        push(&mut p99, b.quantile(0.99), h.quantile(0.99));
        push(&mut one, throughput(&bare, 1).await?, throughput(&heptad, 1).await?);
        push(&mut two, throughput(&bare, 2).await?, throughput(&heptad, 2).await?);
    }
    println!("\nfresh calls, median of {ROUNDS} rounds of {CALLS}, interleaved");
    for (what, unit, pair) in [
        ("fresh call p50", "us", p50),
        ("fresh call p99", "us", p99),
        ("calls per second, one thread", "/s", one),
        ("calls per second, two threads", "/s", two),
    ] {
        compare(what, unit, median(pair.0), median(pair.1));
    }
    Ok(())
}

fn pair() -> (Vec<f64>, Vec<f64>) {
    (Vec::new(), Vec::new())
}

fn push(pair: &mut (Vec<f64>, Vec<f64>), bare: f64, heptad: f64) {
    pair.0.push(bare);
    pair.1.push(heptad);
}
