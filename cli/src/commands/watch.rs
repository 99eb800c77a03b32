//! `watch`: each change after a token, taken up again when the stream is cut.

use campus_proto::standard::{ChangeType, WatchRequest, WatchResponse};
use clap::Args;
use console::Style;

use super::reply;
use crate::{
    calls::Deadline,
    context::Context,
    failure::{Failure, exit},
    kind::{Call, Kind, Verb},
    output::{self, Format, Shape, Sink},
    retry::Patience,
    terminal::{printable, say, stderr_is_terminal},
};

/// Arguments of `watch`.
#[derive(Debug, Clone, Args)]
pub(crate) struct WatchArgs {
    /// Go on right after this token, as an earlier watch gave it [default: from now on]
    #[arg(long, value_name = "TOKEN", default_value = "", hide_default_value = true)]
    from: String,
    /// Which records, as in `list`; one that stops matching is shown as removed
    #[arg(long, value_name = "FILTER", default_value = "", hide_default_value = true)]
    filter: String,
}

/// Runs `watch`, until Ctrl-C, which is a good end.
///
/// # Errors
/// If the server refuses it or stays away, or the output cannot be written.
pub(crate) async fn run(context: &Context, kind: &Kind, args: WatchArgs) -> Result<(), Failure> {
    let call = context.call(kind, Verb::Watch)?;
    let format = Format::or_default(context.format, Format::Ndjson);
    // An array would never end: json is as ndjson here.
    let format = if format == Format::Json { Format::Ndjson } else { format };
    let form = match format {
        Format::Table => Form::Lines(kind),
        _ => Form::Sink(Sink::stdout(&Shape::many(call.output, format))?),
    };
    let mut watch = Watch {
        context,
        call,
        by: context.stream_deadline(),
        request: WatchRequest { resume_token: args.from, filter: args.filter },
        form,
    };
    if stderr_is_terminal() {
        say("watching; Ctrl-C ends");
    }
    let ended = tokio::select! {
        ended = watch.run() => ended,
        _ = tokio::signal::ctrl_c() => Ok(()),
    };
    let token = watch.request.resume_token;
    let to_go_on = format!("to go on from here: --from {}", printable(&token));
    match ended {
        // A token that the server refused leads nowhere.
        Err(failure) if !token.is_empty() && !failure.is_silent() && failure.exit() != exit::RECORDS => {
            Err(failure.note(to_go_on))
        }
        Ok(()) if !token.is_empty() => {
            say(&to_go_on);
            Ok(())
        }
        ended => ended,
    }
}

struct Watch<'a> {
    context: &'a Context,
    call: &'a Call,
    by: Deadline,
    request: WatchRequest,
    form: Form<'a>,
}

enum Form<'a> {
    Lines(&'a Kind),
    Sink(Sink<'static>),
}

impl Watch<'_> {
    async fn run(&mut self) -> Result<(), Failure> {
        let mut patience = Patience::default();
        loop {
            let status = match self.context.caller.server_stream(&self.call.path, &self.request, self.by).await {
                Err(status) => status,
                Ok(mut replies) => loop {
                    match replies.next().await {
                        Err(status) => break status,
                        // A server that ends a watch is stopping, even if it says it politely.
                        Ok(None) => break tonic::Status::unavailable("the server has ended the watch"),
                        Ok(Some(step)) => {
                            patience.reset();
                            self.show(&step)?;
                        }
                    }
                },
            };
            if !patience.again(&status, self.by, say).await {
                return Err(self.context.failure(&status, self.call.name));
            }
        }
    }

    fn show(&mut self, bytes: &bytes::Bytes) -> Result<(), Failure> {
        let step: WatchResponse = reply(bytes.clone(), self.call.name)?;
        if step.change_type() != ChangeType::Unspecified {
            match &mut self.form {
                Form::Lines(kind) => output::print(&line(kind, &step))?,
                Form::Sink(sink) => {
                    sink.record(bytes)?;
                    sink.flush()?;
                }
            }
        }
        self.request.resume_token = step.resume_token;
        Ok(())
    }
}

fn line(kind: &Kind, step: &WatchResponse) -> String {
    let (word, style) = match step.change_type() {
        ChangeType::Created => ("created", Style::new().green()),
        ChangeType::Updated => ("updated", Style::new().yellow()),
        ChangeType::Deleted => ("deleted", Style::new().red()),
        ChangeType::Unspecified => ("", Style::new()),
    };
    let record = step.record.as_deref().unwrap_or_default();
    let name_field = kind.name_field().map(|field| field.number);
    let is_left_out = |field: &campus_schema::Field| Some(field.number) == name_field || Kind::is_detail(field);
    let rest = output::summary(kind.message, record, is_left_out).unwrap_or_default();
    let time = step.change_time.map(|time| time.to_string()).unwrap_or_default();
    let name = printable(kind.name_in(record));
    let text = format!("{time}  {}  {name}  {rest}", style.apply_to(word));
    format!("{}\n", text.trim_end())
}
