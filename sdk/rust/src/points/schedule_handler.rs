//! Work at times of its own: the interface `heptad:points/schedule-handler`, point `schedule.run`.

pub use crate::bindings::schedule_handler_point::exports::heptad::points::schedule_handler::Due;
use crate::{Error, Host};

/// Does what is due, at the times that the manifest's `[[schedules]]` give.
///
/// What the plugin writes and the mark that the run is done are one transaction, so it happens exactly once, however often
/// the run is tried. An error is tried again, later and later, for a day; meanwhile later runs of the schedule wait. One of
/// kind [`Invalid`](crate::ErrorKind::Invalid) is not tried again.
pub trait ScheduleHandler {
    /// Does what is due. From the first write on there are 50 ms (500 ms on PostgreSQL) to come to the end.
    fn run(host: &impl Host, due: &Due) -> Result<(), Error>;
}

/// What the exported function answers.
#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub fn answer<P: ScheduleHandler>(point: &str, due: &Due) -> Result<(), crate::HostError> {
    if point != "schedule.run" {
        return Err(super::unknown(point));
    }
    Ok(P::run(&crate::Component, due)?)
}
