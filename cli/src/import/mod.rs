//! `import`: writes every record of a file or of standard input.

mod csv;
pub(crate) mod json;
pub(crate) mod mapping;
mod rejects;
mod report;
mod row;
mod send;
pub(crate) mod source;
mod split;

use std::path::PathBuf;

use clap::Args;

use self::{
    mapping::{Mapping, MappingArgs},
    rejects::Rejects,
    report::{Counts, Report},
    row::Row,
    send::{Sender, Sent},
    source::{Input, InputFormat, Rows},
};
use crate::{context::Context, failure::Failure, kind::Kind, output::print, progress::Progress};

pub(crate) use rejects::into_io;

/// Arguments of `import`.
#[derive(Debug, Clone, Args)]
pub(crate) struct ImportArgs {
    /// File to read; `-` is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Form of the input: csv, json (one array) or ndjson (one object a line) [default: by the extension of FILE]
    #[arg(long, value_enum, hide_possible_values = true)]
    pub(crate) format: Option<InputFormat>,
    /// What stands between the cells of CSV [default: a comma; in a .tsv file a tab]
    #[arg(long, value_name = "CHAR", value_parser = delimiter)]
    pub(crate) delimiter: Option<u8>,
    #[command(flatten)]
    mapping: MappingArgs,
    /// Write each rejected record to FILE, in the form of the input, with the reason
    #[arg(long, value_name = "FILE")]
    pub(crate) rejects: Option<PathBuf>,
    /// Show every rejected row, not only the first 20
    #[arg(long, short)]
    pub(crate) verbose: bool,
    /// Read and check the input, but send nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// A job: the rows to send, and who is told what became of them.
struct Job {
    rows: Rows,
    report: Report,
    progress: Progress,
}

impl Job {
    fn open(kind: &Kind, args: &ImportArgs) -> Result<Self, Failure> {
        let input = Input::of(&args.file);
        input.refuse_folder()?;
        let (format, delimiter) = input.format(args.format)?;
        let form = (format, args.delimiter.unwrap_or(delimiter));
        let mapping = Mapping::new(kind, &args.mapping)?;
        let rows = Rows::open(&input, form, mapping, args.rejects.is_some())?;
        let header = rows.header();
        let rejects = args.rejects.as_deref().map(|path| Rejects::create(path, &input, form, header.as_ref()));
        let report = Report::new(args.verbose, rejects.transpose()?);
        Ok(Self { rows, report, progress: Progress::new(input.size()) })
    }
}

/// Runs `import --dry-run`.
///
/// # Errors
/// If the input cannot be read, or rows of it are no records.
pub(crate) fn dry_run(kind: &Kind, args: &ImportArgs) -> Result<(), Failure> {
    let Job { mut rows, mut report, progress } = Job::open(kind, args)?;
    let mut good = 0;
    while let Some(row) = rows.next() {
        let row = row?;
        match &row.record {
            Ok(_) => good += 1,
            Err(reason) => report.reject(&row, "", reason, &progress)?,
        }
        progress.at(good + report.counts.rejected, row.end);
    }
    let done = format!("checked: {good} can be sent, {} rejected; nothing was sent", report.counts.rejected);
    report.finish(&done, &progress)
}

/// Checks the command line and the columns, then connects with `connect`, then sends.
///
/// # Errors
/// If the input cannot be read, the server does not take it, or rows were rejected.
pub(crate) async fn run<C>(kind: &Kind, args: &ImportArgs, connect: C) -> Result<(), Failure>
where
    C: AsyncFnOnce() -> Result<Context, Failure>,
{
    let job = Job::open(kind, args)?;
    let context = connect().await?;
    job.run(&context, kind).await
}

/// Imports text that is part of this program.
///
/// # Errors
/// As of [`run`].
pub(crate) async fn embedded(
    kind: &Kind,
    text: &'static str,
    format: InputFormat,
    context: &Context,
) -> Result<(), Failure> {
    let input = Input::Embedded(text);
    let mapping = Mapping::new(kind, &MappingArgs::default())?;
    let rows = Rows::open(&input, (format, b','), mapping, false)?;
    let job = Job { rows, report: Report::new(false, None), progress: Progress::new(input.size()) };
    job.run(context, kind).await
}

impl Job {
    async fn run(self, context: &Context, kind: &Kind) -> Result<(), Failure> {
        let Self { rows, mut report, progress } = self;
        let sender = Sender::new(context, kind)?;
        let mut batches = source::batches(rows);
        let mut last_line = 0;
        while let Some(batch) = batches.recv().await {
            let sent = async {
                let rows = batch?;
                let sent = sender.send(&rows, &progress).await?;
                last_line = rows.last().map_or(last_line, |row| row.line);
                batch_done(&sent, &rows, &mut report, &progress, kind)
            };
            if let Err(failure) = sent.await {
                progress.clear();
                return Err(unfinished(failure, report.counts, last_line));
            }
        }
        let done = format!("imported: {}", report.counts.line());
        if let Some(format) = context.format {
            print(&report.counts.text(format))?;
        }
        report.finish(&done, &progress)
    }
}

fn batch_done(sent: &Sent, rows: &[Row], report: &mut Report, progress: &Progress, kind: &Kind) -> Result<(), Failure> {
    let Counts { created, updated, unchanged, .. } = sent.counts;
    report.counts.created += created;
    report.counts.updated += updated;
    report.counts.unchanged += unchanged;
    for (place, reason) in &sent.rejected {
        if let Some(row) = rows.get(*place) {
            let name = row.record.as_ref().map_or("", |record| kind.name_in(record));
            report.reject(row, name, reason, progress)?;
        }
    }
    progress.at(report.counts.total(), rows.last().map_or(0, |row| row.end));
    Ok(())
}

fn unfinished(failure: Failure, counts: Counts, last_line: u64) -> Failure {
    if counts.total() == 0 {
        return failure;
    }
    failure
        .note(format!("done up to line {last_line}: {}", counts.line()))
        .note("it is safe to run the same import again")
}

fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r') => Ok(*byte),
        b"\\t" | b"tab" => Ok(b'\t'),
        _ => Err("give one ASCII character, or `tab`".to_owned()),
    }
}
