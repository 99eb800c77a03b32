//! Records out of CSV.

use std::io::{self, Read};

use bytes::Bytes;
use csv::{ByteRecord, Reader, ReaderBuilder};

use super::{
    mapping::{Mapping, Target},
    row::{Original, Row},
};
use crate::{failure::Failure, value};

/// A record longer than this is a quote that was never closed.
const LONGEST_RECORD: u64 = 16 << 20;

/// Reads records from CSV with a header line.
pub(crate) struct CsvRows<R> {
    reader: Reader<Tail<R>>,
    header: ByteRecord,
    targets: Vec<Target>,
    mapping: Mapping,
    keep: bool,
}

impl<R: Read> CsvRows<R> {
    /// Reads the header and finds the field of each column. `keep` says whether rows keep their cells.
    ///
    /// # Errors
    /// If there is no header, a column is unknown, or none gives the name.
    pub(crate) fn new(input: R, delimiter: u8, mapping: Mapping, keep: bool) -> Result<Self, Failure> {
        let mut reader = ReaderBuilder::new()
            .flexible(true)
            .has_headers(false)
            .delimiter(delimiter)
            .from_reader(Tail { input, chunk: Vec::new(), start: 0, record_start: 0 });
        let mut header = ByteRecord::new();
        if !reader.read_byte_record(&mut header).map_err(|error| unreadable(&error, 1))? {
            return Err(Failure::usage("the input is empty: CSV begins with a line that names the columns"));
        }
        if header.iter().next().is_some_and(|cell| cell.starts_with(b"\xFF\xFE") || cell.starts_with(b"\xFE\xFF")) {
            return Err(Failure::usage("the input is UTF-16; save it as UTF-8 first"));
        }
        let columns: Vec<&str> =
            header.iter().map(str::from_utf8).collect::<Result<_, _>>().map_err(|_| {
                Failure::usage("line 1, the names of the columns, is not UTF-8; save the file as UTF-8")
            })?;
        let targets = mapping.columns(&columns)?;
        Ok(Self { reader, header, targets, mapping, keep })
    }

    /// The names of the columns.
    pub(crate) fn header(&self) -> &ByteRecord {
        &self.header
    }

    /// The next row.
    pub(crate) fn next(&mut self) -> Option<Result<Row, Failure>> {
        let mut cells = ByteRecord::new();
        let read = self.reader.read_byte_record(&mut cells);
        let end = self.reader.position().byte();
        let line = self.line_of(&cells);
        self.reader.get_mut().record_start = end;
        match read {
            Err(error) => Some(Err(unreadable(&error, line))),
            Ok(false) => None,
            Ok(true) => {
                let record = self.record(&cells);
                let original = if self.keep { Original::Cells(cells) } else { Original::Dropped };
                Some(Ok(Row { line, end, record, original }))
            }
        }
    }

    /// The line on which the record that was just read begins.
    ///
    /// The position the reader gives is one line early after CRLF and at empty lines, so this counts back from the end.
    fn line_of(&self, cells: &ByteRecord) -> u64 {
        let end = self.reader.position();
        let within = cells.as_slice().iter().filter(|byte| **byte == b'\n').count() as u64;
        let terminator = u64::from(self.reader.get_ref().byte_before(end.byte()) == Some(b'\n'));
        end.line().saturating_sub(within + terminator).max(1)
    }

    fn record(&self, cells: &ByteRecord) -> Result<Bytes, String> {
        if cells.len() != self.targets.len() {
            let hint = if cells.as_slice().contains(&b'\n') { "; is a quote left open?" } else { "" };
            return Err(format!("has {} cells where the header has {}{hint}", cells.len(), self.targets.len()));
        }
        let mut record = Vec::with_capacity(cells.as_slice().len() + 2 * cells.len() + 16);
        for ((cell, target), column) in cells.iter().zip(&self.targets).zip(self.header.iter()) {
            if matches!(target, Target::Ignore) || cell.is_empty() {
                continue;
            }
            let in_column = |fault: String| format!("{}: {fault}", String::from_utf8_lossy(column));
            let text = str::from_utf8(cell).map_err(|_| in_column("is not UTF-8".into()))?;
            let kind = self.mapping.kind();
            match target {
                Target::Ignore => {}
                Target::Name => value::name(kind, text, &mut record),
                Target::Field(field) => value::field(&kind.message, field, text, &mut record).map_err(in_column)?,
            }
        }
        self.mapping.named(record)
    }
}

fn unreadable(error: &csv::Error, line: u64) -> Failure {
    Failure::new(crate::failure::exit::FILE, format!("cannot read the input at line {line}: {error}"))
}

/// Passes on what it reads and remembers the last piece, so that a byte just passed can be looked at again.
struct Tail<R> {
    input: R,
    chunk: Vec<u8>,
    start: u64,
    record_start: u64,
}

impl<R> Tail<R> {
    fn byte_before(&self, position: u64) -> Option<u8> {
        let at = position.checked_sub(self.start)?.checked_sub(1)?;
        self.chunk.get(usize::try_from(at).ok()?).copied()
    }
}

impl<R: Read> Read for Tail<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let next = self.start + self.chunk.len() as u64;
        if next.saturating_sub(self.record_start) > LONGEST_RECORD {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("the record is longer than {} MiB: is a quote left open?", LONGEST_RECORD >> 20),
            ));
        }
        let count = self.input.read(into)?;
        if let Some(read) = into.get(..count).filter(|read| !read.is_empty()) {
            self.start = next;
            self.chunk.clear();
            self.chunk.extend_from_slice(read);
        }
        Ok(count)
    }
}
