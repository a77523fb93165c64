//! `wasi:clocks`: both stand at the moment for which the cart is priced, and timers are ready at once.

use wasmtime::component::Resource;
use wasmtime_wasi::p2::bindings::clocks::{monotonic_clock, wall_clock};
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};

use crate::call::Call;

/// The grain of both clocks, in nanoseconds.
const GRAIN: u32 = 1_000_000;

impl Call {
    fn standing(&self) -> u64 {
        u64::try_from(self.at.as_millis()).unwrap_or_default()
    }

    fn timer(&mut self) -> wasmtime::Result<Resource<DynPollable>> {
        self.pass()?;
        let handles = self.wasi.handles();
        let timer = handles.push(Ready)?;
        subscribe(handles, timer)
    }
}

impl wall_clock::Host for Call {
    fn now(&mut self) -> wasmtime::Result<wall_clock::Datetime> {
        self.pass()?;
        let millis = self.standing();
        let nanoseconds = u32::try_from(millis % 1_000).unwrap_or_default() * GRAIN;
        Ok(wall_clock::Datetime { seconds: millis / 1_000, nanoseconds })
    }

    fn resolution(&mut self) -> wasmtime::Result<wall_clock::Datetime> {
        self.pass()?;
        Ok(wall_clock::Datetime { seconds: 0, nanoseconds: GRAIN })
    }
}

impl monotonic_clock::Host for Call {
    fn now(&mut self) -> wasmtime::Result<u64> {
        self.pass()?;
        Ok(self.standing().saturating_mul(GRAIN.into()))
    }

    fn resolution(&mut self) -> wasmtime::Result<u64> {
        self.pass()?;
        Ok(GRAIN.into())
    }

    fn subscribe_instant(&mut self, _when: u64) -> wasmtime::Result<Resource<DynPollable>> {
        self.timer()
    }

    fn subscribe_duration(&mut self, _duration: u64) -> wasmtime::Result<Resource<DynPollable>> {
        self.timer()
    }
}

/// A timer of a clock that stands.
struct Ready;

#[wasmtime_wasi::async_trait]
impl Pollable for Ready {
    async fn ready(&mut self) {}
}
