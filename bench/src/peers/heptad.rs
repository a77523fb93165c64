//! Heptad's own call: the production path from the routing of the plugin to its answer, with gate, budgets, trace,
//! metrics, metering and recording.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use heptad_capabilities::extensions::{Answer, CartView, Extensions as _, Operation, Outcome};
use heptad_model::{Ctx, Point};
use heptad_runtime::Runtime;

use crate::tables::calls::Subject;

/// The point that is asked.
const POINT: Point = Point::DiscountLines;
/// The time of a quote.
const QUOTE: Duration = Duration::from_millis(100);

/// The plugins of a tenant, ready to be called.
#[derive(Clone)]
pub(crate) struct HeptadGuest {
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) ctx: Ctx,
    pub(crate) cart: CartView,
}

impl HeptadGuest {
    /// Asks each plugin of the tenant, as a quote does.
    pub(crate) async fn ask_all(&self) -> Result<Vec<Answer<Vec<Operation>>>> {
        let serving = self.runtime.serving(&self.ctx, POINT).await?;
        let until = Instant::now() + QUOTE;
        let mut answers = Vec::with_capacity(serving.len());
        for plugin in &serving {
            answers.push(self.runtime.discounts(&self.ctx, plugin, POINT, &self.cart, until).await);
        }
        Ok(answers)
    }

    /// Asks the tenant's only plugin.
    pub(crate) async fn ask(&self) -> Result<Answer<Vec<Operation>>> {
        self.ask_all().await?.pop().context("the tenant has a plugin")
    }
}

impl Subject for HeptadGuest {
    async fn call(&self) -> Result<()> {
        let answer = self.ask().await?;
        ensure!(answer.trace.outcome == Outcome::Answered, "{:?}", answer.trace.outcome);
        Ok(())
    }
}
