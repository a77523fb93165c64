//! `wasi:io/poll`: wasmtime's own behind the gate, for short lists.

use wasmtime::component::Resource;
use wasmtime_wasi::p2::DynPollable;
use wasmtime_wasi::p2::bindings::io::poll::{Host, HostPollable};

use crate::call::Call;

/// The most handles that a guest may poll at once.
const POLLED: usize = 64;

impl Host for Call {
    async fn poll(&mut self, pollables: Vec<Resource<DynPollable>>) -> wasmtime::Result<Vec<u32>> {
        self.pass()?;
        if pollables.len() > POLLED {
            wasmtime::bail!("{} handles polled at once, at most {POLLED} are", pollables.len());
        }
        self.wasi.handles().poll(pollables).await
    }
}

impl HostPollable for Call {
    async fn ready(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<bool> {
        self.pass()?;
        self.wasi.handles().ready(pollable).await
    }

    async fn block(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        self.pass()?;
        self.wasi.handles().block(pollable).await
    }

    fn drop(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        HostPollable::drop(self.wasi.handles(), pollable)
    }
}
