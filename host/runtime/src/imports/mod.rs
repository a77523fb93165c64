//! What a plugin may import: one thin file per WIT interface. Permission, budget and errors are the gate's business
//! (`Call::read`, `Call::write`), written once; a file here says what the function is.

mod caller;
mod catalog;
mod collections;
mod coupons;
mod events;
mod inventory;
mod kv;
mod locale;
mod log;
mod orders;
mod orders_write;
mod outbound;
mod points;
mod profiles;
mod settings;
mod tags;
mod tiers;
mod types;
pub(crate) mod wasi;

use heptad_bindings::host::Imports;
use wasmtime::Engine;
use wasmtime::component::{HasSelf, Linker};

use crate::call::{Call, HostError, bounded};

/// The linker with everything that a plugin may import. Tenants differ in the sandbox's data, never here, so that one
/// linked component serves all of them.
pub(crate) fn linker(engine: &Engine) -> wasmtime::Result<Linker<Call>> {
    let mut linker = Linker::new(engine);
    Imports::add_to_linker::<Call, HasSelf<Call>>(&mut linker, |call| call)?;
    wasi::add_to_linker(&mut linker)?;
    Ok(linker)
}

/// The most customers that a function of `heptad:members` answers for at once.
const CUSTOMERS: usize = 200;

fn customers_within(customers: &[String]) -> Result<(), HostError> {
    bounded(customers, CUSTOMERS, "customers")
}
