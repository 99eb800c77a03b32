//! A client as gRPC wants it: one connection for all calls, made anew when it is lost or asked to leave; what was surely not
//! begun is tried again without asking.

use crate::support::{Note, head, path};
use bytes::{Bytes, BytesMut};
use h2::{Reason, RecvStream, client::SendRequest};
use prost::Message;
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};
use tokio::{task::AbortHandle, time::timeout};
use turmoil::net::TcpStream;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_millis(500);
/// Pause before a connection is tried again.
const PAUSE: Duration = Duration::from_millis(20);

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum End {
    /// Of the server: the value of `grpc-status`.
    Status(u16),
    /// The connection broke under it.
    Lost,
    /// It took longer than its deadline.
    Late,
}

/// What one attempt came to.
enum Attempt {
    Ended(End),
    /// The server has said that it did not begin: it may be tried again.
    NotBegun,
}

/// Connections to one of several servers. Clones share the connection.
#[derive(Clone)]
pub(super) struct Channel(Rc<Inner>);

struct Inner {
    servers: Vec<&'static str>,
    next: Cell<usize>,
    current: RefCell<Option<SendRequest<Bytes>>>,
    task: RefCell<Option<AbortHandle>>,
}

impl Channel {
    pub(super) fn new(servers: &[&'static str]) -> Self {
        Self(Rc::new(Inner {
            servers: servers.to_vec(),
            next: Cell::new(0),
            current: RefCell::default(),
            task: RefCell::default(),
        }))
    }

    /// Forgets the connection.
    pub(super) fn drop_connection(&self) {
        self.0.current.take();
    }

    /// Breaks the connection.
    pub(super) fn reset(&self) {
        if let Some(task) = self.0.task.take() {
            task.abort();
        }
    }

    /// A connection on which a call can begin.
    async fn ready(&self) -> SendRequest<Bytes> {
        loop {
            let current = self.0.current.borrow().clone();
            if let Some(current) = current {
                match current.ready().await {
                    Ok(ready) => return ready,
                    Err(_) => self.drop_connection(),
                }
            }
            let turn = self.0.next.get();
            self.0.next.set(turn + 1);
            let server = self.0.servers.get(turn % self.0.servers.len()).unwrap();
            match timeout(CONNECT, connect(server)).await {
                Ok(Some((connection, task))) => {
                    *self.0.current.borrow_mut() = Some(connection);
                    *self.0.task.borrow_mut() = Some(task);
                }
                _ => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    /// A call of `Do` that takes so many milliseconds.
    pub(super) async fn call(&self, id: &str, takes: u64, deadline: Duration) -> End {
        let note = Note { text: id.to_owned(), number: takes };
        // A deadline that the server has not kept is the caller's to keep.
        let limit = deadline + 2 * super::LATENCY + super::TICK * 4;
        let attempts = async {
            loop {
                let connection = self.ready().await;
                match attempt(connection, "Do", &note, deadline, |_| ()).await {
                    Attempt::Ended(end) => return end,
                    Attempt::NotBegun => {}
                }
            }
        };
        let end = timeout(limit, attempts).await.unwrap_or(End::Late);
        if end == End::Late {
            self.drop_connection();
        }
        end
    }

    /// A stream of so many messages: how many came, in order, and how it ended.
    pub(super) async fn stream(&self, messages: u64, patience: Duration) -> (u64, End) {
        let (note, came) = (Note { text: String::new(), number: messages }, Cell::new(0));
        let attempts = async {
            loop {
                let connection = self.ready().await;
                let seen = |note: Note| {
                    assert_eq!(note.number, came.get(), "a message is missing");
                    came.set(note.number + 1);
                };
                match attempt(connection, "Tick", &note, Duration::from_secs(3600), seen).await {
                    Attempt::Ended(end) => return end,
                    Attempt::NotBegun => {}
                }
            }
        };
        let end = timeout(patience, attempts).await.unwrap_or(End::Late);
        (came.get(), end)
    }
}

async fn connect(server: &str) -> Option<(SendRequest<Bytes>, AbortHandle)> {
    let stream = TcpStream::connect((server, super::PORT)).await.ok()?;
    let (client, connection) = h2::client::handshake(stream).await.ok()?;
    let task = tokio::spawn(async move { drop(connection.await) });
    Some((client, task.abort_handle()))
}

async fn attempt(
    mut connection: SendRequest<Bytes>,
    method: &str,
    note: &Note,
    deadline: Duration,
    mut seen: impl FnMut(Note),
) -> Attempt {
    let message = note.encode_to_vec();
    let mut framed = vec![0];
    framed.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
    framed.extend(message);
    let request = head(path(method).as_str()).header("grpc-timeout", format!("{}m", deadline.as_millis()));
    let outcome = async {
        let (response, mut body) = connection.send_request(request.body(()).unwrap(), false)?;
        body.send_data(framed.into(), true)?;
        let response = response.await?;
        // A call that ended at once has its status in the head.
        let status = response.headers().get("grpc-status").cloned();
        let mut body = response.into_body();
        read(&mut body, &mut seen).await?;
        let trailers = body.trailers().await?;
        Ok::<_, h2::Error>(status.or_else(|| trailers?.get("grpc-status").cloned()))
    };
    match outcome.await {
        Ok(Some(status)) => Attempt::Ended(End::Status(status.to_str().unwrap().parse().unwrap())),
        Ok(None) => panic!("a reply without a status"),
        Err(error) if not_begun(&error) => Attempt::NotBegun,
        Err(_) => Attempt::Ended(End::Lost),
    }
}

/// RFC 9113, 6.8 and 8.7: above the last stream of a GOAWAY, or reset as refused.
fn not_begun(error: &h2::Error) -> bool {
    let refused = error.is_reset() && error.reason() == Some(Reason::REFUSED_STREAM);
    refused || (error.is_go_away() && error.is_remote())
}

async fn read(body: &mut RecvStream, seen: &mut impl FnMut(Note)) -> Result<(), h2::Error> {
    let mut buffer = BytesMut::new();
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        buffer.extend_from_slice(&data);
        while let Some(size) = buffer.get(1..5).map(|size| u32::from_be_bytes(size.try_into().unwrap()) as usize)
            && buffer.len() >= 5 + size
        {
            let message = buffer.split_to(5 + size).split_off(5);
            seen(Note::decode(message).unwrap());
        }
    }
    Ok(())
}
