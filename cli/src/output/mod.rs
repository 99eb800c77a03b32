//! Records on stdout or in a file: as a table, JSON, NDJSON or CSV.

mod cell;
mod table;

use std::{
    io::{self, BufWriter, Write, stdout},
    path::Path,
};

use campus_schema::{Field, JsonOptions, Malformed, MessageType};
use clap::ValueEnum;
use csv::Writer;

use self::cell::Style;
pub(crate) use self::{
    cell::summary,
    table::{Column, Table},
};
use crate::{
    failure::{Failure, exit},
    import::into_io,
    kind::Kind,
    terminal,
};

/// The form of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people: columns that fit the terminal.
    Table,
    /// Canonical ProtoJSON; many records are one array.
    Json,
    /// Comma-separated values with a header line; what is nested stands in its cell as JSON.
    Csv,
    /// Canonical ProtoJSON, one record a line.
    Ndjson,
}

impl Format {
    /// What is written when nothing is said: a table on a terminal, else `otherwise`.
    pub(crate) fn or_default(format: Option<Self>, otherwise: Self) -> Self {
        let by_place = if terminal::stdout_is_terminal() { Self::Table } else { otherwise };
        format.unwrap_or(by_place)
    }

    /// The form that the extension of a file names.
    pub(crate) fn of_file(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "csv" => Some(Self::Csv),
            "json" => Some(Self::Json),
            "ndjson" | "jsonl" => Some(Self::Ndjson),
            _ => None,
        }
    }
}

/// A kind of phone is said, also where it is the one with number zero.
const JSON: JsonOptions =
    JsonOptions { zero_enums: true, emit_defaults: false, indent: None, enum_numbers: false, proto_names: false };

/// What is written, and how much of it.
pub(crate) struct Shape {
    /// What each record is.
    pub(crate) message: MessageType,
    /// The form.
    pub(crate) format: Format,
    /// The fields that were asked for, as paths; empty is all.
    pub(crate) fields: Vec<String>,
    /// Whether tables show everything, however wide.
    pub(crate) wide: bool,
    /// Whether it is one record and not a list of them.
    pub(crate) single: bool,
}

impl Shape {
    /// Many records of `message` in `format`.
    pub(crate) fn many(message: MessageType, format: Format) -> Self {
        Self { message, format, fields: Vec::new(), wide: false, single: false }
    }

    /// One record of `message` in `format`.
    pub(crate) fn one(message: MessageType, format: Format) -> Self {
        Self { single: true, ..Self::many(message, format) }
    }

    fn columns(&self) -> Vec<&'static Field> {
        if self.fields.is_empty() || self.fields.iter().any(|path| path == "*") {
            let is_table = self.format == Format::Table;
            let fields = self.message.fields().iter();
            return fields.filter(|field| !is_table || self.wide || !Kind::is_detail(field)).collect();
        }
        let mut columns: Vec<&'static Field> = Vec::new();
        for path in &self.fields {
            let field = path.split('.').next().and_then(|name| self.message.field(name));
            columns.extend(field.filter(|field| columns.iter().all(|known| known.number != field.number)));
        }
        columns
    }
}

/// Writes records.
pub(crate) struct Sink<'a> {
    message: MessageType,
    form: Form<'a>,
}

type Out<'a> = Box<dyn Write + 'a>;

enum Form<'a> {
    Table { table: Table, columns: Vec<&'static Field>, style: Style, out: Out<'a> },
    Csv { columns: Vec<&'static Field>, out: Box<Writer<Out<'a>>> },
    Ndjson { out: Out<'a>, line: String },
    Json { out: Out<'a>, text: String, first: bool, single: bool },
}

impl Sink<'static> {
    /// Writes to stdout.
    ///
    /// # Errors
    /// If stdout cannot be written.
    pub(crate) fn stdout(shape: &Shape) -> Result<Self, Failure> {
        Self::new(shape, Box::new(BufWriter::with_capacity(64 << 10, stdout())), terminal::width())
    }
}

impl<'a> Sink<'a> {
    /// Writes to `out`; tables are made to fit into `width` columns, if given.
    ///
    /// # Errors
    /// If `out` cannot be written.
    pub(crate) fn new(shape: &Shape, out: Out<'a>, width: Option<usize>) -> Result<Self, Failure> {
        let form = match shape.format {
            Format::Table => {
                let columns = shape.columns();
                let style = if shape.wide { Style::Wide } else { Style::Short };
                let titles = columns.iter().map(|field| Column {
                    title: field.name.to_ascii_uppercase(),
                    right: cell::is_number(field, style),
                    whole: field.identifier,
                });
                let hide_empty = !shape.wide && shape.fields.is_empty();
                let table = Table::new(titles.collect(), width.filter(|_| !shape.wide), hide_empty);
                Form::Table { table, columns, style, out }
            }
            Format::Csv => {
                let columns = shape.columns();
                let mut out = Box::new(Writer::from_writer(out));
                out.write_record(columns.iter().map(|field| field.name)).map_err(into_io)?;
                Form::Csv { columns, out }
            }
            Format::Ndjson => Form::Ndjson { out, line: String::new() },
            Format::Json => Form::Json { out, text: String::new(), first: true, single: shape.single },
        };
        Ok(Self { message: shape.message, form })
    }

    /// Writes an encoded record; it may be kept back until [`flush`](Self::flush).
    ///
    /// # Errors
    /// If the output cannot be written, or the record cannot be read.
    pub(crate) fn record(&mut self, record: &[u8]) -> Result<(), Failure> {
        match &mut self.form {
            Form::Table { table, columns, style, out } => {
                let cells = cell::cells(self.message, columns, record, *style).map_err(|error| unreadable(&error))?;
                table.row(cells, out.as_mut())?;
            }
            Form::Csv { columns, out } => {
                let cells = cell::cells(self.message, columns, record, Style::Exact);
                out.write_record(cells.map_err(|error| unreadable(&error))?).map_err(into_io)?;
            }
            Form::Ndjson { out, line } => {
                line.clear();
                self.message.to_json(record, &JSON, line).map_err(|error| unreadable(&error))?;
                line.push('\n');
                out.write_all(line.as_bytes())?;
            }
            Form::Json { out, text, first, single } => {
                text.clear();
                let options = JsonOptions { indent: Some(2), ..JSON };
                self.message.to_json(record, &options, text).map_err(|error| unreadable(&error))?;
                if *single {
                    writeln!(out, "{text}")?;
                } else {
                    let before = if std::mem::take(first) { "[\n  " } else { ",\n  " };
                    // A line break inside a JSON string is escaped: each of these is one of the layout.
                    write!(out, "{before}{}", text.replace('\n', "\n  "))?;
                }
            }
        }
        Ok(())
    }

    /// Writes what was kept back.
    ///
    /// # Errors
    /// If the output cannot be written.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        match &mut self.form {
            Form::Table { table, out, .. } => {
                table.flush(out.as_mut())?;
                out.flush()?;
            }
            Form::Csv { out, .. } => out.flush()?,
            Form::Ndjson { out, .. } | Form::Json { out, .. } => out.flush()?,
        }
        Ok(())
    }

    /// Completes the output.
    ///
    /// # Errors
    /// If the output cannot be written.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        if let Form::Json { out, first, single: false, .. } = &mut self.form {
            out.write_all(if *first { b"[]\n" } else { b"\n]\n" })?;
        }
        self.flush()?;
        if let Form::Table { table, .. } = &self.form
            && !table.left_out().is_empty()
        {
            terminal::say(&format!("no room for {}; --wide shows all", table.left_out().join(", ")));
        }
        Ok(())
    }
}

fn unreadable(error: &Malformed) -> Failure {
    Failure::new(exit::INTERNAL, format!("the server answered with a record that cannot be read: {error}"))
        .note("is this program older than the server?")
}

/// Writes `text` to stdout at once.
///
/// # Errors
/// If stdout cannot be written.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out: io::Stdout = stdout();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::kinds;

    const RECORDS: [&str; 2] = [
        r#"{"name":"students/1","givenName":"Zoë, \"Z\"","gender":"GENDER_FEMALE","disabilityDeclared":true,
            "enrollments":[{"module":"AAA","presentation":"2013J"}],"createTime":"2026-01-02T03:04:05Z"}"#,
        r#"{"name":"students/22","etag":"e","region":"Łódź"}"#,
    ];

    fn write(shape: &Shape, width: Option<usize>) -> String {
        let mut out = Vec::new();
        let mut sink = Sink::new(shape, Box::new(&mut out), width).unwrap();
        for json in RECORDS.iter().take(if shape.single { 1 } else { 2 }) {
            sink.record(&shape.message.from_json(json).unwrap()).unwrap();
        }
        sink.finish().unwrap();
        String::from_utf8(out).unwrap()
    }

    fn student() -> MessageType {
        kinds().unwrap().into_iter().find(|kind| kind.singular == "student").unwrap().message
    }

    #[test]
    fn ndjson_is_one_canonical_record_a_line() {
        let text = write(&Shape::many(student(), Format::Ndjson), None);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[1], r#"{"name":"students/22","etag":"e","region":"Łódź"}"#);
    }

    #[test]
    fn json_is_one_array_or_one_object() {
        let text = write(&Shape::many(student(), Format::Json), None);
        let list: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
        assert_eq!(list[0]["enrollments"][0]["module"], "AAA");
        assert!(text.starts_with("[\n  {\n    \"name\": \"students/1\""), "{text}");
        assert!(text.ends_with("\n  }\n]\n"), "{text}");
        let one = write(&Shape::one(student(), Format::Json), None);
        assert!(one.starts_with("{\n  \"name\""), "{one}");
        let mut out = Vec::new();
        let shape = Shape::many(student(), Format::Json);
        Sink::new(&shape, Box::new(&mut out), None).unwrap().finish().unwrap();
        assert_eq!(out, b"[]\n");
    }

    #[test]
    fn csv_has_a_header_and_nested_values_as_json() {
        let text = write(&Shape::many(student(), Format::Csv), None);
        let mut lines = text.lines();
        assert_eq!(
            lines.next().unwrap(),
            "name,etag,given_name,family_name,gender,birth_date,email,region,education_level,age_band,\
             deprivation_band,disability_declared,enrollments,create_time,update_time"
        );
        assert_eq!(
            lines.next().unwrap(),
            "students/1,,\"Zoë, \"\"Z\"\"\",,GENDER_FEMALE,,,,,,,true,\
             \"[{\"\"module\"\":\"\"AAA\"\",\"\"presentation\"\":\"\"2013J\"\"}]\",2026-01-02T03:04:05Z,"
        );
        assert_eq!(lines.next().unwrap(), "students/22,e,,,,,,Łódź,,,,false,,,");
    }

    #[test]
    fn only_the_fields_that_were_asked_for_are_columns() {
        let fields = vec!["region".to_owned(), "enrollments.module".to_owned(), "givenName".to_owned()];
        let text = write(&Shape { fields, ..Shape::many(student(), Format::Csv) }, None);
        assert_eq!(text.lines().next(), Some("region,enrollments,given_name"));
    }

    #[test]
    fn a_table_shows_what_is_set_and_leaves_out_etag_and_times() {
        let text = write(&Shape::many(student(), Format::Table), None);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "NAME         GIVEN_NAME  GENDER  REGION  DISABILITY_DECLARED  ENROLLMENTS");
        assert_eq!(lines[1], "students/1   Zoë, \"Z\"    female          yes                            1");
        assert_eq!(lines[2], "students/22                      Łódź");
    }

    #[test]
    fn a_wide_table_shows_everything() {
        let text = write(&Shape { wide: true, ..Shape::many(student(), Format::Table) }, Some(40));
        let header = text.lines().next().unwrap();
        assert!(header.contains("ETAG") && header.contains("UPDATE_TIME"), "{header}");
        assert!(text.contains(r#"[{"module":"AAA","presentation":"2013J"}]"#), "{text}");
    }

    #[test]
    fn a_table_fits_the_terminal() {
        let text = write(&Shape::many(student(), Format::Table), Some(50));
        assert!(text.lines().all(|line| console::measure_text_width(line) <= 50), "{text}");
    }

    #[test]
    fn a_file_is_written_in_the_form_its_name_says() {
        assert_eq!(Format::of_file(Path::new("a/b.CSV")), Some(Format::Csv));
        assert_eq!(Format::of_file(Path::new("b.jsonl")), Some(Format::Ndjson));
        assert_eq!(Format::of_file(Path::new("b.txt")), None);
    }
}
