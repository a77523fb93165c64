//! `wasi:random`: three streams of the call's seed, by ChaCha20 (RFC 8439).

use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng as _, SeedableRng as _};
use wasmtime_wasi::p2::bindings::random::{insecure, insecure_seed, random};

use crate::call::Call;

/// The most random bytes that a guest may ask for at once.
const RANDOM_BYTES: u64 = 64 << 10;

/// The streams of a call.
pub(super) struct Streams {
    secure: ChaCha20Rng,
    insecure: ChaCha20Rng,
    seed: (u64, u64),
}

impl Streams {
    pub(super) fn new(seed: [u8; 32]) -> Self {
        let stream = |number: u64| {
            let mut stream = ChaCha20Rng::from_seed(seed);
            stream.set_stream(number);
            stream
        };
        let mut third = stream(2);
        Self { secure: stream(0), insecure: stream(1), seed: (third.next_u64(), third.next_u64()) }
    }
}

impl Call {
    fn random(&mut self, len: u64, stream: fn(&mut Streams) -> &mut ChaCha20Rng) -> wasmtime::Result<Vec<u8>> {
        self.pass()?;
        if len > RANDOM_BYTES {
            wasmtime::bail!("{len} random bytes asked for at once, at most {RANDOM_BYTES} are given");
        }
        let len = usize::try_from(len)?;
        self.hand_in(len)?;
        let mut bytes = vec![0; len];
        stream(self.wasi.streams()).fill_bytes(&mut bytes);
        Ok(bytes)
    }
}

impl random::Host for Call {
    fn get_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        self.random(len, |streams| &mut streams.secure)
    }

    fn get_random_u64(&mut self) -> wasmtime::Result<u64> {
        self.pass()?;
        Ok(self.wasi.streams().secure.next_u64())
    }
}

impl insecure::Host for Call {
    fn get_insecure_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        self.random(len, |streams| &mut streams.insecure)
    }

    fn get_insecure_random_u64(&mut self) -> wasmtime::Result<u64> {
        self.pass()?;
        Ok(self.wasi.streams().insecure.next_u64())
    }
}

impl insecure_seed::Host for Call {
    fn insecure_seed(&mut self) -> wasmtime::Result<(u64, u64)> {
        self.pass()?;
        Ok(self.wasi.streams().seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_streams_are_each_others_strangers_and_do_not_repeat() {
        let mut streams = Streams::new([7; 32]);
        let (mut secure, mut insecure) = ([0; 128], [0; 128]);
        streams.secure.fill_bytes(&mut secure);
        streams.insecure.fill_bytes(&mut insecure);
        let blocks: std::collections::BTreeSet<&[u8]> = secure.chunks(8).chain(insecure.chunks(8)).collect();
        assert_eq!(blocks.len(), 32);
        assert!(!blocks.contains(streams.seed.0.to_le_bytes().as_slice()));
        let mut again = [0; 128];
        Streams::new([7; 32]).secure.fill_bytes(&mut again);
        assert_eq!(again, secure);
    }
}
