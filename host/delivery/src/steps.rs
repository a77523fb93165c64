//! The steps of a delivery by name, for those who want to see a process die at each of them.
//!
//! A debug build that finds `HEPTAD_STOP_AT=<step>` in its environment stops for ever when it first comes to that step,
//! after it has written `stopped at <step>` to its standard error. In a release build there is nothing here.

/// Every step, in the order of an event's way.
pub(crate) const STEPS: [&str; 7] = [
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
pub(crate) async fn reached(step: &'static str) {
    use std::sync::LazyLock;
    static STOP_AT: LazyLock<Option<String>> = LazyLock::new(|| std::env::var("HEPTAD_STOP_AT").ok());
    debug_assert!(STEPS.contains(&step), "{step}");
    if STOP_AT.as_deref() == Some(step) {
        eprintln!("stopped at {step}");
        // The whole process, not this task alone: whatever it does meanwhile would go on.
        loop {
            std::thread::park();
        }
    }
}

/// The process has come to this step.
#[cfg(not(debug_assertions))]
pub(crate) async fn reached(_step: &'static str) {}
