//! `wasi:clocks`: where a call can be replayed, both stand at the moment for which the cart is priced, and timers are
//! ready at once. Where it may write, they are the machine's, and timers take their time, within the call's.

use std::time::Duration;

use tokio::time::Instant;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::bindings::clocks::{monotonic_clock, wall_clock};
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};

use crate::call::Call;

/// The grain of both clocks, in nanoseconds.
const GRAIN: u32 = 1_000_000;

impl Call {
    fn clock(&self) -> u64 {
        let at = if self.effects.may_write() { self.ctx.now() } else { self.at };
        u64::try_from(at.as_millis()).unwrap_or_default()
    }

    fn timer(&mut self, nanoseconds: u64) -> wasmtime::Result<Resource<DynPollable>> {
        self.pass()?;
        let wait = self.effects.may_write().then(|| Duration::from_nanos(nanoseconds));
        let handles = self.wasi.handles();
        let timer = handles.push(Timer(wait.map(|wait| Instant::now() + wait)))?;
        subscribe(handles, timer)
    }
}

impl wall_clock::Host for Call {
    fn now(&mut self) -> wasmtime::Result<wall_clock::Datetime> {
        self.pass()?;
        let millis = self.clock();
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
        Ok(self.clock().saturating_mul(GRAIN.into()))
    }

    fn resolution(&mut self) -> wasmtime::Result<u64> {
        self.pass()?;
        Ok(GRAIN.into())
    }

    fn subscribe_instant(&mut self, when: u64) -> wasmtime::Result<Resource<DynPollable>> {
        let now = self.clock().saturating_mul(GRAIN.into());
        self.timer(when.saturating_sub(now))
    }

    fn subscribe_duration(&mut self, duration: u64) -> wasmtime::Result<Resource<DynPollable>> {
        self.timer(duration)
    }
}

/// A timer; that of a clock that stands is ready.
struct Timer(Option<Instant>);

#[wasmtime_wasi::async_trait]
impl Pollable for Timer {
    async fn ready(&mut self) {
        if let Some(at) = self.0 {
            tokio::time::sleep_until(at).await;
        }
    }
}
