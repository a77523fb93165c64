//! How a plugin is asked: found, let through by its breaker and its share, run, and what came of it noted.

use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use heptad_capabilities::extensions::{Answer, CallTrace, CartView, LimitReached, Outcome, Serving};
use heptad_model::id::CallId;
use heptad_model::points::Kind;
use heptad_model::{Actor, Ctx, Limit, Millis, Origin, Point};
use heptad_platform::breaker::{Breaker, BreakerState};

use crate::admission::{Refused, Share};
use crate::breaker::{Allowed, Change};
use crate::call::{Call, Sources};
use crate::code::Code;
use crate::effects::Effects;
use crate::imports::wasi::Seed;
use crate::installs::Installed;
use crate::limits::Budget;
use crate::no_call::NoCall;
use crate::points::{Ask, cart_bytes};
use crate::quota::Taken;
use crate::recording::{ENGINE, RecordedResult, Recording};
use crate::runtime::Runtime;
use crate::serving::Visitor;
use crate::tape::Tape;
use crate::{observe, sandbox, span};

impl Runtime {
    /// Asks the plugin, and notes how that ended, also when whoever asked goes away before the answer.
    pub(crate) async fn call<A: Ask>(
        &self,
        ctx: &Ctx,
        serving: &Serving,
        point: Point,
        cart: &CartView,
        until: Instant,
        ask: A,
    ) -> Answer<A::Reply> {
        let request =
            Request { ctx, serving, point, until, now: self.env.now(), begun: Instant::now(), is_retry: false };
        let unanswered = Unanswered { runtime: self, request: &request };
        let terms = Terms {
            lines: cart.lines.len(),
            at: cart.at,
            tape: Tape::recording(),
            effects: Effects::None,
            visitor: None,
            delivery: None,
        };
        let asked = self.ask(&request, terms, ask).await;
        let _answered = ManuallyDrop::new(unanswered);
        let (answer, ran) = match asked {
            Ok((answer, ran)) => (answer, Some(ran)),
            Err(no_call) => {
                let trace = sandbox::not_called(&self.env, serving, point, &no_call);
                (Answer { value: None, trace }, None)
            }
        };
        let ran = self.note(&request, &answer.trace, ran);
        if let Some(call) = ran.filter(|_| self.is_recorded(&answer.trace.outcome)) {
            let bytes = call.tape.len() + call.installed.settings.len() + cart_bytes(cart);
            let make = || self.recording(&call, cart, &answer);
            self.reporter.record(ctx.tenant(), serving.install, bytes, make);
        }
        answer
    }

    /// Meters a call, and tells breaker and people of it; the call, if there was one.
    pub(crate) fn note(&self, request: &Request<'_>, trace: &CallTrace, ran: Option<Ran<'_>>) -> Option<Call> {
        self.count(request, trace);
        if let Some(listener) = self.listener.get() {
            listener(trace, ran.as_ref().map(|ran| ran.budget));
        }
        let Ran { call, budget, allowed } = ran?;
        if !trace.log.is_empty() {
            self.reporter.logged(request.ctx.tenant(), trace);
        }
        self.tell_breaker(request, trace, allowed);
        self.tell_near(request, trace, budget);
        Some(call)
    }

    /// Finds plugin and code, waits for a sandbox, and runs the call, all of it within the request's time.
    pub(crate) async fn ask<A: Ask>(
        &self,
        request: &Request<'_>,
        terms: Terms,
        ask: A,
    ) -> Result<(Answer<A::Reply>, Ran<'_>), NoCall> {
        let &Request { ctx, serving, point, until, now, .. } = request;
        let out_of_time = || NoCall::out_of_time(self.installs.known_limits(ctx.tenant().id).quote_ms);
        if Instant::now() >= until {
            return Err(out_of_time());
        }
        if terms.effects.may_write()
            && let Some(wait) = self.ration.wait(ctx.tenant().id, serving.install)
        {
            let wait = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
            return Err(NoCall::WriteShare { retry_at: now.plus(wait + 1) });
        }
        let found = tokio::time::timeout_at(until.into(), self.installs.find(ctx, serving)).await;
        let installed = found.map_err(|_| out_of_time())??.ok_or(NoCall::Changed)?;
        let allowed = self.breakers.allow(serving.install, point, installed.epoch, now);
        let allowed = allowed.map_err(|retry_at| NoCall::BreakerOpen { retry_at })?;
        let code = match installed.code.get() {
            Some(code) => code,
            None => {
                let code = self.codes.get(&serving.digest, until).await?;
                installed.code.get_or_init(|| code)
            }
        };
        self.take_of_the_day(request, &installed).await?;
        let Terms { lines, at, tape, effects, visitor, delivery } = terms;
        let budget = Budget::new(&installed.limits, point, installed.memory_mib, lines);
        let sandbox =
            Sandbox { installed: installed.clone(), code, point, at, budget, tape, effects, visitor, delivery };
        let (answer, call) = self.run(ctx, sandbox, until, &ask).await?;
        Ok((answer, Ran { call, budget, allowed }))
    }

    /// Takes a call of those that the shop has for a day, if they are counted.
    async fn take_of_the_day(&self, request: &Request<'_>, installed: &Installed) -> Result<(), NoCall> {
        let Some(most) = installed.limits.calls_per_day else { return Ok(()) };
        match self.quotas.take(request.ctx.tenant(), most, request.until).await {
            Taken::Spent => Err(LimitReached { limit: Limit::CallsPerDay, most }.into()),
            Taken::Granted => Ok(()),
        }
    }

    pub(crate) async fn run<A: Ask>(
        &self,
        ctx: &Ctx,
        sandbox: Sandbox<'_>,
        until: Instant,
        ask: &A,
    ) -> Result<(Answer<A::Reply>, Call), NoCall> {
        let id = CallId::generate(&self.env);
        let Sandbox { installed, code, point, at, budget, tape, effects, visitor, delivery } = sandbox;
        let limits = &installed.limits;
        let kind = point.row().kind;
        let (slots, running) = match kind {
            Kind::Calc | Kind::Veto => (&self.slots, limits.plugin_concurrency),
            Kind::On => (&self.handler_slots, limits.plugin_concurrency),
            Kind::Act => (&self.route_slots, limits.route_concurrency),
        };
        let share = Share { running, waiting: limits.waiting };
        let slot = slots.enter(installed.serving.install, share, until).await;
        let _slot = slot.map_err(|refused| match refused {
            Refused::OutOfTime if kind.is_of_carts() => NoCall::out_of_time(limits.quote_ms),
            Refused::QueueFull | Refused::OutOfTime => {
                LimitReached { limit: Limit::PluginConcurrency, most: running.into() }.into()
            }
        })?;
        // Only the wait is bounded by whoever asked; a call that answers a request has all of its own time.
        let until = if kind == Kind::Act { Instant::now() + budget.wall * 2 } else { until };
        let actor = Actor::Plugin(installed.serving.install);
        let origin = Origin { actor, ..ctx.origin().clone() };
        let ctx = origin.for_tenant(ctx.tenant().clone());
        let seed = Seed::Derived(self.key, id);
        let egress = self.egress.clone();
        let sources = Sources { store: self.store.clone(), seed, tape, effects, visitor, delivery, egress };
        let call = Call::new(id, ctx, installed.clone(), at, budget, sources);
        let running = sandbox::run(&self.engine, code, call, budget, point, until, ask);
        Ok(span::around(id, &installed.serving, point, running).await)
    }

    /// Counts a call for operators and meters it.
    fn count(&self, request: &Request<'_>, trace: &CallTrace) {
        let Request { ctx, serving, now, .. } = request;
        observe::called(trace);
        self.reporter.meter.add(ctx.tenant(), serving.version, &serving.manifest, *now, trace);
    }

    /// Tells the breaker how the call ended, and people where it opened or closed by that.
    fn tell_breaker(&self, request: &Request<'_>, trace: &CallTrace, allowed: Allowed<'_>) {
        let &Request { ctx, serving, point, now, .. } = request;
        let (install, epoch) = (serving.install, allowed.epoch());
        let (failed, code, message) = match &trace.outcome {
            Outcome::Answered => (Some(false), "", ""),
            Outcome::Failed { code, message } if !is_hosts(code) && !request.is_retry => {
                (Some(true), code.as_str(), message.as_str())
            }
            Outcome::Failed { .. } | Outcome::Skipped { .. } => (None, "", ""),
        };
        let Some(change) = allowed.note(failed) else { return };
        let (state, retry_at) = match change {
            Change::Opened { retry_at } => (BreakerState::Open, retry_at),
            Change::Closed => (BreakerState::Closed, now),
        };
        tracing::warn!(%install, %point, ?state, code, "the breaker of {install} at {point} is {}", state.name());
        let (code, message) = (code.to_owned(), message.to_owned());
        let breaker = Breaker { install, point, state, code, message, openings: 0, changed_at: now, retry_at };
        self.reporter.breaker(ctx.tenant(), breaker, epoch, &serving.manifest);
    }

    /// Tells people where the call came near a limit.
    fn tell_near(&self, request: &Request<'_>, trace: &CallTrace, budget: Budget) {
        let &Request { ctx, serving, point, .. } = request;
        for (limit, used, most) in [
            (Limit::Fuel, trace.fuel, budget.fuel),
            (Limit::Memory, trace.peak_memory, budget.memory as u64),
            (Limit::HostCalls, trace.host_calls.into(), budget.host_calls.into()),
            (Limit::BytesIn, trace.bytes_in, budget.bytes_in),
            (Limit::BytesOut, trace.bytes_out, budget.bytes_out),
            (Limit::WallClock, trace.micros / 1_000, u64::try_from(budget.wall.as_millis()).unwrap_or(u64::MAX)),
        ] {
            if used.saturating_mul(10) >= most.saturating_mul(8) {
                // The call that goes beyond is counted with what it was refused.
                self.reporter.near(ctx.tenant(), serving, point, used.min(most), LimitReached { limit, most });
            }
        }
    }

    /// Always when it failed, by sample otherwise.
    fn is_recorded(&self, outcome: &Outcome) -> bool {
        match outcome {
            Outcome::Failed { .. } => true,
            Outcome::Skipped { .. } => false,
            Outcome::Answered if self.record_one_in == 0 => false,
            Outcome::Answered => {
                self.answered.fetch_add(1, Ordering::Relaxed).checked_rem(self.record_one_in) == Some(0)
            }
        }
    }

    fn recording<T: serde::Serialize>(&self, call: &Call, cart: &CartView, answer: &Answer<T>) -> Recording {
        let (installed, trace) = (&call.installed, &answer.trace);
        Recording {
            call: trace.call,
            install: trace.install,
            plugin: trace.plugin.clone(),
            version: trace.version.clone(),
            digest: trace.digest.clone(),
            engine: ENGINE.to_owned(),
            point: trace.point,
            cart: cart.clone(),
            reader: call.ctx.locale,
            settings: installed.settings.to_string(),
            allowed: installed.allowed,
            limits: installed.limits.as_ref().clone(),
            memory_mib: installed.memory_mib,
            seed: call.wasi.seed(),
            at: self.env.now(),
            entries: call.tape.entries(),
            result: RecordedResult::of(answer),
        }
    }
}

/// Whether a failure of a call that ran says nothing about the plugin.
fn is_hosts(code: &str) -> bool {
    matches!(code, "busy" | "quote-budget" | "conflict" | "unavailable" | "request-body")
}

/// A plugin that is to be asked at a point.
pub(crate) struct Request<'a> {
    pub(crate) ctx: &'a Ctx,
    pub(crate) serving: &'a Serving,
    pub(crate) point: Point,
    pub(crate) until: Instant,
    pub(crate) now: Millis,
    pub(crate) begun: Instant,
    /// Whether it is asked the same again after it failed: what fails then says nothing new about the plugin.
    pub(crate) is_retry: bool,
}

/// On which terms a plugin is asked.
pub(crate) struct Terms {
    /// The lines that its budget grows with.
    pub(crate) lines: usize,
    /// Where its clock stands.
    pub(crate) at: Millis,
    /// What is kept of its host calls.
    pub(crate) tape: Tape,
    /// What it may do.
    pub(crate) effects: Effects,
    /// Who sent the HTTP request that it answers.
    pub(crate) visitor: Option<Arc<Visitor>>,
    /// What names the delivery that it is told of, the same at each attempt.
    pub(crate) delivery: Option<String>,
}

/// What a call that ran leaves to be noted.
pub(crate) struct Ran<'a> {
    call: Call,
    budget: Budget,
    allowed: Allowed<'a>,
}

/// A request without an answer yet; dropped, it counts as cancelled: the shopper hung up, or the server is closing.
pub(crate) struct Unanswered<'a> {
    pub(crate) runtime: &'a Runtime,
    pub(crate) request: &'a Request<'a>,
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        let Request { serving, point, begun, .. } = self.request;
        let trace = sandbox::not_called(&self.runtime.env, serving, *point, &NoCall::Cancelled);
        let micros = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.runtime.count(self.request, &CallTrace { micros, ..trace });
    }
}

/// What a call runs, and within which limits.
pub(crate) struct Sandbox<'a> {
    pub(crate) installed: Arc<Installed>,
    pub(crate) code: &'a Code,
    pub(crate) point: Point,
    pub(crate) at: Millis,
    pub(crate) budget: Budget,
    pub(crate) tape: Tape,
    pub(crate) effects: Effects,
    pub(crate) visitor: Option<Arc<Visitor>>,
    pub(crate) delivery: Option<String>,
}
