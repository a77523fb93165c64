//! The rate of an install's host calls and requests: a bucket that refills steadily and holds one period's worth.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The generic cell rate algorithm: one number holds the moment from which the bucket is full.
#[derive(Debug)]
pub(crate) struct Rate {
    begun: Instant,
    count: u32,
    period: Duration,
    /// Nanoseconds after `begun` at which everything that was taken is paid back.
    paid: AtomicU64,
}

impl Rate {
    pub(crate) fn per_second(count: u32) -> Self {
        Self::per(count, Duration::from_secs(1))
    }

    /// So many in each period, at least one.
    pub(crate) fn per(count: u32, period: Duration) -> Self {
        Self { begun: Instant::now(), count: count.max(1), period, paid: AtomicU64::new(0) }
    }

    pub(crate) const fn count(&self) -> u32 {
        self.count
    }

    /// The present moment, as [`Rate::take_at`] counts it.
    pub(crate) fn now(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Takes one at that moment; the rate when there is none.
    pub(crate) fn take_at(&self, now: Duration) -> Result<(), u32> {
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let (now, period) = (nanos(now), nanos(self.period));
        let one = period / u64::from(self.count);
        let next = |paid: u64| {
            let paid = paid.max(now) + one;
            (paid <= now + period).then_some(paid)
        };
        self.paid.fetch_update(Ordering::AcqRel, Ordering::Acquire, next).map(drop).map_err(|_| self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holds_so_many_and_time_brings_them_back() {
        let rate = Rate::per_second(10);
        let at = |millis| rate.take_at(Duration::from_millis(millis));
        assert!((0..10).all(|_| at(0).is_ok()));
        assert_eq!(at(0), Err(10));
        assert!(at(100).is_ok());
        assert_eq!(at(100), Err(10));
        assert!((0..10).all(|_| at(5_000).is_ok()));
        assert_eq!(at(5_000), Err(10), "it holds no more than a second's worth");
    }
}
