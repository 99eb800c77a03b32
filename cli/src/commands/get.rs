//! `get`: AIP-131 for one name, AIP-231 for several.

use campus_proto::standard::{BatchGetRequest, GetRequest, ListResponse};
use clap::Args;

use super::{mask, reply};
use crate::{
    context::Context,
    failure::Failure,
    kind::{Kind, Verb},
    output::{Format, Shape, Sink},
};

/// Most names of one BatchGet.
const BATCH: usize = 1000;

/// Arguments of `get`.
#[derive(Debug, Clone, Args)]
pub(crate) struct GetArgs {
    /// Names or ids. Several are got together: one that is unknown fails them all
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
    /// Only these fields, separated by commas
    #[arg(long, value_name = "FIELDS", value_delimiter = ',')]
    fields: Vec<String>,
    /// Show every field of a table in full
    #[arg(long)]
    wide: bool,
}

/// Runs `get`.
///
/// # Errors
/// If the server refuses it.
pub(crate) async fn run(context: &Context, kind: &Kind, args: GetArgs) -> Result<(), Failure> {
    let names: Vec<String> = args.names.iter().map(|name| kind.name_of(name)).collect();
    let read_mask = mask(&args.fields);
    let otherwise = if names.len() == 1 { Format::Json } else { Format::Ndjson };
    let format = Format::or_default(context.format, otherwise);
    let shape = Shape { fields: args.fields, wide: args.wide, ..Shape::many(kind.message, format) };
    if let [name] = names.as_slice() {
        let call = context.call(kind, Verb::Get)?;
        let request = GetRequest { name: name.clone(), read_mask };
        let record = context.caller.unary(&call.path, &request, context.unary_deadline()).await;
        let record = record.map_err(|status| context.failure(&status, call.name))?;
        let mut sink = Sink::stdout(&Shape { single: true, ..shape })?;
        sink.record(&record)?;
        return sink.finish();
    }
    let call = context.call(kind, Verb::BatchGet)?;
    let mut records = Vec::new();
    for names in names.chunks(BATCH) {
        let request = BatchGetRequest { names: names.to_vec(), read_mask: read_mask.clone() };
        let page = context.caller.unary(&call.path, &request, context.unary_deadline()).await;
        let page = page.map_err(|status| context.failure(&status, call.name))?;
        records.extend(reply::<ListResponse>(page, call.name)?.records);
    }
    let mut sink = Sink::stdout(&shape)?;
    records.iter().try_for_each(|record| sink.record(record))?;
    sink.finish()
}
