//! Messages that are compressed, and others that are not.

use campus_client::Channel;
use futures_util::stream;
use tonic::{Code, Status, codec::CompressionEncoding};

use super::{Client, Failure, Outcome, exchange::exchange, same, size, unary::large_request, zeros};
use crate::testing::{
    BoolValue, ResponseParameters, SimpleRequest, SimpleResponse, StreamingInputCallRequest,
    StreamingInputCallResponse, StreamingOutputCallRequest, StreamingOutputCallResponse,
};

#[expect(clippy::unnecessary_wraps, reason = "fields of messages are such")]
fn flag(value: bool) -> Option<BoolValue> {
    Some(BoolValue { value })
}

/// Passes if the server refused a message that is not compressed although it says so.
fn refused<T: std::fmt::Debug>(probe: Result<T, Status>) -> Outcome {
    match probe {
        Err(status) if status.code() == Code::InvalidArgument => Ok(()),
        Err(status) => Err(status.into()),
        Ok(_) => Err(Failure::Lacking("it takes a message for compressed that is not")),
    }
}

pub(super) async fn requests(channel: &Channel) -> Outcome {
    let asked = |expected| SimpleRequest { expect_compressed: flag(expected), ..large_request() };
    let probe = exchange::<_, SimpleResponse>(channel, "UnaryCall", &[(false, asked(true))]).await;
    for compressed in [true, false] {
        let answers = exchange(channel, "UnaryCall", &[(compressed, asked(compressed))]).await?;
        let sizes = answers.iter().map(|(_, answer): &(bool, SimpleResponse)| size(answer.payload.as_ref()));
        same("bytes of the answers", &sizes.collect(), &vec![314_159])?;
    }
    let gzip = CompressionEncoding::Gzip;
    let mut tonic = Client::new(channel.clone()).send_compressed(gzip).accept_compressed(gzip);
    let answer = tonic.unary_call(asked(true)).await?.into_inner();
    same("bytes of the answer", &size(answer.payload.as_ref()), &314_159)?;
    refused(probe)
}

pub(super) async fn stream_of_requests(channel: &Channel) -> Outcome {
    let asked = |expected, size| StreamingInputCallRequest { payload: zeros(size), expect_compressed: flag(expected) };
    let method = "StreamingInputCall";
    let probe = exchange::<_, StreamingInputCallResponse>(channel, method, &[(false, asked(true, 27_182))]).await;
    let messages = [(true, asked(true, 27_182)), (false, asked(false, 45_904))];
    let answers = exchange(channel, method, &messages).await?;
    let sizes = answers.iter().map(|(_, answer): &(bool, StreamingInputCallResponse)| answer.aggregated_payload_size);
    same("bytes of all requests", &sizes.collect(), &vec![73_086])?;
    let mut tonic = Client::new(channel.clone()).send_compressed(CompressionEncoding::Gzip);
    let answer = tonic.streaming_input_call(stream::iter([asked(true, 8), asked(true, 45_904)])).await?.into_inner();
    same("bytes of all requests", &answer.aggregated_payload_size, &45_912)?;
    refused(probe)
}

/// Whether each answer was compressed, and how large it was.
fn seen(found: &[(bool, usize)], wanted: &[(bool, usize)]) -> Outcome {
    let never = found.iter().all(|(compressed, _)| !compressed);
    let sizes = |of: &[(bool, usize)]| of.iter().map(|(_, size)| *size).collect::<Vec<_>>();
    same("bytes of the answers", &sizes(found), &sizes(wanted))?;
    match never && found != wanted {
        true => Err(Failure::Lacking("it compresses no answer that should be compressed")),
        false => same("whether answers were compressed", &found.to_vec(), &wanted.to_vec()),
    }
}

pub(super) async fn replies(channel: &Channel) -> Outcome {
    let mut found = Vec::new();
    for compressed in [true, false] {
        let asked = SimpleRequest { response_compressed: flag(compressed), ..large_request() };
        let answers = exchange(channel, "UnaryCall", &[(false, asked)]).await?;
        found
            .extend(answers.iter().map(|(was, answer): &(bool, SimpleResponse)| (*was, size(answer.payload.as_ref()))));
    }
    seen(&found, &[(true, 314_159), (false, 314_159)])
}

pub(super) async fn stream_of_replies(channel: &Channel) -> Outcome {
    let parameters = [(true, 31_415), (false, 92_653)];
    let of = |(compressed, size)| ResponseParameters { size, compressed: flag(compressed), interval_us: 0 };
    let response_parameters = parameters.map(of).into();
    let asked = StreamingOutputCallRequest { response_parameters, ..StreamingOutputCallRequest::default() };
    let answers = exchange(channel, "StreamingOutputCall", &[(false, asked)]).await?;
    let found =
        answers.iter().map(|(was, answer): &(bool, StreamingOutputCallResponse)| (*was, size(answer.payload.as_ref())));
    seen(&found.collect::<Vec<_>>(), &[(true, 31_415), (false, 92_653)])
}
