//! The benchmark: Heptad beside bare wasmtime in one run. Ratios are judged, absolutes are printed.
//!
//! `cargo xtask bench` builds the guests and runs it; `bench/README.md` says what each row means and keeps the results.

mod bare;
mod calls;
mod http;
mod setup;
mod table;

use anyhow::Result;
use heptad_capabilities::extensions::{CartLineView, CartView};
use heptad_model::Millis;

/// The cart of every call: ten lines.
pub(crate) fn cart() -> CartView {
    let lines = (0..10).map(|index| CartLineView {
        index,
        sku: format!("BENCH-{index:04}"),
        quantity: 1 + index % 3,
        unit_price: 4_900 + i64::from(index) * 1_000,
        remaining: (4_900 + i64::from(index) * 1_000) * i64::from(1 + index % 3),
    });
    CartView {
        id: "crt_00000000000000000000000000000000".to_owned(),
        currency: "CNY".to_owned(),
        customer: None,
        at: Millis::new(1_700_000_000_000),
        lines: lines.collect(),
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<()> {
    table::machine();
    calls::run().await?;
    http::run().await
}
