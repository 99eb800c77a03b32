//! Calls through the client that Campus has for Rust.

use std::{future, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use campus_client::{Channel, Target, Tls};
use campus_proto::Raw;
use futures_util::{StreamExt, stream};
use prost_reflect::MethodDescriptor;
use serde_json::Value;
use tokio::sync::oneshot;
use tonic::{
    Request, Status, Streaming,
    client::Grpc,
    codec::CompressionEncoding,
    metadata::{AsciiMetadataKey, BinaryMetadataKey, BinaryMetadataValue, MetadataMap},
};

use crate::{
    Args,
    messages::{self, Contract},
    vector::{Call, Cancel, Compression, OneOrMany},
};

/// Calls any method.
pub(crate) struct Caller {
    channel: Channel,
    contract: Contract,
}

/// What a call has come to.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) details: Value,
    pub(crate) responses: Vec<Value>,
    pub(crate) headers: Metadata,
    pub(crate) trailers: Metadata,
    pub(crate) encoding: String,
}

/// Metadata, of `-bin` keys in base64.
#[derive(Default)]
pub(crate) struct Metadata(MetadataMap);

impl Metadata {
    /// All values of a key, in order.
    pub(crate) fn values(&self, key: &str) -> Vec<String> {
        if key.ends_with("-bin") {
            let bytes = self.0.get_all_bin(key).iter().filter_map(|value| value.to_bytes().ok());
            return bytes.map(|bytes| STANDARD.encode(bytes)).collect();
        }
        let texts = self.0.get_all(key).iter();
        texts.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect()
    }
}

impl Caller {
    /// Of the services that the arguments name.
    ///
    /// # Errors
    /// If that makes no sense; nothing is connected yet.
    pub(crate) fn new(args: &Args) -> Result<Self, String> {
        let target: Target = args.grpc.parse().map_err(|error| format!("--grpc {error}"))?;
        let mut builder = Channel::to(target.clone());
        if let Some(authority) = &args.tls_ca {
            let mut tls = Tls::builder().authorities(authority.as_path().into());
            if let (Some(certificate), Some(key)) = (&args.tls_cert, &args.tls_key) {
                tls = tls.identity(certificate.as_path().into(), key.as_path().into());
            }
            let host = target.host().unwrap_or_default();
            builder = builder.tls(tls.build(&host).map_err(|error| error.to_string())?);
        }
        Ok(Self { channel: builder.build(), contract: Contract::new()? })
    }

    /// Calls, until the call has ended or is to be cancelled.
    ///
    /// # Errors
    /// If the call cannot be made, or its responses cannot be read.
    pub(crate) async fn call(&self, call: &Call) -> Result<Seen, String> {
        let method = self.contract.method(&call.method)?;
        let mut grpc = Grpc::new(self.channel.clone()).accept_compressed(CompressionEncoding::Gzip);
        if let Some(Compression::Gzip) = call.compression {
            grpc = grpc.send_compressed(CompressionEncoding::Gzip);
        }
        let (request, sent) = request(call, &method)?;
        let path = format!("/{}", call.method).parse().map_err(|error| format!("method: {error}"))?;
        let begins = grpc.streaming(request, path, Raw);
        let mut seen = Seen::default();
        let ended = if call.cancel == Some(Cancel::Requests) {
            tokio::select! {
                // An outcome that is there already is not the one that was expected.
                biased;
                begun = begins => begun.err().unwrap_or_else(|| Status::unknown("answered before it was cancelled")),
                _ = sent => cancelled(),
            }
        } else {
            match begins.await {
                Ok(response) => {
                    let (headers, replies, _) = response.into_parts();
                    seen.encoding = headers
                        .get("grpc-encoding")
                        .map_or("identity", |value| value.to_str().unwrap_or_default())
                        .to_owned();
                    seen.headers = Metadata(headers);
                    read(replies, call.cancel, &method, &mut seen).await?
                }
                Err(status) => status,
            }
        };
        self.end(&ended, &mut seen)?;
        Ok(seen)
    }

    fn end(&self, status: &Status, seen: &mut Seen) -> Result<(), String> {
        seen.code = name(status);
        seen.message = status.message().to_owned();
        seen.details = self.contract.details(status.details())?;
        if status.code() != tonic::Code::Ok {
            seen.trailers = Metadata(status.metadata().clone());
        }
        Ok(())
    }
}

/// The request of a call, and when all of it has been handed over.
fn request(
    call: &Call,
    method: &MethodDescriptor,
) -> Result<(Request<impl futures_util::Stream<Item = Bytes> + Send + 'static>, oneshot::Receiver<()>), String> {
    let encoded = call.requests.iter().enumerate().map(|(at, json)| {
        messages::encode(method.input(), json.clone()).map_err(|error| format!("requests[{at}]: {error}"))
    });
    let encoded = encoded.collect::<Result<Vec<_>, _>>()?;
    if !method.is_client_streaming() && encoded.len() != 1 {
        return Err(format!("requests: {} takes exactly one", call.method));
    }
    let stays_open = call.hold || call.cancel.is_some() && method.is_client_streaming();
    let (all, sent) = oneshot::channel();
    let end = stream::once(async move {
        let _ = all.send(());
        if stays_open { future::pending().await } else { Bytes::new() }
    });
    // The element at the end is only there to be waited for.
    let mut request = Request::new(stream::iter(encoded).chain(end.filter(|_| future::ready(false))));
    let seconds = call.timeout.strip_suffix('s').and_then(|seconds| seconds.parse().ok());
    let timeout = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    request.set_timeout(timeout.ok_or_else(|| format!("timeout: {:?} is not such as \"0.5s\"", call.timeout))?);
    for (key, values) in &call.metadata {
        let values = match values {
            OneOrMany::One(value) => std::slice::from_ref(value),
            OneOrMany::Many(values) => values.as_slice(),
        };
        values
            .iter()
            .try_for_each(|value| add(request.metadata_mut(), key, value))
            .map_err(|error| format!("metadata.{key}: {error}"))?;
    }
    Ok((request, sent))
}

fn add(metadata: &mut MetadataMap, key: &str, value: &str) -> Result<(), String> {
    if key.ends_with("-bin") {
        let bytes = STANDARD.decode(value).map_err(|error| error.to_string())?;
        let key: BinaryMetadataKey = key.parse().map_err(|_| "no key of metadata")?;
        metadata.append_bin(key, BinaryMetadataValue::from_bytes(&bytes));
        return Ok(());
    }
    let key: AsciiMetadataKey = key.parse().map_err(|_| "no key of metadata")?;
    metadata.append(key, value.parse().map_err(|_| "no value of metadata")?);
    Ok(())
}

/// Reads the responses until the call ends or is to be cancelled.
async fn read(
    mut replies: Streaming<Bytes>,
    cancel: Option<Cancel>,
    method: &MethodDescriptor,
    seen: &mut Seen,
) -> Result<Status, String> {
    let most = match cancel {
        Some(Cancel::Responses(most)) => most,
        Some(_) => 0,
        None => usize::MAX,
    };
    while seen.responses.len() < most {
        match replies.message().await {
            Ok(Some(reply)) => {
                let at = seen.responses.len();
                let decoded = messages::decode(method.output(), reply);
                seen.responses.push(decoded.map_err(|error| format!("responses[{at}]: {error}"))?);
            }
            Ok(None) => {
                seen.trailers = Metadata(replies.trailers().await.ok().flatten().unwrap_or_default());
                return Ok(Status::ok(""));
            }
            Err(status) => return Ok(status),
        }
    }
    Ok(cancelled())
}

fn cancelled() -> Status {
    Status::cancelled("cancelled by the vector")
}

/// A code as gRPC writes it: `NOT_FOUND`.
fn name(status: &Status) -> String {
    let mut name = String::new();
    for letter in format!("{:?}", status.code()).chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}
