//! The test service, for a chassis.

mod counted;

use std::{iter, pin::Pin, time::Duration};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use tonic::{
    Code, Request, Response, Status, Streaming,
    metadata::{MetadataMap, MetadataValue},
};

pub use self::counted::Counted;
use self::counted::Unpacked;
use crate::{
    INITIAL, TRAILING,
    testing::{
        BoolValue, EchoStatus, Empty, Payload, ResponseParameters, SimpleRequest, SimpleResponse,
        StreamingInputCallRequest, StreamingInputCallResponse, StreamingOutputCallRequest, StreamingOutputCallResponse,
        test_service_server::{TestService, TestServiceServer},
    },
};

/// What the chassis serves. It is told of each call how many messages came compressed.
pub type Service = Counted<TestServiceServer<Cases>>;

type Answers = Pin<Box<dyn Stream<Item = Result<StreamingOutputCallResponse, Status>> + Send>>;

/// Answers as each request asks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cases;

/// The service, ready for a chassis whose `compress_replies` is `accepted`.
#[must_use]
pub fn service() -> Service {
    Counted::new(TestServiceServer::new(Cases))
}

#[tonic::async_trait]
impl TestService for Cases {
    type StreamingOutputCallStream = Answers;
    type FullDuplexCallStream = Answers;

    async fn empty_call(&self, _: Request<Empty>) -> Result<Response<Empty>, Status> {
        Ok(Response::new(Empty {}))
    }

    async fn unary_call(&self, request: Request<SimpleRequest>) -> Result<Response<SimpleResponse>, Status> {
        let asked = request.get_ref();
        wanted(asked.response_status.as_ref())?;
        unpacked(request.extensions().get(), iter::once(asked.expect_compressed))?;
        let payload = payload(asked.response_size, None)?;
        let server_id = if asked.fill_server_id { std::process::id().to_string() } else { String::new() };
        let is_packed = asked.response_compressed.is_some_and(|asked| asked.value);
        echo(request.metadata(), is_packed, SimpleResponse { payload: Some(payload), server_id })
    }

    async fn streaming_output_call(
        &self,
        request: Request<StreamingOutputCallRequest>,
    ) -> Result<Response<Answers>, Status> {
        let (metadata, _, asked) = request.into_parts();
        let is_packed = asked.response_parameters.iter().any(|asked| asked.compressed.is_some_and(|asked| asked.value));
        echo(&metadata, is_packed, answers(asked))
    }

    async fn streaming_input_call(
        &self,
        request: Request<Streaming<StreamingInputCallRequest>>,
    ) -> Result<Response<StreamingInputCallResponse>, Status> {
        let (metadata, told, mut requests) = request.into_parts();
        let (mut size, mut expected) = (0_usize, Vec::new());
        while let Some(request) = requests.message().await? {
            size += request.payload.map_or(0, |payload| payload.body.len());
            expected.push(request.expect_compressed);
        }
        unpacked(told.get(), expected.into_iter())?;
        let aggregated_payload_size =
            size.try_into().map_err(|_| Status::out_of_range("the payloads are over 2 GiB together"))?;
        echo(&metadata, false, StreamingInputCallResponse { aggregated_payload_size })
    }

    async fn full_duplex_call(
        &self,
        request: Request<Streaming<StreamingOutputCallRequest>>,
    ) -> Result<Response<Answers>, Status> {
        let (metadata, _, requests) = request.into_parts();
        let answers: Answers = Box::pin(requests.map_ok(answers).try_flatten());
        echo(&metadata, false, answers)
    }
}

/// The answer, with the metadata that the caller wants back. The chassis may compress it only if `is_packed`.
fn echo<T>(given: &MetadataMap, is_packed: bool, message: T) -> Result<Response<T>, Status> {
    let mut response = Response::new(message);
    if !is_packed {
        response.metadata_mut().insert("grpc-encoding", MetadataValue::from_static("identity"));
    }
    if let Some(initial) = given.get(INITIAL) {
        response.metadata_mut().insert(INITIAL, initial.clone());
    }
    if let (Some(trailing), Some(call)) = (given.get_bin(TRAILING), campus_call::current()) {
        let bytes = trailing.to_bytes().map_err(|error| Status::invalid_argument(format!("{TRAILING}: {error}")))?;
        call.add_binary_trailer(TRAILING, &bytes).map_err(|error| Status::internal(error.to_string()))?;
    }
    Ok(response)
}

fn wanted(status: Option<&EchoStatus>) -> Result<(), Status> {
    match status {
        Some(status) if status.code != 0 => Err(Status::new(Code::from_i32(status.code), status.message.as_str())),
        _ => Ok(()),
    }
}

/// Refuses what did not come as it says. The chassis counts the compressed messages of a call and does not say which they
/// are, so that is compared.
fn unpacked(counted: Option<&Unpacked>, expected: impl Iterator<Item = Option<BoolValue>>) -> Result<(), Status> {
    let expected: Vec<bool> = expected.flatten().map(|expected| expected.value).collect();
    let wanted = expected.iter().filter(|is| **is).count() as u64;
    let came = counted.map(Unpacked::messages).unwrap_or_default();
    match expected.is_empty() || came == wanted {
        true => Ok(()),
        false => Err(Status::invalid_argument(format!("{wanted} messages should have come compressed; {came} did"))),
    }
}

fn answers(asked: StreamingOutputCallRequest) -> Answers {
    if let Err(status) = wanted(asked.response_status.as_ref()) {
        return Box::pin(stream::once(async { Err(status) }));
    }
    Box::pin(stream::iter(asked.response_parameters).then(answer))
}

async fn answer(asked: ResponseParameters) -> Result<StreamingOutputCallResponse, Status> {
    if let Ok(interval @ 1..) = asked.interval_us.try_into() {
        tokio::time::sleep(Duration::from_micros(interval)).await;
    }
    Ok(StreamingOutputCallResponse { payload: Some(payload(asked.size, asked.compressed)?) })
}

/// So many zeros; or, for an answer that is not to be compressed among others that are, what does not become smaller: then
/// the chassis sends it as it is.
fn payload(size: i32, compressed: Option<BoolValue>) -> Result<Payload, Status> {
    let size = usize::try_from(size).map_err(|_| Status::invalid_argument(format!("no payload has {size} bytes")))?;
    let mut body = vec![0; size];
    if compressed.is_some_and(|compressed| !compressed.value) {
        fastrand::fill(&mut body);
    }
    Ok(Payload { body: Bytes::from(body), ..Payload::default() })
}
