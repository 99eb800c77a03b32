//! The file of rejected records: in the form of the input, each with the reason.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    iter,
    path::{Path, PathBuf},
};

use csv::{ByteRecord, Writer};
use serde_json::{Map, Value as Json};

use super::{
    mapping::REASON,
    row::{Original, Row},
    source::{Input, InputFormat},
};
use crate::failure::Failure;

/// Writes rejected records to a file.
pub(crate) struct Rejects {
    path: PathBuf,
    form: Form,
}

enum Form {
    Csv { out: Box<Writer<File>>, old_reason: Option<usize>, columns: usize },
    Json { out: BufWriter<File>, first: bool },
    Ndjson(BufWriter<File>),
}

impl Rejects {
    /// Creates the file, which replaces an older one of the same name.
    ///
    /// # Errors
    /// If it is the input itself, or cannot be written.
    pub(crate) fn create(
        path: &Path,
        input: &Input,
        (format, delimiter): (InputFormat, u8),
        header: Option<&ByteRecord>,
    ) -> Result<Self, Failure> {
        if let Input::File(source) = input
            && let (Ok(a), Ok(b)) = (fs::canonicalize(source), fs::canonicalize(path))
            && a == b
        {
            return Err(Failure::usage(format!("--rejects {} is the input itself", path.display())));
        }
        let file = File::create(path).map_err(|error| Failure::file("write", path, &error))?;
        let form = match format {
            InputFormat::Csv => {
                let header = header.cloned().unwrap_or_default();
                let old_reason = header.iter().position(|column| column == REASON.as_bytes());
                let columns = header.len() - usize::from(old_reason.is_some());
                let mut writer = csv::WriterBuilder::new();
                let out = Box::new(writer.flexible(true).delimiter(delimiter).from_writer(file));
                let mut form = Form::Csv { out, old_reason, columns };
                form.cells(&header, REASON).map_err(|error| Failure::file("write", path, &error))?;
                form
            }
            InputFormat::Json => Form::Json { out: BufWriter::new(file), first: true },
            InputFormat::Ndjson => Form::Ndjson(BufWriter::new(file)),
        };
        Ok(Self { path: path.to_owned(), form })
    }

    /// Adds a rejected record.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(crate) fn add(&mut self, row: &Row, reason: &str) -> Result<(), Failure> {
        let added = match &row.original {
            Original::Dropped => Ok(()),
            Original::Cells(cells) => self.form.cells(cells, reason),
            Original::Json(text) => self.form.object(text, reason),
        };
        added.map_err(|error| Failure::file("write", &self.path, &error))
    }

    /// Completes the file.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        let finished = match self.form {
            Form::Csv { mut out, .. } => out.flush(),
            Form::Json { mut out, first } => {
                let end = if first { "[]\n" } else { "\n]\n" };
                out.write_all(end.as_bytes()).and_then(|()| out.flush())
            }
            Form::Ndjson(mut out) => out.flush(),
        };
        finished.map_err(|error| Failure::file("write", &self.path, &error))
    }
}

impl Form {
    /// The reason stands in its column whatever the number of cells; what the header has no column for comes after it.
    fn cells(&mut self, cells: &ByteRecord, reason: &str) -> io::Result<()> {
        let Self::Csv { out, old_reason, columns } = self else { return Ok(()) };
        let kept = cells.iter().enumerate().filter(|(at, _)| Some(*at) != *old_reason).map(|(_, cell)| cell);
        let extra = kept.clone().skip(*columns);
        let padded = kept.chain(iter::repeat(&b""[..])).take(*columns);
        out.write_record(padded.chain([reason.as_bytes()]).chain(extra)).map_err(into_io)
    }

    fn object(&mut self, text: &[u8], reason: &str) -> io::Result<()> {
        let mut object = match serde_json::from_slice(text) {
            Ok(Json::Object(object)) => object,
            // What is no object is kept as the text it is.
            _ => Map::from_iter([("input".to_owned(), Json::from(String::from_utf8_lossy(text)))]),
        };
        object.insert(REASON.to_owned(), Json::from(reason));
        let line = Json::Object(object).to_string();
        match self {
            Self::Csv { .. } => Ok(()),
            Self::Ndjson(out) => writeln!(out, "{line}"),
            Self::Json { out, first } => {
                let before = if std::mem::take(first) { "[\n  " } else { ",\n  " };
                write!(out, "{before}{line}")
            }
        }
    }
}

/// The error below a CSV error, whose kind is then still known.
pub(crate) fn into_io(error: csv::Error) -> io::Error {
    let text = error.to_string();
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        _ => io::Error::other(text),
    }
}
