//! `list`: AIP-132, pages as in AIP-158.

use campus_proto::standard::{ListRequest, ListResponse};
use clap::Args;

use super::{mask, reply};
use crate::{
    context::Context,
    failure::Failure,
    kind::{Kind, Verb},
    output::{Format, Shape, Sink},
    terminal,
};

/// The largest page that a server gives.
const LARGEST_PAGE: u64 = 1000;

/// Arguments of `list`.
#[derive(Debug, Clone, Args)]
pub(crate) struct ListArgs {
    /// Which records, in the AIP-160 language: comparisons of fields, AND, OR, NOT, parentheses
    #[arg(long, value_name = "FILTER", default_value = "", hide_default_value = true)]
    filter: String,
    /// In which order: fields separated by commas, each with ` desc` or not
    #[arg(long, value_name = "FIELDS", default_value = "", hide_default_value = true)]
    order_by: String,
    /// Records of one page; the server has a default and a limit
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
    page_size: Option<i32>,
    /// Go on where an earlier page ended; the other options have to be as they were
    #[arg(long, value_name = "TOKEN", default_value = "", hide_default_value = true)]
    page_token: String,
    /// At most so many records, over as many pages as it takes
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    /// Every page
    #[arg(long, conflicts_with = "limit")]
    all: bool,
    /// Only these fields, separated by commas
    #[arg(long, value_name = "FIELDS", value_delimiter = ',')]
    fields: Vec<String>,
    /// Show every field of a table in full
    #[arg(long)]
    wide: bool,
}

/// Runs `list`.
///
/// # Errors
/// If the server refuses it.
pub(crate) async fn run(context: &Context, kind: &Kind, args: ListArgs) -> Result<(), Failure> {
    let call = context.call(kind, Verb::List)?;
    let format = Format::or_default(context.format, Format::Ndjson);
    let mut request = ListRequest {
        page_size: 0,
        page_token: args.page_token,
        filter: args.filter,
        order_by: args.order_by,
        read_mask: mask(&args.fields),
    };
    let shape = Shape { fields: args.fields, wide: args.wide, ..Shape::many(kind.message, format) };
    let mut sink = Sink::stdout(&shape)?;
    let (mut left, mut count) = (args.limit, 0);
    loop {
        request.page_size = page_size(args.page_size, left, args.all);
        let page = context.caller.unary(&call.path, &request, context.unary_deadline()).await;
        let page = page.map_err(|status| context.failure(&status, call.name));
        let page: ListResponse = match page {
            Ok(page) => reply(page, call.name)?,
            Err(failure) => {
                sink.finish()?;
                return Err(failure);
            }
        };
        page.records.iter().try_for_each(|record| sink.record(record))?;
        count += page.records.len();
        left = left.map(|left| left.saturating_sub(page.records.len() as u64));
        request.page_token = page.next_page_token;
        let is_done = left.map_or(!args.all, |left| left == 0);
        if request.page_token.is_empty() || is_done {
            break;
        }
    }
    sink.finish()?;
    if count == 0 && format == Format::Table {
        terminal::say(&format!("no {}", kind.plural));
    }
    if !request.page_token.is_empty() {
        terminal::say(&format!("there is more: add --page-token {} to go on, or --all", request.page_token));
    }
    Ok(())
}

/// Asks for no more than is wanted, so that the token of the last page is where the next call goes on.
fn page_size(given: Option<i32>, left: Option<u64>, all: bool) -> i32 {
    let largest = u64::try_from(given.unwrap_or_default()).ok().filter(|given| *given > 0);
    let wanted = match (largest, left) {
        (Some(size), Some(left)) => size.min(left),
        (Some(size), None) => size,
        (None, Some(left)) => left.min(LARGEST_PAGE),
        (None, None) if all => LARGEST_PAGE,
        (None, None) => 0,
    };
    i32::try_from(wanted).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::page_size;

    #[test]
    fn a_page_is_never_larger_than_what_is_left() {
        assert_eq!(page_size(None, None, false), 0);
        assert_eq!(page_size(None, None, true), 1000);
        assert_eq!(page_size(Some(10), None, true), 10);
        assert_eq!(page_size(None, Some(70), false), 70);
        assert_eq!(page_size(None, Some(5000), false), 1000);
        assert_eq!(page_size(Some(50), Some(20), false), 20);
    }
}
