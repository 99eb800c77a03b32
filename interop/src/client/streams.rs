//! Streams of requests, of answers, and of both.

use futures_util::{StreamExt, stream};
use tokio::sync::mpsc;

use super::{Client, Failure, Outcome, same, size, zeros};
use crate::testing::{ResponseParameters, StreamingInputCallRequest, StreamingOutputCallRequest};

const REQUESTS: [usize; 4] = [27_182, 8, 1_828, 45_904];
const ANSWERS: [i32; 4] = [31_415, 9, 2_653, 58_979];
const ANSWERED: [usize; 4] = [31_415, 9, 2_653, 58_979];

pub(super) fn of_size(size: i32) -> ResponseParameters {
    ResponseParameters { size, ..ResponseParameters::default() }
}

pub(super) async fn requests(client: &mut Client) -> Outcome {
    let requests = REQUESTS.map(|size| StreamingInputCallRequest { payload: zeros(size), expect_compressed: None });
    let answer = client.streaming_input_call(stream::iter(requests)).await?.into_inner();
    same("bytes of all requests", &answer.aggregated_payload_size, &74_922)
}

pub(super) async fn replies(client: &mut Client) -> Outcome {
    let response_parameters = ANSWERS.map(of_size).into();
    let asked = StreamingOutputCallRequest { response_parameters, ..StreamingOutputCallRequest::default() };
    let mut answers = client.streaming_output_call(asked).await?.into_inner();
    let mut sizes = Vec::new();
    while let Some(answer) = answers.message().await? {
        sizes.push(size(answer.payload.as_ref()));
    }
    same("bytes of the answers", &sizes, &ANSWERED.to_vec())
}

pub(super) async fn ping_pong(client: &mut Client) -> Outcome {
    let (requests, mut queue) = mpsc::channel(1);
    let queue = stream::poll_fn(move |cx| queue.poll_recv(cx));
    let mut asked = REQUESTS.into_iter().zip(ANSWERS).map(|(request, answer)| StreamingOutputCallRequest {
        response_parameters: vec![of_size(answer)],
        payload: zeros(request),
        ..StreamingOutputCallRequest::default()
    });
    let mut send = async || match asked.next() {
        Some(request) => requests.send(request).await.is_ok(),
        None => false,
    };
    // A server may keep the head of its answer until it has something to say, and tonic waits for the head.
    send().await;
    let mut answers = client.full_duplex_call(queue).await?.into_inner();
    for (at, answered) in ANSWERED.into_iter().enumerate() {
        if at > 0 && !send().await {
            return Err(Failure::Wrong("the call takes no more requests".into()));
        }
        let answer = answers.message().await?.map(|answer| size(answer.payload.as_ref()));
        same("bytes of an answer", &answer, &Some(answered))?;
    }
    drop(requests);
    same("an answer behind the last", &answers.message().await?, &None)
}

pub(super) async fn empty(client: &mut Client) -> Outcome {
    let mut answers = client.full_duplex_call(stream::empty().boxed()).await?.into_inner();
    same("an answer to nothing", &answers.message().await?, &None)
}
