//! What a plugin does before it answers, if it answers at all.

use std::hash::{BuildHasher, RandomState};
use std::hint::black_box;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use heptad_sdk::Entry;
use heptad_sdk::prelude::*;

use crate::Mode;

/// How often this instance was called: 1, for an instance lives for one call.
static CALLS: AtomicU32 = AtomicU32::new(0);

/// Does what the mode does before an answer. Some modes do not come back.
pub(crate) fn act(mode: Mode, host: &impl Host) -> Result<(), Error> {
    CALLS.fetch_add(1, Ordering::Relaxed);
    match mode {
        Mode::Loop => {
            let mut number = 0_u64;
            loop {
                number = black_box(number.wrapping_add(1));
            }
        }
        Mode::HostCallLoop => loop {
            black_box(host.settings());
        },
        Mode::BulkLoop => {
            let mut bytes = vec![0_u8; 8 << 20];
            for byte in (0..=u8::MAX).cycle() {
                bytes.fill(black_box(byte));
                black_box(&bytes);
            }
        }
        Mode::Memory => {
            let mut hoard = Vec::new();
            loop {
                hoard.push(vec![1_u8; 1 << 20]);
                black_box(&hoard);
            }
        }
        Mode::Recursion => {
            black_box(deeper(black_box(1)));
        }
        Mode::Trap => trap(),
        Mode::Panic => panic!("misbehaving as asked"),
        Mode::Slow => {
            for step in 0..1_000_000 {
                black_box(step);
            }
        }
        Mode::Error => return Err(Error::new("misbehaving", "an error as asked")),
        Mode::LogFlood => {
            let line = "x".repeat(4_000);
            (0..100).for_each(|_| host.log(Level::Info, &line));
        }
        _ => {}
    }
    Ok(())
}

/// What the mode reports, if it reports.
pub(crate) fn report(mode: Mode, host: &impl Host, cart: &Cart) -> Option<String> {
    let code = |answer: Result<(), HostError>| answer.map_or_else(|error| error.code, |()| "allowed".to_owned());
    Some(match mode {
        Mode::Write => code(host.kv_set(&[Entry { key: "misbehaving".to_owned(), value: vec![1] }])),
        Mode::ReadDenied => code(host.skus(&cart.skus()).map(drop)),
        Mode::Remember => CALLS.load(Ordering::Relaxed).to_string(),
        Mode::Clock => now().to_string(),
        Mode::Random => RandomState::new().hash_one(0).to_string(),
        _ => return None,
    })
}

#[expect(clippy::disallowed_methods, reason = "what the sandbox shows of the clock is what is asked")]
fn now() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()
}

/// Deeper until the engine's stack ends: nothing here needs the stack in the guest's own memory, and rotating keeps the
/// compiler from making a loop of it.
#[inline(never)]
fn deeper(depth: u64) -> u64 {
    if depth == u64::MAX { depth } else { deeper(depth + 1).rotate_left(3) ^ depth }
}

#[cfg(target_family = "wasm")]
fn trap() {
    std::arch::wasm32::unreachable()
}

#[cfg(not(target_family = "wasm"))]
fn trap() {
    std::process::abort()
}
