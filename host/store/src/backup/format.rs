//! The lines of a backup.
//!
//! A line that begins with `{` is a [`Mark`], one that begins with `[` a row of the table that the last mark named, one
//! that begins with `"` a piece of the last mark's file in base64. The first line is [`Mark::Head`], the last
//! [`Mark::End`], whose checksum covers all lines before it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::BackupError;
use super::schema::{Column, Kind};

/// The version of the format.
pub(super) const FORMAT: u32 = 1;
/// The bytes of a file in one line; a multiple of 3, so that base64 needs no padding but at the end.
pub(super) const PIECE: usize = 48 * 1024;
/// The most bytes of a line.
const LINE: u64 = 64 << 20;

/// A line that says what follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "heptad-backup", rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Mark {
    /// The first line.
    Head {
        /// [`FORMAT`].
        format: u32,
        /// Milliseconds since 1970 UTC.
        created_at: i64,
        /// The database's migrations: number and checksum.
        migrations: Vec<(i64, String)>,
    },
    /// Rows follow.
    Table {
        /// The table.
        name: String,
        /// The tenant whose rows they are; absent for tables of the platform.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tenant: Option<String>,
        /// The columns, in the order of the rows' values.
        columns: Vec<Column>,
    },
    /// Pieces of a file follow.
    File {
        /// Its name, without a folder.
        name: String,
    },
    /// The last line.
    End {
        /// Rows by table, all tables.
        rows: BTreeMap<String, u64>,
        /// SHA-256 by file, in hexadecimal.
        files: BTreeMap<String, String>,
        /// SHA-256 of all lines before this one, line feeds included, in hexadecimal.
        sha256: String,
    },
}

/// A value of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cell {
    Text(Option<String>),
    Int(Option<i64>),
    Bytes(Option<Vec<u8>>),
}

impl Serialize for Cell {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(value) => value.serialize(serializer),
            Self::Int(value) => value.serialize(serializer),
            Self::Bytes(value) => value.as_ref().map(|bytes| STANDARD.encode(bytes)).serialize(serializer),
        }
    }
}

impl Cell {
    /// Reads a value for a column of this kind.
    fn of(kind: Kind, value: serde_json::Value) -> Result<Self, String> {
        use serde_json::from_value;
        let cell = match kind {
            Kind::Text => from_value(value).map(Self::Text),
            Kind::Int => from_value(value).map(Self::Int),
            Kind::Bytes => {
                let text: Option<String> = from_value(value).map_err(|error| error.to_string())?;
                let bytes = text.map(|text| STANDARD.decode(text)).transpose().map_err(|error| error.to_string())?;
                Ok(Self::Bytes(bytes))
            }
        };
        cell.map_err(|error| error.to_string())
    }
}

/// Writes lines.
pub(super) struct LineWriter<W: Write> {
    out: GzEncoder<W>,
    sum: Sha256,
}

impl<W: Write> LineWriter<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out: GzEncoder::new(out, Compression::default()), sum: Sha256::new() }
    }

    /// Writes a mark, a row or a piece.
    pub(super) fn line(&mut self, value: &(impl Serialize + ?Sized)) -> Result<(), BackupError> {
        let mut line =
            serde_json::to_vec(value).map_err(std::io::Error::other).map_err(BackupError::io("cannot write"))?;
        line.push(b'\n');
        self.sum.update(&line);
        self.out.write_all(&line).map_err(BackupError::io("cannot write the backup"))
    }

    pub(super) fn piece(&mut self, bytes: &[u8]) -> Result<(), BackupError> {
        self.line(&STANDARD.encode(bytes))
    }

    /// Writes the last line, and all that is still in memory.
    pub(super) fn end(
        mut self,
        rows: BTreeMap<String, u64>,
        files: BTreeMap<String, String>,
    ) -> Result<(), BackupError> {
        let sha256 = hex::encode(self.sum.clone().finalize());
        self.line(&Mark::End { rows, files, sha256 })?;
        let mut out = self.out.finish().map_err(BackupError::io("cannot write the backup"))?;
        out.flush().map_err(BackupError::io("cannot write the backup"))
    }
}

/// A line as it was read.
pub(super) enum Line {
    Mark(Mark),
    Row(Vec<serde_json::Value>),
    Piece(Vec<u8>),
}

/// Reads lines.
pub(super) struct LineReader<R: Read> {
    input: BufReader<GzDecoder<R>>,
    sum: Sha256,
    /// Of all lines before the present one.
    sum_before: Sha256,
    number: u64,
}

impl<R: Read> LineReader<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input: BufReader::new(GzDecoder::new(input)), sum: Sha256::new(), sum_before: Sha256::new(), number: 0 }
    }

    /// An error at the line that was read last.
    pub(super) fn damaged(&self, problem: impl ToString) -> BackupError {
        BackupError::Damaged { line: self.number, problem: problem.to_string() }
    }

    /// The checksum of all lines before the one that was read last, in hexadecimal.
    pub(super) fn sum_before(&self) -> String {
        hex::encode(self.sum_before.clone().finalize())
    }

    /// The next line.
    pub(super) fn next(&mut self) -> Result<Line, BackupError> {
        self.sum_before.clone_from(&self.sum);
        let mut line = Vec::new();
        self.number += 1;
        let read = (&mut self.input).take(LINE).read_until(b'\n', &mut line).map_err(|error| self.damaged(error))?;
        if read == 0 {
            return Err(self.damaged("the file ends before its last line: it was cut off"));
        }
        if line.last() != Some(&b'\n') {
            return Err(self.damaged("the line is cut off"));
        }
        self.sum.update(&line);
        match line.first() {
            Some(b'{') => serde_json::from_slice(&line).map(Line::Mark).map_err(|error| self.damaged(error)),
            Some(b'[') => serde_json::from_slice(&line).map(Line::Row).map_err(|error| self.damaged(error)),
            Some(b'"') => {
                let text: &str = serde_json::from_slice(&line).map_err(|error| self.damaged(error))?;
                STANDARD.decode(text).map(Line::Piece).map_err(|error| self.damaged(error))
            }
            _ => Err(self.damaged("this is not the line of a backup")),
        }
    }

    /// The values of a row, one for each column.
    pub(super) fn cells(&self, values: Vec<serde_json::Value>, columns: &[Column]) -> Result<Vec<Cell>, BackupError> {
        if values.len() != columns.len() {
            return Err(self.damaged(format!("{} values for {} columns", values.len(), columns.len())));
        }
        let cell = |(value, column): (_, &Column)| {
            Cell::of(column.kind, value).map_err(|problem| self.damaged(format!("column `{}`: {problem}", column.name)))
        };
        values.into_iter().zip(columns).map(cell).collect()
    }

    /// Whether nothing follows.
    pub(super) fn is_at_end(&mut self) -> Result<bool, BackupError> {
        let rest = self.input.fill_buf().map(<[u8]>::is_empty);
        rest.map_err(|error| self.damaged(error))
    }
}
