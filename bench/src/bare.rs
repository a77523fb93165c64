//! Bare wasmtime: the same engine settings, `InstancePre`, limits and WASI, and host functions answered from memory.

use anyhow::Result;
use heptad_bindings::discount::{DiscountPoint, DiscountPointPre};
use heptad_bindings::host::heptad::mall::types::{Cart, CartLine, Level, Purchase, Sku};
use heptad_bindings::host::heptad::types::types::{Error, PageRequest};
use heptad_bindings::host::heptad::{mall, members, platform, types};
use heptad_bindings::{Failure, host::Imports};
use heptad_runtime::limits::{Budget, Limiter};
use wasmtime::component::{Component, HasSelf, Linker, ResourceTable};
use wasmtime::{Engine, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

/// The sandbox's data: as little as there can be.
struct Bare {
    limiter: Limiter,
    table: ResourceTable,
    wasi: Option<WasiCtx>,
}

/// A component that is ready to be called without a platform around it.
pub struct BareGuest {
    engine: Engine,
    pre: DiscountPointPre<Bare>,
    budget: Budget,
    cart: Cart,
}

impl BareGuest {
    /// Compiles and links the component for calls with a cart of ten lines.
    pub fn new(engine: Engine, component: &[u8], budget: Budget) -> Result<Self> {
        let mut linker = Linker::new(&engine);
        Imports::add_to_linker::<Bare, HasSelf<Bare>>(&mut linker, |bare| bare)?;
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        let component = Component::from_binary(&engine, component)?;
        let pre = DiscountPointPre::new(linker.instantiate_pre(&component)?)?;
        Ok(Self { engine, pre, budget, cart: cart() })
    }

    /// One call in a fresh sandbox, tear-down included.
    pub async fn call(&self) -> Result<usize> {
        let bare = Bare { limiter: Limiter::new(self.budget.memory), table: ResourceTable::new(), wasi: None };
        let mut store = Store::new(&self.engine, bare);
        store.limiter(|bare| &mut bare.limiter);
        store.set_hostcall_fuel(self.budget.output);
        store.set_fuel(self.budget.fuel)?;
        store.fuel_async_yield_interval(Some(heptad_runtime::engine::YIELD_INTERVAL))?;
        let plugin: DiscountPoint = self.pre.instantiate_async(&mut store).await?;
        let answer = plugin.heptad_points_discount().call_discounts(&mut store, "discount.lines", &self.cart).await?;
        Ok(answer.map_err(|error| anyhow::anyhow!("{}", error.code))?.len())
    }
}

fn cart() -> Cart {
    let lines = crate::cart().lines.into_iter().map(|line| CartLine {
        index: line.index,
        sku: line.sku,
        quantity: line.quantity,
        unit_price: line.unit_price,
        remaining: line.remaining,
    });
    Cart { id: crate::cart().id, currency: "CNY".to_owned(), customer: None, at: 0, lines: lines.collect() }
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

impl platform::log::Host for Bare {
    async fn write(&mut self, _: platform::log::Level, _: String) -> wasmtime::Result<()> {
        Ok(())
    }
}

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

impl mall::catalog::Host for Bare {
    async fn skus(&mut self, _: Vec<String>) -> Result<Vec<Sku>, Failure> {
        Ok(Vec::new())
    }
    async fn sku_list(&mut self, _: PageRequest) -> Result<mall::catalog::SkuPage, Failure> {
        Ok(mall::catalog::SkuPage { items: Vec::new(), next: None })
    }
}

impl mall::inventory::Host for Bare {
    async fn levels(&mut self, _: Vec<String>) -> Result<Vec<Level>, Failure> {
        Ok(Vec::new())
    }
}

impl mall::orders::Host for Bare {
    async fn purchased(&mut self, _: String, _: Vec<String>, _: i64) -> Result<Vec<Purchase>, Failure> {
        Ok(Vec::new())
    }
}

impl members::profiles::Host for Bare {
    async fn get(&mut self, _: Vec<String>) -> Result<Vec<members::profiles::Profile>, Failure> {
        Ok(Vec::new())
    }
}

impl members::tiers::Host for Bare {
    async fn get(&mut self, _: Vec<String>) -> Result<Vec<members::tiers::Membership>, Failure> {
        Ok(Vec::new())
    }
}

impl members::tags::Host for Bare {
    async fn get(&mut self, _: Vec<String>) -> Result<Vec<members::tags::TagSet>, Failure> {
        Ok(Vec::new())
    }
}

impl platform::kv::Host for Bare {
    async fn get(&mut self, _: Vec<String>) -> Result<Vec<platform::kv::Entry>, Failure> {
        Ok(Vec::new())
    }
    async fn key_list(&mut self, _: String, _: PageRequest) -> Result<platform::kv::KeyPage, Failure> {
        Ok(platform::kv::KeyPage { keys: Vec::new(), next: None })
    }
}

impl platform::kv_write::Host for Bare {
    async fn set(&mut self, _: Vec<platform::kv::Entry>) -> Result<(), Failure> {
        Ok(())
    }
    async fn delete(&mut self, _: Vec<String>) -> Result<(), Failure> {
        Ok(())
    }
}
