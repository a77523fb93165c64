//! `heptad:points/schedule-handler`.

use heptad_bindings::host::heptad::types::types::Error;
use heptad_bindings::schedule_handler::exports::heptad::points::schedule_handler as wit;
use heptad_model::id::EventId;
use heptad_model::{Millis, Point};
use wasmtime::Store;

use super::{Ask, absent};
use crate::call::Call;
use crate::code::Code;

/// A time that has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// The event that tells of it.
    pub run: EventId,
    /// The name of the schedule in the manifest.
    pub schedule: String,
    /// The time that the schedule gives.
    pub at: Millis,
    /// Which attempt, from 1.
    pub attempt: u32,
    /// How many times were left out since the run before.
    pub missed: i64,
    /// Whether somebody asked for this run, whatever the time.
    pub by_hand: bool,
    /// Whether it is run again because somebody asked.
    pub replayed: bool,
}

/// Asks a plugin to do what is due.
pub(crate) struct Run<'a> {
    pub(crate) due: &'a Due,
}

impl Ask for Run<'_> {
    type Reply = ();

    fn bytes(&self) -> usize {
        self.due.schedule.len() + 128
    }

    async fn ask(&self, code: &Code, store: &mut Store<Call>) -> wasmtime::Result<Result<(), Error>> {
        let plugin = code.schedule_handler.as_ref().ok_or_else(absent)?.instantiate_async(&mut *store).await?;
        let handler = plugin.heptad_points_schedule_handler();
        let Due { run, schedule, at, attempt, missed, by_hand, replayed } = self.due.clone();
        let due = wit::Due { run: run.to_string(), schedule, at: at.as_millis(), attempt, missed, by_hand, replayed };
        handler.call_run(store, Point::ScheduleRun.name(), &due).await
    }
}
