//! Reading usage: sums by hour, or by day in the tenant's time zone.

use std::collections::HashMap;

use heptad_model::time::span::HOUR;
use heptad_model::{Ctx, Millis, Point};
use heptad_store::{Row, StoreError, Tx};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use super::Usage;
use crate::PlatformError;

/// The most days of a reading by day.
pub const MAX_DAYS: usize = 92;
/// The most hours of a reading by hour: 31 days.
pub const MAX_HOURS: usize = 31 * 24;
/// The most rows of a reading.
pub const MAX_ROWS: u32 = 20_000;

/// How finely a reading tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Hours of UTC.
    Hour,
    /// Days of the tenant's time zone; an hour belongs to the day in which it begins.
    Day,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageAsk {
    /// From the hour or day of this moment.
    pub from: Millis,
    /// Up to this moment; the hour or day that it has begun is told as a whole.
    pub to: Millis,
    /// How finely.
    pub by: By,
    /// Only this plugin's.
    pub plugin: Option<String>,
    /// Only this version's.
    pub version: Option<String>,
    /// Only at this point.
    pub point: Option<Point>,
}

/// What a version of a plugin used at a point in an hour or on a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageRow {
    /// When the hour or the day begins.
    pub at: Millis,
    /// The plugin's name.
    pub plugin: String,
    /// Its version.
    pub version: String,
    /// Where it was asked; the stored word, for points of the past are still told.
    pub point: String,
    /// The sums.
    pub usage: Usage,
}

/// Hours that are told as one, from `from` to before `until`; `number` is the place in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Period {
    number: usize,
    from: i64,
    until: i64,
    at: Millis,
}

impl Period {
    fn json(&self) -> Value {
        json!({"number": self.number, "from": self.from, "until": self.until})
    }
}

/// The tenant's usage, the oldest first, then by plugin, version and point. Hours and days without a call have no row.
pub async fn usage_read(tx: &mut Tx, ask: &UsageAsk) -> Result<Vec<UsageRow>, PlatformError> {
    const SUMS: &str = "select cast(json_extract(p.value, '$.number') as bigint) as number, m.plugin, m.version, m.point, \
                        cast(sum(m.calls) as bigint) as calls, cast(sum(m.fuel) as bigint) as fuel, \
                        cast(sum(m.micros) as bigint) as micros, max(m.peak_memory) as peak_memory, \
                        cast(sum(m.host_calls) as bigint) as host_calls, cast(sum(m.bytes_in) as bigint) as bytes_in, \
                        cast(sum(m.bytes_out) as bigint) as bytes_out, \
                        cast(sum(m.write_micros) as bigint) as write_micros \
                        from json_each($2, '$') p join metering m on m.tenant_id = $1 \
                        and m.hour >= cast(json_extract(p.value, '$.from') as bigint) \
                        and m.hour < cast(json_extract(p.value, '$.until') as bigint) \
                        where ($3 = '' or m.plugin = $3) and ($4 = '' or m.version = $4) and ($5 = '' or m.point = $5) \
                        group by 1, 2, 3, 4 order by 1, 2, 3, 4 limit $6";
    const FAILURES: &str = "select cast(json_extract(p.value, '$.number') as bigint) as number, f.plugin, f.version, f.point, \
                            f.code, cast(sum(f.calls) as bigint) as calls \
                            from json_each($2, '$') p join metering_failures f on f.tenant_id = $1 \
                            and f.hour >= cast(json_extract(p.value, '$.from') as bigint) \
                            and f.hour < cast(json_extract(p.value, '$.until') as bigint) \
                            where ($3 = '' or f.plugin = $3) and ($4 = '' or f.version = $4) and ($5 = '' or f.point = $5) \
                            group by 1, 2, 3, 4, 5";
    let periods = periods(ask, &zone(tx.ctx()))?;
    let asked: Vec<Value> = periods.iter().map(Period::json).collect();
    let [plugin, version, point] = [ask.plugin.as_deref(), ask.version.as_deref(), ask.point.map(Point::name)]
        .map(|filter| filter.unwrap_or_default().to_owned());
    let read = |row: &Row| {
        let number = usize::try_from(row.int("number")?).unwrap_or(usize::MAX);
        Ok(UsageRow {
            at: periods.get(number).map_or_else(Millis::default, |period| period.at),
            plugin: row.text("plugin")?,
            version: row.text("version")?,
            point: row.text("point")?,
            usage: usage_of(row)?,
        })
    };
    let sums = tx.query(SUMS).json(&asked).bind(&plugin).bind(&version).bind(&point).bind(MAX_ROWS + 1);
    let mut rows = sums.fetch_all(read).await?;
    if rows.len() > MAX_ROWS as usize {
        return Err(PlatformError::field("from", format!("at most {MAX_ROWS} rows: ask for less time, or one plugin")));
    }
    let read = |row: &Row| {
        let key = (row.int("number")?, row.text("plugin")?, row.text("version")?, row.text("point")?);
        Ok((key, row.text("code")?, unsigned(row, "calls")?))
    };
    let failures = tx.query(FAILURES).json(&asked).bind(&plugin).bind(&version).bind(&point).fetch_all(read).await?;
    let places: HashMap<_, _> = rows.iter().enumerate().map(|(place, row)| (key_of(row), place)).collect();
    for ((number, plugin, version, point), code, calls) in failures {
        let at = usize::try_from(number).ok().and_then(|number| periods.get(number)).map(|period| period.at);
        if let Some(place) = at.and_then(|at| places.get(&(at, plugin, version, point))) {
            rows[*place].usage.failures.insert(code, calls);
        }
    }
    Ok(rows)
}

/// When each hour or day of the range begins, with or without calls.
pub fn usage_periods(ctx: &Ctx, ask: &UsageAsk) -> Result<Vec<Millis>, PlatformError> {
    Ok(periods(ask, &zone(ctx))?.iter().map(|period| period.at).collect())
}

fn zone(ctx: &Ctx) -> TimeZone {
    TimeZone::get(&ctx.tenant().time_zone).unwrap_or(TimeZone::UTC)
}

fn key_of(row: &UsageRow) -> (Millis, String, String, String) {
    (row.at, row.plugin.clone(), row.version.clone(), row.point.clone())
}

fn unsigned(row: &Row, column: &'static str) -> Result<u64, StoreError> {
    u64::try_from(row.int(column)?).map_err(|error| StoreError::Column { column, problem: error.to_string() })
}

fn usage_of(row: &Row) -> Result<Usage, StoreError> {
    Ok(Usage {
        calls: unsigned(row, "calls")?,
        failures: Default::default(),
        fuel: unsigned(row, "fuel")?,
        micros: unsigned(row, "micros")?,
        peak_memory: unsigned(row, "peak_memory")?,
        host_calls: unsigned(row, "host_calls")?,
        bytes_in: unsigned(row, "bytes_in")?,
        bytes_out: unsigned(row, "bytes_out")?,
        write_micros: unsigned(row, "write_micros")?,
    })
}

/// The hours or days of the range; refused where it is empty, too long, or out of the calendar.
fn periods(ask: &UsageAsk, zone: &TimeZone) -> Result<Vec<Period>, PlatformError> {
    if ask.from >= ask.to {
        return Err(PlatformError::field("to", "a moment after `from`"));
    }
    match ask.by {
        By::Hour => hours(ask),
        By::Day => days(ask, zone),
    }
}

fn hours(ask: &UsageAsk) -> Result<Vec<Period>, PlatformError> {
    let first = ask.from.as_millis().div_euclid(HOUR);
    // The hour in which the last millisecond before `to` lies, which is not the least, being after `from`.
    let last = (ask.to.as_millis() - 1).div_euclid(HOUR);
    if last - first >= i64::try_from(MAX_HOURS).unwrap_or(i64::MAX) {
        return Err(PlatformError::field("from", format!("at most {MAX_HOURS} hours before `to`")));
    }
    let period =
        |(number, hour): (usize, i64)| Period { number, from: hour, until: hour + 1, at: Millis::new(hour * HOUR) };
    Ok((first..=last).enumerate().map(period).collect())
}

fn days(ask: &UsageAsk, zone: &TimeZone) -> Result<Vec<Period>, PlatformError> {
    let outside = |_: jiff::Error| PlatformError::field("from", "a moment of the calendar");
    let begun = Timestamp::from_millisecond(ask.from.as_millis()).map_err(outside)?.to_zoned(zone.clone());
    let mut day = begun.start_of_day().map_err(outside)?;
    let mut periods = Vec::new();
    while day.timestamp().as_millisecond() < ask.to.as_millis() {
        if periods.len() == MAX_DAYS {
            return Err(PlatformError::field("from", format!("at most {MAX_DAYS} days before `to`")));
        }
        let next = day.checked_add(1.day()).and_then(|next| next.start_of_day()).map_err(outside)?;
        let [at, until] = [&day, &next].map(|day| day.timestamp().as_millisecond());
        // The first hour that begins in the day: zones may be half an hour apart.
        let [from, until] = [at, until].map(|moment| (moment + HOUR - 1).div_euclid(HOUR));
        periods.push(Period { number: periods.len(), from, until, at: Millis::new(at) });
        day = next;
    }
    Ok(periods)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(from: &str, to: &str, by: By) -> UsageAsk {
        let moment = |text: &str| Millis::new(text.parse::<Timestamp>().unwrap().as_millisecond());
        UsageAsk { from: moment(from), to: moment(to), by, plugin: None, version: None, point: None }
    }

    fn check(from: &str, to: &str, by: By, zone: &str, expected: Result<&[i64], &str>) {
        let found = periods(&ask(from, to, by), &TimeZone::get(zone).unwrap());
        match expected {
            Ok(lengths) => {
                let found = found.unwrap();
                assert!(found.windows(2).all(|pair| pair[0].until == pair[1].from), "{found:?}");
                assert_eq!(found.iter().map(|period| period.until - period.from).collect::<Vec<_>>(), lengths);
            }
            Err(message) => assert_eq!(found.unwrap_err().to_string(), message),
        }
    }

    #[test]
    fn days_are_the_zones_own() {
        check("2026-01-01T15:59:59Z", "2026-01-01T16:00:00Z", By::Day, "Asia/Shanghai", Ok(&[24]));
        check("2026-01-01T15:59:59Z", "2026-01-01T16:00:00.001Z", By::Day, "Asia/Shanghai", Ok(&[24, 24]));
        // Clocks go forward on 29 March, back on 25 October.
        check("2026-03-28T12:00:00Z", "2026-03-30T12:00:00Z", By::Day, "Europe/Berlin", Ok(&[24, 23, 24]));
        check("2026-10-25T12:00:00Z", "2026-10-25T13:00:00Z", By::Day, "Europe/Berlin", Ok(&[25]));
        check("2026-01-01T00:00:00Z", "2026-01-02T12:00:00Z", By::Day, "Asia/Kolkata", Ok(&[24, 24]));
    }

    #[test]
    fn ranges_are_bounded() {
        check("2026-01-01T00:30:00Z", "2026-01-01T01:30:00Z", By::Hour, "UTC", Ok(&[1, 1]));
        check("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", By::Hour, "UTC", Ok(&[1; MAX_HOURS]));
        let long = "`from`: at most 744 hours before `to`";
        check("2026-01-01T00:00:00Z", "2026-02-01T00:00:00.001Z", By::Hour, "UTC", Err(long));
        check("2026-01-01T00:00:00Z", "2026-04-03T00:00:00Z", By::Day, "UTC", Ok(&[24; MAX_DAYS]));
        let long = "`from`: at most 92 days before `to`";
        check("2026-01-01T00:00:00Z", "2026-04-03T00:00:00.001Z", By::Day, "UTC", Err(long));
        check("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", By::Hour, "UTC", Err("`to`: a moment after `from`"));
        let far = UsageAsk {
            from: Millis::new(i64::MIN),
            to: Millis::new(i64::MAX),
            ..ask("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", By::Day)
        };
        assert!(periods(&far, &TimeZone::UTC).is_err());
        assert!(periods(&UsageAsk { by: By::Hour, ..far }, &TimeZone::UTC).is_err());
    }
}
