//! `lookup`: names in, records out, in order, as they come.

use std::{
    io::{BufRead, stdin},
    thread,
    time::Duration,
};

use bytes::Bytes;
use campus_proto::standard::{LookupRequest, LookupResponse};
use clap::Args;
use prost::Message;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::reply;
use crate::{
    context::Context,
    failure::{Failure, exit},
    kind::{Kind, Verb},
    output::{Format, Shape, Sink},
    status,
    terminal::{printable, say},
};

/// When no answer comes for so long, what has come is shown.
const IDLE: Duration = Duration::from_millis(200);
/// Names that wait for the server.
const WAITING: usize = 256;

/// Arguments of `lookup`.
#[derive(Debug, Clone, Args)]
pub(crate) struct LookupArgs {
    /// Names or ids; with none, or with `-`, they are read from standard input, one a line
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Show every field of a table in full
    #[arg(long)]
    wide: bool,
}

/// Runs `lookup`.
///
/// # Errors
/// If the stream breaks; exit code 1 if a name was not found.
pub(crate) async fn run(context: &Context, kind: &Kind, args: LookupArgs) -> Result<(), Failure> {
    let call = context.call(kind, Verb::Lookup)?;
    let format = Format::or_default(context.format, Format::Ndjson);
    let mut sink = Sink::stdout(&Shape { wide: args.wide, ..Shape::many(kind.message, format) })?;
    let known = kind.clone();
    let request = move |name: &str| Some(LookupRequest { name: known.name_of(name) }.encode_to_vec().into());
    let names = ReceiverStream::new(asked(args.names, request));
    let replies = context.caller.both_streams(&call.path, names, context.stream_deadline()).await;
    let mut replies = replies.map_err(|status| context.failure(&status, call.name))?;
    let (mut missing, mut last) = (0_u64, String::new());
    loop {
        let next = match replies.soon(IDLE).await {
            Some(next) => next,
            None => {
                sink.flush()?;
                replies.next().await
            }
        };
        let answer = match next {
            Ok(None) => break,
            Ok(Some(answer)) => reply::<LookupResponse>(answer, call.name)?,
            Err(status) => {
                sink.finish()?;
                let failure = context.failure(&status, call.name);
                return Err(if last.is_empty() { failure } else { failure.note(format!("answered up to {last}")) });
            }
        };
        match (&answer.record, &answer.error) {
            (Some(record), _) => sink.record(record)?,
            (None, error) => {
                let why = error.as_ref().map_or_else(|| "no answer".to_owned(), status::one_line);
                say(&format!("{}: {why}", printable(&answer.name)));
                missing += 1;
            }
        }
        last = answer.name;
    }
    sink.finish()?;
    if missing > 0 { Err(Failure::silent(exit::RECORDS)) } else { Ok(()) }
}

/// Sends a request for each name that was given, or that standard input holds, from a thread of its own, which waits
/// where the server does not keep up. A name that `request` makes nothing of is left out.
pub(super) fn asked(
    given: Vec<String>,
    request: impl Fn(&str) -> Option<Bytes> + Send + 'static,
) -> mpsc::Receiver<Bytes> {
    let (sender, receiver) = mpsc::channel(WAITING);
    let send = move |name: &str| request(name).is_none_or(|request| sender.blocking_send(request).is_ok());
    thread::spawn(move || {
        for name in &given {
            if name != "-" && !send(name) {
                return;
            }
        }
        if given.is_empty() || given.iter().any(|name| name == "-") {
            let lines = stdin().lock().split(b'\n').map_while(Result::ok);
            // What is no UTF-8 is no name either, and is answered as such.
            let mut names = lines.map(|line| String::from_utf8_lossy(&line).trim().to_owned());
            let _ = names.all(|name| name.is_empty() || send(&name));
        }
    });
    receiver
}
