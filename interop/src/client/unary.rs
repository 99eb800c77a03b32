//! Single calls.

use tonic::{Request, metadata::MetadataMap, metadata::MetadataValue};

use super::{Client, Failure, Outcome, same, size, zeros};
use crate::{
    INITIAL, TRAILING,
    testing::{Empty, ResponseParameters, SimpleRequest, StreamingOutputCallRequest},
};

/// Bytes of a large payload of a request.
pub(super) const REQUEST: usize = 271_828;
/// Bytes of a large payload of an answer.
pub(super) const ANSWER: i32 = 314_159;

pub(super) fn large_request() -> SimpleRequest {
    SimpleRequest { response_size: ANSWER, payload: zeros(REQUEST), ..SimpleRequest::default() }
}

pub(super) async fn empty(client: &mut Client) -> Outcome {
    client.empty_call(Empty {}).await?;
    Ok(())
}

pub(super) async fn large(client: &mut Client) -> Outcome {
    let answer = client.unary_call(large_request()).await?.into_inner();
    same("bytes of the answer", &size(answer.payload.as_ref()), &314_159)
}

pub(super) async fn metadata(client: &mut Client) -> Outcome {
    let answer = client.unary_call(with_metadata(large_request())).await?;
    given_back(answer.metadata(), answer.metadata())?;
    let asked = StreamingOutputCallRequest {
        response_parameters: vec![ResponseParameters { size: ANSWER, ..ResponseParameters::default() }],
        payload: zeros(REQUEST),
        ..StreamingOutputCallRequest::default()
    };
    let requests = futures_util::stream::iter([asked]);
    let (head, mut answers, _) = client.full_duplex_call(with_metadata(requests)).await?.into_parts();
    while answers.message().await?.is_some() {}
    let trailers = answers.trailers().await?.unwrap_or_default();
    same("trailing metadata in the head of a stream", &head.get_bin(TRAILING), &None)?;
    given_back(&head, &trailers)
}

fn with_metadata<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert(INITIAL, MetadataValue::from_static("test_initial_metadata_value"));
    request.metadata_mut().insert_bin(TRAILING, MetadataValue::from_bytes(&[0xab; 3]));
    request
}

/// tonic puts head and trailers of a single answer into one map.
fn given_back(head: &MetadataMap, trailers: &MetadataMap) -> Outcome {
    let initial: Vec<_> = head.get_all(INITIAL).iter().map(|value| value.to_str()).collect();
    same(INITIAL, &format!("{initial:?}"), &r#"[Ok("test_initial_metadata_value")]"#.to_owned())?;
    let trailing = trailers.get_all_bin(TRAILING).iter().map(MetadataValue::to_bytes);
    let trailing: Vec<_> =
        trailing.collect::<Result<_, _>>().map_err(|error| Failure::Wrong(format!("{TRAILING}: {error}")))?;
    same(TRAILING, &trailing, &vec![vec![0xab; 3].into()])
}
