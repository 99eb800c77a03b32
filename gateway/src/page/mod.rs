//! The pages of the gateway itself: its description, and the page where calls can be tried.
//!
//! Nothing is fetched from another host, and the page may not do so either (`Content-Security-Policy`).

use std::hash::{DefaultHasher, Hash, Hasher};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use tonic::body::Body;

use crate::{
    openapi::Document,
    web::{coding::Coding, etag},
};

const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'",
);

/// What is served where no service has a route.
#[derive(Debug)]
pub(crate) struct Pages([Page; 5]);

#[derive(Debug)]
struct Page {
    path: &'static str,
    kind: HeaderValue,
    bytes: Bytes,
    etag: String,
}

impl Page {
    fn new(path: &'static str, kind: &'static str, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        Self { path, kind: HeaderValue::from_static(kind), etag: format!("{:016x}", hasher.finish()), bytes }
    }
}

impl Pages {
    pub(crate) fn new(document: Document) -> Self {
        Self([
            Page::new("/", "text/html; charset=utf-8", include_str!("page.html")),
            Page::new("/page.css", "text/css; charset=utf-8", include_str!("page.css")),
            Page::new("/page.js", "text/javascript; charset=utf-8", include_str!("page.js")),
            Page::new("/openapi.json", "application/json", document.json),
            Page::new("/openapi.yaml", "application/yaml", document.yaml),
        ])
    }

    /// Of every page, in the order of their places.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|page| page.path)
    }

    /// The place of a page.
    pub(crate) fn find(&self, path: &str) -> Option<usize> {
        self.0.iter().position(|page| page.path == path)
    }

    /// Sends a page, unless its client has it.
    pub(crate) fn answer(&self, place: usize, headers: &HeaderMap) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        let Some(page) = self.0.get(place) else {
            *response.status_mut() = StatusCode::NOT_FOUND;
            return response;
        };
        let packed = Coding::accepted(headers).and_then(|coding| Some((coding, coding.pack(&page.bytes).ok()?)));
        let answer = response.headers_mut();
        answer.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        answer.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        answer.extend(etag::header(&page.etag, packed.is_some()).map(|etag| (header::ETAG, etag)));
        if etag::names(headers, &header::IF_NONE_MATCH, &page.etag) {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return response;
        }
        answer.insert(header::CONTENT_TYPE, page.kind.clone());
        answer.insert(header::CONTENT_SECURITY_POLICY, POLICY);
        answer.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        answer.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        let bytes = match packed {
            Some((coding, packed)) => {
                answer.insert(header::CONTENT_ENCODING, coding.header());
                packed.into()
            }
            None => page.bytes.clone(),
        };
        *response.body_mut() = Body::new(Full::new(bytes));
        response
    }
}
