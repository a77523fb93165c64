//! The rate of an install's host calls: a bucket that refills steadily and holds one second's worth.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The generic cell rate algorithm: one number holds the moment from which the bucket is full.
#[derive(Debug)]
pub(crate) struct Rate {
    begun: Instant,
    per_second: u32,
    /// Nanoseconds after `begun` at which everything that was taken is paid back.
    paid: AtomicU64,
}

impl Rate {
    pub(crate) fn new(per_second: u32) -> Self {
        Self { begun: Instant::now(), per_second: per_second.max(1), paid: AtomicU64::new(0) }
    }

    pub(crate) const fn per_second(&self) -> u32 {
        self.per_second
    }

    /// The present moment, as [`Rate::take_at`] counts it.
    pub(crate) fn now(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Takes one at that moment; the rate when there is none.
    pub(crate) fn take_at(&self, now: Duration) -> Result<(), u32> {
        let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        let (second, one) = (1_000_000_000, 1_000_000_000 / u64::from(self.per_second));
        let next = |paid: u64| {
            let paid = paid.max(now) + one;
            (paid <= now + second).then_some(paid)
        };
        self.paid.fetch_update(Ordering::AcqRel, Ordering::Acquire, next).map(drop).map_err(|_| self.per_second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holds_so_many_and_time_brings_them_back() {
        let rate = Rate::new(10);
        let at = |millis| rate.take_at(Duration::from_millis(millis));
        assert!((0..10).all(|_| at(0).is_ok()));
        assert_eq!(at(0), Err(10));
        assert!(at(100).is_ok());
        assert_eq!(at(100), Err(10));
        assert!((0..10).all(|_| at(5_000).is_ok()));
        assert_eq!(at(5_000), Err(10), "it holds no more than a second's worth");
    }
}
