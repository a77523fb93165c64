//! Reading a file of order lines, without a database: good rows become orders, bad ones become reasons.

use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader, Read};

use csv::ByteRecord;
use flate2::bufread::MultiGzDecoder;
use heptad_model::{Millis, Minor};
use jiff::tz::TimeZone;
use serde::Serialize;

use super::map::OrderMap;
use super::orders::ImportError;
use super::row::{Columns, Row};

/// The most rows of a file.
pub(super) const MAX_ROWS: u64 = 1_000_000;
/// The most bytes of a file, unpacked.
pub(super) const MAX_BYTES: u64 = 1 << 30;
/// The most reasons that are kept; more are counted.
pub(super) const MAX_ERRORS: usize = 1_000;

/// The most bytes of an order's number.
const MAX_ORDER: usize = 256;

/// Why a row was not loaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RowError {
    /// The line of the file where the row begins; the header is line 1.
    pub line: u64,
    /// The column and what is wrong with it.
    pub reason: String,
}

/// What a file holds.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    pub(super) rows: u64,
    pub(super) errors: Errors,
    pub(super) customers: Vec<ParsedCustomer>,
    pub(super) products: Vec<ParsedProduct>,
    pub(super) skus: Vec<ParsedSku>,
    pub(super) orders: Vec<ParsedOrder>,
}

/// Reasons, as many as are kept, and how many there were.
#[derive(Debug, Default)]
pub(super) struct Errors {
    pub(super) kept: Vec<RowError>,
    pub(super) count: u64,
}

impl Errors {
    pub(super) fn push(&mut self, line: u64, reason: String) {
        self.count += 1;
        if self.kept.len() < MAX_ERRORS {
            self.kept.push(RowError { line, reason });
        }
    }
}

#[derive(Debug)]
pub(super) struct ParsedCustomer {
    pub(super) code: String,
    pub(super) name: Option<String>,
    pub(super) tags: Vec<String>,
    /// The first order in the file.
    pub(super) since: Millis,
}

#[derive(Debug)]
pub(super) struct ParsedProduct {
    pub(super) code: String,
    pub(super) name: String,
    pub(super) category: String,
    pub(super) tags: Vec<String>,
}

/// A product under one of its names.
#[derive(Debug)]
pub(super) struct ParsedSku {
    pub(super) product: usize,
    pub(super) name: String,
    /// The price of one, by the latest line of the file.
    pub(super) price: Minor,
    pub(super) price_at: Millis,
}

#[derive(Debug)]
pub(super) struct ParsedOrder {
    pub(super) number: String,
    pub(super) placed_at: Millis,
    pub(super) customer: Option<usize>,
    /// The line of the file where it was first met.
    first_line: u64,
    pub(super) lines: Vec<ParsedLine>,
}

#[derive(Debug)]
pub(super) struct ParsedLine {
    pub(super) source_row: String,
    pub(super) sku: usize,
    pub(super) quantity: u32,
    pub(super) unit_price: Minor,
    pub(super) total: Minor,
}

/// Reads the whole file. Only a file that cannot be read at all is an error; a bad row is not.
pub(super) fn parse(map: &OrderMap, zone: &TimeZone, file: impl Read) -> Result<Parsed, ImportError> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(unpacked(file)?);
    let header = reader.byte_headers().map_err(|error| ImportError::File(error.to_string()))?.clone();
    let columns = Columns::find(&map.columns, &header)?;
    let mut builder = Builder::default();
    let mut record = ByteRecord::new();
    loop {
        match reader.read_byte_record(&mut record) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => return Err(ImportError::File(error.to_string())),
        }
        builder.parsed.rows += 1;
        if builder.parsed.rows > MAX_ROWS {
            return Err(ImportError::File(format!("more than {MAX_ROWS} rows")));
        }
        let line = record.position().map_or(0, csv::Position::line);
        let place = if map.columns.row.is_none() { builder.place_in_order(columns.order(&record)) } else { 0 };
        let row = Row::read(map, &columns, zone, &header, &record, place);
        if let Err(reason) = row.and_then(|row| builder.add(line, row)) {
            builder.parsed.errors.push(line, reason);
        }
    }
    if reader.position().byte() >= MAX_BYTES {
        return Err(ImportError::File(format!("more than {MAX_BYTES} bytes, unpacked")));
    }
    Ok(builder.parsed)
}

/// The file's text, unpacked if it begins like gzip (RFC 1952).
fn unpacked(file: impl Read) -> Result<impl Read, ImportError> {
    let mut file = BufReader::new(file);
    let packed = file.fill_buf().map_err(|error| ImportError::File(error.to_string()))?.starts_with(&[0x1f, 0x8b]);
    let text: Either<_, _> = if packed { Either::Packed(MultiGzDecoder::new(file)) } else { Either::Plain(file) };
    Ok(text.take(MAX_BYTES))
}

enum Either<P, T> {
    Packed(P),
    Plain(T),
}

impl<P: Read, T: Read> Read for Either<P, T> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Packed(reader) => reader.read(buffer),
            Self::Plain(reader) => reader.read(buffer),
        }
    }
}

/// Puts rows together to orders.
#[derive(Default)]
struct Builder {
    parsed: Parsed,
    customers: HashMap<String, usize>,
    products: HashMap<String, usize>,
    skus: HashMap<(usize, String), usize>,
    orders: HashMap<String, usize>,
    places: HashMap<Vec<u8>, u64>,
    rows: HashSet<(usize, String)>,
}

impl Builder {
    /// Counts the rows of an order, bad ones too: the place stays the same once they are mended. A number that is too
    /// long to be one is not counted by its end.
    fn place_in_order(&mut self, order: &[u8]) -> u64 {
        let place = self.places.entry(order[..order.len().min(MAX_ORDER)].to_vec()).or_default();
        *place += 1;
        *place
    }

    fn add(&mut self, line: u64, row: Row) -> Result<(), String> {
        let customer = row.customer.as_ref().and_then(|customer| self.customers.get(&customer.code).copied());
        let known = self.orders.get(&row.order).copied();
        if let Some(order) = known.map(|order| &self.parsed.orders[order]) {
            let first = order.first_line;
            if order.placed_at != row.placed_at {
                return Err(format!("order {} has another date on line {first}", row.order));
            }
            if order.customer != customer || customer.is_some() != row.customer.is_some() {
                return Err(format!("order {} has another customer on line {first}", row.order));
            }
        }
        let next = known.unwrap_or(self.parsed.orders.len());
        if !self.rows.insert((next, row.source_row.clone())) {
            return Err(format!("order {} has row {} twice", row.order, row.source_row));
        }
        let customer = row.customer.map(|found| {
            let (next, since) = (self.parsed.customers.len(), row.placed_at);
            let place = *self.customers.entry(found.code.clone()).or_insert(next);
            if place == next {
                self.parsed.customers.push(ParsedCustomer {
                    code: found.code,
                    name: found.name,
                    tags: found.tags,
                    since,
                });
            }
            let known = &mut self.parsed.customers[place];
            known.since = known.since.min(since);
            place
        });
        let sku = self.sku(row.product, row.unit_price, row.placed_at);
        if known.is_none() {
            self.orders.insert(row.order.clone(), next);
            let (number, placed_at) = (row.order, row.placed_at);
            self.parsed.orders.push(ParsedOrder { number, placed_at, customer, first_line: line, lines: Vec::new() });
        }
        self.parsed.orders[next].lines.push(ParsedLine {
            source_row: row.source_row,
            sku,
            quantity: row.quantity,
            unit_price: row.unit_price,
            total: row.total,
        });
        Ok(())
    }

    fn sku(&mut self, found: ParsedProduct, price: Minor, at: Millis) -> usize {
        let name = found.name.clone();
        let next = self.parsed.products.len();
        let product = *self.products.entry(found.code.clone()).or_insert(next);
        if product == next {
            self.parsed.products.push(found);
        }
        let next = self.parsed.skus.len();
        let sku = *self.skus.entry((product, name.clone())).or_insert(next);
        if sku == next {
            self.parsed.skus.push(ParsedSku { product, name, price, price_at: at });
        }
        let known = &mut self.parsed.skus[sku];
        if at >= known.price_at {
            (known.price, known.price_at) = (price, at);
        }
        sku
    }
}
