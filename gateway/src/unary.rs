//! Methods that take one message and answer with one.

use std::time::Instant;

use http::Response;
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
    tokio::time::timeout(time.whole, in_time(exchange, time)).await.unwrap_or_else(|_| Err(trouble::late().into()))
}

async fn in_time(exchange: Exchange, time: Time) -> Result<Response<Body>, Fault> {
    let begun = Instant::now();
    let Exchange { gateway, route, mut bound, head, body } = exchange;
    let (route, plan, channel) = gateway.way(route)?;
    let mut metadata = metadata::of_request(&head.headers)?;
    if !plan.raw.reply && accept::media_type(&head.headers, &[JSON]).is_none() {
        return Err(not_acceptable(&[JSON]));
    }
    let condition = condition::of_call((route, plan), &head.method, &head.headers, &mut bound)?;
    let frame = request::message((&gateway, route), &bound, &head.headers, body).await?;
    metadata.insert("grpc-timeout", Time { whole: time.whole.saturating_sub(begun.elapsed()) }.header());
    let form = Form::new((&gateway, route, plan), &bound, &head);
    let called = grpc::unary(channel, plan.uri.clone(), metadata, frame).await;
    let reply = called.map_err(|failure| failed(failure).under(condition))?;
    form.answer(&reply)
}
