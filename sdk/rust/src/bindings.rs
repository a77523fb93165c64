//! Generated from `wit/`: the imports once, and each point's exports with the types of the imports.
//!
//! Private to the SDK, though the macro [`plugin!`](crate::plugin) needs it public. To add a point: a module like
//! `discount_point` below, a file in `points/`, and an arm of the macro.

/// What the host offers, and every type that several interfaces share.
pub mod imports {
    wit_bindgen::generate!({
        path: ["../../wit/types", "../../wit/mall", "../../wit/members", "../../wit/platform", "../../wit/points"],
        world: "heptad:points/imports",
        generate_all,
        generate_unused_types: true,
        additional_derives: [PartialEq, Eq, Clone],
    });
}

/// The exports of the point world `discount-point`.
pub mod discount_point {
    wit_bindgen::generate!({
        path: ["../../wit/types", "../../wit/mall", "../../wit/members", "../../wit/platform", "../../wit/points"],
        world: "heptad:points/discount-point",
        with: {
            "heptad:types/types@0.1.0": crate::bindings::imports::heptad::types::types,
            "heptad:mall/types@0.1.0": crate::bindings::imports::heptad::mall::types,
        },
        additional_derives: [PartialEq, Eq, Clone],
        pub_export_macro: true,
        export_macro_name: "export_discount",
        default_bindings_module: "heptad_sdk::bindings::discount_point",
    });
}

/// The exports of the point world `event-handler-point`.
pub mod event_handler_point {
    wit_bindgen::generate!({
        path: ["../../wit/types", "../../wit/mall", "../../wit/members", "../../wit/platform", "../../wit/points"],
        world: "heptad:points/event-handler-point",
        with: { "heptad:types/types@0.1.0": crate::bindings::imports::heptad::types::types },
        additional_derives: [PartialEq, Eq, Clone],
        pub_export_macro: true,
        export_macro_name: "export_event_handler",
        default_bindings_module: "heptad_sdk::bindings::event_handler_point",
    });
}

/// The exports of the point world `schedule-handler-point`.
pub mod schedule_handler_point {
    wit_bindgen::generate!({
        path: ["../../wit/types", "../../wit/mall", "../../wit/members", "../../wit/platform", "../../wit/points"],
        world: "heptad:points/schedule-handler-point",
        with: { "heptad:types/types@0.1.0": crate::bindings::imports::heptad::types::types },
        additional_derives: [PartialEq, Eq, Clone],
        pub_export_macro: true,
        export_macro_name: "export_schedule_handler",
        default_bindings_module: "heptad_sdk::bindings::schedule_handler_point",
    });
}

/// The exports of the point world `cart-validation-point`.
pub mod cart_validation_point {
    wit_bindgen::generate!({
        path: ["../../wit/types", "../../wit/mall", "../../wit/members", "../../wit/platform", "../../wit/points"],
        world: "heptad:points/cart-validation-point",
        with: {
            "heptad:types/types@0.1.0": crate::bindings::imports::heptad::types::types,
            "heptad:mall/types@0.1.0": crate::bindings::imports::heptad::mall::types,
        },
        additional_derives: [PartialEq, Eq, Clone],
        pub_export_macro: true,
        export_macro_name: "export_cart_validation",
        default_bindings_module: "heptad_sdk::bindings::cart_validation_point",
    });
}

/// The exports of a plugin that answers HTTP requests: WASI's own interface.
#[cfg(target_family = "wasm")]
pub mod http_handler {
    wit_bindgen::generate!({
        path: ["wit/io", "wit/clocks", "wit/http", "wit/sdk"],
        world: "heptad:sdk/http-handler",
        generate_all,
        pub_export_macro: true,
        export_macro_name: "export_http_handler",
        default_bindings_module: "heptad_sdk::bindings::http_handler",
    });
}

/// The imports of a plugin that calls other servers: WASI's own interface, with the types of [`http_handler`].
#[cfg(target_family = "wasm")]
pub mod http_client {
    wit_bindgen::generate!({
        path: ["wit/io", "wit/clocks", "wit/http", "wit/sdk"],
        world: "heptad:sdk/http-client",
        with: {
            "wasi:io/error@0.2.0": crate::bindings::http_handler::wasi::io::error,
            "wasi:io/poll@0.2.0": crate::bindings::http_handler::wasi::io::poll,
            "wasi:io/streams@0.2.0": crate::bindings::http_handler::wasi::io::streams,
            "wasi:clocks/monotonic-clock@0.2.0": crate::bindings::http_handler::wasi::clocks::monotonic_clock,
            "wasi:http/types@0.2.0": crate::bindings::http_handler::wasi::http::types,
        },
        generate_all,
    });
}
