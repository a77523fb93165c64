//! The host side of the contract: the only `bindgen!` calls, in a crate of their own because they compile slowly and
//! change rarely.
//!
//! [`host`] holds what a plugin may import, one trait per interface, implemented in `heptad-runtime`. [`discount`],
//! [`cart_validation`], [`event_handler`] and [`schedule_handler`] hold what a plugin may export. To add a point, add a module
//! here that maps the shared types.

#![expect(missing_docs, reason = "most of it is generated from wit/, which is documented")]

/// How a host function fails.
#[derive(Debug)]
pub enum Failure {
    /// The plugin gets an error that it can act on.
    Answer(host::heptad::types::types::Error),
    /// The call ends here: a bug of the host, or a limit that ends calls.
    Trap(wasmtime::Error),
}

/// What a plugin may import.
pub mod host {
    wasmtime::component::bindgen!({
        path: ["../../wit/types", "../../wit/mall", "../../wit/members", "../../wit/platform", "../../wit/points"],
        world: "heptad:points/imports",
        imports: { default: async | trappable },
        // What crosses the gate is recorded.
        additional_derives: [PartialEq, serde::Serialize, serde::Deserialize],
        trappable_error_type: { "heptad:types/types@0.1.0.error" => crate::Failure },
    });
}

/// Plugins that give discounts.
pub mod discount {
    wasmtime::component::bindgen!({
        path: ["../../wit/types", "../../wit/mall", "../../wit/members", "../../wit/platform", "../../wit/points"],
        world: "heptad:points/discount-point",
        exports: { default: async },
        with: {
            "heptad:types/types@0.1.0": crate::host::heptad::types::types,
            "heptad:mall/types@0.1.0": crate::host::heptad::mall::types,
        },
    });
}

/// Plugins that hear of events.
pub mod event_handler {
    wasmtime::component::bindgen!({
        path: ["../../wit/types", "../../wit/mall", "../../wit/members", "../../wit/platform", "../../wit/points"],
        world: "heptad:points/event-handler-point",
        exports: { default: async },
        with: { "heptad:types/types@0.1.0": crate::host::heptad::types::types },
    });
}

/// Plugins that work at times of their own.
pub mod schedule_handler {
    wasmtime::component::bindgen!({
        path: ["../../wit/types", "../../wit/mall", "../../wit/members", "../../wit/platform", "../../wit/points"],
        world: "heptad:points/schedule-handler-point",
        exports: { default: async },
        with: { "heptad:types/types@0.1.0": crate::host::heptad::types::types },
    });
}

/// Plugins that validate carts.
pub mod cart_validation {
    wasmtime::component::bindgen!({
        path: ["../../wit/types", "../../wit/mall", "../../wit/members", "../../wit/platform", "../../wit/points"],
        world: "heptad:points/cart-validation-point",
        exports: { default: async },
        with: {
            "heptad:types/types@0.1.0": crate::host::heptad::types::types,
            "heptad:mall/types@0.1.0": crate::host::heptad::mall::types,
        },
    });
}
