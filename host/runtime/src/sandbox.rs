//! A fresh sandbox for each call: limits set, question asked, outcome told. Nothing survives a call but what the plugin
//! stored through the host.

use std::time::{Duration, Instant};

use heptad_bindings::host::heptad::types::types::Error as PluginError;
use heptad_capabilities::extensions::{Answer, CallTrace, Outcome, Serving};
use heptad_model::Point;
use heptad_model::id::CallId;
use wasmtime::{PoolConcurrencyLimitError, Store, Trap};

use crate::call::{Call, TooManyHostCalls};
use crate::code::Code;
use crate::deadline;
use crate::engine::YIELD_INTERVAL;
use crate::limits::{Budget, STACK_BYTES};
use crate::observe;
use crate::points::{Ask, BadAnswer};

/// How a call ended inside the sandbox.
enum Ending<T> {
    Answered(T),
    Refused(PluginError),
    Trapped(wasmtime::Error),
    OutOfTime,
}

/// Runs one call to its end, at most until the deadline. The sandbox is gone when this returns.
pub(crate) async fn run<A: Ask>(
    engine: &wasmtime::Engine,
    code: &Code,
    call: Call,
    budget: Budget,
    point: Point,
    until: Instant,
    ask: &A,
) -> Answer<A::Reply> {
    let begun = Instant::now();
    let wall = begun.checked_add(budget.wall).unwrap_or(until);
    let mut store = Store::new(engine, call);
    store.limiter(|call| &mut call.limiter);
    store.set_hostcall_fuel(budget.output);
    let ending = match prepare(&mut store, budget) {
        Ok(()) => match deadline::until(wall.min(until), ask.ask(code, &mut store)).await {
            Some(Ok(Ok(reply))) => Ending::Answered(reply),
            Some(Ok(Err(error))) => Ending::Refused(error),
            Some(Err(error)) => Ending::Trapped(error),
            None => Ending::OutOfTime,
        },
        Err(error) => Ending::Trapped(error),
    };
    let fuel = budget.fuel - store.get_fuel().unwrap_or_default().min(budget.fuel);
    let mut call = store.into_data();
    let log = call.take_log();
    let elapsed = begun.elapsed();
    let (value, outcome) = match ending {
        Ending::Answered(reply) => (Some(reply), Outcome::Answered),
        Ending::Refused(error) => (None, plugin_error(&error)),
        Ending::Trapped(error) => (None, trapped(&error, &call, budget, &log)),
        Ending::OutOfTime if wall <= until => (None, out_of_time("deadline", budget.wall)),
        Ending::OutOfTime => (None, out_of_time("quote-budget", elapsed)),
    };
    observe::called(point, &outcome, elapsed, fuel);
    let cost = CallTrace {
        fuel,
        micros: u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX),
        host_calls: call.host_calls,
        log,
        ..trace(call.id, &call.installed.serving, point, outcome)
    };
    Answer { value, trace: cost }
}

fn prepare(store: &mut Store<Call>, budget: Budget) -> wasmtime::Result<()> {
    store.set_fuel(budget.fuel)?;
    store.fuel_async_yield_interval(Some(YIELD_INTERVAL))
}

/// The answer for a call that was not made.
pub(crate) fn not_called<T>(call: CallId, serving: &Serving, point: Point, outcome: Outcome) -> Answer<T> {
    observe::not_answered(point, &outcome);
    Answer { value: None, trace: trace(call, serving, point, outcome) }
}

/// The trace of a call that cost nothing yet.
fn trace(call: CallId, serving: &Serving, point: Point, outcome: Outcome) -> CallTrace {
    CallTrace {
        call,
        install: serving.install,
        plugin: serving.manifest.name.clone(),
        version: serving.manifest.version.clone(),
        digest: serving.digest.clone(),
        point,
        outcome,
        fuel: 0,
        micros: 0,
        host_calls: 0,
        log: Vec::new(),
    }
}

fn failed(code: &str, message: impl Into<String>) -> Outcome {
    Outcome::Failed { code: code.to_owned(), message: message.into() }
}

fn out_of_time(code: &str, after: Duration) -> Outcome {
    failed(code, format!("the plugin did not answer within {} ms: do less for each call", after.as_millis()))
}

fn plugin_error(error: &PluginError) -> Outcome {
    let cut = |text: &str| text.chars().take(200).collect::<String>();
    failed(
        "plugin-error",
        format!("the plugin answered with the error `{}`: {}", cut(&error.code), cut(&error.message)),
    )
}

/// Explains a trap: the limit that was hit and its value, or the trap's kind and what the guest said last.
fn trapped(error: &wasmtime::Error, call: &Call, budget: Budget, log: &[String]) -> Outcome {
    if let Some(TooManyHostCalls(most)) = error.downcast_ref() {
        return failed("host-calls", TooManyHostCalls(*most).to_string());
    }
    if let Some(answer) = error.downcast_ref::<BadAnswer>() {
        return failed("bad-answer", answer.to_string());
    }
    if error.downcast_ref::<PoolConcurrencyLimitError>().is_some() {
        return failed("busy", "all sandboxes of this process are in use");
    }
    if format!("{error:#}").contains("allocated for hostcalls has been exhausted") {
        return failed("output", format!("an answer or argument of the plugin has more than {} bytes", budget.output));
    }
    if let Some(desired) = call.limiter.refused {
        let (wanted, most) = (desired >> 20, budget.memory >> 20);
        return failed(
            "memory",
            format!(
                "the plugin wanted {wanted} MiB of memory, it may use {most}: use less, or ask for more by memory_mib"
            ),
        );
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => {
            failed("fuel", format!("the plugin used its {} units of fuel: do less for each call", budget.fuel))
        }
        Some(Trap::StackOverflow) => failed(
            "stack",
            format!("the plugin's stack grew beyond {} KiB: look for endless recursion", STACK_BYTES >> 10),
        ),
        Some(trap) => match log.last() {
            Some(line) => failed("trap", format!("the plugin trapped ({trap}); its last words: {line}")),
            None => failed("trap", format!("the plugin trapped ({trap})")),
        },
        None => failed("trap", format!("the plugin failed: {error:#}").chars().take(500).collect::<String>()),
    }
}
