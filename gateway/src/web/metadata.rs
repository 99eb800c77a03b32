//! Which headers become metadata of a call, and which metadata become headers of an answer.

use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::fault::Fault;

/// What a name of metadata begins with on the side of HTTP.
const PREFIX: &str = "grpc-metadata-";

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
static TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
static SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// The metadata of the call that is made for a request: `Authorization`, what begins with `Grpc-Metadata-`, the request's
/// id and its place in a trace. All else concerns the client and the gateway.
///
/// # Errors
/// When a name or value cannot be one of metadata.
pub(crate) fn of_request(headers: &HeaderMap) -> Result<HeaderMap, Fault> {
    let mut metadata = HeaderMap::with_capacity(16);
    for (name, value) in headers {
        match name.as_str() {
            "authorization" => {
                metadata.append(name, value.clone());
            }
            "grpc-timeout" => {}
            text => match text.strip_prefix(PREFIX) {
                Some(bare) => {
                    metadata.append(given(text, bare, value)?, value.clone());
                }
                None if text.starts_with("grpc-") => {
                    return Err(Fault::header(
                        text,
                        "names beginning with grpc- belong to gRPC; Grpc-Metadata-NAME sends metadata",
                    ));
                }
                None => {}
            },
        }
    }
    if let Some(call) = campus_call::current() {
        metadata.insert(&REQUEST_ID, call.request_id_header());
        if call.trace().is_some() {
            campus_chassis::trace::inject(&mut metadata);
            if let (None, Some(state)) = (metadata.get(&TRACESTATE), headers.get(&TRACESTATE)) {
                metadata.insert(&TRACESTATE, state.clone());
            }
        }
    }
    Ok(metadata)
}

/// The name of metadata that a client gives.
fn given(name: &str, bare: &str, value: &HeaderValue) -> Result<HeaderName, Fault> {
    if bare.starts_with("grpc-") || is_of_http(bare) {
        return Err(Fault::header(name, format!("{bare} is reserved for gRPC and HTTP; choose another name")));
    }
    if is_of_the_way(bare) {
        let problem =
            format!("{bare} is passed on or set under its plain name alone; send {bare}, or choose another name");
        return Err(Fault::header(name, problem));
    }
    if value.as_bytes().iter().any(|byte| !matches!(byte, b' '..=b'~')) {
        return Err(Fault::header(
            name,
            "metadata is printable ASCII; bytes are base64 under a name that ends in -bin",
        ));
    }
    bare.parse().map_err(|_| Fault::header(name, "a name of metadata is missing"))
}

/// What concerns one connection or one message alone (RFC 9110, 7.6.1).
fn is_of_http(name: &str) -> bool {
    const NAMES: [&str; 16] = [
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "date",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "trailers",
        "transfer-encoding",
        "upgrade",
        "vary",
    ];
    NAMES.contains(&name)
}

/// What the gateway passes on or sets, and what proxies before it check or set: in disguise it would get by them.
fn is_of_the_way(name: &str) -> bool {
    const NAMES: [&str; 9] = [
        "authorization",
        "baggage",
        "forwarded",
        "traceparent",
        "tracestate",
        "user-agent",
        "via",
        "x-real-ip",
        "x-request-id",
    ];
    NAMES.contains(&name) || name.starts_with("x-forwarded-")
}

/// Adds the metadata of a reply: as `Grpc-Metadata-*`, but for what HTTP itself has the same name for.
pub(crate) fn of_reply(metadata: &HeaderMap, headers: &mut HeaderMap) {
    for (name, value) in metadata {
        let text = name.as_str();
        if *name == SERVER_TIMING || *name == header::WWW_AUTHENTICATE {
            headers.append(name, value.clone());
        } else if !text.starts_with("grpc-")
            && !is_of_http(text)
            && *name != REQUEST_ID
            && let Ok(name) = HeaderName::try_from(format!("{PREFIX}{text}"))
        {
            headers.append(name, value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn of_a_request_what_is_meant_for_the_service_goes_on_and_nothing_else() {
        let given = headers(&[
            ("authorization", "Bearer t"),
            ("grpc-metadata-tenant", "7"),
            ("grpc-metadata-key-bin", "AAE"),
            ("grpc-timeout", "1S"),
            ("cookie", "a=b"),
            ("host", "x"),
            ("te", "trailers"),
        ]);
        let metadata = of_request(&given).unwrap();
        assert_eq!(metadata, headers(&[("authorization", "Bearer t"), ("tenant", "7"), ("key-bin", "AAE")]));
    }

    #[test]
    fn names_of_grpc_and_http_are_refused_as_metadata() {
        for name in ["grpc-status", "grpc-encoding", "grpc-metadata-grpc-timeout", "grpc-metadata-te", "grpc-metadata-"]
        {
            let fault = of_request(&headers(&[(name, "x")])).unwrap_err();
            assert!(fault.status().message().contains(name), "{name}: {}", fault.status().message());
        }
        let latin = HeaderMap::from_iter([(
            HeaderName::from_static("grpc-metadata-x"),
            HeaderValue::from_bytes(b"\xe4").unwrap(),
        )]);
        assert!(of_request(&latin).is_err());
    }

    #[test]
    fn what_proxies_check_is_refused_in_disguise() {
        for name in ["authorization", "x-forwarded-for", "user-agent", "x-request-id", "traceparent"] {
            let header = HeaderName::try_from(format!("Grpc-Metadata-{name}")).unwrap();
            let fault = of_request(&HeaderMap::from_iter([(header, HeaderValue::from_static("x"))])).unwrap_err();
            let message = fault.status().message();
            assert!(message.contains(&format!("send {name}, or choose another name")), "{message}");
        }
    }

    #[test]
    fn metadata_of_a_reply_is_marked_as_such() {
        let mut answer = HeaderMap::new();
        let reply = headers(&[
            ("tenant", "7"),
            ("server-timing", "total;dur=1"),
            ("content-type", "application/grpc"),
            ("grpc-status", "0"),
            ("x-request-id", "r"),
        ]);
        of_reply(&reply, &mut answer);
        assert_eq!(answer, headers(&[("grpc-metadata-tenant", "7"), ("server-timing", "total;dur=1")]));
    }
}
