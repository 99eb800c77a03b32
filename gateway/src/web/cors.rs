//! Pages of other origins (Fetch Standard, "CORS protocol").

use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use tonic::body::Body;

use crate::settings::{CorsConfig, Origin};

/// Headers that a page may send, beside those it always may and `Grpc-Metadata-*`.
const REQUEST_HEADERS: &str = "authorization, content-type, content-encoding, if-match, if-none-match, idempotency-key, last-event-id, \
                               grpc-timeout, x-request-id, traceparent, tracestate";
/// Headers that a page may see, beside those it always may.
const REPLY_HEADERS: HeaderValue =
    HeaderValue::from_static("etag, retry-after, server-timing, x-request-id, x-served-by, grpc-metadata-x-served-by");

/// The rules, ready for use.
#[derive(Debug)]
pub(crate) struct Cors {
    origins: Vec<Origin>,
    credentials: bool,
    max_age: HeaderValue,
}

impl Cors {
    /// Nothing where no origin is allowed.
    pub(crate) fn new(config: &CorsConfig) -> Option<Self> {
        let origins = config.origins.0.clone();
        let max_age = config.max_age.get().as_secs().into();
        (!origins.is_empty()).then_some(Self { origins, credentials: config.credentials, max_age })
    }

    /// What the answer to a page of this origin names as allowed.
    fn allowed(&self, origin: &HeaderValue) -> Option<HeaderValue> {
        if self.origins.iter().any(Origin::is_any) {
            return Some(HeaderValue::from_static("*"));
        }
        self.origins.iter().any(|known| known.as_str() == origin).then(|| origin.clone())
    }

    fn mark(&self, origin: Option<&HeaderValue>, answer: &mut HeaderMap) -> bool {
        // Caches must not give one origin the answer of another.
        answer.append(header::VARY, HeaderValue::from_static("origin"));
        let Some(allowed) = origin.and_then(|origin| self.allowed(origin)) else { return false };
        answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        if self.credentials {
            answer.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
        true
    }

    /// Lets the page see an answer, if it may.
    pub(crate) fn decorate(&self, request: Option<&HeaderValue>, answer: &mut HeaderMap) {
        if self.mark(request, answer) {
            answer.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, REPLY_HEADERS);
        }
    }

    /// The answer to a browser that asks whether a page may send a request; `methods` are what there is at the path.
    pub(crate) fn preflight(&self, request: &HeaderMap, methods: &str) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let answer = response.headers_mut();
        if self.mark(request.get(header::ORIGIN), answer) {
            if let Ok(methods) = methods.parse() {
                answer.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
            }
            if let Ok(headers) = headers(request).parse() {
                answer.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, headers);
            }
            answer.insert(header::ACCESS_CONTROL_MAX_AGE, self.max_age.clone());
        }
        response
    }
}

/// Those that are allowed, and of `Grpc-Metadata-*` those that were asked for.
fn headers(request: &HeaderMap) -> String {
    let asked = request.get(header::ACCESS_CONTROL_REQUEST_HEADERS).and_then(|value| value.to_str().ok());
    let metadata = asked.unwrap_or_default().split(',').map(str::trim_ascii).filter(|name| {
        let begins = name.get(..14).is_some_and(|start| start.eq_ignore_ascii_case("grpc-metadata-"));
        begins && HeaderName::try_from(*name).is_ok()
    });
    metadata.fold(REQUEST_HEADERS.to_owned(), |all, name| format!("{all}, {name}"))
}

/// Whether a browser asks for a page, and not a client for what there is.
pub(crate) fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::OPTIONS
        && headers.contains_key(header::ORIGIN)
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cors(origins: &str, credentials: bool) -> Cors {
        let config = CorsConfig { origins: origins.parse().unwrap(), credentials, ..CorsConfig::default() };
        Cors::new(&config).unwrap()
    }

    fn decorated(cors: &Cors, origin: &'static str) -> HeaderMap {
        let mut answer = HeaderMap::new();
        cors.decorate(Some(&HeaderValue::from_static(origin)), &mut answer);
        answer
    }

    #[test]
    fn a_page_of_an_origin_that_is_listed_sees_answers_and_others_do_not() {
        let cors = cors("https://a.example,https://b.example", true);
        let answer = decorated(&cors, "https://b.example");
        assert_eq!(answer["access-control-allow-origin"], "https://b.example");
        assert_eq!(answer["access-control-allow-credentials"], "true");
        assert!(answer["access-control-expose-headers"].to_str().unwrap().contains("etag"));
        for other in ["https://c.example", "http://a.example", "null"] {
            let answer = decorated(&cors, other);
            assert_eq!((answer.len(), &answer["vary"]), (1, &HeaderValue::from_static("origin")), "{other}");
        }
    }

    #[test]
    fn every_origin_is_a_star_without_credentials() {
        let answer = decorated(&cors("*", false), "https://a.example");
        assert_eq!(answer["access-control-allow-origin"], "*");
        assert!(!answer.contains_key("access-control-allow-credentials"));
        assert!(Cors::new(&CorsConfig::default()).is_none());
    }

    #[test]
    fn a_preflight_is_told_methods_headers_and_for_how_long() {
        let mut request = HeaderMap::new();
        request.insert("origin", HeaderValue::from_static("https://a.example"));
        request.insert("access-control-request-method", HeaderValue::from_static("PATCH"));
        request.insert("access-control-request-headers", HeaderValue::from_static("Grpc-Metadata-Tenant, x-other"));
        assert!(is_preflight(&Method::OPTIONS, &request));
        let answer = cors("https://a.example", false).preflight(&request, "GET, PATCH");
        let header = |name: &str| answer.headers()[name].to_str().unwrap();
        assert_eq!(answer.status(), StatusCode::NO_CONTENT);
        assert_eq!(header("access-control-allow-methods"), "GET, PATCH");
        assert_eq!(header("access-control-max-age"), "3600");
        let headers = header("access-control-allow-headers");
        assert!(headers.contains("if-match") && headers.contains("Grpc-Metadata-Tenant"), "{headers}");
        assert!(!headers.contains("x-other"), "{headers}");
    }
}
