//! `delete`: AIP-135.

use campus_proto::standard::DeleteRequest;
use clap::Args;

use crate::{
    context::Context,
    failure::{Failure, exit},
    kind::{Kind, Verb},
    terminal,
};

/// Arguments of `delete`.
#[derive(Debug, Clone, Args)]
pub(crate) struct DeleteArgs {
    /// Names or ids
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
    /// Remove it only if this is still its etag; for one name
    #[arg(long, default_value = "", hide_default_value = true)]
    etag: String,
    /// A name that is unknown is no error
    #[arg(long)]
    allow_missing: bool,
}

/// Runs `delete`. A record that cannot be removed does not keep the others.
///
/// # Errors
/// If one could not be removed.
pub(crate) async fn run(context: &Context, kind: &Kind, args: DeleteArgs) -> Result<(), Failure> {
    if !args.etag.is_empty() && args.names.len() > 1 {
        return Err(Failure::usage("--etag is of one record: give one name with it"));
    }
    let call = context.call(kind, Verb::Delete)?;
    let mut failed = None;
    for name in &args.names {
        let name = kind.name_of(name);
        let request = DeleteRequest { name: name.clone(), etag: args.etag.clone(), allow_missing: args.allow_missing };
        match context.caller.unary(&call.path, &request, context.unary_deadline()).await {
            Ok(_) => terminal::say(&format!("deleted {}", terminal::printable(&name))),
            Err(status) => {
                let failure =
                    context.failure(&status, call.name).note(format!("deleting {}", terminal::printable(&name)));
                if failure.exit() != exit::RECORDS || args.names.len() == 1 {
                    return Err(failure);
                }
                terminal::complain(&failure);
                failed = Some(Failure::silent(exit::RECORDS));
            }
        }
    }
    failed.map_or(Ok(()), Err)
}
