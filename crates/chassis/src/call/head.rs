//! What the head of a request says, read in one pass.

use super::encoding::Encoding;
use crate::status;
use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use campus_call::RequestId;
use http::{HeaderMap, HeaderValue};
use tonic::Status;

/// Names beginning with `grpc-` that gRPC's own implementations send.
const OF_GRPC: [&str; 10] = [
    "grpc-timeout",
    "grpc-encoding",
    "grpc-accept-encoding",
    "grpc-internal-encoding-request",
    "grpc-message-type",
    "grpc-previous-rpc-attempts",
    "grpc-server-stats-bin",
    "grpc-tags-bin",
    "grpc-trace-bin",
    "grpc-client-stats-bin",
];

/// Base64 as gRPC takes it: padded or not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The parts of a head that concern the server itself.
#[derive(Debug, Default)]
pub(super) struct Head<'a> {
    pub(super) timeout: Option<&'a HeaderValue>,
    pub(super) request_id: Option<RequestId>,
    pub(super) encoding: Option<Encoding>,
    /// `grpc-accept-encoding`.
    pub(super) accepts: Option<&'a HeaderValue>,
    /// The client named a compression that is not understood.
    pub(super) foreign_encoding: bool,
    /// The caller says where it stands in a trace.
    pub(super) is_traced: bool,
    /// Why the call is refused.
    pub(super) fault: Option<Status>,
}

impl<'a> Head<'a> {
    pub(super) fn read(headers: &'a HeaderMap) -> Self {
        let mut head = Self::default();
        for (name, value) in headers {
            let name = name.as_str();
            match name {
                "x-request-id" => head.request_id = RequestId::given(value),
                "traceparent" => head.is_traced = true,
                "grpc-timeout" => head.timeout = Some(value),
                "grpc-accept-encoding" => head.accepts = Some(value),
                "grpc-encoding" => match Encoding::named(value.as_bytes()) {
                    Ok(encoding) => head.encoding = encoding,
                    Err(()) => {
                        head.foreign_encoding = true;
                        head.fault = Some(status::unknown_encoding(value));
                    }
                },
                _ if name.starts_with("grpc-") && !OF_GRPC.contains(&name) => {
                    head.fault = Some(status::reserved_metadata(name));
                }
                _ if name.ends_with("-bin") && !is_base64(value) => head.fault = Some(status::not_base64(name)),
                _ => {}
            }
        }
        head
    }
}

/// Several values of one key may have been joined with commas.
fn is_base64(value: &HeaderValue) -> bool {
    value.as_bytes().split(|byte| *byte == b',').all(|part| BASE64.decode(part.trim_ascii()).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderName;

    fn fault(name: &'static str, value: &'static str) -> Option<Status> {
        let headers = HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_static(value))]);
        Head::read(&headers).fault
    }

    #[test]
    fn what_grpc_itself_sends_is_taken_and_other_names_of_its_own_are_not() {
        for name in OF_GRPC.iter().filter(|name| !name.ends_with("encoding")) {
            assert!(fault(name, "AAAA").is_none(), "{name}");
        }
        for name in ["grpc-status", "grpc-message", "grpc-status-details-bin", "grpc-x", "grpc-"] {
            assert!(fault(name, "AAAA").unwrap().message().contains(name), "{name}");
        }
        assert!(fault("x-grpc-status", "AAAA").is_none());
    }

    #[test]
    fn bytes_are_base64_padded_or_not() {
        for good in ["", "AA", "AA==", "AAAA", "AA==,AAA", "+/+/"] {
            assert!(fault("x-token-bin", good).is_none(), "{good}");
        }
        for bad in ["A", "A===", "-_-_", "AA AA", "a~"] {
            assert!(fault("x-token-bin", bad).unwrap().message().contains("x-token-bin"), "{bad}");
        }
    }
}
