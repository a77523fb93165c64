//! Rate limits: by token or session, and by address where nobody known asks.
//!
//! Each process counts for itself; a fleet of N lets through N times as much.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::StatusCode;
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota};
use heptad_model::{Actor, metric};

use crate::error::{ApiError, ApiResult};

/// After so many questions the counts of callers that have been quiet are let go.
const TIDY_EVERY: u64 = 4_096;

/// How often something may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// How many a second in the long run; 0 is taken as 1.
    pub per_second: u32,
    /// How many at once; 0 is taken as 1.
    pub burst: u32,
}

impl Limit {
    fn quota(self) -> Quota {
        let at_least_one = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        Quota::per_second(at_least_one(self.per_second)).allow_burst(at_least_one(self.burst))
    }
}

/// The counts of this process.
pub(crate) struct RateLimits {
    callers: DefaultKeyedRateLimiter<Actor>,
    peers: DefaultKeyedRateLimiter<Option<IpAddr>>,
    asked: AtomicU64,
}

impl RateLimits {
    pub(crate) fn new(caller: Limit, peer: Limit) -> Self {
        let (callers, peers) =
            (DefaultKeyedRateLimiter::keyed(caller.quota()), DefaultKeyedRateLimiter::keyed(peer.quota()));
        Self { callers, peers, asked: AtomicU64::new(0) }
    }

    /// Counts a request of a known caller.
    pub(crate) fn caller(&self, actor: &Actor) -> ApiResult<()> {
        self.tidy();
        self.callers
            .check_key(actor)
            .map_err(|until| too_many("caller", until.wait_time_from(DefaultClock::default().now())))
    }

    /// Counts a request of nobody known; where the address is not known either, all such requests count together.
    pub(crate) fn peer(&self, peer: Option<IpAddr>) -> ApiResult<()> {
        self.tidy();
        self.peers
            .check_key(&peer.map(network))
            .map_err(|until| too_many("peer", until.wait_time_from(DefaultClock::default().now())))
    }

    fn tidy(&self) {
        if self.asked.fetch_add(1, Ordering::Relaxed) % TIDY_EVERY == TIDY_EVERY - 1 {
            self.callers.retain_recent();
            self.peers.retain_recent();
        }
    }
}

/// One household has a whole /64 of IPv6: counted as one.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) & !u128::from(u64::MAX)).into()),
        address => address,
    }
}

fn too_many(by: &'static str, wait: std::time::Duration) -> ApiError {
    metrics::counter!(metric::HTTP_RATE_LIMITED_TOTAL.name, "by" => by).increment(1);
    let seconds = wait.as_secs() + 1;
    ApiError::new(StatusCode::TOO_MANY_REQUESTS, "rate-limit", "too many requests")
        .with_hint(format!("try again in {seconds} s"))
        .with_retry_after(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_ends_and_others_are_not_touched() {
        let rates = RateLimits::new(Limit { per_second: 1, burst: 2 }, Limit { per_second: 1, burst: 1 });
        let (first, second) = (Actor::System("a".to_owned()), Actor::System("b".to_owned()));
        assert!(rates.caller(&first).is_ok() && rates.caller(&first).is_ok());
        let refused = rates.caller(&first).unwrap_err();
        assert_eq!((refused.status().as_u16(), refused.code()), (429, "rate-limit"));
        assert!(rates.caller(&second).is_ok());
        let peer = |text: &str| rates.peer(Some(text.parse().unwrap()));
        assert!(peer("2001:db8::1").is_ok() && peer("2001:db8::2").is_err() && peer("2001:db8:0:1::1").is_ok());
    }
}
