//! Write a Heptad plugin in Rust.
//!
//! A plugin is a WebAssembly component that a merchant enables from the catalog. The platform asks it questions at
//! *extension points* (which discounts on this cart? may this cart become an order?), each time in a fresh sandbox, and
//! acts on the answers. This crate turns a type with a trait or two into such a component.
//!
//! # Where to start
//!
//! - A point is a trait: [`Discount`] gives discounts, [`CartValidation`] says whether a cart may be ordered,
//!   [`EventHandler`] hears of what happened and may write, [`ScheduleHandler`] works at times of its own,
//!   [`HttpHandler`] answers HTTP requests. Each says what the host does with the answer.
//! - [`plugin!`] exports them. A plugin may serve several points.
//! - [`Host`] is everything that a plugin may ask the platform. Logic takes `&impl Host`, so it runs natively on
//!   [`fake::Shop`] in unit tests, and the component imports exactly those functions that it calls.
//! - [`Text`] carries sentences for people: a code and arguments. The words are in `plugin.toml`, in every language.
//! - [`money`] computes in whole minor units and never leaves the range of the contract.
//!
//! # A whole plugin
//!
//! ```
//! use heptad_sdk::prelude::*;
//!
//! /// Takes a percentage off the order of customers with a tier.
//! struct Welcome;
//!
//! #[derive(serde::Deserialize)]
//! struct Settings {
//!     percent: u32,
//! }
//!
//! impl Discount for Welcome {
//!     fn discounts(host: &impl Host, _point: DiscountPoint, cart: &Cart) -> Result<Vec<Operation>, Error> {
//!         let Some(customer) = &cart.customer else { return Ok(Vec::new()) };
//!         let settings: Settings = settings(host)?;
//!         let members = host.tiers(&[customer.clone()])?;
//!         if members.iter().all(|member| member.tier.is_none()) {
//!             return Ok(Vec::new());
//!         }
//!         let reason = Text::new("welcome").number("percent", settings.percent.into());
//!         Ok(vec![Operation::one(Candidate::new(Targets::Order, Value::percent(settings.percent), reason))])
//!     }
//! }
//!
//! heptad_sdk::plugin!(Welcome: discount);
//!
//! // A unit test: no sandbox, no network.
//! use heptad_sdk::fake::{Shop, price};
//!
//! let shop = Shop::new("CNY")
//!     .sku("TEA-1", 19_900, &["tea"])
//!     .tier("cus_1", "gold")
//!     .settings(&serde_json::json!({ "percent": 10 }));
//! let cart = shop.cart().customer("cus_1").line("TEA-1", 2).build();
//! let operations = Welcome::discounts(&shop, DiscountPoint::Order, &cart)?;
//! assert_eq!(price(&cart, &operations), [3_980]);
//! # Ok::<(), heptad_sdk::Error>(())
//! ```
//!
//! Beside `Cargo.toml` stands `plugin.toml`, the manifest: the points, the permissions with their purposes, the settings
//! and the sentences. Build with `cargo build --target wasm32-wasip2 --profile guest`; the crate type is `cdylib` (and
//! `rlib`, for tests in `tests/`).
//!
//! # What it is not
//!
//! It holds no state between calls (the sandbox is fresh each time), has no clock, file, socket or environment, and no
//! floats for money. At the points that a cart meets a plugin only reads; where it hears of events it writes.

#[doc(hidden)]
pub mod bindings;
mod cart;
mod error;
#[cfg(not(target_family = "wasm"))]
pub mod fake;
mod host;
pub mod money;
mod outbound;
pub mod points;
#[cfg(not(target_family = "wasm"))]
mod scenarios;
mod settings;
#[cfg(target_family = "wasm")]
mod streams;
mod text;

pub use bindings::imports::heptad::mall::catalog::SkuPage;
pub use bindings::imports::heptad::mall::orders_write::Annotation;
pub use bindings::imports::heptad::mall::types::{Cart, CartLine, Level as StockLevel, Purchase, Sku};
pub use bindings::imports::heptad::members::coupons::{Coupon, Status as CouponStatus};
pub use bindings::imports::heptad::members::coupons_write::{Grant as CouponGrant, Withdrawal as CouponWithdrawal};
pub use bindings::imports::heptad::members::points::Balance;
pub use bindings::imports::heptad::members::points_write::{Hold, Movement, Reversal};
pub use bindings::imports::heptad::members::tags_write::TagChange;
pub use bindings::imports::heptad::members::{profiles::Profile, tags::TagSet, tiers::Membership};
pub use bindings::imports::heptad::platform::caller::Visitor;
pub use bindings::imports::heptad::platform::collections::{
    Document, DocumentPage, Equality, Query, Span, Value as IndexValue,
};
pub use bindings::imports::heptad::platform::collections_write::Draft;
pub use bindings::imports::heptad::platform::events::Emission;
pub use bindings::imports::heptad::platform::kv::{Entry, KeyPage};
pub use bindings::imports::heptad::platform::log::Level;
pub use bindings::imports::heptad::platform::outbound::{Header, Request as Enqueued};
pub use bindings::imports::heptad::types::types::{
    Argument, ErrorKind, Minor, Money, NamedArgument, PageRequest, Text, Timestamp,
};
pub use error::{Error, HostError};
#[cfg(target_family = "wasm")]
pub use host::Component;
pub use host::Host;
pub use outbound::{OutboundRequest, OutboundResponse};
pub use points::cart_validation::{CartValidation, CartValidationPoint, Denial};
pub use points::discount::{Candidate, Discount, DiscountPoint, Operation, Strategy, Targets, Value};
pub use points::event_handler::{Delivery, Event, EventHandler};
pub use points::incoming_handler::{HttpHandler, Request, Response};
pub use points::schedule_handler::{Due, ScheduleHandler};
#[cfg(not(target_family = "wasm"))]
pub use scenarios::scenarios;
pub use settings::{SettingsError, settings};

/// The version of the contract that this SDK is built for: `contract` in `plugin.toml`.
pub const CONTRACT: &str = "0.1";

/// What nearly every plugin uses: `use heptad_sdk::prelude::*;`.
pub mod prelude {
    pub use crate::{
        Candidate, Cart, CartLine, CartValidation, CartValidationPoint, Delivery, Denial, Discount, DiscountPoint, Due,
        Entry, Error, Event, EventHandler, Host, HostError, HttpHandler, Level, Minor, Money, Operation,
        OutboundRequest, OutboundResponse, Request, Response, ScheduleHandler, Strategy, Targets, Text, Value, Visitor,
        settings,
    };
}

/// Makes a component of a type: `plugin!(MyPlugin: discount, cart_validation)`.
///
/// Each name is an interface that the plugin exports, and the type implements its trait: `discount` is [`Discount`],
/// `cart_validation` is [`CartValidation`], `event_handler` is [`EventHandler`], `schedule_handler` is
/// [`ScheduleHandler`], `http_handler` is [`HttpHandler`]. The exports exist only where the target is WebAssembly; elsewhere
/// the macro checks that the traits are there, so that the logic builds and is tested natively.
///
/// ```compile_fail
/// struct Nothing;
/// heptad_sdk::plugin!(Nothing: discount); // the trait bound `Nothing: Discount` is not satisfied
/// ```
#[macro_export]
macro_rules! plugin {
    ($plugin:ident : $($point:ident),+ $(,)?) => {
        $($crate::__export!($plugin: $point);)+
    };
}

/// One arm for each interface: the export on WebAssembly, the check of the trait elsewhere.
#[doc(hidden)]
#[macro_export]
macro_rules! __export {
    ($plugin:ident: discount) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            struct Export;
            impl $crate::bindings::discount_point::exports::heptad::points::discount::Guest for Export {
                fn discounts(point: String, cart: $crate::Cart) -> Result<Vec<$crate::Operation>, $crate::HostError> {
                    $crate::points::discount::answer::<$plugin>(&point, &cart)
                }
            }
            $crate::bindings::discount_point::export_discount!(
                Export with_types_in $crate::bindings::discount_point
            );
        };
        #[cfg(not(target_family = "wasm"))]
        const _: fn() = {
            fn serves<P: $crate::Discount>() {}
            serves::<$plugin>
        };
    };
    ($plugin:ident: event_handler) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            struct Export;
            impl $crate::bindings::event_handler_point::exports::heptad::points::event_handler::Guest for Export {
                fn handle(point: String, delivery: $crate::Delivery) -> Result<(), $crate::HostError> {
                    $crate::points::event_handler::answer::<$plugin>(&point, &delivery)
                }
            }
            $crate::bindings::event_handler_point::export_event_handler!(
                Export with_types_in $crate::bindings::event_handler_point
            );
        };
        #[cfg(not(target_family = "wasm"))]
        const _: fn() = {
            fn serves<P: $crate::EventHandler>() {}
            serves::<$plugin>
        };
    };
    ($plugin:ident: schedule_handler) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            struct Export;
            impl $crate::bindings::schedule_handler_point::exports::heptad::points::schedule_handler::Guest for Export {
                fn run(point: String, due: $crate::Due) -> Result<(), $crate::HostError> {
                    $crate::points::schedule_handler::answer::<$plugin>(&point, &due)
                }
            }
            $crate::bindings::schedule_handler_point::export_schedule_handler!(
                Export with_types_in $crate::bindings::schedule_handler_point
            );
        };
        #[cfg(not(target_family = "wasm"))]
        const _: fn() = {
            fn serves<P: $crate::ScheduleHandler>() {}
            serves::<$plugin>
        };
    };
    ($plugin:ident: http_handler) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            use $crate::bindings::http_handler::{exports, wasi};
            struct Export;
            impl exports::wasi::http::incoming_handler::Guest for Export {
                fn handle(request: wasi::http::types::IncomingRequest, out: wasi::http::types::ResponseOutparam) {
                    $crate::points::incoming_handler::answer::<$plugin>(request, out)
                }
            }
            $crate::bindings::http_handler::export_http_handler!(
                Export with_types_in $crate::bindings::http_handler
            );
        };
        #[cfg(not(target_family = "wasm"))]
        const _: fn() = {
            fn serves<P: $crate::HttpHandler>() {}
            serves::<$plugin>
        };
    };
    ($plugin:ident: cart_validation) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            struct Export;
            impl $crate::bindings::cart_validation_point::exports::heptad::points::cart_validation::Guest for Export {
                fn validate(point: String, cart: $crate::Cart) -> Result<Vec<$crate::Denial>, $crate::HostError> {
                    $crate::points::cart_validation::answer::<$plugin>(&point, &cart)
                }
            }
            $crate::bindings::cart_validation_point::export_cart_validation!(
                Export with_types_in $crate::bindings::cart_validation_point
            );
        };
        #[cfg(not(target_family = "wasm"))]
        const _: fn() = {
            fn serves<P: $crate::CartValidation>() {}
            serves::<$plugin>
        };
    };
}
