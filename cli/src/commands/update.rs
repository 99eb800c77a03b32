//! `update`: AIP-134.

use bytes::Bytes;
use campus_proto::standard::UpdateRequest;
use campus_schema::wire;
use clap::{ArgMatches, Args};

use super::mask;
use crate::{
    context::{ClientArgs, Context},
    failure::Failure,
    flags::{self, WholeArgs},
    kind::{Kind, Verb},
    output::{Format, Shape, Sink},
};

/// Arguments of `update`, next to the fields.
#[derive(Debug, Clone, Args)]
pub(crate) struct UpdateArgs {
    /// Name or id [default: the name in --json]
    #[arg(value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    whole: WholeArgs,
    /// Change it only if this is still its etag [default: the etag in --json]
    #[arg(long)]
    etag: Option<String>,
    /// Fields to change, separated by commas: one without a value is cleared, `*` is every field [default: those given]
    #[arg(long, value_name = "FIELDS", value_delimiter = ',')]
    mask: Vec<String>,
    /// Create the record if the name is unknown
    #[arg(long)]
    allow_missing: bool,
}

/// Runs `update`.
///
/// # Errors
/// If the flags make no change, or the server refuses it.
pub(crate) async fn run(
    client: &ClientArgs,
    kind: &Kind,
    args: UpdateArgs,
    matches: &ArgMatches,
) -> Result<(), Failure> {
    let given = flags::read(kind, &args.whole, matches)?;
    let Some(name) = args.name.map(|name| kind.name_of(&name)).or(given.name) else {
        return Err(Failure::usage(format!("which {}? give its name or id", kind.singular)));
    };
    let fields: Vec<String> =
        if args.mask.is_empty() { given.fields.iter().map(|field| (*field).to_owned()).collect() } else { args.mask };
    if fields.is_empty() && !args.allow_missing {
        let flags = format!("see `campus {} update --help` for the fields", kind.singular);
        return Err(Failure::usage("nothing to change: give at least one field").note(flags));
    }
    let mut record = given.record;
    if let Some(field) = kind.name_field() {
        wire::put_len(&mut record, field.number, name.as_bytes());
    }
    if let (Some(field), Some(etag)) = (kind.message.field("etag"), args.etag.or(given.etag)) {
        wire::put_len(&mut record, field.number, etag.as_bytes());
    }
    let request = UpdateRequest {
        record: Some(Bytes::from(record)),
        update_mask: mask(&fields),
        allow_missing: args.allow_missing,
    };
    let context = Context::connect(client).await?;
    let call = context.call(kind, Verb::Update)?;
    let updated = context.caller.unary(&call.path, &request, context.unary_deadline()).await;
    let updated = updated.map_err(|status| context.failure(&status, call.name))?;
    let mut sink = Sink::stdout(&Shape::one(kind.message, Format::or_default(context.format, Format::Json)))?;
    sink.record(&updated)?;
    sink.finish()
}
