//! Which of the times that have come are run: a rule without effects.

use std::collections::VecDeque;

use heptad_model::manifest::MissedRuns;
use heptad_model::time::span::{HOUR, MINUTE};
use heptad_model::{Cron, Millis, Zone};

/// A time that is not older was not missed: it is run even where missed ones are left out.
const FRESH: i64 = MINUTE;
/// The most runs of a schedule that wait.
pub const MAX_WAITING: i64 = 10;
/// The most times that are looked at; of a schedule that had more, those of the last hour are.
const MAX_TIMES: usize = 4_000;

/// The times of a schedule that have come, the last ones, and when it is due next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Come {
    /// The first one first; at most [`MAX_WAITING`].
    pub(super) times: VecDeque<Millis>,
    /// How many came before them.
    pub(super) before: i64,
    /// The time after them; `None` where there is none in the calendar.
    pub(super) next: Option<Millis>,
}

/// The times from `planned` up to now.
pub(super) fn come(cron: &Cron, zone: &Zone, planned: Millis, now: Millis) -> Come {
    let mut come = Come { times: VecDeque::new(), before: 0, next: Some(planned) };
    let mut seen = 0;
    while let Some(time) = come.next.filter(|time| *time <= now) {
        if come.times.len() as i64 >= MAX_WAITING {
            come.times.pop_front();
            come.before += 1;
        }
        come.times.push_back(time);
        seen += 1;
        // So many are due so often that the last hour has enough of them.
        let from = if seen == MAX_TIMES { time.max(now.plus(-HOUR)) } else { time };
        come.next = cron.next(from, zone);
    }
    come
}

/// Which of the times are run, and how many are left out before them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Chosen {
    /// The times, the first one first.
    pub(super) run: Vec<Millis>,
    /// How many are left out.
    pub(super) missed: i64,
}

/// Chooses by the policy; `waiting` runs were told of before and are not done, and `late` is how much later than its time a
/// run may begin by chance.
pub(super) fn choose(come: &Come, policy: MissedRuns, waiting: i64, late: i64, now: Millis) -> Chosen {
    let all = come.times.len() as i64;
    let fresh = |time: &&Millis| now.as_millis() - time.as_millis() <= FRESH + late;
    let most = match policy {
        MissedRuns::Skip => i64::from(waiting == 0 && come.times.back().as_ref().is_some_and(fresh)),
        // One that is being run does not make up for what came meanwhile; one that waits behind it does.
        MissedRuns::Once => i64::from(waiting < 2),
        MissedRuns::All => (MAX_WAITING - waiting).max(0),
    };
    let count = most.min(all);
    let run = come.times.iter().skip(usize::try_from(all - count).unwrap_or_default()).copied().collect();
    Chosen { run, missed: come.before + all - count }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Millis {
        Millis::parse_rfc3339(&format!("2026-03-01T{text}Z")).unwrap()
    }

    /// `cron`, the time that was planned and the present one; the times that are run, and how many are left out.
    fn check(policy: MissedRuns, waiting: i64, (cron, planned, now): (&str, &str, &str), expected: (&[&str], i64)) {
        let (cron, zone) = (Cron::parse(cron).unwrap(), Zone::parse("UTC").unwrap());
        let come = come(&cron, &zone, at(planned), at(now));
        assert!(come.next.unwrap() > at(now));
        let Chosen { run, missed } = choose(&come, policy, waiting, 0, at(now));
        let times: Vec<Millis> = expected.0.iter().map(|time| at(time)).collect();
        assert_eq!((run, missed), (times, expected.1), "{policy:?} {waiting} {now}");
    }

    #[test]
    fn what_was_missed_is_run_by_the_policy() {
        const HOURLY: &str = "0 * * * *";
        let stood_still = (HOURLY, "02:00:00", "05:10:00");
        check(MissedRuns::Skip, 0, stood_still, (&[], 4));
        check(MissedRuns::Once, 0, stood_still, (&["05:00:00"], 3));
        check(MissedRuns::All, 0, stood_still, (&["02:00:00", "03:00:00", "04:00:00", "05:00:00"], 0));
        let in_time = (HOURLY, "02:00:00", "02:00:30");
        for policy in [MissedRuns::Skip, MissedRuns::Once, MissedRuns::All] {
            check(policy, 0, in_time, (&["02:00:00"], 0));
        }
    }

    #[test]
    fn a_run_that_is_not_done_counts_too() {
        let minute = ("* * * * *", "02:00:00", "02:00:01");
        check(MissedRuns::Skip, 1, minute, (&[], 1));
        check(MissedRuns::Once, 1, minute, (&["02:00:00"], 0));
        check(MissedRuns::Once, 2, minute, (&[], 1));
        check(MissedRuns::All, 9, minute, (&["02:00:00"], 0));
        check(MissedRuns::All, 10, minute, (&[], 1));
    }

    #[test]
    fn of_a_long_standstill_the_last_ten_are_run_and_no_more_is_looked_at_than_there_can_be() {
        check(
            MissedRuns::All,
            0,
            ("* * * * *", "00:00:00", "20:00:00"),
            (
                &[
                    "19:51:00", "19:52:00", "19:53:00", "19:54:00", "19:55:00", "19:56:00", "19:57:00", "19:58:00",
                    "19:59:00", "20:00:00",
                ],
                1_191,
            ),
        );
        let (cron, zone) = (Cron::parse("* * * * * *").unwrap(), Zone::parse("UTC").unwrap());
        let come = come(&cron, &zone, at("00:00:00"), at("23:00:00"));
        assert_eq!(come.times.back(), Some(&at("23:00:00")));
        assert!(come.before < 8_000, "{}", come.before);
    }
}
