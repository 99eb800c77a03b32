//! The commands of a kind of record, one module each.

mod create;
mod delete;
mod export;
mod get;
mod list;
mod lookup;
pub(crate) mod person;
mod update;
mod watch;

use bytes::Bytes;
use clap::{ArgMatches, Args, Command, FromArgMatches};

use crate::{
    context::{ClientArgs, Context},
    examples, failure,
    failure::Failure,
    flags,
    import::{self, ImportArgs},
    kind::{Kind, Verb},
};

/// `employee`, with everything below it.
pub(crate) fn command(kind: &Kind) -> Command {
    let below = VERBS.iter().filter(|verb| kind.call(verb.needs).is_some());
    let below = below.map(|verb| {
        // Last, because arguments bring a description of themselves.
        (verb.args)(Command::new(verb.name), kind).about((verb.about)(kind)).after_help(examples::of(kind, verb.name))
    });
    ClientArgs::augment_args(Command::new(kind.singular))
        .mut_args(|arg| arg.global(true))
        .about(format!("Work with {}", kind.plural))
        .after_help(examples::kind(kind))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands(below)
}

/// A command below a kind of record.
struct VerbCommand {
    name: &'static str,
    needs: Verb,
    about: fn(&Kind) -> String,
    args: fn(Command, &Kind) -> Command,
}

const VERBS: [VerbCommand; 9] = [
    VerbCommand {
        name: "create",
        needs: Verb::Create,
        about: |kind| format!("Add {}", kind.one()),
        args: |command, kind| flags::add(create::CreateArgs::augment_args(command), kind, true),
    },
    VerbCommand {
        name: "get",
        needs: Verb::Get,
        about: |kind| format!("Show {} by their names", kind.plural),
        args: |command, _| get::GetArgs::augment_args(command),
    },
    VerbCommand {
        name: "list",
        needs: Verb::List,
        about: |kind| format!("Show {}, a page at a time", kind.plural),
        args: |command, _| list::ListArgs::augment_args(command),
    },
    VerbCommand {
        name: "update",
        needs: Verb::Update,
        about: |kind| format!("Change fields of {}", kind.one()),
        args: |command, kind| flags::add(update::UpdateArgs::augment_args(command), kind, false),
    },
    VerbCommand {
        name: "delete",
        needs: Verb::Delete,
        about: |kind| format!("Remove {} for good", kind.plural),
        args: |command, _| delete::DeleteArgs::augment_args(command),
    },
    VerbCommand {
        name: "import",
        needs: Verb::Import,
        about: |kind| format!("Write {} from CSV, JSON or NDJSON; safe to repeat", kind.plural),
        args: |command, _| ImportArgs::augment_args(command),
    },
    VerbCommand {
        name: "export",
        needs: Verb::Stream,
        about: |kind| format!("Read all {}, however many there are", kind.plural),
        args: |command, _| export::ExportArgs::augment_args(command),
    },
    VerbCommand {
        name: "watch",
        needs: Verb::Watch,
        about: |kind| format!("Show each change of {} as it happens", kind.plural),
        args: |command, _| watch::WatchArgs::augment_args(command),
    },
    VerbCommand {
        name: "lookup",
        needs: Verb::Lookup,
        about: |kind| format!("Look up any number of {}; an unknown name does not end it", kind.plural),
        args: |command, _| lookup::LookupArgs::augment_args(command),
    },
];

/// Runs the command that `matches` holds.
///
/// # Errors
/// However the command fails.
pub(crate) async fn run(kind: &Kind, client: &ClientArgs, matches: &ArgMatches) -> Result<(), Failure> {
    let Some((verb, matches)) = matches.subcommand() else {
        return Err(Failure::usage("no command was given"));
    };
    if verb == "import" {
        return run_import(kind, client, &args(matches)?).await;
    }
    if verb == "watch" {
        let context = Context::connect(client).await?;
        return watch::run(&context, kind, args(matches)?).await;
    }
    let work = async {
        match verb {
            "create" => create::run(client, kind, &args(matches)?, matches).await,
            "get" => get::run(&Context::connect(client).await?, kind, args(matches)?).await,
            "list" => list::run(&Context::connect(client).await?, kind, args(matches)?).await,
            "update" => update::run(client, kind, args(matches)?, matches).await,
            "delete" => delete::run(&Context::connect(client).await?, kind, args(matches)?).await,
            "export" => export::run(client, kind, args(matches)?).await,
            "lookup" => lookup::run(&Context::connect(client).await?, kind, args(matches)?).await,
            other => Err(Failure::usage(format!("there is no command `{other}`"))),
        }
    };
    tokio::select! {
        done = work => done,
        _ = tokio::signal::ctrl_c() => Err(interrupted()),
    }
}

async fn run_import(kind: &Kind, client: &ClientArgs, args: &ImportArgs) -> Result<(), Failure> {
    if args.dry_run {
        return import::dry_run(kind, args);
    }
    tokio::select! {
        done = import::run(kind, args, async || Context::connect(client).await) => done,
        _ = tokio::signal::ctrl_c() => Err(interrupted()
            .note("the records that were sent are kept; it is safe to run the same import again")),
    }
}

/// Ctrl-C has ended it before it was done.
pub(crate) fn interrupted() -> Failure {
    Failure::new(failure::exit::INTERRUPTED, "interrupted")
}

fn args<A: FromArgMatches>(matches: &ArgMatches) -> Result<A, Failure> {
    A::from_arg_matches(matches).map_err(|error| Failure::usage(error.to_string()))
}

fn reply<M: prost::Message + Default>(bytes: Bytes, method: &str) -> Result<M, Failure> {
    M::decode(bytes)
        .map_err(|error| Failure::new(failure::exit::INTERNAL, format!("the answer of {method} is malformed: {error}")))
}

fn mask(fields: &[String]) -> Option<prost_types::FieldMask> {
    (!fields.is_empty()).then(|| prost_types::FieldMask { paths: fields.to_vec() })
}
