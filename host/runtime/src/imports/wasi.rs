//! The WASI 0.2 base: linked because toolchains import it, and inert. No files, no sockets, no environment; output goes
//! to the log; the clock stands still, and randomness comes from the call's seed, so that a call can be replayed.

use std::time::Duration;

use heptad_model::id::CallId;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::random::Deterministic;
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use crate::call::Call;

/// The most bytes of standard output and error together.
const OUTPUT_BYTES: usize = 4096;
/// The most random bytes that a guest may ask for at once: making them is the host's work, and costs no fuel.
const RANDOM_BYTES: u64 = 4 << 10;

/// The guest's WASI context, made when it first asks for something: most calls never do.
pub(crate) struct Wasi {
    seed: Seed,
    made: Option<(WasiCtx, MemoryOutputPipe)>,
}

impl Wasi {
    pub(crate) const fn new(seed: Seed) -> Self {
        Self { seed, made: None }
    }

    /// What the guest wrote to its standard output and error.
    pub(crate) fn take_output(&mut self) -> String {
        self.made.take().map(|(_, output)| String::from_utf8_lossy(&output.contents()).into_owned()).unwrap_or_default()
    }

    fn context(&mut self, now: Duration) -> &mut WasiCtx {
        let seed = &self.seed;
        &mut self.made.get_or_insert_with(|| make(seed.bytes(), now)).0
    }
}

/// What seeds a guest's randomness: HMAC(host key, call id), which the guest cannot foretell and a replay repeats. It is
/// computed when it is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Seed {
    /// Of the host's key, for this call.
    Derived([u8; 32], CallId),
    /// From a recording.
    Recorded([u8; 32]),
}

impl Seed {
    pub(crate) fn bytes(&self) -> [u8; 32] {
        match self {
            Self::Recorded(seed) => *seed,
            Self::Derived(key, call) => {
                let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
                mac.update(call.to_string().as_bytes());
                mac.finalize().into_bytes().into()
            }
        }
    }
}

fn make(seed: [u8; 32], now: Duration) -> (WasiCtx, MemoryOutputPipe) {
    let output = MemoryOutputPipe::new(OUTPUT_BYTES);
    let mut number = [0; 16];
    number.copy_from_slice(&seed[..16]);
    let context = WasiCtxBuilder::new()
        .stdout(output.clone())
        .stderr(output.clone())
        .secure_random(Deterministic::new(seed.to_vec()))
        .insecure_random(Deterministic::new(seed.to_vec()))
        .insecure_random_seed(u128::from_le_bytes(number))
        .max_random_size(RANDOM_BYTES)
        .wall_clock(StandingClock(now))
        .monotonic_clock(StandingClock(now))
        .allow_ip_name_lookup(false)
        .allow_tcp(false)
        .allow_udp(false)
        .build();
    (context, output)
}

/// A clock that stands at the moment for which the cart is priced.
struct StandingClock(Duration);

impl HostWallClock for StandingClock {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn now(&self) -> Duration {
        self.0
    }
}

impl HostMonotonicClock for StandingClock {
    fn resolution(&self) -> u64 {
        1_000_000
    }

    fn now(&self) -> u64 {
        u64::try_from(self.0.as_nanos()).unwrap_or(u64::MAX)
    }
}

impl WasiView for Call {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let now = Duration::from_millis(u64::try_from(self.at.as_millis()).unwrap_or_default());
        WasiCtxView { ctx: self.wasi.context(now), table: &mut self.table }
    }
}
