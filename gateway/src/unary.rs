//! Methods that take one message and answer with one.

use http::Response;
use tokio::time::{Instant, timeout_at};
use tonic::body::Body;

use crate::{
    answer::{Form, JSON, failed, not_acceptable},
    fault::Fault,
    gateway::Exchange,
    grpc, request, trouble,
    web::{accept, condition, deadline::Time, metadata},
};

/// Answers a request within its time.
pub(crate) async fn answer(exchange: Exchange) -> Result<Response<Body>, Fault> {
    let time = Time::of(&exchange.head.headers, &exchange.gateway.table.config)?;
    let end = time.end();
    timeout_at(end, in_time(exchange, end)).await.unwrap_or_else(|_| Err(trouble::late().into()))
}

async fn in_time(exchange: Exchange, end: Instant) -> Result<Response<Body>, Fault> {
    let Exchange { gateway, route, mut bound, head, body } = exchange;
    let (route, plan, channel) = gateway.way(route)?;
    let mut metadata = metadata::of_request(&head.headers)?;
    if !plan.raw.reply && accept::media_type(&head.headers, &[JSON]).is_none() {
        return Err(not_acceptable(&[JSON]));
    }
    let condition = condition::of_call((route, plan), &head.method, &head.headers, &mut bound)?;
    let frame = timeout_at(end, request::message((&gateway, route), &bound, &head.headers, body)).await;
    let frame =
        frame.map_err(|_| request::late("the time of the request was over before all of its body was there"))??;
    metadata.insert("grpc-timeout", Time { whole: end.saturating_duration_since(Instant::now()) }.header());
    let form = Form::new((&gateway, route, plan), &bound, &head);
    let called = grpc::unary(channel, plan.uri.clone(), metadata, frame).await;
    let reply = called.map_err(|failure| failed(failure).under(condition))?;
    form.answer(&reply)
}
