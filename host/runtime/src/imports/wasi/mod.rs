//! The WASI 0.2 base: linked because toolchains import it, and inert. No files, no sockets, no environment; output goes
//! to the log; the clock stands still, and randomness comes from the call's seed, so that a call can be replayed.
//!
//! What could work for a guest at the host's cost (randomness, clocks, polling) is written here and passes the gate like
//! every other host function. The rest is wasmtime's own: it is counted where it fetches its context.

mod clocks;
mod http;
mod poll;
mod random;

use heptad_model::id::CallId;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use wasmtime::component::{HasSelf, Linker, ResourceTable};
use wasmtime_wasi::p2::bindings;
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use crate::call::Call;
use random::Streams;

/// The most bytes of standard output and error together.
const OUTPUT_BYTES: usize = 4096;

/// Adds WASI, our own parts over wasmtime's.
pub(super) fn add_to_linker(linker: &mut Linker<Call>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    linker.allow_shadowing(true);
    bindings::io::poll::add_to_linker::<Call, HasSelf<Call>>(linker, |call| call)?;
    bindings::clocks::wall_clock::add_to_linker::<Call, HasSelf<Call>>(linker, |call| call)?;
    bindings::clocks::monotonic_clock::add_to_linker::<Call, HasSelf<Call>>(linker, |call| call)?;
    bindings::random::random::add_to_linker::<Call, HasSelf<Call>>(linker, |call| call)?;
    bindings::random::insecure::add_to_linker::<Call, HasSelf<Call>>(linker, |call| call)?;
    bindings::random::insecure_seed::add_to_linker::<Call, HasSelf<Call>>(linker, |call| call)?;
    http::add_to_linker(linker)?;
    linker.allow_shadowing(false);
    Ok(())
}

/// What a call has of WASI; the parts are made when the guest first asks for them: most calls never do.
pub(crate) struct Wasi {
    seed: Seed,
    streams: Option<Streams>,
    context: Option<(WasiCtx, MemoryOutputPipe)>,
    http: http::Http,
    /// Handles of resources, and how many there may be.
    handles: ResourceTable,
    most_handles: usize,
}

impl Wasi {
    pub(crate) fn new(seed: Seed, most_handles: usize) -> Self {
        let (http, handles) = (http::Http::default(), bounded_table(most_handles));
        Self { seed, streams: None, context: None, http, handles, most_handles }
    }

    /// Takes all handles away, so that whatever moves bytes traps.
    fn forget_handles(&mut self) {
        self.handles = bounded_table(self.most_handles);
    }

    /// The seed of the guest's randomness.
    pub(crate) fn seed(&self) -> [u8; 32] {
        self.seed.bytes()
    }

    /// What the guest wrote to its standard output and error.
    pub(crate) fn take_output(&mut self) -> String {
        self.context
            .take()
            .map(|(_, output)| String::from_utf8_lossy(&output.contents()).into_owned())
            .unwrap_or_default()
    }

    fn handles(&mut self) -> &mut ResourceTable {
        &mut self.handles
    }

    fn streams(&mut self) -> &mut Streams {
        let seed = &self.seed;
        self.streams.get_or_insert_with(|| Streams::new(seed.bytes()))
    }
}

fn bounded_table(most: usize) -> ResourceTable {
    let mut table = ResourceTable::new();
    table.set_max_capacity(most);
    table
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
    fn bytes(&self) -> [u8; 32] {
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

fn make() -> (WasiCtx, MemoryOutputPipe) {
    let output = MemoryOutputPipe::new(OUTPUT_BYTES);
    let context = WasiCtxBuilder::new()
        .stdout(output.clone())
        .stderr(output.clone())
        .allow_ip_name_lookup(false)
        .allow_tcp(false)
        .allow_udp(false)
        .build();
    (context, output)
}

/// Every function of wasmtime's own fetches this once. It cannot fail here: a guest beyond its limit finds no handles
/// any more, so that whatever moves bytes traps, and the call counts as failed however it ends.
impl WasiView for Call {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        if self.pass_late().is_err() {
            self.wasi.forget_handles();
        }
        let Wasi { context, handles, .. } = &mut self.wasi;
        WasiCtxView { ctx: &mut context.get_or_insert_with(make).0, table: handles }
    }
}
