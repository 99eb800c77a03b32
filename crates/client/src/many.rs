//! Many calls at once.

use std::future::Future;

use futures_util::stream::{self, Stream, StreamExt};
use tonic::{Response, Status};

/// Makes a call for each request, at most `limit` at a time, and gives the answers in the order of the requests: an answer or
/// an error for each. No more than `limit` requests are taken ahead of what is read, and dropping the stream cancels the calls
/// that are under way.
///
/// ```no_run
/// # use campus_client::{Channel, many};
/// # use futures_util::StreamExt;
/// # use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
/// # async fn example(channel: Channel) {
/// let services = ["a", "b", "c"].map(|name| HealthCheckRequest { service: name.to_owned() });
/// let call = |mut client: HealthClient<Channel>, request| async move { client.check(request).await };
/// let answers: Vec<_> = many(&HealthClient::new(channel), services, 8, call).collect().await;
/// # }
/// ```
pub fn many<C, I, A, F, T>(
    client: &C,
    requests: I,
    limit: usize,
    mut call: F,
) -> impl Stream<Item = Result<T, Status>> + use<C, I, A, F, T>
where
    C: Clone,
    I: IntoIterator,
    F: FnMut(C, I::Item) -> A,
    A: Future<Output = Result<Response<T>, Status>>,
{
    let client = client.clone();
    let calls = stream::iter(requests).map(move |request| call(client.clone(), request));
    calls.buffered(limit.max(1)).map(|answer| answer.map(Response::into_inner))
}
