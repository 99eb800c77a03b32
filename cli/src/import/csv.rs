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
        let targets = mapping.columns(&columns).map_err(|failure| match columns.as_slice() {
            [only] => match only.chars().find(|c| matches!(c, ';' | '\t' | '|')) {
                Some(other) => failure.note(format!("are the cells separated by {other:?}? add --delimiter")),
                None => failure,
            },
            _ => failure,
        })?;
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

#[cfg(test)]
mod tests {
    use super::{super::mapping::MappingArgs, *};
    use crate::kind::kinds;

    fn mapping() -> Mapping {
        Mapping::new(&kinds().unwrap()[0], &MappingArgs::default()).unwrap()
    }

    type Found = (u64, Result<String, String>);

    fn read(text: &[u8]) -> Result<Vec<Found>, String> {
        let mapping = mapping();
        let kind = mapping.kind().clone();
        let mut rows = CsvRows::new(text, b',', mapping, false).map_err(|failure| failure.to_string())?;
        let mut found = Vec::new();
        while let Some(row) = rows.next() {
            let row = row.map_err(|failure| failure.to_string())?;
            let record = row.record.map(|record| {
                let mut json = String::new();
                kind.message.to_json(&record, &campus_schema::JsonOptions::default(), &mut json).unwrap();
                json
            });
            found.push((row.line, record));
        }
        Ok(found)
    }

    fn lines(text: &str) -> Vec<u64> {
        read(text.as_bytes()).unwrap().into_iter().map(|(line, _)| line).collect()
    }

    #[test]
    fn a_row_becomes_a_record() {
        let text = "\u{feff}ID,Given Name,gender,hire_date\n10001,\"Zo\"\"ë, A.\",F,2020-01-02\n,,,\n2,,,\n";
        let found = read(text.as_bytes()).unwrap();
        let record =
            r#"{"name":"employees/10001","givenName":"Zo\"ë, A.","gender":"GENDER_FEMALE","hireDate":"2020-01-02"}"#;
        assert_eq!(found[0], (2, Ok(record.to_owned())));
        assert_eq!(found[1].1.as_ref().unwrap_err(), "has neither an id nor a name: which employee is it?");
        assert_eq!(found[2], (4, Ok(r#"{"name":"employees/2"}"#.to_owned())));
    }

    #[test]
    fn lines_are_counted_right_whatever_ends_them() {
        assert_eq!(lines("id\n1\n2\n3"), [2, 3, 4]);
        assert_eq!(lines("id\r\n1\r\n2\r\n3\r\n"), [2, 3, 4]);
        assert_eq!(lines("id\r\n1\r\n2\r\n3"), [2, 3, 4]);
    }

    #[test]
    fn lines_are_counted_right_after_empty_ones() {
        assert_eq!(lines("id\n\n\n1\n\n2\n"), [4, 6]);
        assert_eq!(lines("id\r\n\r\n1\r\n\r\n\r\n2\r\n"), [3, 6]);
    }

    #[test]
    fn lines_are_counted_right_after_line_breaks_inside_quotes() {
        assert_eq!(lines("id,email\n1,\"a\nb\n\"\n2,x\n3,\"\n\"\n4,x\n"), [2, 5, 6, 8]);
        assert_eq!(lines("id,email\r\n1,\"a\r\nb\r\n\"\r\n2,x\r\n3,\"\r\n\"\r\n4,x\r\n"), [2, 5, 6, 8]);
    }

    #[test]
    fn lines_are_counted_right_across_the_pieces_in_which_a_file_is_read() {
        let mut text = "id,given_name\r\n".to_owned();
        let mut expected = Vec::new();
        let mut line = 2;
        for at in 0..5000 {
            expected.push(line);
            let extra = at % 7;
            text += &format!("{at},\"{}{}\"\r\n", "x".repeat(at % 50), "\n".repeat(extra));
            line += 1 + extra as u64;
        }
        assert_eq!(lines(&text), expected);
    }

    #[test]
    fn a_row_with_a_fault_does_not_spoil_the_next() {
        let found = read(b"id,gender\n1,Q\n2\n\xff,M\n3,M\n").unwrap();
        let faults: Vec<&str> =
            found.iter().filter_map(|(_, record)| record.as_ref().err()).map(String::as_str).collect();
        assert_eq!(
            faults,
            ["gender: `Q` is not one of female, male, other", "has 1 cells where the header has 2", "id: is not UTF-8"]
        );
        assert!(found[3].1.is_ok());
    }

    #[test]
    fn an_open_quote_is_suspected_and_cannot_fill_the_memory() {
        let found = read(b"id,email\n1,\"a\n2,b\n3,c\n").unwrap();
        assert_eq!(found.len(), 1);
        let found = read(b"id,email\n\"1,a\n2,b\n3,c\n").unwrap();
        assert!(found[0].1.as_ref().unwrap_err().ends_with("is a quote left open?"));
        let endless = b"id,email\n1,\"".chain(io::repeat(b'x'));
        let mut rows = CsvRows::new(endless, b',', mapping(), false).unwrap();
        let failure = rows.next().unwrap().unwrap_err().to_string();
        assert!(failure.contains("line 2") && failure.contains("is a quote left open?"), "{failure}");
    }

    #[test]
    fn another_delimiter_is_suspected() {
        let fault = read(b"id;gender\n1;F\n").unwrap_err();
        assert!(fault.ends_with("are the cells separated by ';'? add --delimiter"), "{fault}");
        let mut rows = CsvRows::new(&b"id;gender\n1;F\n"[..], b';', mapping(), false).unwrap();
        assert!(rows.next().unwrap().unwrap().record.is_ok());
    }

    #[test]
    fn what_is_no_csv_is_refused() {
        assert!(read(b"").unwrap_err().contains("is empty"));
        assert!(read(b"\xff\xfei\0d\0\n\0").unwrap_err().contains("UTF-16"));
        assert!(read(b"id,\xe4\n").unwrap_err().contains("not UTF-8"));
    }
}
