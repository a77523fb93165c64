//! The breaker of an install at a point: a plugin that keeps failing is not asked for a while.
//!
//! It opens after [`IN_A_ROW`] failures in a row, or when half of at least [`LEAST`] calls of a minute failed. After a
//! wait of 30 s, which doubles up to 10 minutes, it lets one call at a time through; [`CLOSES_AFTER`] successes close it,
//! a failure opens it again. Breakers are a process's own; that one opened is published, and re-arming is for all.

use std::collections::HashMap;
use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

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
/// From so many on, those that only count failures of more than a minute ago are forgotten.
const FEW: usize = 1_000;

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
    HalfOpen { successes: u32, wait: i64, tried: bool },
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

/// A call that may be made. How it ended is told by [`Allowed::note`]; dropped untold, it says nothing about the plugin.
#[derive(Debug)]
pub struct Allowed<'a> {
    breakers: &'a Breakers,
    key: (InstallId, Point),
    epoch: i64,
    now: Millis,
}

impl Breakers {
    /// Whether the plugin may be asked; else when it is tried again. A later `epoch` than when it failed begins anew: the
    /// install was changed or re-armed.
    pub fn allow(&self, install: InstallId, point: Point, epoch: i64, now: Millis) -> Result<Allowed<'_>, Millis> {
        let key = (install, point);
        // Made only for a call that is let through: one that is refused must not end another's trial.
        let allowed = || Allowed { breakers: self, key, epoch, now };
        if self.many.load(Ordering::Acquire) == 0 {
            return Ok(allowed());
        }
        let mut all = self.lock();
        let Some(breaker) = all.get_mut(&key) else { return Ok(allowed()) };
        if breaker.epoch < epoch {
            self.forget(&mut all, key);
            return Ok(allowed());
        }
        match &mut breaker.state {
            State::Closed { .. } => Ok(allowed()),
            State::Open { until, .. } if now < *until => Err(*until),
            State::Open { wait, .. } => {
                breaker.state = State::HalfOpen { successes: 0, wait: *wait, tried: true };
                Ok(allowed())
            }
            State::HalfOpen { tried: true, .. } => Err(now.plus(SECOND)),
            State::HalfOpen { tried, .. } => {
                *tried = true;
                Ok(allowed())
            }
        }
    }

    /// Takes over a breaker that another process opened, or this one before it was started anew.
    pub fn adopt(&self, install: InstallId, point: Point, epoch: i64, until: Millis) {
        let mut all = self.lock();
        let open = Breaker { state: State::Open { until, wait: FIRST_WAIT }, epoch };
        all.entry((install, point)).or_insert(open);
        self.many.store(all.len(), Ordering::Release);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(InstallId, Point), Breaker>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forget(&self, all: &mut HashMap<(InstallId, Point), Breaker>, key: (InstallId, Point)) {
        all.remove(&key);
        self.many.store(all.len(), Ordering::Release);
    }

    fn note(&self, key: (InstallId, Point), epoch: i64, now: Millis, failed: Option<bool>) -> Option<Change> {
        if failed != Some(true) && self.many.load(Ordering::Acquire) == 0 {
            return None;
        }
        let mut all = self.lock();
        match all.get(&key) {
            // A call that began before the install was changed or re-armed says nothing about what it is now.
            Some(breaker) if breaker.epoch > epoch => return None,
            Some(breaker) if breaker.epoch < epoch => self.forget(&mut all, key),
            _ => {}
        }
        if !all.contains_key(&key) && failed != Some(true) {
            return None;
        }
        if all.len() >= FEW {
            all.retain(|_, breaker| !breaker.is_idle(now));
        }
        let fresh = || Breaker { state: State::Closed { in_a_row: 0, since: now, calls: 0, failed: 0 }, epoch };
        let (change, is_done) = all.entry(key).or_insert_with(fresh).note(now, failed);
        if is_done {
            all.remove(&key);
        }
        self.many.store(all.len(), Ordering::Release);
        change
    }
}

impl Allowed<'_> {
    /// The epoch of the install that was asked.
    pub const fn epoch(&self) -> i64 {
        self.epoch
    }

    /// Tells how the call ended; `None` for an end that says nothing about the plugin.
    pub fn note(self, failed: Option<bool>) -> Option<Change> {
        let allowed = ManuallyDrop::new(self);
        allowed.breakers.note(allowed.key, allowed.epoch, allowed.now, failed)
    }
}

impl Drop for Allowed<'_> {
    fn drop(&mut self) {
        self.breakers.note(self.key, self.epoch, self.now, None);
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
            (State::HalfOpen { successes, tried, .. }, Some(false)) => {
                (*successes, *tried) = (*successes + 1, false);
                let closed = *successes >= CLOSES_AFTER;
                (closed.then_some(Change::Closed), closed)
            }
            (State::HalfOpen { tried, .. }, None) => {
                *tried = false;
                (None, false)
            }
            // Calls that began before it opened.
            (State::Open { .. }, _) | (State::Closed { .. }, None) => (None, false),
        }
    }

    /// Whether it only counts, and what it counted is over.
    fn is_idle(&self, now: Millis) -> bool {
        matches!(self.state, State::Closed { since, .. } if now >= since.plus(MINUTE))
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
        fn allow_at(&self, epoch: i64) -> Option<Allowed<'_>> {
            self.breakers.allow(self.install, Point::DiscountLines, epoch, Millis::new(self.now)).ok()
        }
        fn allow(&self) -> Option<Allowed<'_>> {
            self.allow_at(0)
        }
        fn end(&self, failed: bool) -> Option<Change> {
            self.allow()?.note(Some(failed))
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
        assert!(case.allow().is_none());
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
        let first = case.allow().expect("a trial");
        assert!(case.allow().is_none() && case.allow().is_none(), "one trial at a time, however many are refused");
        assert_eq!(first.note(Some(false)), None);
        assert_eq!(case.end(false), None);
        assert_eq!(case.end(false), Some(Change::Closed));
        assert!(case.allow().is_some() && case.allow().is_some());
    }

    #[test]
    fn a_failed_trial_doubles_the_wait_up_to_ten_minutes() {
        let mut case = Case::new();
        case.open();
        let mut wait = FIRST_WAIT;
        for _ in 0..8 {
            case.now += wait;
            wait = (wait * 2).min(LONGEST_WAIT);
            assert_eq!(case.end(true), Some(Change::Opened { retry_at: Millis::new(case.now + wait) }));
        }
        assert_eq!(wait, LONGEST_WAIT);
    }

    #[test]
    fn a_trial_that_nobody_waits_for_makes_room_for_another() {
        let mut case = Case::new();
        case.open();
        case.now += FIRST_WAIT;
        let lost = case.allow();
        assert!(lost.is_some() && case.allow().is_none());
        drop(lost);
        assert!(case.allow().is_some());
    }

    #[test]
    fn re_arming_closes_it_and_calls_from_before_say_nothing_after() {
        let case = Case::new();
        let before: Vec<_> = (0..IN_A_ROW).filter_map(|_| case.allow()).collect();
        case.open();
        assert!(case.allow_at(1).is_some());
        assert_eq!(case.allow_at(1).expect("re-armed").note(Some(true)), None);
        assert!(before.into_iter().all(|call| call.note(Some(true)).is_none()));
        assert!(case.allow_at(1).is_some());
    }

    #[test]
    fn a_breaker_that_was_open_before_the_process_began_is_half_open_after_its_wait() {
        let mut case = Case::new();
        case.breakers.adopt(case.install, Point::DiscountLines, 0, Millis::new(case.now + 1));
        assert!(case.allow().is_none());
        case.now += 1;
        assert_eq!([case.end(false), case.end(false), case.end(false)], [None, None, Some(Change::Closed)]);
    }

    #[test]
    fn those_that_only_counted_are_forgotten_when_they_are_many() {
        let mut case = Case::new();
        let env = Env::fixed(7);
        for _ in 0..FEW {
            let allowed =
                case.breakers.allow(InstallId::generate(&env), Point::DiscountLines, 0, Millis::new(case.now));
            assert_eq!(allowed.expect("a new one").note(Some(true)), None);
        }
        assert_eq!(case.breakers.lock().len(), FEW);
        case.now += MINUTE;
        assert_eq!(case.end(true), None);
        assert_eq!(case.breakers.lock().len(), 1);
    }
}
