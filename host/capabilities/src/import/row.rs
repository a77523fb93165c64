//! One row of a file of order lines: its fields, read and bounded.

use csv::ByteRecord;
use heptad_model::money::divide_rounded;
use heptad_model::{Currency, Millis, Minor};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rust_decimal::{Decimal, RoundingStrategy};

use super::map::{self, OrderMap};
use super::orders::ImportError;
use super::parse::ParsedProduct;
use crate::CapabilityError;
use crate::bounds::{self, MAX_PRICE};
use crate::mall::cart::MAX_QUANTITY;

/// The most bytes of a field that is used.
const MAX_FIELD: usize = 1_000;
/// A SKU's code is the product's with up to four characters behind it.
const MAX_PRODUCT_CODE: usize = 60;

/// Where the columns of a file are.
pub(super) struct Columns {
    row: Option<usize>,
    order: usize,
    date: usize,
    customer: Option<usize>,
    customer_name: Option<usize>,
    customer_tags: Vec<usize>,
    product: usize,
    product_name: usize,
    category: Option<usize>,
    product_tags: Vec<usize>,
    quantity: usize,
    total: usize,
}

impl Columns {
    /// Finds the columns of the map in the file's header.
    pub(super) fn find(map: &map::Columns, header: &ByteRecord) -> Result<Self, ImportError> {
        let one = |name: &String| {
            let found = header.iter().position(|column| column == name.as_bytes());
            found.ok_or_else(|| ImportError::Column(name.clone()))
        };
        let optional = |name: &Option<String>| name.as_ref().map(one).transpose();
        let many = |names: &[String]| names.iter().map(one).collect::<Result<Vec<_>, _>>();
        Ok(Self {
            row: optional(&map.row)?,
            order: one(&map.order)?,
            date: one(&map.date)?,
            customer: optional(&map.customer)?,
            customer_name: optional(&map.customer_name)?,
            customer_tags: many(&map.customer_tags)?,
            product: one(&map.product)?,
            product_name: one(&map.product_name)?,
            category: optional(&map.category)?,
            product_tags: many(&map.product_tags)?,
            quantity: one(&map.quantity)?,
            total: one(&map.total)?,
        })
    }

    /// The order's number as the file has it; empty where the row is too short.
    pub(super) fn order<'r>(&self, record: &'r ByteRecord) -> &'r [u8] {
        record.get(self.order).unwrap_or_default()
    }
}

/// A row that can be loaded.
pub(super) struct Row {
    pub(super) source_row: String,
    pub(super) order: String,
    pub(super) placed_at: Millis,
    pub(super) customer: Option<RowCustomer>,
    pub(super) product: ParsedProduct,
    pub(super) quantity: u32,
    pub(super) unit_price: Minor,
    pub(super) total: Minor,
}

/// The customer of a row.
pub(super) struct RowCustomer {
    pub(super) code: String,
    pub(super) name: Option<String>,
    pub(super) tags: Vec<String>,
}

/// Reads fields and names the column of a bad one.
struct Fields<'r> {
    header: &'r ByteRecord,
    record: &'r ByteRecord,
}

impl<'r> Fields<'r> {
    fn column(&self, place: usize) -> String {
        String::from_utf8_lossy(self.header.get(place).unwrap_or_default()).into_owned()
    }

    fn bad(&self, place: usize, problem: impl std::fmt::Display) -> String {
        format!("`{}`: {problem}", self.column(place))
    }

    /// The field without white space around it.
    fn text(&self, place: usize) -> Result<&'r str, String> {
        let Some(bytes) = self.record.get(place) else {
            return Err(format!("the row has {} columns, the header {}", self.record.len(), self.header.len()));
        };
        if bytes.len() > MAX_FIELD {
            return Err(self.bad(place, format!("{} bytes, at most {MAX_FIELD} are allowed", bytes.len())));
        }
        std::str::from_utf8(bytes).map(str::trim).map_err(|_| self.bad(place, "not UTF-8"))
    }

    fn required(&self, place: usize) -> Result<&'r str, String> {
        let text = self.text(place)?;
        if text.is_empty() { Err(self.bad(place, "is empty")) } else { Ok(text) }
    }

    /// A field that passes a check of [`bounds`].
    fn bounded(
        &self,
        place: usize,
        check: impl Fn(&str, &str) -> Result<(), CapabilityError>,
    ) -> Result<String, String> {
        let text = self.required(place)?;
        check("", text).map_err(|error| match error {
            CapabilityError::Invalid { problem, .. } => self.bad(place, problem),
            other => self.bad(place, other),
        })?;
        Ok(text.to_owned())
    }

    fn tags(&self, places: &[usize]) -> Result<Vec<String>, String> {
        let mut tags = Vec::with_capacity(places.len());
        for place in places {
            tags.push(tag(self.text(*place)?));
        }
        tags.retain(|tag| !tag.is_empty());
        tags.sort_unstable();
        tags.dedup();
        Ok(tags)
    }
}

/// A word for programs: `Office Supplies` becomes `office-supplies`.
fn tag(text: &str) -> String {
    let lower = text.to_lowercase();
    let words = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let joined = words.collect::<Vec<_>>().join("-");
    joined.chars().take(40).collect::<String>().trim_end_matches('-').to_owned()
}

impl Row {
    /// Reads a row; the reason if it cannot be loaded. `place` is its place among the rows of its order.
    pub(super) fn read(
        map: &OrderMap,
        columns: &Columns,
        zone: &TimeZone,
        header: &ByteRecord,
        record: &ByteRecord,
        place: u64,
    ) -> Result<Self, String> {
        let fields = Fields { header, record };
        if record.len() != header.len() {
            return Err(format!("the row has {} columns, the header {}", record.len(), header.len()));
        }
        let quantity = fields.required(columns.quantity)?;
        let quantity = quantity.parse::<u32>().ok().filter(|quantity| (1..=MAX_QUANTITY).contains(quantity));
        let quantity = quantity
            .ok_or_else(|| fields.bad(columns.quantity, format!("not a whole number of 1 to {MAX_QUANTITY}")))?;
        let total = amount(fields.required(columns.total)?, map.currency)
            .map_err(|problem| fields.bad(columns.total, problem))?;
        let unit_price = divide_rounded(i128::from(total.get()), i128::from(quantity));
        let code = fields.bounded(columns.product, bounds::code)?;
        if code.chars().count() > MAX_PRODUCT_CODE {
            return Err(fields.bad(columns.product, format!("at most {MAX_PRODUCT_CODE} characters")));
        }
        Ok(Self {
            source_row: match columns.row {
                Some(row) => fields.bounded(row, bounds::code)?,
                None => place.to_string(),
            },
            order: fields.bounded(columns.order, bounds::code)?,
            placed_at: midnight(fields.required(columns.date)?, &map.date_format, zone)
                .map_err(|problem| fields.bad(columns.date, problem))?,
            customer: customer(columns, &fields)?,
            product: ParsedProduct {
                code,
                name: fields.bounded(columns.product_name, bounds::name)?,
                category: match columns.category {
                    Some(category) if !fields.text(category)?.is_empty() => fields.bounded(category, bounds::name)?,
                    _ => String::new(),
                },
                tags: fields.tags(&columns.product_tags)?,
            },
            quantity,
            unit_price: Minor::from_wide(unit_price).unwrap_or(total),
            total,
        })
    }
}

fn customer(columns: &Columns, fields: &Fields<'_>) -> Result<Option<RowCustomer>, String> {
    let Some(column) = columns.customer else { return Ok(None) };
    if fields.text(column)?.is_empty() {
        return Ok(None);
    }
    let name = match columns.customer_name {
        Some(name) if !fields.text(name)?.is_empty() => Some(fields.bounded(name, bounds::name)?),
        _ => None,
    };
    let code = fields.bounded(column, bounds::code)?;
    Ok(Some(RowCustomer { code, name, tags: fields.tags(&columns.customer_tags)? }))
}

/// A decimal number of major units as minor units, rounded half away from zero.
fn amount(text: &str, currency: Currency) -> Result<Minor, String> {
    let wrong = || "not a decimal number".to_owned();
    let number = Decimal::from_str_exact(text).map_err(|_| wrong())?;
    let scaled = number.checked_mul(Decimal::from(10_u64.pow(currency.exponent()))).ok_or_else(wrong)?;
    let rounded = scaled.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero);
    let minor = i64::try_from(rounded).ok().filter(|minor| (0..=MAX_PRICE).contains(minor));
    let minor = minor.ok_or_else(|| format!("not within 0 and {MAX_PRICE} minor units"))?;
    Minor::new(minor).map_err(|error| error.to_string())
}

/// 00:00 of a day in the zone; where a clock change skips it, the first moment of the day.
fn midnight(text: &str, format: &str, zone: &TimeZone) -> Result<Millis, String> {
    let date = Date::strptime(format, text).map_err(|_| format!("not a date of the form {format}"))?;
    let start = date.to_zoned(zone.clone()).map_err(|_| "not a date of the calendar".to_owned())?;
    Ok(Millis::new(start.timestamp().as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_rounded_half_away_from_zero_to_the_minor_unit() {
        let (usd, jpy) = (Currency::parse("USD").unwrap(), Currency::parse("JPY").unwrap());
        for (text, currency, expected) in [
            ("957.5775", usd, Some(95_758)),
            ("0.444", usd, Some(44)),
            ("0.445", usd, Some(45)),
            ("0.4449999999999999", usd, Some(44)),
            ("1.5", jpy, Some(2)),
            ("-1", usd, None),
            ("1e3", usd, None),
            ("", usd, None),
            ("10000000000.01", usd, None),
        ] {
            assert_eq!(amount(text, currency).ok().map(Minor::get), expected, "{text}");
        }
    }

    #[test]
    fn a_day_begins_at_midnight_of_the_tenants_zone() {
        let at = |text, zone| midnight(text, "%Y-%m-%d", &TimeZone::get(zone).unwrap()).map(Millis::rfc3339);
        assert_eq!(at("2016-11-08", "America/New_York").unwrap(), "2016-11-08T05:00:00.000Z");
        assert_eq!(at("2016-11-08", "Asia/Shanghai").unwrap(), "2016-11-07T16:00:00.000Z");
        // Midnight was skipped in São Paulo that day: the day began at 01:00, which is 03:00 UTC.
        assert_eq!(at("2016-10-16", "America/Sao_Paulo").unwrap(), "2016-10-16T03:00:00.000Z");
        assert!(at("2016-13-08", "Asia/Shanghai").is_err() && at("8.11.2016", "Asia/Shanghai").is_err());
    }

    #[test]
    fn words_become_tags() {
        for (text, expected) in
            [("Office Supplies", "office-supplies"), ("  A & B ", "a-b"), ("办公 用品", "办公-用品"), ("&", "")]
        {
            assert_eq!(tag(text), expected);
        }
    }
}
