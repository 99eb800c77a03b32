//! Pages that do what a test needs.

use super::{Server, admin_config, h2, within};
use bytes::Bytes;
use campus_chassis::{Listen, ReadError, Routed, ServerConfig, WebBody, WebRoute, WebService};
use futures_util::stream;
use h2::client::{ResponseFuture, SendRequest};
use http::{HeaderMap, Request, Response, StatusCode, request};
use http_body::Frame;
use http_body_util::StreamBody;
use std::{
    borrow::Borrow,
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};
use tokio::sync::Notify;
use tonic::{Status, body::Body};

/// What is at a web address.
#[derive(Clone, Default)]
pub(crate) struct Page {
    /// Requests that wait.
    pub(crate) working: Arc<AtomicUsize>,
    /// Lets them go on.
    pub(crate) go: Arc<Notify>,
    /// Bytes of endless replies.
    pub(crate) made: Arc<AtomicUsize>,
}

struct Working(Arc<AtomicUsize>);

impl Page {
    fn works(&self) -> Working {
        self.working.fetch_add(1, SeqCst);
        Working(Arc::clone(&self.working))
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

const PATHS: [&str; 3] = ["/echo", "/wait", "/endless"];

fn text(code: StatusCode, text: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Body::new(http_body_util::Full::new(text.into())));
    *response.status_mut() = code;
    response
}

impl WebService for Page {
    fn for_event_loop(&self) -> Self {
        self.clone()
    }

    fn routes(&self) -> Vec<WebRoute> {
        PATHS.iter().map(|path| WebRoute { method: "GET".to_owned(), path: (*path).to_owned() }).collect()
    }

    fn call(
        self: &Arc<Self>,
        request: Request<WebBody>,
    ) -> Routed<impl Future<Output = Response<Body>> + Send + 'static> {
        assert_ne!(request.uri().path(), "/panic", "a panic before anything is done");
        let page = Arc::clone(self);
        let route = PATHS.iter().position(|path| *path == request.uri().path());
        Routed { route, reply: async move { page.answer(request).await } }
    }

    fn refuse(&self, status: &Status, code: Option<StatusCode>) -> Response<Body> {
        text(code.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), format!("{:?}", status.code()))
    }
}

impl Page {
    async fn answer(&self, request: Request<WebBody>) -> Response<Body> {
        let (head, body) = request.into_parts();
        match head.uri.path() {
            "/echo" => echo(&head, body).await,
            "/wait" => {
                let _working = self.works();
                self.go.notified().await;
                text(StatusCode::OK, "done")
            }
            "/panic/later" => {
                tokio::task::yield_now().await;
                panic!("a panic while it runs")
            }
            "/endless" => {
                let made = Arc::clone(&self.made);
                let piece = move |()| {
                    let data = Bytes::from(vec![b'x'; 16 << 10]);
                    made.fetch_add(data.len(), SeqCst);
                    async move { Some((Ok::<_, Infallible>(Frame::data(data)), ())) }
                };
                Response::new(Body::new(StreamBody::new(stream::unfold((), piece))))
            }
            // Begins, and says nothing more.
            "/drops" => {
                let first = Some((Bytes::from_static(b"first"), self.works()));
                let piece = |first: Option<(Bytes, Working)>| async move {
                    let Some((data, working)) = first else { return std::future::pending().await };
                    // It lives as long as the reply.
                    std::mem::forget(working);
                    Some((Ok::<_, Infallible>(Frame::data(data)), None))
                };
                Response::new(Body::new(StreamBody::new(stream::unfold(first, piece))))
            }
            "/read/1024" => match body.read(1024).await {
                Ok(bytes) => text(StatusCode::OK, bytes),
                Err(ReadError::TooLarge) => text(StatusCode::PAYLOAD_TOO_LARGE, ""),
                Err(error) => text(StatusCode::BAD_REQUEST, format!("{error:?}")),
            },
            _ => text(StatusCode::NOT_FOUND, ""),
        }
    }
}

async fn echo(head: &request::Parts, body: WebBody) -> Response<Body> {
    let begin = format!("{} {} {:?} ", head.method, head.uri.path(), head.version);
    match body.read(1 << 20).await {
        Ok(bytes) => text(StatusCode::OK, [begin.as_bytes(), &bytes].concat()),
        Err(error) => text(StatusCode::BAD_REQUEST, format!("{error:?}")),
    }
}

/// A server with a web address.
pub(crate) struct Web {
    pub(crate) server: Server,
    pub(crate) addr: SocketAddr,
    pub(crate) page: Page,
}

/// The first address of TCP.
pub(crate) fn web(addresses: &Listen) -> SocketAddr {
    addresses.0.iter().find_map(campus_chassis::Address::tcp).unwrap()
}

impl Web {
    pub(crate) fn start(config: impl Borrow<ServerConfig>) -> Self {
        let page = Page::default();
        let server = Server::launch_with(config.borrow(), &admin_config(), |builder| {
            builder.web("127.0.0.1:0".parse().unwrap(), page.clone())
        });
        Self { addr: web(&server.web), server, page }
    }

    pub(crate) async fn h2(&self) -> Pages {
        Pages(h2(self.addr).await)
    }
}

/// A connection of HTTP/2.
pub(crate) struct Pages(SendRequest<Bytes>);

/// What came back.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) code: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Pages {
    pub(crate) async fn send(&mut self, request: request::Builder, body: &str) -> ResponseFuture {
        within(std::future::poll_fn(|cx| self.0.poll_ready(cx))).await.unwrap();
        let (reply, mut sender) = self.0.send_request(request.body(()).unwrap(), body.is_empty()).unwrap();
        if !body.is_empty() {
            sender.send_data(Bytes::copy_from_slice(body.as_bytes()), true).unwrap();
        }
        reply
    }

    pub(crate) async fn page(&mut self, request: request::Builder, body: &str) -> Got {
        let reply = self.send(request, body).await;
        let (head, mut body) = within(reply).await.unwrap().into_parts();
        let mut bytes = Vec::new();
        while let Some(data) = within(body.data()).await {
            // A reset after the reply says that no more of the request is wanted.
            let Ok(data) = data else { break };
            body.flow_control().release_capacity(data.len()).unwrap();
            bytes.extend_from_slice(&data);
        }
        Got { code: head.status, headers: head.headers, body: String::from_utf8(bytes).unwrap() }
    }
}
