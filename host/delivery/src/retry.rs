//! When an event that failed is tried again.

use heptad_model::{Env, Millis};

/// The waits after the first, second, … failure, in seconds: 27 hours and 51 minutes in all. Then it is given up.
const WAITS: [i64; 12] = [1, 5, 15, 60, 300, 900, 1_800, 3_600, 7_200, 14_400, 28_800, 43_200];

/// When an event that has failed so many times is tried next; `None` when it is given up. A tenth of the wait is left to
/// chance, so that what failed together does not come back together.
pub(crate) fn next(attempts: u32, now: Millis, env: &Env) -> Option<Millis> {
    let wait = WAITS.get(usize::try_from(attempts).ok()?.checked_sub(1)?)? * 1_000;
    let mut random = [0];
    env.fill(&mut random);
    Some(now.plus(wait + wait / 10 * i64::from(random[0]) / 255))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_tried_for_more_than_a_day_and_then_given_up() {
        let env = Env::fixed(1);
        let mut now = Millis::new(0);
        let mut attempts = 0;
        loop {
            attempts += 1;
            match next(attempts, now, &env) {
                Some(later) => now = later,
                None => break,
            }
        }
        assert_eq!(attempts, 13);
        assert!((24 * 3_600_000..32 * 3_600_000).contains(&now.as_millis()), "{now:?}");
    }
}
