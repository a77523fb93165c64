//! Programs that attack while they are called.

use std::collections::BTreeSet;

use heptad_model::Limits;

use super::program::{folder, packed};
use super::{Off, Scene, bare, files, forged, profile, told};
use crate::support::cart;

use Off::{Bare, Harmless, Memory, Never, Raised};

/// A program, what it ends with, a part of the sentence that says so, and how it gets its answer.
type Attack = (&'static str, &'static str, &'static str, Off);

const TIME: &[Attack] = &[
    ("loop", "fuel", "50050000 units of fuel", Raised),
    ("loop-with-host-calls", "fuel", "units of fuel", Raised),
    ("fill", "fuel", "units of fuel", Raised),
    ("copy", "fuel", "units of fuel", Raised),
    ("table-fill", "fuel", "units of fuel", Raised),
    ("realloc-loop", "fuel", "units of fuel", Raised),
    ("post-return-loop", "fuel", "units of fuel", Raised),
    ("start-loop", "wrong-export", "units of fuel", Raised),
    ("start-trap", "wrong-export", "unreachable", Never),
    ("start-calls-out", "wrong-export", "", Never),
    ("start-memory", "wrong-export", "64", Bare),
];

const SPACE: &[Attack] = &[
    ("memory-grow", "memory", "16777216 bytes of memory", Memory(64)),
    ("memory-jump", "memory", "16777216 bytes of memory", Memory(64)),
    ("memory-declared", "memory-too-large", "its manifest allows 16777216", Memory(64)),
    ("memory-retry", "answered", "", Raised),
    ("memory-huge", "memory-too-large", "its manifest allows 16777216", Bare),
    ("memories-many", "does-not-compile", "memories", Bare),
    ("table-grow", "table", "20000 elements of a table", Bare),
    ("table-huge", "table-too-large", "at most 20000", Bare),
    ("tables-many", "does-not-compile", "tables", Bare),
    ("recursion", "stack", "524288 bytes of stack", Bare),
    ("recursion-indirect", "stack", "524288 bytes of stack", Bare),
    ("frames", "stack", "524288 bytes of stack", Bare),
];

const TRAPS: &[Attack] = &[
    ("trap-unreachable", "trap", "unreachable", Harmless),
    ("trap-divide-by-zero", "trap", "divide by zero", Harmless),
    ("trap-integer-overflow", "trap", "integer overflow", Harmless),
    ("trap-not-a-number", "trap", "invalid conversion to integer", Harmless),
    ("trap-float-too-large", "trap", "integer overflow", Harmless),
    ("trap-load", "trap", "out of bounds memory access", Harmless),
    ("trap-store", "trap", "out of bounds memory access", Harmless),
    ("trap-fill", "trap", "out of bounds memory access", Harmless),
    ("trap-copy", "trap", "out of bounds memory access", Harmless),
    ("trap-dropped-data", "trap", "out of bounds memory access", Harmless),
    ("trap-table-get", "trap", "out of bounds", Harmless),
    ("trap-table-set", "trap", "out of bounds", Harmless),
    ("trap-table-copy", "trap", "out of bounds", Harmless),
    ("trap-call-null", "trap", "uninitialized element", Harmless),
    ("trap-call-outside", "trap", "out of bounds", Harmless),
    ("trap-call-signature", "trap", "indirect call type mismatch", Harmless),
    ("realloc-outside", "trap", "", Harmless),
    ("realloc-end", "trap", "", Harmless),
    ("realloc-misaligned", "trap", "align", Harmless),
    ("realloc-trap", "trap", "unreachable", Harmless),
    ("realloc-overlap", "answered", "", Harmless),
    ("realloc-calls-out", "trap", "cannot leave", Harmless),
    ("post-return-trap", "trap", "unreachable", Harmless),
    ("post-return-calls-out", "trap", "cannot leave", Harmless),
];

const ANSWERS: &[Attack] = &[
    ("answer-amplified", "output", "262272 bytes in one answer", Raised),
    ("answer-many", "bad-answer", "1001 operations", Harmless),
    ("answer-candidates-many", "bad-answer", "101 candidates", Harmless),
    ("answer-huge-text", "output", "262272 bytes in one answer", Harmless),
    ("answer-long-word", "bad-answer", "256 bytes", Harmless),
    ("answer-arguments-many", "bad-answer", "16 arguments", Harmless),
    ("answer-long-group", "bad-answer", "256 bytes", Harmless),
    ("answer-beyond-safe", "bad-answer", "2^53", Harmless),
    ("answer-long-currency", "bad-answer", "currency", Harmless),
    ("answer-unknown-line", "answered", "", Harmless),
    ("answer-error", "plugin-error", "answered with the error", Harmless),
    ("answer-invalid-utf8", "trap", "utf-8", Harmless),
    ("answer-surrogate", "trap", "utf-8", Harmless),
    ("answer-outside", "trap", "bounds", Harmless),
    ("answer-misaligned", "trap", "align", Harmless),
    ("answer-list-outside", "trap", "bounds", Harmless),
    ("answer-list-overflow", "trap", "bounds", Harmless),
    ("answer-list-endless", "trap", "bounds", Harmless),
    ("answer-list-misaligned", "trap", "align", Harmless),
    ("answer-string-outside", "trap", "bounds", Harmless),
    ("answer-discriminant", "trap", "", Harmless),
    ("answer-strategy", "trap", "", Harmless),
    ("answer-value", "trap", "", Harmless),
];

const HOST_CALLS: &[Attack] = &[
    ("host-calls", "host-calls", "201 host calls", Raised),
    ("log-flood", "answered", "", Raised),
    ("log-huge", "output", "262272 bytes in one answer", Raised),
    ("log-bytes", "bytes-out", "1049600 bytes to the host", Raised),
    ("kv-flood", "output", "262272 bytes in one answer", Raised),
    ("string-outside", "trap", "bounds", Harmless),
    ("string-past-end", "trap", "bounds", Harmless),
    ("string-endless", "trap", "bounds", Harmless),
    ("string-negative", "trap", "", Harmless),
    ("string-invalid-utf8", "trap", "utf-8", Harmless),
    ("string-level", "trap", "", Harmless),
    ("string-controls", "answered", "", Harmless),
    ("list-outside", "trap", "bounds", Harmless),
    ("list-overflow", "trap", "bounds", Harmless),
    ("list-endless", "trap", "bounds", Harmless),
    ("list-misaligned", "trap", "align", Harmless),
    ("list-amplified", "output", "262272 bytes in one answer", Raised),
    ("result-outside", "trap", "bounds", Harmless),
    ("result-misaligned", "trap", "align", Harmless),
    ("page-limit-zero", "answered", "", Harmless),
    ("page-limit-overflow", "answered", "", Harmless),
    ("page-limit-sign", "answered", "", Harmless),
    ("page-cursor-forged", "answered", "", Harmless),
    ("page-cursor-not-text", "answered", "", Harmless),
    ("page-cursor-long", "answered", "", Harmless),
    ("time-overflow", "answered", "", Harmless),
];

const HANDLES: &[Attack] = &[
    ("handle-forged", "trap", "handle", Harmless),
    ("handle-earlier", "trap", "handle", Harmless),
    ("handle-dropped", "trap", "handle", Harmless),
    ("handle-twice", "trap", "handle", Harmless),
    ("handle-other-kind", "trap", "handle", Harmless),
    ("handle-flood", "host-calls", "201 host calls", Harmless),
    ("output-flood", "answered", "", Harmless),
    ("clock", "answered", "", Harmless),
    ("environment", "answered", "", Harmless),
    ("exit", "trap", "", Harmless),
    ("random-huge", "trap", "at most 65536", Harmless),
    ("random-flood", "bytes-in", "4195328 bytes from the host", Raised),
    ("poll-flood", "trap", "at most 64", Harmless),
    ("poll-loop", "host-calls", "201 host calls", Raised),
    ("environment-flood", "host-calls", "201 host calls", Raised),
    ("sleep", "answered", "", Harmless),
];

/// Runs a table: every program on a host with the published limits, then the way in which it gets its answer.
async fn check(attacks: &[Attack]) {
    let (tight, loose) = (Scene::start(profile(false)).await, Scene::start(profile(true)).await);
    let mut wrong = Vec::new();
    for (name, code, says, off) in attacks {
        let (found, message, log) = outcome(&tight, name, packed(name, 16), 1).await;
        if found != *code || !message.contains(says) {
            wrong.push(format!("{name}: {found} and not {code}: {message}"));
        }
        if log >= 17 << 10 {
            wrong.push(format!("{name}: {log} bytes of log"));
        }
        let (free, why) = match off {
            Raised => first_two(outcome(&loose, name, packed(name, 16), 1).await),
            Memory(mib) => first_two(outcome(&loose, name, packed(name, *mib), 1).await),
            Harmless => first_two(outcome(&loose, name, packed(name, 16), 0).await),
            Bare => match bare::run(name, 1).await {
                Ok(()) => ("answered".to_owned(), String::new()),
                Err(error) => ("trap".to_owned(), format!("{error:#}")),
            },
            Never => continue,
        };
        if free != "answered" {
            wrong.push(format!("{name} does not get its answer by {off:?}: {free}: {why}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn first_two((code, message, _): (String, String, usize)) -> (String, String) {
    (code, message)
}

/// The code, the sentence and the bytes of log with which a program ends, for a cart of so many lines.
async fn outcome(scene: &Scene, name: &str, packed: Vec<u8>, lines: usize) -> (String, String, usize) {
    match scene.victim(name, packed).await {
        Ok(victim) => {
            let answer = scene.attack(&victim, &cart("CNY", &vec![(19_900, 19_900); lines])).await;
            let (code, message) = told(&answer.trace.outcome);
            (code.to_owned(), message.to_owned(), answer.trace.log.iter().map(String::len).sum())
        }
        Err((code, message)) => {
            scene.honest_answer_is_right().await;
            (code, message, 0)
        }
    }
}

#[tokio::test]
async fn programs_that_take_time_are_stopped() {
    check(TIME).await;
}

#[tokio::test]
async fn programs_that_take_space_are_stopped() {
    check(SPACE).await;
}

#[tokio::test]
async fn programs_that_trap_are_named() {
    check(TRAPS).await;
}

#[tokio::test]
async fn programs_that_answer_wrongly_are_stopped() {
    check(ANSWERS).await;
}

#[tokio::test]
async fn programs_that_misuse_the_host_s_functions_are_stopped() {
    check(HOST_CALLS).await;
}

#[tokio::test]
async fn programs_that_misuse_handles_and_wasi_are_stopped() {
    check(HANDLES).await;
}

#[tokio::test]
async fn a_program_with_all_the_fuel_it_wants_is_stopped_by_the_clock() {
    let scene = Scene::start(Limits { wall_ms: None, ..profile(true) }).await;
    let (code, message, _) = outcome(&scene, "loop", packed("loop", 16), 1).await;
    assert_eq!(code, "deadline", "{message}");
    assert!(message.contains("limit of 20 ms"), "{message}");
}

#[test]
fn every_program_is_in_a_table() {
    let files: BTreeSet<String> = std::fs::read_dir(folder())
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.strip_suffix(".wat").map(str::to_owned))
        .collect();
    let tables = [TIME, SPACE, TRAPS, ANSWERS, HOST_CALLS, HANDLES];
    let known = tables.into_iter().flatten().map(|(name, ..)| (*name).to_owned());
    let known: BTreeSet<String> = known
        .chain(files::REFUSED.iter().map(|(name, _)| name).chain(forged::PROGRAMS).map(|name| (*name).to_owned()))
        .collect();
    assert_eq!(files, known);
}
