//! A fresh sandbox for each call: limits set, question asked, outcome told. Nothing survives a call but what the plugin
//! stored through the host.

use std::time::{Duration, Instant};

use heptad_bindings::host::heptad::types::types::{Error as PluginError, ErrorKind};
use heptad_capabilities::extensions::{Answer, CallTrace, LimitReached, Outcome, Serving};
use heptad_model::id::CallId;
use heptad_model::{Env, Limit, Point};
use wasmtime::{PoolConcurrencyLimitError, Store, Trap};

use crate::call::{Call, Conflict, NotCommitted};
use crate::code::Code;
use crate::deadline;
use crate::effects::write_time;
use crate::engine::YIELD_INTERVAL;
use crate::handling::REFUSED;
use crate::limits::{Budget, STACK_BYTES};
use crate::no_call::NoCall;
use crate::points::{Ask, BadAnswer};
use crate::tape::NotRecorded;

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
) -> (Answer<A::Reply>, Call) {
    let begun = Instant::now();
    let wall = begun.checked_add(budget.wall).unwrap_or(until);
    let (deadline, last) = (call.effects.deadline(), wall.min(until));
    let at = move || deadline.as_ref().map_or(last, |deadline| deadline.at().min(last));
    let mut store = Store::new(engine, call);
    store.limiter(|call| &mut call.limiter);
    store.set_hostcall_fuel(budget.output);
    let ending = match prepare(&mut store, budget).and_then(|()| store.data_mut().hand_in(ask.bytes())) {
        Ok(()) => match deadline::until(at, ask.ask(code, &mut store)).await {
            Some(Ok(Ok(reply))) => Ending::Answered(reply),
            Some(Ok(Err(error))) => Ending::Refused(error),
            Some(Err(error)) => Ending::Trapped(error),
            None => Ending::OutOfTime,
        },
        Err(error) => Ending::Trapped(error),
    };
    let fuel = budget.fuel - store.get_fuel().unwrap_or_default().min(budget.fuel);
    let mut call = store.into_data();
    let ending = match call.beyond.take().or_else(|| ask.beyond()) {
        Some(reached) => Ending::Trapped(reached.into()),
        None => ending,
    };
    let log = call.take_log();
    let elapsed = begun.elapsed();
    let (value, outcome) = match ending {
        Ending::Answered(reply) => (Some(reply), Outcome::Answered),
        Ending::Refused(error) if call.effects.may_write() && error.kind == ErrorKind::Invalid => {
            (None, plugin_error(REFUSED, &error))
        }
        Ending::Refused(error) => (None, plugin_error("plugin-error", &error)),
        Ending::Trapped(error) => (None, trapped(&error, &call, budget, &log)),
        Ending::OutOfTime if call.effects.is_open() => {
            (None, limit(Limit::WriteTime, millis(write_time(call.dialect()))))
        }
        Ending::OutOfTime if wall <= until => (None, limit(Limit::WallClock, millis(budget.wall))),
        Ending::OutOfTime => (None, limit(Limit::QuoteTime, call.installed.limits.quote_ms.into())),
    };
    let limits = limits_reached(&outcome, &call, budget);
    let cost = CallTrace {
        fuel,
        micros: u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX),
        host_calls: call.host_calls,
        log,
        peak_memory: call.limiter.peak() as u64,
        bytes_in: call.bytes_in + ask.streamed().0,
        bytes_out: call.bytes_out + ask.streamed().1,
        write_micros: u64::try_from(call.effects.open_for().as_micros()).unwrap_or(u64::MAX),
        limits,
        ..trace(call.id, &call.installed.serving, point, outcome)
    };
    (Answer { value, trace: cost }, call)
}

fn prepare(store: &mut Store<Call>, budget: Budget) -> wasmtime::Result<()> {
    store.set_fuel(budget.fuel)?;
    store.fuel_async_yield_interval(Some(YIELD_INTERVAL))
}

/// The trace of a call that was not made.
pub(crate) fn not_called(env: &Env, serving: &Serving, point: Point, why: &NoCall) -> CallTrace {
    let (outcome, reached) = why.told();
    CallTrace { limits: reached.into_iter().collect(), ..trace(CallId::generate(env), serving, point, outcome) }
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
        peak_memory: 0,
        bytes_in: 0,
        bytes_out: 0,
        write_micros: 0,
        limits: Vec::new(),
    }
}

fn failed(code: &str, message: impl Into<String>) -> Outcome {
    Outcome::Failed { code: code.to_owned(), message: message.into() }
}

/// The call ended by a limit.
fn limit(limit: Limit, most: u64) -> Outcome {
    failed(limit.code(), limit.diagnostic(most))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The limit that ended the call, and those that it reached and went on.
fn limits_reached(outcome: &Outcome, call: &Call, budget: Budget) -> Vec<LimitReached> {
    let most = |limit| match limit {
        Limit::Fuel => budget.fuel,
        Limit::WallClock => millis(budget.wall),
        Limit::QuoteTime => call.installed.limits.quote_ms.into(),
        Limit::Memory => budget.memory as u64,
        Limit::TableElements => budget.table_elements as u64,
        Limit::Instances => budget.instances as u64,
        Limit::Stack => STACK_BYTES as u64,
        Limit::HostCalls => budget.host_calls.into(),
        Limit::HostCallRate => call.installed.rate.count().into(),
        Limit::BytesIn => budget.bytes_in,
        Limit::Output => budget.output as u64,
        Limit::ResponseBody => call.installed.limits.route_response_bytes,
        Limit::BytesOut => budget.bytes_out,
        Limit::Log => budget.log as u64,
        Limit::WriteTime => millis(write_time(call.dialect())),
        _ => 0,
    };
    let ended = match outcome {
        Outcome::Failed { code, .. } => Limit::parse(code),
        _ => None,
    };
    let mut reached: Vec<LimitReached> = call.limiter.reached.clone().into_iter().collect();
    if call.log_is_cut {
        reached.push(LimitReached { limit: Limit::Log, most: most(Limit::Log) });
    }
    if let Some(limit) = ended
        && !reached.iter().any(|one| one.limit == limit)
    {
        reached.push(LimitReached { limit, most: most(limit) });
    }
    reached
}

fn plugin_error(word: &str, error: &PluginError) -> Outcome {
    let cut = |text: &str| text.chars().take(200).collect::<String>();
    failed(word, format!("the plugin answered with the error `{}`: {}", cut(&error.code), cut(&error.message)))
}

/// Explains a trap: the limit that was hit and its value, or the trap's kind and what the guest said last.
fn trapped(error: &wasmtime::Error, call: &Call, budget: Budget, log: &[String]) -> Outcome {
    if let Some(reached) = error.downcast_ref::<LimitReached>() {
        return limit(reached.limit, reached.most);
    }
    if let Some(missing) = error.downcast_ref::<NotRecorded>() {
        return failed("not-recorded", missing.to_string());
    }
    if let Some(answer) = error.downcast_ref::<BadAnswer>() {
        return failed("bad-answer", answer.to_string());
    }
    if let Some(conflict) = error.downcast_ref::<Conflict>() {
        return failed("conflict", conflict.to_string());
    }
    if let Some(lost) = error.downcast_ref::<NotCommitted>() {
        return failed("unavailable", lost.to_string());
    }
    if error.downcast_ref::<PoolConcurrencyLimitError>().is_some() {
        return failed("busy", "all sandboxes of this process are in use");
    }
    // wasmtime gives these two no type of their own.
    let said = format!("{error:#}");
    if said.contains("allocated for hostcalls has been exhausted") {
        return limit(Limit::Output, budget.output as u64);
    }
    if said.contains("instance count too high") {
        return limit(Limit::Instances, budget.instances as u64);
    }
    if let Some(reached) = &call.limiter.reached {
        return limit(reached.limit, reached.most);
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => limit(Limit::Fuel, budget.fuel),
        Some(Trap::StackOverflow) => limit(Limit::Stack, STACK_BYTES as u64),
        Some(trap) => match log.last() {
            Some(line) => failed("trap", format!("the plugin trapped ({trap}); its last words: {line}")),
            None => failed("trap", format!("the plugin trapped ({trap})")),
        },
        None => failed("trap", format!("the plugin failed: {error:#}").chars().take(500).collect::<String>()),
    }
}
