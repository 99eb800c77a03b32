//! Calls that end before or otherwise than they might.

use std::{sync::Arc, task::Poll, time::Duration};

use campus_client::Channel;
use futures_util::stream;
use http::uri::PathAndQuery;
use tokio::{
    sync::{Notify, mpsc},
    time::timeout,
};
use tonic::{Code, Request, Status, client::Grpc};
use tonic_prost::ProstCodec;

use super::{Client, Failure, Outcome, same, streams::of_size, unary, zeros};
use crate::testing::{EchoStatus, Empty, SimpleRequest, StreamingInputCallRequest, StreamingOutputCallRequest};

/// The longest time that anything may take here.
const PATIENCE: Duration = Duration::from_secs(10);

fn wrong(why: &str) -> Failure {
    Failure::Wrong(why.to_owned())
}

/// Fails unless the call has ended so.
fn ended<T>(end: Result<T, Status>, code: Code, message: Option<&str>) -> Outcome {
    let Err(status) = end else { return Err(Failure::Wrong(format!("the call succeeded; it should be {code:?}"))) };
    let wanted = (code, message.unwrap_or(status.message()));
    same("status", &(status.code(), status.message()), &wanted)
}

pub(super) async fn status(client: &mut Client) -> Outcome {
    let message = "test status message";
    let response_status = Some(EchoStatus { code: 2, message: message.into() });
    let asked = SimpleRequest { response_status: response_status.clone(), ..SimpleRequest::default() };
    ended(client.unary_call(asked).await, Code::Unknown, Some(message))?;
    let asked = StreamingOutputCallRequest { response_status, ..StreamingOutputCallRequest::default() };
    // Whether the head of the answer comes by itself is the server's choice.
    let end = match client.full_duplex_call(stream::iter([asked])).await {
        Ok(answers) => answers.into_inner().message().await.map(drop),
        Err(status) => Err(status),
    };
    ended(end, Code::Unknown, Some(message))
}

pub(super) async fn special_status(client: &mut Client) -> Outcome {
    let message = "\t\ntest with whitespace\r\nand Unicode BMP \u{263a} and non-BMP \u{1f608}\t\n";
    let response_status = Some(EchoStatus { code: 2, message: message.into() });
    let asked = SimpleRequest { response_status, ..SimpleRequest::default() };
    ended(client.unary_call(asked).await, Code::Unknown, Some(message))
}

pub(super) async fn unimplemented(channel: &Channel, service: &str) -> Outcome {
    let path = PathAndQuery::try_from(format!("/grpc.testing.{service}/UnimplementedCall"))
        .map_err(|error| Failure::Wrong(error.to_string()))?;
    let codec: ProstCodec<Empty, Empty> = ProstCodec::default();
    let mut grpc = Grpc::new(channel.clone());
    grpc.ready().await?;
    ended(grpc.unary(Request::new(Empty {}), path, codec).await, Code::Unimplemented, None)
}

/// A call is cancelled by dropping it, so there is no status to look at. It must have left, and others must go on.
pub(super) async fn cancelled_at_once(client: &mut Client) -> Outcome {
    let left = Arc::new(Notify::new());
    let (asked, mut times) = (Arc::clone(&left), 0);
    // The channel asks once whether the request is whole already, and then only to send more.
    let requests = stream::poll_fn(move |_| -> Poll<Option<StreamingInputCallRequest>> {
        times += 1;
        if times > 1 {
            asked.notify_one();
        }
        Poll::Pending
    });
    let call = client.streaming_input_call(requests);
    tokio::select! {
        end = call => return Err(Failure::Wrong(format!("the call ended by itself: {end:?}"))),
        sent = timeout(PATIENCE, left.notified()) => sent.map_err(|_| wrong("the call was not sent"))?,
    }
    unary::empty(client).await
}

pub(super) async fn cancelled_later(client: &mut Client) -> Outcome {
    let (requests, mut queue) = mpsc::channel(1);
    let asked = StreamingOutputCallRequest {
        response_parameters: vec![of_size(31_415)],
        payload: zeros(27_182),
        ..StreamingOutputCallRequest::default()
    };
    requests.send(asked).await.map_err(|_| wrong("the queue is closed"))?;
    let queue = stream::poll_fn(move |cx| queue.poll_recv(cx));
    let mut answers = client.full_duplex_call(queue).await?.into_inner();
    same("the first answer is there", &answers.message().await?.is_some(), &true)?;
    drop(answers);
    // Nobody reads the requests any more.
    timeout(PATIENCE, requests.closed()).await.map_err(|_| wrong("the call goes on after it was cancelled"))?;
    unary::empty(client).await
}

pub(super) async fn late(client: &mut Client) -> Outcome {
    let asked = StreamingOutputCallRequest { payload: zeros(27_182), ..StreamingOutputCallRequest::default() };
    let (requests, mut queue) = mpsc::channel(1);
    requests.send(asked).await.map_err(|_| wrong("the queue is closed"))?;
    let mut request = Request::new(stream::poll_fn(move |cx| queue.poll_recv(cx)));
    request.set_timeout(Duration::from_millis(1));
    let end = async {
        match client.full_duplex_call(request).await {
            Ok(answers) => answers.into_inner().message().await.map(drop),
            Err(status) => Err(status),
        }
    };
    let end = timeout(PATIENCE, end).await.map_err(|_| wrong("the call goes on after its deadline"))?;
    drop(requests);
    ended(end, Code::DeadlineExceeded, None)
}
