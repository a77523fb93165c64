//! What is counted for operators; the rows are in `heptad_model::metric`.

use heptad_model::metric;
use metrics::{counter, gauge};

/// Whether the connection stands.
pub(crate) fn connected(connected: bool) {
    gauge!(metric::NATS_CONNECTED.name).set(f64::from(u8::from(connected)));
}

/// A message about an event was sent, or not.
pub(crate) fn sent(outcome: &'static str) {
    counter!(metric::NATS_SENT_TOTAL.name, "outcome" => outcome).increment(1);
}

/// A message about an event has come.
pub(crate) fn received() {
    counter!(metric::NATS_RECEIVED_TOTAL.name).increment(1);
}
