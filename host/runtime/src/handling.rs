//! How a plugin is told of an event or of a time that has come: it may write, and whoever delivers commits what it wrote
//! together with the mark that the event was dealt with.

use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::time::{Duration, Instant};

use heptad_capabilities::extensions::{Answer, CallTrace, ExtensionsUnavailable, Serving};
use heptad_model::id::InstallId;
use heptad_model::{Ctx, Millis, PermissionSet, Point};
use heptad_store::OpenTx;

use crate::asking::{Request, Terms, Unanswered};
use crate::effects::{Deadline, Effects};
use crate::points::Ask;
use crate::points::event_handler::{EventDelivery, Handle};
use crate::points::schedule_handler::{Due, Run};
use crate::runtime::Runtime;
use crate::sandbox;
use crate::tape::Tape;

/// How long a handler may wait for a sandbox and its code.
const PATIENCE: Duration = Duration::from_secs(30);

/// The outcome's code where the plugin says that another attempt cannot succeed.
pub const REFUSED: &str = "event-refused";

/// What came of telling a plugin.
pub struct Handled {
    /// How it ended and what it cost.
    pub trace: CallTrace,
    /// What it wrote, not committed yet; `None` if it wrote nothing. Dropped, it is undone.
    pub written: Option<OpenTx>,
    /// Where the trace says `breaker-open`, `write-share` or `calls-per-day`: when the plugin is asked again.
    pub retry_at: Option<Millis>,
}

/// At which point a plugin is told, and of which delivery.
struct Telling {
    point: Point,
    attempt: u32,
    /// The same at each attempt.
    name: String,
}

impl Runtime {
    /// The tenant's plugin of this install with what it was granted, if it is enabled and serves the point.
    pub async fn handler(
        &self,
        ctx: &Ctx,
        install: InstallId,
        point: Point,
    ) -> Result<Option<(Arc<Serving>, PermissionSet)>, ExtensionsUnavailable> {
        let serving = self.installs.serving(ctx, point).await?;
        let Some(serving) = serving.into_iter().find(|serving| serving.install == install) else { return Ok(None) };
        let installed = self.installs.find(ctx, &serving).await?;
        Ok(installed.map(|installed| (serving, installed.allowed)))
    }

    /// The tenant's plugin of this install, if it is enabled.
    pub async fn installed(
        &self,
        ctx: &Ctx,
        install: InstallId,
    ) -> Result<Option<Arc<Serving>>, ExtensionsUnavailable> {
        self.installs.enabled(ctx, install).await
    }

    /// Tells the plugin of an event.
    pub async fn handle(&self, ctx: &Ctx, serving: &Serving, delivery: &EventDelivery) -> Handled {
        let told = Telling { point: Point::EventHandle, attempt: delivery.attempt, name: delivery.name() };
        self.tell(ctx, serving, told, Handle { delivery }).await
    }

    /// Lets the plugin do what is due.
    pub async fn run_due(&self, ctx: &Ctx, serving: &Serving, due: &Due) -> Handled {
        let told = Telling { point: Point::ScheduleRun, attempt: due.attempt, name: due.run.to_string() };
        self.tell(ctx, serving, told, Run { due }).await
    }

    async fn tell<A: Ask<Reply = ()>>(
        &self,
        ctx: &Ctx,
        serving: &Serving,
        Telling { point, attempt, name }: Telling,
        ask: A,
    ) -> Handled {
        let (now, begun) = (self.env.now(), Instant::now());
        let until = begun + PATIENCE;
        let is_retry = attempt > 1;
        let request = Request { ctx, serving, point, until, now, begun, is_retry };
        let unanswered = Unanswered { runtime: self, request: &request };
        let payer = self.ration.payer(ctx.tenant().id, serving.install);
        let effects = Effects::writing(Arc::new(Deadline::new(until)), payer);
        let terms = Terms { lines: 0, at: now, tape: Tape::counting(), effects, visitor: None, delivery: Some(name) };
        let asked = self.ask(&request, terms, ask).await;
        let _answered = ManuallyDrop::new(unanswered);
        let (answer, ran, retry_at) = match asked {
            Ok((answer, ran)) => (answer, Some(ran), None),
            Err(no_call) => {
                let trace = sandbox::not_called(&self.env, serving, point, &no_call);
                (Answer { value: None, trace }, None, no_call.retry_at(now))
            }
        };
        let call = self.note(&request, &answer.trace, ran);
        let written = call.and_then(|call| call.effects.into_open()).filter(|_| answer.value.is_some());
        Handled { trace: answer.trace, written, retry_at }
    }
}
