//! How amounts, moments and quantities look to a reader.

use heptad_model::{Currency, Locale, Millis, Minor};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// The sign before negative amounts.
const MINUS: char = '\u{2212}';

/// A reader's language with a time zone and, in a shop, its currency.
#[derive(Debug, Clone)]
pub(super) struct Look {
    locale: Locale,
    zone: TimeZone,
}

impl Look {
    /// In the time zone of this name; UTC where there is no such zone.
    pub(super) fn new(locale: Locale, zone: &str) -> Self {
        Self { locale, zone: TimeZone::get(zone).unwrap_or(TimeZone::UTC) }
    }

    /// An amount with its currency: `¥1,307.00` in Chinese, `CN¥1,307.00` in English.
    pub(super) fn money(&self, currency: Currency, amount: Minor) -> String {
        let sign = if amount.get() < 0 { MINUS.to_string() } else { String::new() };
        format!("{sign}{}{}", symbol(currency, self.locale), major(currency, amount.get().unsigned_abs()))
    }

    /// What is taken off: with a minus before it, nothing where it is nothing.
    pub(super) fn off(&self, currency: Currency, amount: Minor) -> String {
        match amount.get() {
            0 => String::new(),
            amount => {
                let sign = if amount > 0 { MINUS.to_string() } else { "+".to_owned() };
                format!("{sign}{}{}", symbol(currency, self.locale), major(currency, amount.unsigned_abs()))
            }
        }
    }

    /// A moment to the minute in the zone: `2026-01-02 11:04`, `2 Jan 2026, 11:04`.
    pub(super) fn time(&self, moment: Millis) -> String {
        self.strftime(moment, "%Y-%m-%d %H:%M", "%-d %b %Y, %H:%M")
    }

    /// A moment to the second in the zone.
    pub(super) fn moment(&self, moment: Millis) -> String {
        self.strftime(moment, "%Y-%m-%d %H:%M:%S", "%-d %b %Y, %H:%M:%S")
    }

    /// Reads what a field for a day and a time of day holds, in the zone; `None` for what is none.
    pub(super) fn field_parse(&self, text: &str) -> Option<Millis> {
        let there: DateTime = text.trim().parse().ok()?;
        Some(Millis::new(there.to_zoned(self.zone.clone()).ok()?.timestamp().as_millisecond()))
    }

    /// The day of a moment in the zone.
    pub(super) fn date(&self, moment: Millis) -> String {
        self.strftime(moment, "%Y-%m-%d", "%-d %b %Y")
    }

    /// The day of a moment without its year.
    pub(super) fn day(&self, moment: Millis) -> String {
        self.strftime(moment, "%m-%d", "%-d %b")
    }

    /// The time of day of a moment.
    pub(super) fn clock(&self, moment: Millis) -> String {
        self.strftime(moment, "%H:%M", "%H:%M")
    }

    fn strftime(&self, moment: Millis, zh: &str, en: &str) -> String {
        let format = match self.locale {
            Locale::ZhCn => zh,
            Locale::En => en,
        };
        match Timestamp::from_millisecond(moment.as_millis()) {
            Ok(timestamp) => timestamp.to_zoned(self.zone.clone()).strftime(format).to_string(),
            Err(_) => moment.rfc3339(),
        }
    }
}

/// Hundredths of a percent as people write them: `10%`, `12.5%`.
pub(super) fn percent(basis_points: u32) -> String {
    let (whole, rest) = (basis_points / 100, basis_points % 100);
    match rest {
        0 => format!("{whole}%"),
        rest => format!("{}%", format!("{whole}.{rest:02}").trim_end_matches('0')),
    }
}

/// Microseconds as milliseconds with two digits.
pub(super) fn millis(micros: u64) -> String {
    format!("{}.{:02} ms", micros / 1_000, micros % 1_000 / 10)
}

/// A large count, shortened: `1,234`, `56.7 k`, `12.3 M`.
pub(super) fn count(number: u64) -> String {
    match number {
        0..10_000 => grouped(number),
        10_000..10_000_000 => format!("{}.{} k", grouped(number / 1_000), number % 1_000 / 100),
        _ => format!("{}.{} M", grouped(number / 1_000_000), number % 1_000_000 / 100_000),
    }
}

/// Bytes, shortened: `812 B`, `1.4 MB`.
pub(super) fn bytes(number: u64) -> String {
    match number {
        0..1_000 => format!("{number} B"),
        1_000..1_000_000 => format!("{}.{} kB", number / 1_000, number % 1_000 / 100),
        _ => format!("{}.{} MB", number / 1_000_000, number % 1_000_000 / 100_000),
    }
}

/// An amount as an input field shows and takes it: `1307.00`.
pub(super) fn amount_field(currency: Currency, amount: Minor) -> String {
    major(currency, amount.get().unsigned_abs()).replace(',', "")
}

/// Reads what a person typed into an amount field; `None` for what is not a positive amount of the currency.
pub(super) fn amount_parse(currency: Currency, text: &str) -> Option<Minor> {
    let text = text.trim().replace(',', "");
    let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
    let digits = currency.exponent() as usize;
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 15 || part.len() > digits || !plain(whole) || !plain(part) {
        return None;
    }
    format!("{whole}{part:0<digits$}").parse().ok().and_then(|amount| Minor::new(amount).ok())
}

/// The major units with grouped thousands and the currency's digits after the point.
fn major(currency: Currency, magnitude: u64) -> String {
    let digits = currency.exponent();
    let unit = 10_u64.pow(digits);
    match digits {
        0 => grouped(magnitude),
        _ => format!("{}.{:0width$}", grouped(magnitude / unit), magnitude % unit, width = digits as usize),
    }
}

/// A number with a comma before each three digits.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// What stands before an amount, by CLDR 47 for the common currencies; the code and a space for the others.
fn symbol(currency: Currency, locale: Locale) -> String {
    let symbol = match (currency.code(), locale) {
        ("CNY", Locale::ZhCn) => "¥",
        ("CNY", Locale::En) => "CN¥",
        ("USD", Locale::ZhCn) => "US$",
        ("USD", Locale::En) => "$",
        ("JPY", Locale::ZhCn) => "JP¥",
        ("JPY", Locale::En) => "¥",
        ("EUR", _) => "€",
        ("GBP", _) => "£",
        ("HKD", _) => "HK$",
        (code, _) => return format!("{code} "),
    };
    symbol.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cur(code: &str) -> Currency {
        Currency::parse(code).unwrap()
    }

    #[test]
    fn amounts_have_the_digits_of_their_currency() {
        for (code, amount, zh, en) in [
            ("CNY", 130_700, "¥1,307.00", "CN¥1,307.00"),
            ("CNY", -5, "\u{2212}¥0.05", "\u{2212}CN¥0.05"),
            ("USD", 100_000_000, "US$1,000,000.00", "$1,000,000.00"),
            ("JPY", 1_200, "JP¥1,200", "¥1,200"),
            ("KWD", 1_234, "KWD 1.234", "KWD 1.234"),
        ] {
            let amount = Minor::new(amount).unwrap();
            assert_eq!(Look::new(Locale::ZhCn, "UTC").money(cur(code), amount), zh);
            assert_eq!(Look::new(Locale::En, "UTC").money(cur(code), amount), en);
        }
    }

    #[test]
    fn moments_stand_in_the_tenants_zone() {
        let moment = Millis::new(1_767_323_045_678);
        assert_eq!(Look::new(Locale::ZhCn, "Asia/Shanghai").time(moment), "2026-01-02 11:04");
        assert_eq!(Look::new(Locale::En, "America/New_York").time(moment), "1 Jan 2026, 22:04");
        assert_eq!(Look::new(Locale::En, "no/where").date(moment), "2 Jan 2026");
        assert_eq!(Look::new(Locale::En, "Asia/Shanghai").moment(moment), "2 Jan 2026, 11:04:05");
    }

    #[test]
    fn a_typed_moment_is_read_in_the_tenants_zone() {
        let look = Look::new(Locale::En, "Asia/Shanghai");
        for (text, expected) in [
            ("2026-01-02T11:04", Some(1_767_323_040_000)),
            (" 2026-01-02T11:04:05 ", Some(1_767_323_045_000)),
            ("", None),
            ("yesterday", None),
        ] {
            assert_eq!(look.field_parse(text).map(Millis::as_millis), expected, "{text}");
        }
    }

    #[test]
    fn typed_amounts_are_read_exactly() {
        for (code, text, expected) in [
            ("CNY", "12", Some(1_200)),
            ("CNY", " 1,012.5 ", Some(101_250)),
            ("CNY", "0.05", Some(5)),
            ("CNY", "1.005", None),
            ("JPY", "12", Some(12)),
            ("JPY", "12.5", None),
            ("CNY", "-1", None),
            ("CNY", "", None),
            ("CNY", "1e3", None),
            ("CNY", "99999999999999999", None),
        ] {
            assert_eq!(amount_parse(cur(code), text).map(Minor::get), expected, "{text}");
        }
        assert_eq!(amount_field(cur("CNY"), Minor::new(101_250).unwrap()), "1012.50");
    }

    #[test]
    fn shares_and_sizes_are_short() {
        assert_eq!([percent(1_000), percent(1_250), percent(5)], ["10%", "12.5%", "0.05%"]);
        assert_eq!([count(999), count(56_789), count(12_345_678)], ["999", "56.7 k", "12.3 M"]);
        assert_eq!([bytes(12), bytes(1_480), bytes(2_345_678)], ["12 B", "1.4 kB", "2.3 MB"]);
        assert_eq!(millis(1_234), "1.23 ms");
    }
}
