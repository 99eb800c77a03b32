//! HTTP/2 frame by frame, for what no well-behaved client does.

use super::{PATIENCE, path};
use std::net::SocketAddr;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

pub(crate) const HEADERS: u8 = 1;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    pub(crate) fn ping() -> Self {
        Self { kind: PING, flags: 0, stream: 0, payload: vec![7; 8] }
    }

    /// The answer to a PING.
    pub(crate) fn pong(&self) -> Self {
        Self { flags: 1, ..self.clone() }
    }

    /// Last stream and code of a GOAWAY, and what it says.
    pub(crate) fn goaway(&self) -> (u32, u32, String) {
        assert_eq!(self.kind, GOAWAY, "{self:?}");
        let number = |at: usize| u32::from_be_bytes(self.payload.get(at..at + 4).unwrap().try_into().unwrap());
        (number(0), number(4), String::from_utf8_lossy(self.payload.get(8..).unwrap()).into_owned())
    }

    fn bytes(&self) -> Vec<u8> {
        let size = u32::try_from(self.payload.len()).unwrap().to_be_bytes();
        let head = [size.get(1..).unwrap(), &[self.kind, self.flags], &self.stream.to_be_bytes()].concat();
        [head, self.payload.clone()].concat()
    }
}

/// A connection of which every frame is seen.
pub(crate) struct Raw(pub(crate) TcpStream);

impl Raw {
    /// Connects and greets.
    pub(crate) async fn connect(addr: SocketAddr) -> Self {
        Self::greet(TcpStream::connect(addr).await.unwrap()).await
    }

    /// Greets on a connection that is there.
    pub(crate) async fn greet(stream: TcpStream) -> Self {
        let mut raw = Self(stream);
        raw.0.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
        raw
    }

    pub(crate) async fn send(&mut self, frame: &Frame) {
        self.send_all(std::slice::from_ref(frame)).await;
    }

    /// Sends them in one piece.
    pub(crate) async fn send_all(&mut self, frames: &[Frame]) {
        let bytes: Vec<u8> = frames.iter().flat_map(Frame::bytes).collect();
        self.0.write_all(&bytes).await.unwrap();
    }

    /// Opens windows as wide as they may be, so that the socket is full before they are.
    pub(crate) async fn widen(&mut self) {
        self.send(&Frame { kind: 4, flags: 0, stream: 0, payload: vec![0, 4, 0x7f, 0xff, 0xff, 0xff] }).await;
        self.send(&Frame { kind: 8, flags: 0, stream: 0, payload: vec![0x7f, 0xff, 0, 0] }).await;
    }

    /// Sends if it can be sent at once and in one piece.
    pub(crate) fn try_send(&mut self, frame: &Frame) -> std::io::Result<usize> {
        self.0.try_write(&frame.bytes())
    }

    /// Begins and ends the request of a call of the probe service with this message.
    pub(crate) async fn call(&mut self, stream: u32, method: &str, message: &[u8]) {
        self.send_all(&Self::request(stream, method, message)).await;
    }

    /// The frames of a call's request.
    pub(crate) fn request(stream: u32, method: &str, message: &[u8]) -> [Frame; 2] {
        // POST and http stand in the static table (RFC 7541, appendix A), as do the names of :path and content-type.
        let mut block = vec![0x83, 0x86];
        let literal = |name: u8, value: &str| {
            let size = u8::try_from(value.len()).unwrap();
            [&[name, size], value.as_bytes()].concat()
        };
        block.extend(literal(0x04, path(method).as_str()));
        // An indexed name above 14 takes a second byte.
        block.extend([0x0f, 0x10]);
        block.extend(literal(0, "application/grpc").get(1..).unwrap());
        let size = u8::try_from(message.len()).unwrap();
        let message = [&[0, 0, 0, 0, size], message].concat();
        [
            Frame { kind: HEADERS, flags: 4, stream, payload: block },
            Frame { kind: 0, flags: 1, stream, payload: message },
        ]
    }

    /// The next frame; `None` at the end of the connection, orderly or not.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        let read = async {
            let mut head = [0; 9];
            self.0.read_exact(&mut head).await.ok()?;
            let [a, b, c, kind, flags, stream @ ..] = head;
            let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
            self.0.read_exact(&mut payload).await.ok()?;
            Some(Frame { kind, flags, stream: u32::from_be_bytes(stream), payload })
        };
        tokio::time::timeout(PATIENCE, read).await.expect("no frame and no end")
    }

    /// The next frame of this kind, past others.
    pub(crate) async fn next_of(&mut self, kind: u8) -> Frame {
        loop {
            let frame =
                self.next().await.unwrap_or_else(|| panic!("the connection ended before a frame of kind {kind}"));
            if frame.kind == kind {
                return frame;
            }
        }
    }
}
