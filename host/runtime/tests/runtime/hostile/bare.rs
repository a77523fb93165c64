//! wasmtime alone, without the host's limits.

use heptad_bindings::discount::DiscountPoint;
use heptad_bindings::host::heptad::mall::types::Cart;
use wasmtime::component::{Component, Linker};
use wasmtime::{Config, Engine, Store};

use super::program;

/// Runs a program that calls nothing of the host for a cart with `lines` empty lines.
pub(super) async fn run(name: &str, lines: usize) -> wasmtime::Result<()> {
    use heptad_bindings::host::heptad::mall::types::CartLine;
    let mut config = Config::new();
    config.max_wasm_stack(128 << 20).async_stack_size(192 << 20);
    let engine = Engine::new(&config)?;
    let component = Component::from_binary(&engine, &program::component(name))?;
    let mut store = Store::new(&engine, ());
    let plugin = DiscountPoint::instantiate_async(&mut store, &component, &Linker::new(&engine)).await?;
    let line = CartLine { index: 0, sku: String::new(), quantity: 1, unit_price: 0, remaining: 0 };
    let cart = Cart { id: String::new(), currency: "CNY".to_owned(), customer: None, at: 0, lines: vec![line; lines] };
    let answer = plugin.heptad_points_discount().call_discounts(&mut store, "discount.order", &cart).await?;
    answer.map(drop).map_err(|error| wasmtime::format_err!("{}", error.code))
}
