//! The steps of a delivery by name, for those who want to see a process die at each of them.
//!
//! A debug build that finds `STOP_AT_STEP=<step>` in its environment stops for ever when it first comes to that step, after
//! it has written `stopped at <step>` to its standard error. In a release build there is nothing here.

/// Every step, in the order of an event's way: its transaction was committed; the lanes know, before and after the commit;
/// the handler has returned; the acknowledgement is in the handler's transaction, then committed; and where nothing was
/// written, in the transaction of a group.
pub const STEPS: [&str; 7] = [
    "told",
    "relayed-uncommitted",
    "relayed",
    "handled",
    "acknowledged-uncommitted",
    "acknowledged",
    "grouped-uncommitted",
];

/// The process has come to this step.
#[cfg(debug_assertions)]
pub(crate) fn reached(step: &'static str) {
    use std::sync::LazyLock;
    static STOP_AT: LazyLock<Option<String>> = LazyLock::new(|| std::env::var("STOP_AT_STEP").ok());
    debug_assert!(STEPS.contains(&step), "{step}");
    if STOP_AT.as_deref() == Some(step) {
        tracing::error!("stopped at {step}");
        loop {
            std::thread::park();
        }
    }
}

/// The process has come to this step.
#[cfg(not(debug_assertions))]
pub(crate) const fn reached(_step: &'static str) {}
