//! What a header asks of a call beside its request: conditions of HTTP (RFC 9110, 13) and the key of a repetition.
//!
//! A gateway cannot compare anything itself without a gap between that and the change. So a condition goes into the request,
//! where the contract has a field for it, and one that has none is refused: it is never left out.

use http::{HeaderMap, Method, header};

use super::etag::{self, Condition};
use crate::{
    answer::is_safe,
    bind::Bound,
    fault::Fault,
    gateway::Plan,
    route::{Body, Route},
};

/// What the failure of a call means for its conditions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Under {
    /// The service compares an etag.
    pub(crate) etag: bool,
    /// The record has to be there, which the request alone would not ask for.
    pub(crate) existence: bool,
}

/// Puts what the headers of a unary call ask where its request has a place for it.
///
/// # Errors
/// When it has none, or says otherwise.
pub(crate) fn of_call(
    (route, plan): (&Route, &Plan),
    method: &Method,
    headers: &HeaderMap,
    bound: &mut Bound,
) -> Result<Under, Fault> {
    let input = route.method.input;
    if let (Some(field), Some(key)) = (&plan.request_id, headers.get("idempotency-key")) {
        const NAME: &str = "Idempotency-Key";
        let text = key.to_str().unwrap_or_default().trim_matches('"');
        let problem = |problem: String| Fault::header(NAME, problem);
        if text.is_empty() {
            return Err(problem("is empty; give a new UUID for each new request".to_owned()));
        }
        bound.say((NAME, input), field, text).map_err(problem)?;
    }
    if is_safe(method) {
        return Ok(Under::default());
    }
    let Some(condition) = of_change(headers)? else { return Ok(Under::default()) };
    let refused = |problem: &str| Fault::header("If-Match", problem);
    let etag = match (condition, &plan.etag_of_request) {
        (Condition::Any, _) => false,
        (_, None) => return Err(refused(NO_ETAG)),
        (Condition::Some, _) => return Err(refused("one etag can be compared, not several")),
        (Condition::One(tag), Some(field)) => {
            bound.say(("If-Match", input), field, tag).map_err(|problem| refused(&problem))?;
            true
        }
    };
    let Some(field) = &plan.allow_missing else { return Ok(Under { etag, existence: false }) };
    // Of a request that allows it in its body nobody knows here.
    let existence = bound.has(input, field) || matches!(route.body, Body::All);
    bound.put(field, "false").map_err(|problem| refused(&problem))?;
    Ok(Under { etag, existence })
}

const NO_ETAG: &str = "this method compares no etag; leave the header out";

/// What `If-Match` asks of a change.
///
/// # Errors
/// When it is malformed, or beside `If-None-Match`, which no request has a field for.
fn of_change(headers: &HeaderMap) -> Result<Option<Condition<'_>>, Fault> {
    if headers.contains_key(header::IF_NONE_MATCH) {
        let problem = "no method can promise that nothing is changed that is there; leave the header out, and create \
                       with POST, which replaces nothing";
        return Err(Fault::header("If-None-Match", problem));
    }
    etag::condition(headers, &header::IF_MATCH).map_err(|problem| Fault::header("If-Match", problem))
}

/// Refuses what a method of streams cannot compare.
///
/// # Errors
/// For every condition but that anything at all is there.
pub(crate) fn of_stream(method: &Method, headers: &HeaderMap) -> Result<(), Fault> {
    match if is_safe(method) { None } else { of_change(headers)? } {
        None | Some(Condition::Any) => Ok(()),
        Some(_) => Err(Fault::header("If-Match", NO_ETAG)),
    }
}
