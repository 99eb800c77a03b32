//! Methods that take one message and answer with one.

use http::{HeaderMap, Method, Response, header};
use tokio::time::{Instant, timeout_at};
use tonic::{Status, body::Body};

use crate::{
    answer::{Form, JSON, failed, is_safe, not_acceptable},
    bind::Bound,
    fault::Fault,
    gateway::{Exchange, Plan},
    grpc, request,
    web::{
        accept,
        deadline::Time,
        etag::{self, Condition},
        metadata,
    },
};

/// Answers a request within its time.
pub(crate) async fn answer(exchange: Exchange) -> Result<Response<Body>, Fault> {
    let time = Time::of(&exchange.head.headers, &exchange.gateway.table.config)?;
    let late = |_| Fault::from(Status::deadline_exceeded("the time of the request was over before it was answered"));
    let end = time.end();
    timeout_at(end, in_time(exchange, end)).await.unwrap_or_else(|over| Err(late(over)))
}

async fn in_time(exchange: Exchange, end: Instant) -> Result<Response<Body>, Fault> {
    let Exchange { gateway, route, mut bound, head, body } = exchange;
    let (route, plan, channel) = gateway.way(route)?;
    let mut metadata = metadata::of_request(&head.headers)?;
    if !plan.raw.reply && accept::media_type(&head.headers, &[JSON]).is_none() {
        return Err(not_acceptable(&[JSON]));
    }
    let conditional = conditions(plan, &head.method, &head.headers, &mut bound)?;
    let frame = timeout_at(end, request::message((&gateway, route), &bound, &head.headers, body)).await;
    let frame =
        frame.map_err(|_| request::late("the time of the request was over before all of its body was there"))??;
    metadata.insert("grpc-timeout", Time { whole: end.saturating_duration_since(Instant::now()) }.header());
    let form = Form::new((&gateway, route, plan), &bound, &head);
    let called = grpc::unary(channel, plan.uri.clone(), metadata, frame).await;
    let reply = called.map_err(|failure| {
        let fault = failed(failure);
        if conditional { fault.conditional() } else { fault }
    })?;
    form.answer(&reply)
}

/// Puts the etag of `If-Match` and the key of `Idempotency-Key` where the request has a place for them. Tells whether the
/// service is to compare an etag.
fn conditions(plan: &Plan, method: &Method, headers: &HeaderMap, bound: &mut Bound) -> Result<bool, Fault> {
    if let (Some(field), Some(key)) = (&plan.request_id, headers.get("idempotency-key")) {
        let text = key.to_str().unwrap_or_default().trim_matches('"');
        bound.put(field, text).map_err(|problem| Fault::header("Idempotency-Key", problem))?;
    }
    let if_match = etag::condition(headers, &header::IF_MATCH).map_err(|problem| Fault::header("If-Match", problem))?;
    let Some(condition) = if_match.filter(|_| !is_safe(method)) else { return Ok(false) };
    match (condition, &plan.etag_of_request) {
        (Condition::Any, _) => Ok(false),
        (_, None) => Err(Fault::header("If-Match", "this method compares no etag; leave the header out")),
        (Condition::Some, _) => Err(Fault::header("If-Match", "one etag can be compared, not several")),
        (Condition::One(tag), Some(field)) => {
            bound.put(field, tag).map_err(|problem| Fault::header("If-Match", problem))?;
            Ok(true)
        }
    }
}
