//! `export`: every record that matches, through one stream that is taken up again when it is cut.

use std::{
    fs::{self, File},
    io::BufWriter,
    path::{Path, PathBuf},
    time::Duration,
};

use campus_proto::standard::StreamRequest;
use clap::Args;

use super::mask;
use crate::{
    calls::{Deadline, Replies},
    context::{ClientArgs, Context},
    failure::Failure,
    kind::{Call, Kind, Verb},
    output::{Format, Shape, Sink},
    progress::Progress,
    retry::Patience,
};

/// When nothing comes for so long, what has come is passed on.
const IDLE: Duration = Duration::from_millis(200);
/// The progress is looked at every so many records.
const STEP: u64 = 1000;

/// Arguments of `export`.
#[derive(Debug, Clone, Args)]
pub(crate) struct ExportArgs {
    /// Which records, as in `list`
    #[arg(long, value_name = "FILTER", default_value = "", hide_default_value = true)]
    filter: String,
    /// Only records after this name or id in key order
    #[arg(long, value_name = "NAME")]
    after: Option<String>,
    /// Only these fields, separated by commas; the name is always among them
    #[arg(long, value_name = "FIELDS", value_delimiter = ',')]
    fields: Vec<String>,
    /// Write to FILE, which appears when it is complete; its extension says the form unless --output does
    #[arg(long, value_name = "FILE")]
    output_file: Option<PathBuf>,
}

/// Runs `export`.
///
/// # Errors
/// If the server refuses it, or the output cannot be written.
pub(crate) async fn run(client: &ClientArgs, kind: &Kind, args: ExportArgs) -> Result<(), Failure> {
    let by_name = args.output_file.as_deref().and_then(Format::of_file);
    let format = client.output.or(by_name).unwrap_or(Format::Ndjson);
    if format == Format::Table {
        return Err(Failure::usage("an export is no table: give --output csv, json or ndjson"));
    }
    let mut fields = args.fields;
    if !fields.is_empty() && !fields.iter().any(|field| field == "name" || field == "*") {
        fields.insert(0, "name".to_owned());
    }
    let context = Context::connect(client).await?;
    let request = StreamRequest {
        filter: args.filter,
        after: args.after.map(|name| kind.name_of(&name)).unwrap_or_default(),
        read_mask: mask(&fields),
    };
    let shape = Shape { fields, ..Shape::many(kind.message, format) };
    let Some(path) = args.output_file else {
        // Lines of records and a moving bar do not go together on one terminal.
        let progress = if crate::terminal::stdout_is_terminal() { Progress::hidden() } else { Progress::new(None) };
        return Export::of(&context, kind)?.run(request, Sink::stdout(&shape)?, &progress).await.map(drop);
    };
    let target = Target::create(&path)?;
    let sink = Sink::new(&shape, Box::new(BufWriter::new(target.file()?)), None)?;
    let progress = Progress::new(None);
    let count = Export::of(&context, kind)?.run(request, sink, &progress).await?;
    target.keep()?;
    progress.say(&format!("exported: {count} {} to {}", kind.plural, path.display()));
    Ok(())
}

struct Export<'a> {
    context: &'a Context,
    kind: &'a Kind,
    call: &'a Call,
    by: Deadline,
}

impl<'a> Export<'a> {
    fn of(context: &'a Context, kind: &'a Kind) -> Result<Self, Failure> {
        Ok(Self { context, kind, call: context.call(kind, Verb::Stream)?, by: context.stream_deadline() })
    }

    /// Writes every record to `sink` and returns how many there were.
    async fn run(&self, mut request: StreamRequest, mut sink: Sink<'_>, progress: &Progress) -> Result<u64, Failure> {
        let (mut count, mut patience) = (0, Patience::default());
        loop {
            let before = count;
            let ended = match self.context.caller.server_stream(&self.call.path, &request, self.by).await {
                Ok(replies) => self.copy(replies, &mut sink, &mut request.after, &mut count, progress).await?,
                Err(status) => Some(status),
            };
            let Some(status) = ended else {
                progress.clear();
                sink.finish()?;
                return Ok(count);
            };
            sink.flush()?;
            if count > before {
                patience.reset();
            }
            if !patience.again(&status, self.by, |line| progress.say(line)).await {
                progress.clear();
                let failure = self.context.failure(&status, self.call.name);
                return Err(match request.after.as_str() {
                    "" => failure,
                    after => failure.note(format!("{count} came; to get the others: --after {after}")),
                });
            }
        }
    }

    /// Copies until the stream ends; returns what it ended with if that was too early.
    async fn copy(
        &self,
        mut replies: Replies,
        sink: &mut Sink<'_>,
        after: &mut String,
        count: &mut u64,
        progress: &Progress,
    ) -> Result<Option<tonic::Status>, Failure> {
        loop {
            let next = match replies.soon(IDLE).await {
                Some(next) => next,
                None => {
                    sink.flush()?;
                    replies.next().await
                }
            };
            match next {
                Err(status) => return Ok(Some(status)),
                Ok(None) => return Ok(None),
                Ok(Some(record)) => {
                    sink.record(&record)?;
                    self.kind.name_in(&record).clone_into(after);
                    *count += 1;
                    if count.is_multiple_of(STEP) {
                        progress.at(*count, 0);
                    }
                }
            }
        }
    }
}

/// A file that takes its name when it is complete, so that half an export is never taken for a whole one.
struct Target {
    path: PathBuf,
    partial: Option<PathBuf>,
}

impl Target {
    fn create(path: &Path) -> Result<Self, Failure> {
        // What is no ordinary file, such as /dev/null, is written in place.
        let in_place = fs::metadata(path).is_ok_and(|about| !about.is_file());
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".part");
        let partial = (!in_place).then(|| path.with_file_name(name));
        Ok(Self { path: path.to_owned(), partial })
    }

    fn file(&self) -> Result<File, Failure> {
        let path = self.partial.as_ref().unwrap_or(&self.path);
        File::create(path).map_err(|error| Failure::file("write", &self.path, &error))
    }

    fn keep(mut self) -> Result<(), Failure> {
        match self.partial.take() {
            None => Ok(()),
            Some(partial) => {
                fs::rename(&partial, &self.path).map_err(|error| Failure::file("write", &self.path, &error))
            }
        }
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if let Some(partial) = &self.partial {
            let _ = fs::remove_file(partial);
        }
    }
}
