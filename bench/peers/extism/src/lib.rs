//! `bench/guest` as an Extism plugin: the same ten lines of logic and six host calls, the cart and the answer as JSON.

use bench_peer_discount::{Cart, Offer, offers};
use extism_pdk::{FnResult, Json, host_fn, plugin_fn};

#[host_fn]
extern "ExtismHost" {
    fn reader_locale() -> String;
    fn shop_locale() -> String;
    fn settings() -> String;
}

/// The discounts on the cart.
#[plugin_fn]
pub fn discounts(Json(cart): Json<Cart>) -> FnResult<Json<Vec<Offer>>> {
    // SAFETY: the host defines these functions with these types.
    let words =
        unsafe { [reader_locale()?, shop_locale()?, settings()?, reader_locale()?, shop_locale()?, settings()?] };
    Ok(Json(offers(&cart, words.iter().map(String::len).sum())))
}
