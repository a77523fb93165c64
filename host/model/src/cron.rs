//! Cron expressions: when something is due that people write as `0 3 * * *`, in the time of a place.
//!
//! Five fields (minute, hour, day of the month, month, day of the week), or six with the second before them; `L`, `W` and
//! `#` as [croner](https://docs.rs/croner) has them. Where clocks are put forward or back, what is due at fixed times (no
//! `*`, `?` or `/` in second, minute and hour) is due once a day all the same: a time that is left out counts as the moment
//! after the gap, and of a time that comes twice the first one counts. What is due at intervals goes by the clock on the
//! wall: it is not due at times that are left out, and is due again at those that come twice. Cron of the Unixes does so.

use chrono::{DateTime, Utc};
use croner::parser::{CronParser, Seconds, Year};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::time::Millis;

/// The most bytes of an expression.
pub const MAX_EXPRESSION: usize = 100;
/// How many changes of a zone's clocks are looked through: a hundred years of two a year.
const MAX_CHANGES: usize = 200;

/// An expression that was read and found whole.
#[derive(Debug, Clone)]
pub struct Cron {
    cron: croner::Cron,
    /// Whether it is due at fixed times of a day.
    is_fixed: bool,
}

/// An expression cannot be read, or is never due.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the cron expression: {0}")]
pub struct CronError(String);

/// A time zone, by its IANA name.
#[derive(Debug, Clone)]
pub struct Zone(TimeZone);

impl Zone {
    /// The zone with this name, such as `Asia/Shanghai`.
    pub fn parse(name: &str) -> Option<Self> {
        (name.len() <= 64).then(|| TimeZone::get(name).ok()).flatten().map(Self)
    }

    /// Date and time on the wall, to the minute, such as `2026-03-01 09:30`.
    pub fn wall(&self, at: Millis) -> String {
        match Timestamp::from_millisecond(at.as_millis()) {
            Ok(at) => at.to_zoned(self.0.clone()).strftime("%Y-%m-%d %H:%M").to_string(),
            Err(_) => String::new(),
        }
    }

    /// How far the clocks are ahead of UTC at a moment, in seconds; all moments here are seconds since 1970 UTC.
    fn offset(&self, at: i64) -> Option<i64> {
        Some(self.0.to_offset(Timestamp::from_second(at).ok()?).seconds().into())
    }

    /// When the clocks are next changed after a moment, and how far they are ahead from then on.
    fn change_after(&self, at: i64) -> Option<(i64, i64)> {
        let change = self.0.following(Timestamp::from_second(at).ok()?).next()?;
        Some((change.timestamp().as_second(), change.offset().seconds().into()))
    }

    /// When the clocks were last changed, at this moment or before it.
    fn change_before(&self, at: i64) -> Option<i64> {
        let change = self.0.preceding(Timestamp::from_second(at + 1).ok()?).next()?;
        Some(change.timestamp().as_second())
    }
}

impl Cron {
    /// Reads an expression of five or six fields.
    pub fn parse(text: &str) -> Result<Self, CronError> {
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        if text.len() > MAX_EXPRESSION || !text.is_ascii() || !matches!(fields.len(), 5 | 6) || text.contains('@') {
            return Err(CronError(format!("five or six fields, {MAX_EXPRESSION} bytes at most")));
        }
        let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
        let cron = parser.parse(text).map_err(|error| CronError(error.to_string()))?;
        let of_a_day = &fields[..fields.len() - 3];
        let cron = Self { cron, is_fixed: !of_a_day.concat().contains(['*', '?', '/']) };
        match cron.on_the_wall(0) {
            Some(_) => Ok(cron),
            None => Err(CronError("no day is ever like that".to_owned())),
        }
    }

    /// When it is due next after a moment, by the clocks of a zone; `None` where that is beyond the calendar.
    pub fn next(&self, after: Millis, zone: &Zone) -> Option<Millis> {
        let mut from = after.as_millis().div_euclid(1_000);
        let mut ahead = zone.offset(from)?;
        // From here on clocks on the wall are asked, in seconds as if the wall were in UTC.
        let mut wall = from + ahead + 1;
        if self.is_fixed
            && let Some(change) = zone.change_before(from)
        {
            // What came before the clocks were put back does not come again.
            wall = wall.max(change + zone.offset(change - 1)?);
        }
        let mut found = self.on_the_wall(wall)?;
        for _ in 0..MAX_CHANGES {
            let due = found - ahead;
            let Some((change, next)) = zone.change_after(from).filter(|(change, _)| due >= *change) else {
                return Some(Millis::new(due * 1_000));
            };
            let (stops, goes_on) = (change + ahead, change + next);
            if self.is_fixed && found < goes_on {
                return Some(Millis::new(change * 1_000));
            }
            wall = if self.is_fixed { stops.max(goes_on) } else { goes_on };
            (from, ahead) = (change, next);
            found = self.on_the_wall(wall)?;
        }
        None
    }

    /// The first match at this time of a wall or later.
    fn on_the_wall(&self, at: i64) -> Option<i64> {
        let at = DateTime::<Utc>::from_timestamp(at, 0)?;
        self.cron.find_next_occurrence(&at, true).ok().map(|found| found.timestamp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The next times after a moment, all in UTC.
    fn check(cron: &str, zone: &str, after: &str, expected: &[&str]) {
        let (read, place) = (Cron::parse(cron).unwrap(), Zone::parse(zone).unwrap());
        let mut at = Millis::parse_rfc3339(after).unwrap();
        for expected in expected {
            at = read.next(at, &place).unwrap();
            assert_eq!(at.rfc3339(), format!("{expected}:00.000Z"), "{cron} in {zone} after {after}");
        }
    }

    #[test]
    fn an_ordinary_day_goes_by_the_clock_of_the_place() {
        check("0 3 * * *", "Asia/Shanghai", "2026-03-29T00:00:00Z", &["2026-03-29T19:00", "2026-03-30T19:00"]);
        check("*/20 9 * * MON", "Asia/Shanghai", "2026-03-29T00:00:00Z", &["2026-03-30T01:00", "2026-03-30T01:20"]);
        check("0 0 29 2 *", "UTC", "2026-01-01T00:00:00Z", &["2028-02-29T00:00", "2032-02-29T00:00"]);
        check("0 30 2 L * *", "Asia/Shanghai", "2026-02-01T00:00:00Z", &["2026-02-27T18:30", "2026-03-30T18:30"]);
        // A moment between two seconds, and one at which it is due, are after what they follow.
        check("0 3 * * *", "Asia/Shanghai", "2026-03-29T18:59:59.999Z", &["2026-03-29T19:00"]);
        check("0 3 * * *", "Asia/Shanghai", "2026-03-29T19:00:00Z", &["2026-03-30T19:00"]);
    }

    #[test]
    fn a_fixed_time_that_is_left_out_counts_as_the_moment_after_the_gap() {
        // In Berlin 02:00 becomes 03:00 on 29 March 2026, which is 01:00 UTC; in New York on 8 March, at 07:00 UTC.
        check(
            "30 2 * * *",
            "Europe/Berlin",
            "2026-03-28T00:00:00Z",
            &["2026-03-28T01:30", "2026-03-29T01:00", "2026-03-30T00:30"],
        );
        check("30 2 * * *", "America/New_York", "2026-03-08T00:00:00Z", &["2026-03-08T07:00", "2026-03-09T06:30"]);
        // The moment itself and what was left out are one.
        check("0,30 2,3 * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", &["2026-03-29T01:00", "2026-03-29T01:30"]);
        // A year away, over two changes.
        check("0 12 1 7 *", "Europe/Berlin", "2026-07-02T00:00:00Z", &["2027-07-01T10:00"]);
    }

    #[test]
    fn a_fixed_time_that_comes_twice_counts_once() {
        // In Berlin 03:00 becomes 02:00 on 25 October 2026, which is 01:00 UTC.
        check("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", &["2026-10-25T00:30", "2026-10-26T01:30"]);
        check("30 2 * * *", "Europe/Berlin", "2026-10-25T01:10:00Z", &["2026-10-26T01:30"]);
        check("0 3 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", &["2026-10-25T02:00", "2026-10-26T02:00"]);
        check("30 1 * * *", "America/New_York", "2026-11-01T00:00:00Z", &["2026-11-01T05:30", "2026-11-02T06:30"]);
    }

    #[test]
    fn an_interval_goes_by_the_clock_on_the_wall() {
        check("*/30 * * * *", "Europe/Berlin", "2026-03-29T00:29:00Z", &["2026-03-29T00:30", "2026-03-29T01:00"]);
        check("*/30 2 * * *", "Europe/Berlin", "2026-03-28T01:30:00Z", &["2026-03-30T00:00"]);
        let twice =
            ["2026-10-25T00:00", "2026-10-25T00:30", "2026-10-25T01:00", "2026-10-25T01:30", "2026-10-26T01:00"];
        check("*/30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", &twice);
    }

    #[test]
    fn what_is_no_expression_or_never_due_is_refused() {
        let long = format!("{} * * * *", "0,".repeat(60));
        for text in ["", "@daily", "* * * *", "* * * * * * *", "60 * * * *", "0 0 30 2 *", "零 * * * *", &long] {
            assert!(Cron::parse(text).is_err(), "{text}");
        }
        assert!(Zone::parse("Mars/Olympus").is_none());
    }
}
