//! The input: where it comes from, what form it has, and the thread that reads it.

use std::{
    fs::File,
    io::{BufRead, BufReader, Cursor, Read, stdin},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use clap::ValueEnum;
use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};

use super::{
    csv::CsvRows,
    json::{JsonRows, Pieces},
    mapping::{Mapping, quoted},
    row::Row,
    split::{Array, Lines},
};
use crate::{
    failure::{Failure, exit},
    kind::Kind,
};

/// Most records of a batch, which is sent in one call.
pub(crate) const BATCH_ROWS: usize = 10_000;
/// Most bytes of a batch, so that memory stays bounded however large the records are.
const BATCH_BYTES: usize = 4 << 20;
/// A batch that has waited so long is sent with what it has.
const BATCH_AGE: Duration = Duration::from_secs(1);
/// Rows that wait to be put into a batch.
const WAITING_ROWS: usize = 256;
const READ_BUFFER: usize = 256 << 10;
/// How gzip begins (RFC 1952, 2.3.1).
const GZIP: &[u8] = b"\x1f\x8b";

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

    /// A folder can be opened as a file can, and fails only when it is read.
    ///
    /// # Errors
    /// If the input is a folder.
    pub(crate) fn refuse_folder(&self) -> Result<(), Failure> {
        match self {
            Self::File(path) if path.is_dir() => {
                Err(Failure::new(exit::FILE, format!("cannot read {}: it is a folder", path.display()))
                    .note("import its files one by one"))
            }
            _ => Ok(()),
        }
    }

    /// The form, as given or by the name of the file, and the delimiter that goes with it.
    ///
    /// # Errors
    /// If neither tells.
    pub(crate) fn format(&self, given: Option<InputFormat>) -> Result<(InputFormat, u8), Failure> {
        let extension = match self {
            // What is packed is refused later, by its content; its name says what to unpack it to.
            Self::File(path) if extension(path).as_deref() == Some("gz") => extension(&path.with_extension("")),
            Self::File(path) => extension(path),
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

fn extension(path: &Path) -> Option<String> {
    path.extension().and_then(|extension| extension.to_str()).map(str::to_ascii_lowercase)
}

fn packed(input: &Input, format: InputFormat, kind: &Kind) -> Failure {
    let unpack = match input {
        Input::File(path) => format!("gunzip -c {}", quoted(&path.display().to_string())),
        _ => "... | gunzip -c".to_owned(),
    };
    let format = format.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
    Failure::usage("the input is packed with gzip")
        .note(format!("unpack it on the way: {unpack} | campus {} import - --format {format}", kind.singular))
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
        let mut reader = BufReader::with_capacity(READ_BUFFER, input.open()?);
        // A fault of reading comes again, and is reported with its line.
        if reader.fill_buf().is_ok_and(|begin| begin.starts_with(GZIP)) {
            return Err(packed(input, format, mapping.kind()));
        }
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

/// Reads rows on a thread of its own, at most one batch ahead. Call it on a runtime.
pub(crate) fn batches(rows: Rows) -> mpsc::Receiver<Batch> {
    let (sender, receiver) = mpsc::channel(1);
    let mut rows = read(rows);
    tokio::spawn(async move {
        loop {
            let (batch, failed) = batch(&mut rows).await;
            let is_last = batch.is_empty() || failed.is_some();
            let sent = batch.is_empty() || sender.send(Ok(batch)).await.is_ok();
            if let Some(failure) = failed.filter(|_| sent) {
                let _ = sender.send(Err(failure)).await;
            }
            if is_last || !sent {
                return;
            }
        }
    });
    receiver
}

fn read(mut rows: Rows) -> mpsc::Receiver<Result<Row, Failure>> {
    let (sender, receiver) = mpsc::channel(WAITING_ROWS);
    // Not a task of the runtime, which would wait at its end for a terminal that nobody types on.
    thread::spawn(move || {
        while let Some(row) = rows.next() {
            let is_last = row.is_err();
            if sender.blocking_send(row).is_err() || is_last {
                return;
            }
        }
    });
    receiver
}

async fn batch(rows: &mut mpsc::Receiver<Result<Row, Failure>>) -> (Vec<Row>, Option<Failure>) {
    let (mut batch, mut bytes) = (Vec::new(), 0);
    let mut next = rows.recv().await;
    let until = Instant::now() + BATCH_AGE;
    loop {
        match next {
            None => return (batch, None),
            Some(Err(failure)) => return (batch, Some(failure)),
            Some(Ok(row)) => {
                bytes += row.size();
                batch.push(row);
            }
        }
        if batch.len() >= BATCH_ROWS || bytes >= BATCH_BYTES {
            return (batch, None);
        }
        next = match timeout_at(until, rows.recv()).await {
            Ok(next) => next,
            // What has come from a slow source is not kept waiting for the rest.
            Err(_) => return (batch, None),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::{super::mapping::MappingArgs, *};
    use crate::kind::kinds;

    #[test]
    fn the_name_of_a_file_says_what_form_it_has() {
        let format = |name: &str, given| Input::of(Path::new(name)).format(given);
        assert_eq!(format("a.CSV", None).unwrap(), (InputFormat::Csv, b','));
        assert_eq!(format("a.tsv", None).unwrap(), (InputFormat::Csv, b'\t'));
        assert_eq!(format("a.json", None).unwrap(), (InputFormat::Json, b','));
        assert_eq!(format("a.jsonl", None).unwrap(), (InputFormat::Ndjson, b','));
        assert_eq!(format("a.txt", Some(InputFormat::Csv)).unwrap(), (InputFormat::Csv, b','));
        assert!(format("a.txt", None).is_err());
        assert!(format("-", None).is_err());
        assert_eq!(format("a.csv.gz", None).unwrap(), (InputFormat::Csv, b','));
        assert!(format("a.gz", None).is_err());
    }

    #[test]
    fn what_is_packed_is_refused_with_how_to_unpack_it() {
        let mapping = Mapping::new(&kinds().unwrap()[0], &MappingArgs::default()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("my rows.csv.gz");
        std::fs::write(&path, b"\x1f\x8b\x08").unwrap();
        let refused = Rows::open(&Input::of(&path), (InputFormat::Csv, b','), mapping, false).map(|_| ()).unwrap_err();
        let advice = format!("gunzip -c '{}' | campus employee import - --format csv", path.display());
        assert!(refused.to_string().ends_with(&advice), "{refused}");
    }

    #[test]
    fn a_folder_is_refused_as_such() {
        let folder = tempfile::tempdir().unwrap();
        let refused = Input::of(folder.path()).refuse_folder().unwrap_err();
        assert_eq!(refused.exit(), exit::FILE);
        assert!(refused.to_string().contains("it is a folder"), "{refused}");
    }

    fn rows(text: &'static str, format: InputFormat) -> Rows {
        let mapping = Mapping::new(&kinds().unwrap()[0], &MappingArgs::default()).unwrap();
        Rows::open(&Input::Embedded(text), (format, b','), mapping, true).unwrap()
    }

    async fn sizes(rows: Rows) -> Vec<usize> {
        let mut batches = batches(rows);
        let mut sizes = Vec::new();
        while let Some(batch) = batches.recv().await {
            sizes.push(batch.unwrap().len());
        }
        sizes
    }

    #[tokio::test]
    async fn batches_are_bounded_by_rows_and_by_bytes() {
        let many: String = (0..BATCH_ROWS * 3).map(|at| format!("{{\"id\":\"{at}\"}}\n")).collect();
        let small = sizes(rows(many.leak(), InputFormat::Ndjson)).await;
        assert_eq!(small.iter().sum::<usize>(), BATCH_ROWS * 3);
        assert!(small.iter().all(|size| *size <= BATCH_ROWS), "{small:?}");
        let wide: String = (0..10).map(|at| format!("{at},{}\n", "x".repeat(BATCH_BYTES / 3))).collect();
        let large = sizes(rows(format!("id,email\n{wide}").leak(), InputFormat::Csv)).await;
        assert_eq!(large.iter().sum::<usize>(), 10);
        assert!(large.iter().all(|size| *size <= 3), "{large:?}");
    }

    #[tokio::test]
    async fn rows_of_a_slow_source_are_not_kept_waiting_for_the_rest() {
        let (sender, mut receiver) = mpsc::channel(1);
        let row = Row { line: 1, end: 1, record: Err(String::new()), original: super::super::row::Original::Dropped };
        sender.send(Ok(row)).await.unwrap();
        assert_eq!(batch(&mut receiver).await.0.len(), 1);
        drop(sender);
        assert!(batch(&mut receiver).await.0.is_empty());
    }

    #[tokio::test]
    async fn rows_before_a_fault_are_not_lost() {
        let mut batches = batches(rows("[{\"id\":\"1\"},{\"id\":\"2\"} oops", InputFormat::Json));
        let first = batches.recv().await.unwrap().unwrap();
        assert_eq!(first.len(), 2);
        let fault = batches.recv().await.unwrap().unwrap_err().to_string();
        assert!(fault.contains("expected `,` or `]`"), "{fault}");
        assert!(batches.recv().await.is_none());
    }

    #[test]
    fn an_unknown_member_of_the_first_record_is_refused_at_once() {
        let mapping = Mapping::new(&kinds().unwrap()[0], &MappingArgs::default()).unwrap();
        let input = Input::Embedded("{\"id\":\"1\",\"salary\":3}\n{\"id\":\"2\"}\n");
        let refused = Rows::open(&input, (InputFormat::Ndjson, b','), mapping, false).map(|_| ()).unwrap_err();
        assert!(refused.to_string().contains("--ignore salary"), "{refused}");
    }

    #[test]
    fn an_unknown_member_of_a_later_record_rejects_that_record() {
        let mut rows = rows("{\"id\":\"1\"}\n{\"id\":\"2\",\"familyNam\":\"x\"}\n{\"id\":3}\n", InputFormat::Ndjson);
        assert!(rows.next().unwrap().unwrap().record.is_ok());
        let reason = rows.next().unwrap().unwrap().record.unwrap_err();
        assert_eq!(reason, "familyNam: is not a field; did you mean `familyName`?");
        assert!(rows.next().unwrap().unwrap().record.is_ok());
    }
}
