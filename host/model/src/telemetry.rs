//! What spans for telemetry have in common.

/// The target of spans that telemetry exports. Logs never show them, and while telemetry is off nobody wants them, so
/// that making one costs a look at an atomic.
pub const SPANS: &str = "heptad.telemetry";
