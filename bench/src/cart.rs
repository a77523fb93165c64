//! What every call and request is about: a cart of ten lines.

use heptad_capabilities::extensions::{CartLineView, CartView};
use heptad_model::Millis;
use serde_json::json;

/// The cart of every call.
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

/// The body of `POST /v1/quotes` for it.
pub(crate) fn quote_body() -> String {
    let lines: Vec<_> = cart().lines.iter().map(|line| json!({"sku": line.sku, "quantity": line.quantity})).collect();
    json!({ "lines": lines }).to_string()
}

/// The body for peers, which have no catalog and get the prices told.
pub(crate) fn peer_body() -> String {
    let cart = cart();
    let line = |line: &CartLineView| {
        json!({
            "index": line.index,
            "sku": line.sku,
            "quantity": line.quantity,
            "unit_price": line.unit_price,
            "remaining": line.remaining,
        })
    };
    json!({"currency": cart.currency, "lines": cart.lines.iter().map(line).collect::<Vec<_>>()}).to_string()
}
