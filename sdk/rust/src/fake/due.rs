//! Runs of schedules for tests.

use super::Shop;
use crate::{Due, Timestamp};

/// A run that is being made, on its way to the plugin.
#[derive(Debug)]
pub struct DueBuilder {
    due: Due,
}

impl Shop {
    /// Makes a run of the schedule with this name in the manifest, tried for the first time at the time that is due.
    pub fn due(&self, schedule: &str, at: Timestamp) -> DueBuilder {
        let due = Due {
            run: "evt_00000000000000000000000000000001".to_owned(),
            schedule: schedule.to_owned(),
            at,
            attempt: 1,
            missed: 0,
            by_hand: false,
            replayed: false,
        };
        DueBuilder { due }
    }
}

impl DueBuilder {
    /// Which attempt it is.
    #[must_use]
    pub fn attempt(mut self, attempt: u32) -> Self {
        self.due.attempt = attempt;
        self
    }

    /// How many times were left out since the run before.
    #[must_use]
    pub fn missed(mut self, missed: i64) -> Self {
        self.due.missed = missed;
        self
    }

    /// Whether somebody asked for this run, whatever the time.
    #[must_use]
    pub fn by_hand(mut self, by_hand: bool) -> Self {
        self.due.by_hand = by_hand;
        self
    }

    /// Whether the merchant asked to have it run again.
    #[must_use]
    pub fn replayed(mut self, replayed: bool) -> Self {
        self.due.replayed = replayed;
        self
    }

    /// The run.
    pub fn build(self) -> Due {
        self.due
    }
}
