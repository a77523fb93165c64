//! The extension points: a file for each interface that a plugin may export.
//!
//! Names: `cart.validate-complete` in the registry and in `plugin.toml`, `cart-validation` in WIT, `cart_validation`
//! here. Several points may share an interface; the call says which one is asked.

pub mod cart_validation;
pub mod discount;
pub mod event_handler;
pub mod incoming_handler;
pub mod schedule_handler;

/// The answer to a point that this SDK does not know: the host is newer, or the manifest lists too much.
#[cfg(target_family = "wasm")]
fn unknown(point: &str) -> crate::HostError {
    crate::HostError {
        kind: crate::ErrorKind::Invalid,
        code: "unknown-point".to_owned(),
        message: format!("the plugin does not serve `{point}`"),
    }
}
