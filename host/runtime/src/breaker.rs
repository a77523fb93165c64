//! The breaker of an install at a point: a plugin that keeps failing is not asked for a while.
//!
//! It opens after [`IN_A_ROW`] failures in a row, or when half of at least [`LEAST`] calls of a minute failed. After a
//! wait of 30 s, which doubles up to 10 minutes, it lets one call at a time through; [`CLOSES_AFTER`] successes close it,
//! a failure opens it again. Breakers are a process's own; that one opened is published, and re-arming is for all.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use heptad_model::id::InstallId;
use heptad_model::time::span::{MINUTE, SECOND};
use heptad_model::{Millis, Point};

/// Failures in a row that open a breaker.
pub const IN_A_ROW: u32 = 5;
/// The fewest calls of a minute of which the failed half opens a breaker.
pub const LEAST: u32 = 20;
/// Successes that close a half-open breaker.
pub const CLOSES_AFTER: u32 = 3;
/// The first wait of an open breaker, in milliseconds.
pub const FIRST_WAIT: i64 = 30 * SECOND;
/// The longest.
pub const LONGEST_WAIT: i64 = 10 * MINUTE;

/// What a call's end did to its breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It opened; the plugin is tried again then.
    Opened {
        /// When.
        retry_at: Millis,
    },
    /// It closed.
    Closed,
}

#[derive(Debug)]
enum State {
    Closed { in_a_row: u32, since: Millis, calls: u32, failed: u32 },
    Open { until: Millis, wait: i64 },
    HalfOpen { successes: u32, wait: i64, trial_since: Option<Millis> },
}

#[derive(Debug)]
struct Breaker {
    state: State,
    epoch: i64,
}

/// The breakers of a process. Only plugins that failed lately are in it.
#[derive(Debug, Default)]
pub struct Breakers {
    all: Mutex<HashMap<(InstallId, Point), Breaker>>,
    /// How many there are: as a rule none, and then a call looks no further.
    many: AtomicUsize,
}

impl Breakers {
    /// Whether the plugin may be asked; else when it is tried again. Another `epoch` than when it failed begins anew:
    /// the install was changed or re-armed.
    pub fn allow(&self, install: InstallId, point: Point, epoch: i64, now: Millis) -> Result<(), Millis> {
        if self.many.load(Ordering::Acquire) == 0 {
            return Ok(());
        }
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(breaker) = all.get_mut(&(install, point)) else { return Ok(()) };
        if breaker.epoch != epoch {
            all.remove(&(install, point));
            self.many.store(all.len(), Ordering::Release);
            return Ok(());
        }
        match &mut breaker.state {
            State::Closed { .. } => Ok(()),
            State::Open { until, .. } if now < *until => Err(*until),
            State::Open { wait, .. } => {
                breaker.state = State::HalfOpen { successes: 0, wait: *wait, trial_since: Some(now) };
                Ok(())
            }
            // A trial whose end was never told, since its request went away, does not hold the breaker for ever.
            State::HalfOpen { trial_since: Some(since), .. } if now < since.plus(FIRST_WAIT) => {
                Err(since.plus(FIRST_WAIT))
            }
            State::HalfOpen { trial_since, .. } => {
                *trial_since = Some(now);
                Ok(())
            }
        }
    }

    /// Notes how a call ended; `None` for an end that says nothing about the plugin.
    pub fn note(
        &self,
        install: InstallId,
        point: Point,
        epoch: i64,
        now: Millis,
        failed: Option<bool>,
    ) -> Option<Change> {
        if failed != Some(true) && self.many.load(Ordering::Acquire) == 0 {
            return None;
        }
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (install, point);
        if !all.contains_key(&key) && failed != Some(true) {
            return None;
        }
        let fresh = || Breaker { state: State::Closed { in_a_row: 0, since: now, calls: 0, failed: 0 }, epoch };
        let breaker = all.entry(key).or_insert_with(fresh);
        let (change, forget) = breaker.note(now, failed);
        if forget {
            all.remove(&key);
        }
        self.many.store(all.len(), Ordering::Release);
        change
    }
}

impl Breaker {
    /// The change, and whether nothing is left to remember.
    fn note(&mut self, now: Millis, ended: Option<bool>) -> (Option<Change>, bool) {
        match (&mut self.state, ended) {
            (State::Closed { in_a_row, since, calls, failed }, Some(is_failure)) => {
                if now >= since.plus(MINUTE) {
                    (*since, *calls, *failed) = (now, 0, 0);
                }
                *calls += 1;
                *failed += u32::from(is_failure);
                *in_a_row = if is_failure { *in_a_row + 1 } else { 0 };
                if *in_a_row >= IN_A_ROW || (*calls >= LEAST && *failed * 2 >= *calls) {
                    return (Some(self.open(now, FIRST_WAIT)), false);
                }
                (None, *failed == 0)
            }
            (State::HalfOpen { wait, .. }, Some(true)) => {
                let wait = (*wait * 2).min(LONGEST_WAIT);
                (Some(self.open(now, wait)), false)
            }
            (State::HalfOpen { successes, trial_since, .. }, Some(false)) => {
                (*successes, *trial_since) = (*successes + 1, None);
                let closed = *successes >= CLOSES_AFTER;
                (closed.then_some(Change::Closed), closed)
            }
            (State::HalfOpen { trial_since, .. }, None) => {
                *trial_since = None;
                (None, false)
            }
            // Calls that began before it opened.
            (State::Open { .. }, _) | (State::Closed { .. }, None) => (None, false),
        }
    }

    fn open(&mut self, now: Millis, wait: i64) -> Change {
        let retry_at = now.plus(wait);
        self.state = State::Open { until: retry_at, wait };
        Change::Opened { retry_at }
    }
}

#[cfg(test)]
mod tests {
    use heptad_model::Env;

    use super::*;

    struct Case {
        breakers: Breakers,
        install: InstallId,
        now: i64,
    }

    impl Case {
        fn new() -> Self {
            Self { breakers: Breakers::default(), install: InstallId::generate(&Env::fixed(1)), now: 1_000_000 }
        }
        fn allow(&self) -> bool {
            self.breakers.allow(self.install, Point::DiscountLines, 0, Millis::new(self.now)).is_ok()
        }
        fn end(&self, failed: bool) -> Option<Change> {
            self.breakers.note(self.install, Point::DiscountLines, 0, Millis::new(self.now), Some(failed))
        }
        fn open(&self) {
            assert!((1..IN_A_ROW).all(|_| self.end(true).is_none()));
            assert!(matches!(self.end(true), Some(Change::Opened { .. })));
        }
    }

    #[test]
    fn five_failures_in_a_row_open_it_for_this_install_and_point_alone() {
        let case = Case::new();
        case.open();
        assert!(!case.allow());
        let at = |install, point| case.breakers.allow(install, point, 0, Millis::new(case.now)).is_ok();
        assert!(at(case.install, Point::DiscountOrder));
        assert!(at(InstallId::generate(&Env::fixed(2)), Point::DiscountLines));
    }

    #[test]
    fn half_of_the_calls_of_a_minute_open_it() {
        let case = Case::new();
        let changes: Vec<_> = (0..LEAST).filter_map(|number| case.end(number % 2 == 0)).collect();
        assert_eq!(changes.len(), 1);
        let mut slow = Case::new();
        for number in 0..LEAST * 2 {
            slow.now += 10 * SECOND;
            assert_eq!(slow.end(number % 2 == 0), None, "six calls a minute are too few to judge by");
        }
    }

    #[test]
    fn after_the_wait_one_call_at_a_time_is_let_through_and_three_successes_close_it() {
        let mut case = Case::new();
        case.open();
        case.now += FIRST_WAIT;
        assert!(case.allow() && !case.allow(), "one trial at a time");
        assert_eq!(case.end(false), None);
        assert!(case.allow());
        assert_eq!(case.end(false), None);
        assert!(case.allow());
        assert_eq!(case.end(false), Some(Change::Closed));
        assert!(case.allow() && case.allow());
    }

    #[test]
    fn a_failed_trial_doubles_the_wait_up_to_ten_minutes() {
        let mut case = Case::new();
        case.open();
        let mut wait = FIRST_WAIT;
        for _ in 0..8 {
            case.now += wait;
            assert!(case.allow());
            wait = (wait * 2).min(LONGEST_WAIT);
            assert_eq!(case.end(true), Some(Change::Opened { retry_at: Millis::new(case.now + wait) }));
        }
        assert_eq!(wait, LONGEST_WAIT);
    }

    #[test]
    fn re_arming_closes_it_and_a_lost_trial_is_tried_again() {
        let mut case = Case::new();
        case.open();
        assert!(case.breakers.allow(case.install, Point::DiscountLines, 1, Millis::new(case.now)).is_ok());
        let mut lost = Case::new();
        lost.open();
        lost.now += FIRST_WAIT;
        assert!(lost.allow() && !lost.allow());
        lost.now += FIRST_WAIT;
        assert!(lost.allow());
        case.now += 1;
        assert!(case.allow());
    }
}
