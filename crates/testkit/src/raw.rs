//! HTTP/2 frames by hand (RFC 9113, 4 and 6), for what no client library is willing to send.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::within;

/// What a client says first.
pub const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Types of frames.
pub mod kind {
    #![expect(missing_docs, reason = "they are called as in RFC 9113, 6")]
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PING: u8 = 6;
    pub const GOAWAY: u8 = 7;
    pub const WINDOW_UPDATE: u8 = 8;
    pub const CONTINUATION: u8 = 9;
}

/// END_STREAM of DATA and HEADERS; ACK of SETTINGS and PING.
pub const END_STREAM: u8 = 1;
/// END_HEADERS of HEADERS and CONTINUATION.
pub const END_HEADERS: u8 = 4;

/// A frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its type, see [`kind`].
    pub kind: u8,
    /// Its flags.
    pub flags: u8,
    /// The stream it belongs to; 0 is the connection.
    pub stream: u32,
    /// What it carries.
    pub payload: Vec<u8>,
}

impl Frame {
    /// A frame.
    pub fn new(kind: u8, flags: u8, stream: u32, payload: impl Into<Vec<u8>>) -> Self {
        Self { kind, flags, stream, payload: payload.into() }
    }

    /// The head of a call to `path`, with further headers.
    pub fn call(stream: u32, path: &str, more: &[(&str, &str)]) -> Self {
        Self::new(kind::HEADERS, END_HEADERS, stream, call_block(path, more))
    }

    /// Bytes of a call.
    pub fn data(stream: u32, bytes: &[u8], end: bool) -> Self {
        Self::new(kind::DATA, u8::from(end), stream, bytes)
    }

    /// Resets a stream with CANCEL.
    pub fn reset(stream: u32) -> Self {
        Self::new(kind::RST_STREAM, 0, stream, 8_u32.to_be_bytes())
    }

    /// The code of a RST_STREAM or GOAWAY.
    pub fn code(&self) -> Option<u32> {
        let at = if self.kind == kind::GOAWAY { 4 } else { 0 };
        Some(u32::from_be_bytes(self.payload.get(at..at + 4)?.try_into().ok()?))
    }

    /// The frame as it is sent.
    pub fn bytes(&self) -> Vec<u8> {
        let size = u32::try_from(self.payload.len()).unwrap().to_be_bytes();
        let mut bytes = vec![size[1], size[2], size[3], self.kind, self.flags];
        bytes.extend_from_slice(&self.stream.to_be_bytes());
        bytes.extend_from_slice(&self.payload);
        bytes
    }

    /// The `grpc-status` in a HEADERS frame (written without a table, see [`Raw::connect`]).
    pub fn grpc_status(&self) -> Option<u32> {
        /// `grpc-status` in the code of RFC 7541, Appendix B.
        const NAME: [u8; 8] = [0x9a, 0xca, 0xc8, 0xb2, 0x12, 0x34, 0xda, 0x8f];
        let at = self.payload.windows(NAME.len()).position(|window| window == NAME)? + NAME.len();
        let length = *self.payload.get(at)?;
        let value = self.payload.get(at + 1..at + 1 + usize::from(length & 0x7f))?;
        if length & 0x80 == 0 { std::str::from_utf8(value).ok()?.parse().ok() } else { digits(value) }
    }
}

/// A number in the code of RFC 7541, Appendix B: 0 to 2 have five bits, 3 to 9 have six.
fn digits(code: &[u8]) -> Option<u32> {
    let mut bits = code.iter().flat_map(|byte| (0..8).rev().map(move |bit| u32::from(byte >> bit & 1)));
    let mut number = None;
    loop {
        let five = bits.by_ref().take(5).collect::<Vec<_>>();
        let value = five.iter().fold(0, |value, bit| value << 1 | bit);
        let digit = match value {
            _ if five.len() < 5 => return number,
            0..=2 => value,
            0b01100..=0b01111 => (value << 1 | bits.next()?) - 0b011001 + 3,
            _ => return number,
        };
        number = Some(number.unwrap_or_default() * 10 + digit);
    }
}

/// The header block of a call: POST, http, and literals that are never indexed.
fn call_block(path: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let mut block = vec![0x83, 0x86, 0x04];
    put(&mut block, path);
    let usual = [(":authority", "test"), ("te", "trailers"), ("content-type", "application/grpc")];
    for (name, value) in usual.iter().chain(more) {
        put_header(&mut block, name, value);
    }
    block
}

/// Adds a header to a block, as a literal.
pub fn put_header(block: &mut Vec<u8>, name: &str, value: &str) {
    block.push(0x10);
    put(block, name);
    put(block, value);
}

fn put(block: &mut Vec<u8>, text: &str) {
    match text.len() {
        short @ 0..127 => block.push(u8::try_from(short).unwrap()),
        long => {
            block.push(127);
            let mut rest = long - 127;
            while rest >= 128 {
                block.push((rest % 128) as u8 | 128);
                rest /= 128;
            }
            block.push(rest as u8);
        }
    }
    block.extend_from_slice(text.as_bytes());
}

/// A connection on which frames are written and read by hand.
pub struct Raw {
    /// The socket.
    pub socket: TcpStream,
    inbox: Vec<u8>,
}

impl Raw {
    /// Connects and says nothing.
    pub async fn silent(addr: SocketAddr) -> Self {
        let socket = TcpStream::connect(addr).await.unwrap();
        socket.set_nodelay(true).unwrap();
        Self { socket, inbox: Vec::new() }
    }

    /// Connects and says what opens a connection; header compression with a table is declined.
    pub async fn connect(addr: SocketAddr) -> Self {
        let mut raw = Self::silent(addr).await;
        raw.send(&hello()).await;
        raw
    }

    /// Sends bytes.
    pub async fn send(&mut self, bytes: &[u8]) {
        assert!(self.try_send(bytes).await, "the server has closed the connection");
    }

    /// Sends bytes unless the server has closed the connection. What it says meanwhile is taken, so that neither waits
    /// for the other.
    pub async fn try_send(&mut self, mut bytes: &[u8]) -> bool {
        let (mut reader, mut writer) = self.socket.split();
        let mut chunk = [0; 16 << 10];
        while !bytes.is_empty() {
            let passed = within("the server to read", async {
                tokio::select! {
                    written = writer.write(bytes) => written.map(|n| bytes = &bytes[n..]),
                    read = reader.read(&mut chunk) => match read {
                        Ok(0) => Err(std::io::ErrorKind::UnexpectedEof.into()),
                        read => read.map(|n| self.inbox.extend_from_slice(&chunk[..n])),
                    },
                }
            });
            if passed.await.is_err() {
                return false;
            }
        }
        true
    }

    /// The next frame; nothing at the end of the connection.
    pub async fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = self.take() {
                return Some(frame);
            }
            let mut chunk = [0; 16 << 10];
            // A reset is an end, too.
            let read = within("a frame", self.socket.read(&mut chunk)).await.unwrap_or(0);
            if read == 0 {
                return None;
            }
            self.inbox.extend_from_slice(&chunk[..read]);
        }
    }

    fn take(&mut self) -> Option<Frame> {
        let (head, rest) = self.inbox.split_first_chunk::<9>()?;
        let size = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let stream = u32::from_be_bytes([head[5] & 0x7f, head[6], head[7], head[8]]);
        let frame = Frame::new(head[3], head[4], stream, rest.get(..size)?);
        self.inbox.drain(..9 + size);
        Some(frame)
    }

    /// Reads until a frame fits, and gives it; nothing at the end of the connection.
    pub async fn find(&mut self, mut fits: impl FnMut(&Frame) -> bool) -> Option<Frame> {
        loop {
            let frame = self.next().await?;
            if fits(&frame) {
                return Some(frame);
            }
        }
    }

    /// Reads until a stream has ended, and gives its `grpc-status`; nothing if it or the connection was reset.
    pub async fn grpc_status(&mut self, stream: u32) -> Option<u32> {
        let ends = |frame: &Frame| frame.kind == kind::HEADERS && frame.flags & END_STREAM != 0;
        let last = self.find(|frame| frame.stream == stream && (ends(frame) || frame.kind == kind::RST_STREAM)).await?;
        last.grpc_status()
    }

    /// Reads until the connection is closed, and gives the code of its GOAWAY.
    pub async fn goaway(&mut self) -> Option<u32> {
        let mut code = None;
        while let Some(frame) = self.next().await {
            if frame.kind == kind::GOAWAY {
                code = frame.code();
            }
        }
        code
    }
}

/// The preface, and settings without a table for headers.
pub fn hello() -> Vec<u8> {
    [&PREFACE[..], &Frame::new(kind::SETTINGS, 0, 0, [0, 1, 0, 0, 0, 0]).bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_from_their_code() {
        for (code, number) in [(&[0x07][..], 0), (&[0x17], 2), (&[0x67], 3), (&[0x7f], 9), (&[0x0b, 0x3f], 13)] {
            assert_eq!(digits(code), Some(number), "{code:x?}");
        }
    }
}
