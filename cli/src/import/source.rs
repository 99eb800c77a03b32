//! The input: where it comes from, what form it has, and the thread that reads it.

use std::{
    fs::File,
    io::{BufReader, Cursor, Read, stdin},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use clap::ValueEnum;
use tokio::sync::mpsc;

use super::{
    csv::CsvRows,
    json::{JsonRows, Pieces},
    mapping::Mapping,
    row::Row,
    split::{Array, Lines},
};
use crate::failure::Failure;

/// Most records of a batch, which is sent in one call.
pub(crate) const BATCH_ROWS: usize = 10_000;
/// Most bytes of a batch, so that memory stays bounded however large the records are.
const BATCH_BYTES: usize = 4 << 20;
/// A batch that has waited so long is sent with what it has.
const BATCH_AGE: Duration = Duration::from_secs(1);
const READ_BUFFER: usize = 256 << 10;

/// The form of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum InputFormat {
    /// Comma-separated values with a header line.
    Csv,
    /// One array of objects.
    Json,
    /// One object a line.
    Ndjson,
}

/// Where the input comes from.
#[derive(Debug, Clone)]
pub(crate) enum Input {
    /// Standard input.
    Stdin,
    /// A file.
    File(PathBuf),
    /// Text that is part of this program.
    Embedded(&'static str),
}

impl Input {
    /// `-` is standard input.
    pub(crate) fn of(path: &Path) -> Self {
        if path.as_os_str() == "-" { Self::Stdin } else { Self::File(path.to_owned()) }
    }

    /// The form, as given or by the name of the file, and the delimiter that goes with it.
    ///
    /// # Errors
    /// If neither tells.
    pub(crate) fn format(&self, given: Option<InputFormat>) -> Result<(InputFormat, u8), Failure> {
        let extension = match self {
            Self::File(path) => path.extension().and_then(|extension| extension.to_str()).map(str::to_ascii_lowercase),
            _ => None,
        };
        let delimiter = if extension.as_deref() == Some("tsv") { b'\t' } else { b',' };
        let by_name = match extension.as_deref() {
            Some("csv" | "tsv") => Some(InputFormat::Csv),
            Some("json") => Some(InputFormat::Json),
            Some("ndjson" | "jsonl") => Some(InputFormat::Ndjson),
            _ => None,
        };
        given.or(by_name).map(|format| (format, delimiter)).ok_or_else(|| {
            let what = match self {
                Self::File(path) => format!("the name {} does not say what form the file has", path.display()),
                _ => "standard input has no name that says what form it has".to_owned(),
            };
            Failure::usage(what).note("say it: --format csv, --format json or --format ndjson")
        })
    }

    /// Bytes of the whole input, if that is known.
    pub(crate) fn size(&self) -> Option<u64> {
        match self {
            Self::Stdin => None,
            Self::File(path) => path.metadata().ok().filter(std::fs::Metadata::is_file).map(|about| about.len()),
            Self::Embedded(text) => Some(text.len() as u64),
        }
    }

    fn open(&self) -> Result<Box<dyn Read + Send>, Failure> {
        Ok(match self {
            Self::Stdin => Box::new(stdin()),
            Self::File(path) => Box::new(File::open(path).map_err(|error| Failure::file("read", path, &error))?),
            Self::Embedded(text) => Box::new(Cursor::new(text.as_bytes())),
        })
    }
}

type Reader = BufReader<Box<dyn Read + Send>>;

/// The rows of the input.
pub(crate) enum Rows {
    /// Out of CSV.
    Csv(CsvRows<Reader>),
    /// Out of JSON.
    Json(JsonRows<Reader>),
}

impl Rows {
    /// Opens the input and checks its columns. `keep` says whether rows keep what stood in the input.
    ///
    /// # Errors
    /// If it cannot be read, or has columns that are no fields.
    pub(crate) fn open(
        input: &Input,
        (format, delimiter): (InputFormat, u8),
        mapping: Mapping,
        keep: bool,
    ) -> Result<Self, Failure> {
        let reader = BufReader::with_capacity(READ_BUFFER, input.open()?);
        Ok(match format {
            InputFormat::Csv => Self::Csv(CsvRows::new(reader, delimiter, mapping, keep)?),
            InputFormat::Json => Self::Json(JsonRows::new(Pieces::Array(Array::new(reader)?), mapping, keep)?),
            InputFormat::Ndjson => Self::Json(JsonRows::new(Pieces::Lines(Lines::new(reader)?), mapping, keep)?),
        })
    }

    /// The names of the columns, of CSV.
    pub(crate) fn header(&self) -> Option<csv::ByteRecord> {
        match self {
            Self::Csv(rows) => Some(rows.header().clone()),
            Self::Json(_) => None,
        }
    }

    /// The next row.
    pub(crate) fn next(&mut self) -> Option<Result<Row, Failure>> {
        match self {
            Self::Csv(rows) => rows.next(),
            Self::Json(rows) => rows.next(),
        }
    }
}

/// Rows that are sent together; after an error there are no more.
pub(crate) type Batch = Result<Vec<Row>, Failure>;

/// Reads rows on a thread of its own, at most one batch ahead.
pub(crate) fn batches(mut rows: Rows) -> mpsc::Receiver<Batch> {
    let (sender, receiver) = mpsc::channel(1);
    // Not a task of the runtime, which would wait at its end for a terminal that nobody types on.
    thread::spawn(move || {
        loop {
            let (batch, failed) = batch(&mut rows);
            let is_last = batch.is_empty() || failed.is_some();
            let sent = batch.is_empty() || sender.blocking_send(Ok(batch)).is_ok();
            if let Some(failure) = failed.filter(|_| sent) {
                let _ = sender.blocking_send(Err(failure));
            }
            if is_last || !sent {
                return;
            }
        }
    });
    receiver
}

fn batch(rows: &mut Rows) -> (Vec<Row>, Option<Failure>) {
    let (mut batch, mut bytes, mut since) = (Vec::new(), 0, None);
    loop {
        match rows.next() {
            None => return (batch, None),
            Some(Err(failure)) => return (batch, Some(failure)),
            Some(Ok(row)) => {
                bytes += row.size();
                batch.push(row);
            }
        }
        let since = since.get_or_insert_with(Instant::now);
        if batch.len() >= BATCH_ROWS || bytes >= BATCH_BYTES || since.elapsed() >= BATCH_AGE {
            return (batch, None);
        }
    }
}
