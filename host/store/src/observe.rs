//! What the store counts and measures for operators; the rows are in `heptad_model::metric`.

use std::time::{Duration, Instant};

use heptad_model::metric;
use metrics::{counter, histogram};

/// A transaction under way. Dropped before it was committed, it counts as rolled back.
pub(crate) struct Observed {
    begun: Instant,
    kind: &'static str,
    outcome: &'static str,
}

impl Observed {
    /// Before a connection is asked for.
    pub(crate) fn begin(write: bool) -> Self {
        Self { begun: Instant::now(), kind: kind(write), outcome: "rolled-back" }
    }

    /// After the commit.
    pub(crate) fn committed(mut self) {
        self.outcome = "committed";
    }
}

impl Drop for Observed {
    fn drop(&mut self) {
        let Self { begun, kind, outcome } = *self;
        counter!(metric::DB_TRANSACTIONS_TOTAL.name, "kind" => kind, "outcome" => outcome).increment(1);
        histogram!(metric::DB_TRANSACTION_SECONDS.name, "kind" => kind).record(begun.elapsed());
    }
}

/// A transaction has begun, or could not, after so long.
pub(crate) fn begun(write: bool, took: Duration) {
    histogram!(metric::DB_BEGIN_SECONDS.name, "kind" => kind(write)).record(took);
}

/// A transaction runs again.
pub(crate) fn conflict() {
    counter!(metric::DB_CONFLICTS_TOTAL.name).increment(1);
}

fn kind(write: bool) -> &'static str {
    if write { "write" } else { "read" }
}
