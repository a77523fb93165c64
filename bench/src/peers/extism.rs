//! Extism: the same logic as a plugin of its own kind, a fresh one made for each call of code that was compiled before.
//!
//! The engine is as the crate sets it up (memory on demand, epochs for the timeout), with its limits of memory and fuel set
//! to those of Heptad. Cart and answer cross as JSON, as Extism's users do it.

use std::time::Duration;

use anyhow::{Result, ensure};
use bench_peer_discount::Offer;
use extism::{CompiledPlugin, Manifest, PTR, Plugin, PluginBuilder, UserData, Wasm, host_fn};
use heptad_model::Limits;

use crate::cart::peer_body;
use crate::tables::calls::Subject;

/// The timeout. Longer than Heptad's 20 ms, at which now and then a call of this length ends: the timer's tick is one for
/// all plugins of an engine.
const TIMEOUT: Duration = Duration::from_secs(1);
/// Bytes of a page of linear memory.
const PAGE: u32 = 64 << 10;

host_fn!(locale() -> String { Ok("zh-CN".to_owned()) });
host_fn!(settings() -> String { Ok("{}".to_owned()) });

/// A plugin that is ready to be made.
pub(crate) struct ExtismGuest {
    compiled: CompiledPlugin,
    cart: String,
}

impl ExtismGuest {
    /// Compiles the module.
    pub(crate) fn new(module: Vec<u8>) -> Result<Self> {
        let limits = Limits::default();
        let memory_mib = *heptad_model::manifest::MEMORY_MIB.start();
        let manifest =
            Manifest::new([Wasm::data(module)]).with_memory_max((memory_mib << 20) / PAGE).with_timeout(TIMEOUT);
        let compiled = PluginBuilder::new(manifest)
            .with_fuel_limit(limits.fuel.of(crate::cart::cart().lines.len()))
            .with_cache_disabled()
            .with_function("reader_locale", [], [PTR], UserData::new(()), locale)
            .with_function("shop_locale", [], [PTR], UserData::new(()), locale)
            .with_function("settings", [], [PTR], UserData::new(()), settings)
            .compile()?;
        Ok(Self { compiled, cart: peer_body() })
    }
}

impl Subject for ExtismGuest {
    async fn call(&self) -> Result<()> {
        let mut plugin = Plugin::new_from_compiled(&self.compiled)?;
        let answer: &str = plugin.call("discounts", self.cart.as_str())?;
        let offers: Vec<Offer> = serde_json::from_str(answer)?;
        ensure!(offers.len() == 1, "one offer");
        Ok(())
    }
}
