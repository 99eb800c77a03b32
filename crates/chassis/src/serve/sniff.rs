//! What a client speaks, by its first bytes.

use crate::transport::Io;
use bytes::BytesMut;
use std::io;
use tokio::io::AsyncReadExt;

/// The client preface of HTTP/2 (RFC 9113, 3.4).
pub(super) const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A version of HTTP, and what was read to find it out.
#[derive(Debug)]
pub(super) enum Spoken {
    Http1(BytesMut),
    Http2(BytesMut),
}

/// Reads until it is clear what is spoken. A client that says nothing more is taken for one of HTTP/1.1, which says so.
pub(super) async fn sniff(io: &mut Io) -> io::Result<Spoken> {
    let mut seen = BytesMut::with_capacity(PREFACE.len());
    while PREFACE.starts_with(&seen) {
        if seen.len() == PREFACE.len() {
            return Ok(Spoken::Http2(seen));
        }
        if io.read_buf(&mut seen).await? == 0 {
            break;
        }
    }
    Ok(match seen.starts_with(PREFACE) {
        true => Spoken::Http2(seen),
        false => Spoken::Http1(seen),
    })
}
