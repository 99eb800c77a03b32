//! `person`: the address book, whose contract is of its own.

mod record;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use campus_proto::personguide::{Adress, Person};
use campus_schema::Method;
use clap::{ArgMatches, Args, Command, FromArgMatches, Subcommand};
use http::uri::PathAndQuery;
use prost::Message;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use self::record::RecordArgs;
use super::{interrupted, lookup};
use crate::{
    calls::Replies,
    context::{ClientArgs, Context},
    examples,
    failure::{Failure, exit},
    kind,
    output::{Format, Shape, Sink},
    terminal::{printable, say},
};

/// What the command is called.
pub(crate) const NAME: &str = "person";

/// When no answer comes for so long, what has come is shown.
const IDLE: Duration = Duration::from_millis(200);

#[derive(Debug, Subcommand)]
enum PersonCommand {
    /// Show everybody, in id order
    #[command(after_help = examples::PERSON_LIST)]
    List(ListArgs),
    /// Show the first phone of a person
    #[command(after_help = examples::PERSON_PHONE)]
    Phone(PhoneArgs),
    /// Record people; who is in the book already is replaced
    #[command(after_help = examples::PERSON_RECORD)]
    Record(RecordArgs),
    /// Show all phones of any number of people; an unknown id does not end it
    #[command(after_help = examples::PERSON_ROUTE)]
    Route(RouteArgs),
}

#[derive(Debug, Clone, Args)]
struct ListArgs {
    /// Show every field of a table in full
    #[arg(long)]
    wide: bool,
}

#[derive(Debug, Clone, Args)]
struct PhoneArgs {
    /// Who
    #[arg(allow_negative_numbers = true)]
    id: i32,
}

#[derive(Debug, Clone, Args)]
struct RouteArgs {
    /// Who; with none, or with `-`, ids are read from standard input, one a line
    #[arg(value_name = "ID", allow_negative_numbers = true)]
    ids: Vec<String>,
}

/// `person`, with everything below it.
pub(crate) fn command() -> Command {
    let command = ClientArgs::augment_args(Command::new(NAME)).mut_args(|arg| arg.global(true));
    PersonCommand::augment_subcommands(command)
        .about("Work with the address book")
        .after_help(examples::PERSON)
        .subcommand_required(true)
        .arg_required_else_help(true)
}

/// Runs the command that `matches` holds.
///
/// # Errors
/// However the command fails.
pub(crate) async fn run(client: &ClientArgs, matches: &ArgMatches) -> Result<(), Failure> {
    let command = PersonCommand::from_arg_matches(matches).map_err(|error| Failure::usage(error.to_string()))?;
    let work = async {
        match command {
            PersonCommand::List(args) => list(&Context::connect(client).await?, &args).await,
            PersonCommand::Phone(args) => phone(&Context::connect(client).await?, args.id).await,
            PersonCommand::Record(args) => record::run(client, args).await,
            PersonCommand::Route(args) => route(&Context::connect(client).await?, args).await,
        }
    };
    tokio::select! {
        done = work => done,
        _ = tokio::signal::ctrl_c() => Err(interrupted()),
    }
}

async fn list(context: &Context, args: &ListArgs) -> Result<(), Failure> {
    let method = method("ListPersons")?;
    let replies = context.caller.server_stream(&path(method), &Adress::default(), context.stream_deadline()).await;
    let format = Format::or_default(context.format, Format::Ndjson);
    show(context, method, replies, &Shape { wide: args.wide, ..Shape::many(method.output, format) }).await
}

async fn phone(context: &Context, id: i32) -> Result<(), Failure> {
    let method = method("GetPhone")?;
    let person = Person { id, ..Person::default() };
    let phone = context.caller.unary(&path(method), &person, context.unary_deadline()).await;
    let phone = phone.map_err(|status| context.failure(&status, method.name))?;
    let mut sink = Sink::stdout(&Shape::one(method.output, Format::or_default(context.format, Format::Json)))?;
    sink.record(&phone)?;
    sink.finish()
}

async fn route(context: &Context, args: RouteArgs) -> Result<(), Failure> {
    let method = method("RoutePhones")?;
    let wrong = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&wrong);
    let ids = lookup::asked(args.ids, move |text| match text.parse() {
        Ok(id) => Some(Person { id, ..Person::default() }.encode_to_vec().into()),
        Err(_) => {
            seen.store(true, Ordering::Relaxed);
            say(&format!("{}: is no id; give a whole number", printable(text)));
            None
        }
    });
    let replies = context.caller.both_streams(&path(method), ReceiverStream::new(ids), context.stream_deadline()).await;
    let shape = Shape::many(method.output, Format::or_default(context.format, Format::Ndjson));
    show(context, method, replies, &shape).await?;
    if wrong.load(Ordering::Relaxed) { Err(Failure::silent(exit::RECORDS)) } else { Ok(()) }
}

/// Writes what a stream brings, as it comes.
async fn show(
    context: &Context,
    method: &Method,
    replies: Result<Replies, Status>,
    shape: &Shape,
) -> Result<(), Failure> {
    let failed = |status: Status| context.failure(&status, method.name);
    let mut replies = replies.map_err(failed)?;
    let mut sink = Sink::stdout(shape)?;
    loop {
        let next = match replies.soon(IDLE).await {
            Some(next) => next,
            None => {
                sink.flush()?;
                replies.next().await
            }
        };
        match next {
            Ok(Some(message)) => sink.record(&message)?,
            Ok(None) => return sink.finish(),
            Err(status) => {
                sink.finish()?;
                return Err(failed(status));
            }
        }
    }
}

/// Records the people in `json`, who are part of this program, if the book is empty.
///
/// # Errors
/// If the server refuses it.
pub(crate) async fn fill(context: &Context, json: &str) -> Result<(), Failure> {
    let method = method("ListPersons")?;
    let failed = |status: Status| context.failure(&status, method.name);
    let by = context.stream_deadline();
    let people = context.caller.server_stream(&path(method), &Adress::default(), by).await;
    if people.map_err(failed)?.next().await.map_err(failed)?.is_some() {
        return Ok(());
    }
    say("loading the example people");
    record::embedded(context, json).await
}

fn method(name: &str) -> Result<&'static Method, Failure> {
    let service = kind::schema().ok().and_then(|schema| schema.service("personguide.PersonGuide"));
    let method = service.and_then(|service| service.method(name));
    method.ok_or_else(|| Failure::new(exit::INTERNAL, format!("the contract has no {name}")))
}

fn path(method: &Method) -> PathAndQuery {
    PathAndQuery::from_static(method.path)
}
