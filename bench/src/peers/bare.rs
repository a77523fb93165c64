//! Bare wasmtime: the same engine settings, `InstancePre`, limits and WASI, and host functions answered from memory.

use anyhow::{Result, ensure};
use heptad_bindings::Failure;
use heptad_bindings::discount::{DiscountPoint, DiscountPointPre};
use heptad_bindings::host::heptad::mall::types::{Cart, CartLine};
use heptad_bindings::host::heptad::types::types::Error;
use heptad_bindings::host::heptad::{mall, platform, types};
use heptad_model::{Limits, Point};
use heptad_runtime::engine::{self, YIELD_INTERVAL};
use heptad_runtime::limits::{Budget, Limiter};
use wasmtime::component::{Component, HasSelf, Linker, ResourceTable};
use wasmtime::{Engine, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use crate::cart::cart;
use crate::tables::calls::Subject;

/// The sandbox's data: as little as there can be.
struct Bare {
    limiter: Limiter,
    table: ResourceTable,
    wasi: Option<WasiCtx>,
}

/// A component that is ready to be called without a platform around it.
pub(crate) struct BareGuest {
    engine: Engine,
    pre: DiscountPointPre<Bare>,
    budget: Budget,
    cart: Cart,
}

impl BareGuest {
    /// Compiles and links the component for calls with the cart of the benchmark.
    pub(crate) fn new(component: &[u8]) -> Result<Self> {
        let engine = engine::running()?;
        let mut linker = Linker::new(&engine);
        // What the guest imports, and no more.
        types::types::add_to_linker::<Bare, HasSelf<Bare>>(&mut linker, |bare| bare)?;
        mall::types::add_to_linker::<Bare, HasSelf<Bare>>(&mut linker, |bare| bare)?;
        platform::settings::add_to_linker::<Bare, HasSelf<Bare>>(&mut linker, |bare| bare)?;
        platform::locale::add_to_linker::<Bare, HasSelf<Bare>>(&mut linker, |bare| bare)?;
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        let compiled = engine::compiling()?.precompile_component(component)?;
        // SAFETY: it was compiled in the line before.
        let component = unsafe { Component::deserialize(&engine, compiled)? };
        let pre = DiscountPointPre::new(linker.instantiate_pre(&component)?)?;
        let cart = wit_cart();
        let memory_mib = *heptad_model::manifest::MEMORY_MIB.start();
        let budget = Budget::new(&Limits::default(), Point::DiscountLines, memory_mib, cart.lines.len());
        Ok(Self { engine, pre, budget, cart })
    }
}

impl Subject for BareGuest {
    async fn call(&self) -> Result<()> {
        let bare = Bare { limiter: Limiter::new(&self.budget), table: ResourceTable::new(), wasi: None };
        let mut store = Store::new(&self.engine, bare);
        store.limiter(|bare| &mut bare.limiter);
        store.set_hostcall_fuel(self.budget.output);
        store.set_fuel(self.budget.fuel)?;
        store.fuel_async_yield_interval(Some(YIELD_INTERVAL))?;
        let plugin: DiscountPoint = self.pre.instantiate_async(&mut store).await?;
        let answer = plugin.heptad_points_discount().call_discounts(&mut store, "discount.lines", &self.cart).await?;
        ensure!(answer.is_ok_and(|operations| operations.len() == 1), "one operation");
        Ok(())
    }
}

fn wit_cart() -> Cart {
    let cart = cart();
    let lines = cart.lines.into_iter().map(|line| CartLine {
        index: line.index,
        sku: line.sku,
        quantity: line.quantity,
        unit_price: line.unit_price,
        remaining: line.remaining,
    });
    Cart { id: cart.id, currency: cart.currency, customer: None, at: cart.at.as_millis(), lines: lines.collect() }
}

impl WasiView for Bare {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: self.wasi.get_or_insert_with(|| WasiCtxBuilder::new().build()), table: &mut self.table }
    }
}

impl types::types::Host for Bare {
    fn convert_error(&mut self, failure: Failure) -> wasmtime::Result<Error> {
        match failure {
            Failure::Answer(error) => Ok(error),
            Failure::Trap(error) => Err(error),
        }
    }
}

impl mall::types::Host for Bare {}

impl platform::settings::Host for Bare {
    async fn get(&mut self) -> wasmtime::Result<String> {
        Ok("{}".to_owned())
    }
}

impl platform::locale::Host for Bare {
    async fn reader(&mut self) -> wasmtime::Result<String> {
        Ok("zh-CN".to_owned())
    }
    async fn shop(&mut self) -> wasmtime::Result<String> {
        Ok("zh-CN".to_owned())
    }
}
