//! A server that does with each call what a test says.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use h2::{Reason, RecvStream, server::SendResponse};
use http::{HeaderMap, Request, Response};
use prost::Message;
use tokio::net::{TcpListener, TcpStream};
use tonic::Code;

use crate::support::Note;

/// What becomes of a call.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Act {
    /// A note with the number of bytes that came.
    Answer,
    /// A status in place of an answer, with a header.
    Fail(Code, Option<(&'static str, &'static str)>),
    /// The head of an answer, and then the status.
    HeadThenFail(Code),
    /// The head of an answer, and then nothing.
    HeadThenHang,
    /// The head of an answer, and then the connection breaks.
    HeadThenLose,
    /// The head of an answer, and then empty messages without end.
    HeadThenFlood,
    /// HTTP of somebody who does not speak gRPC.
    Http(u16),
    /// Refused before it was begun.
    Refuse,
    /// Nothing.
    Hang,
    /// The connection breaks.
    Lose,
}

/// A call as it came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    /// None while it is not read.
    pub(crate) body: Option<Bytes>,
}

/// The server.
#[derive(Clone, Debug)]
pub(crate) struct Scripted {
    pub(crate) address: SocketAddr,
    script: Arc<Mutex<VecDeque<Act>>>,
    /// What is done when the script is at its end.
    rest: Act,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Scripted {
    /// Does this with the first calls, and answers the others.
    pub(crate) async fn start(script: impl IntoIterator<Item = Act>) -> Self {
        Self::with(script, Act::Answer).await
    }

    /// Does this with the first calls, and that with the others.
    pub(crate) async fn with(script: impl IntoIterator<Item = Act>, rest: Act) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let script = Arc::new(Mutex::new(script.into_iter().collect()));
        let server = Self { address: listener.local_addr().unwrap(), script, rest, seen: Arc::default() };
        let accepting = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(accepting.clone().connection(stream));
            }
        });
        server
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// How often it was asked whether it is there, instead of being called.
    pub(crate) fn health_checks(&self) -> usize {
        self.seen().iter().filter(|seen| seen.path == "/grpc.health.v1.Health/Check").count()
    }

    /// A header of each call.
    pub(crate) fn headers(&self, name: &str) -> Vec<Option<String>> {
        let value = |seen: &Seen| Some(seen.headers.get(name)?.to_str().unwrap().to_owned());
        self.seen().iter().map(value).collect()
    }

    async fn connection(self, stream: TcpStream) {
        let mut connection = h2::server::handshake(stream).await.unwrap();
        while let Some(Ok((request, mut respond))) = connection.accept().await {
            let act = self.script.lock().unwrap().pop_front().unwrap_or(self.rest);
            let number = {
                let mut seen = self.seen.lock().unwrap();
                seen.push(Seen {
                    path: request.uri().path().to_owned(),
                    headers: request.headers().clone(),
                    body: None,
                });
                seen.len() - 1
            };
            if matches!(act, Act::Lose) {
                return;
            }
            if matches!(act, Act::HeadThenLose) {
                let head = Response::builder().header("content-type", "application/grpc");
                let _answer = respond.send_response(head.body(()).unwrap(), false).unwrap();
                // What is written is sent while it looks for the next call.
                let _ = futures_util::poll!(std::pin::pin!(connection.accept()));
                return;
            }
            tokio::spawn(self.clone().act(act, number, request, respond));
        }
    }

    async fn act(self, act: Act, number: usize, request: Request<RecvStream>, mut respond: SendResponse<Bytes>) {
        let head = |status: u16| Response::builder().status(status).header("content-type", "application/grpc");
        let trailers = |code: Code| HeaderMap::from_iter([("grpc-status".parse().unwrap(), (code as i32).into())]);
        match act {
            Act::Answer => {
                let body = read(request.into_body()).await;
                let note = Note { text: String::new(), number: body.len() as u64 }.encode_to_vec();
                self.seen.lock().unwrap()[number].body = Some(body);
                let framed = [&[0][..], &u32::try_from(note.len()).unwrap().to_be_bytes(), &note].concat();
                let Ok(mut answer) = respond.send_response(head(200).body(()).unwrap(), false) else { return };
                let _ = answer.send_data(framed.into(), false);
                let _ = answer.send_trailers(trailers(Code::Ok));
            }
            Act::Fail(code, header) => {
                let mut head = head(200).header("grpc-status", code as i32).header("grpc-message", "as scripted");
                if let Some((name, value)) = header {
                    head = head.header(name, value);
                }
                let _ = respond.send_response(head.body(()).unwrap(), true);
            }
            Act::HeadThenFail(code) => {
                let Ok(mut answer) = respond.send_response(head(200).body(()).unwrap(), false) else { return };
                let _ = answer.send_trailers(trailers(code));
            }
            Act::HeadThenHang => {
                let _answer = respond.send_response(head(200).body(()).unwrap(), false);
                std::future::pending::<()>().await;
            }
            Act::HeadThenFlood => {
                let Ok(mut answer) = respond.send_response(head(200).body(()).unwrap(), false) else { return };
                while answer.send_data(Bytes::from_static(&[0; 5]), false).is_ok() {
                    tokio::task::yield_now().await;
                }
            }
            Act::Http(status) => {
                let _ = respond.send_response(head(status).body(()).unwrap(), true);
            }
            Act::Refuse => respond.send_reset(Reason::REFUSED_STREAM),
            Act::Hang => std::future::pending().await,
            Act::Lose | Act::HeadThenLose => {}
        }
    }
}

async fn read(mut body: RecvStream) -> Bytes {
    let mut bytes = Vec::new();
    while let Some(Ok(data)) = body.data().await {
        body.flow_control().release_capacity(data.len()).unwrap();
        bytes.extend_from_slice(&data);
    }
    bytes.into()
}
