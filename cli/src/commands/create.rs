//! `create`: AIP-133.

use bytes::Bytes;
use campus_proto::standard::CreateRequest;
use clap::{ArgMatches, Args};
use uuid::Uuid;

use crate::{
    context::{ClientArgs, Context},
    failure::Failure,
    flags::{self, WholeArgs},
    kind::{Kind, Verb},
    output::{Format, Shape, Sink},
    status,
};

/// Arguments of `create`, next to the fields.
#[derive(Debug, Clone, Args)]
pub(crate) struct CreateArgs {
    #[command(flatten)]
    whole: WholeArgs,
    /// Last segment of the new name [default: that of the name in --json; else the server chooses]
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// A UUID that makes it harmless to repeat the command [default: a fresh one]
    #[arg(long, value_name = "UUID")]
    request_id: Option<Uuid>,
}

/// Runs `create`.
///
/// # Errors
/// If the flags make no record, or the server refuses it.
pub(crate) async fn run(
    client: &ClientArgs,
    kind: &Kind,
    args: &CreateArgs,
    matches: &ArgMatches,
) -> Result<(), Failure> {
    let given = flags::read(kind, &args.whole, matches)?;
    let named = given.name.and_then(|name| name.rsplit('/').next().map(str::to_owned));
    let request_id = args.request_id.unwrap_or_else(Uuid::new_v4).to_string();
    let request = CreateRequest {
        record: Some(Bytes::from(given.record)),
        id: args.id.clone().or(named).unwrap_or_default(),
        request_id: request_id.clone(),
    };
    let context = Context::connect(client).await?;
    let call = context.call(kind, Verb::Create)?;
    let created = context.caller.unary(&call.path, &request, context.unary_deadline()).await;
    let created = created.map_err(|status| {
        let failure = context.failure(&status, call.name);
        // A server that says why has not added it.
        let is_unsure =
            status.details().is_empty() && (status::is_cut(&status) || status.code() == tonic::Code::DeadlineExceeded);
        if is_unsure && args.request_id.is_none() {
            return failure.note(format!("it may have been added; to repeat it safely add --request-id {request_id}"));
        }
        failure
    })?;
    let mut sink = Sink::stdout(&Shape::one(kind.message, Format::or_default(context.format, Format::Json)))?;
    sink.record(&created)?;
    sink.finish()
}
