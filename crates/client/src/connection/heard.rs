//! Hears a server out: what it said last counts, though it listens no more.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Stream;

/// A stream that counts what it gives, and whose writes never fail.
///
/// A server that leaves says why (a GOAWAY, an alert of TLS) and closes. Whoever is writing then gets an error before it has
/// read that. So the error is kept until there is nothing more to read.
pub(crate) struct Heard {
    stream: Box<dyn Stream>,
    bytes: Arc<AtomicU64>,
    /// Nothing is written any more.
    failure: Option<io::Error>,
    is_broken: bool,
}

impl Heard {
    /// And the count of bytes.
    pub(crate) fn new(stream: Box<dyn Stream>) -> (Self, Arc<AtomicU64>) {
        let bytes = Arc::default();
        (Self { stream, bytes: Arc::clone(&bytes), failure: None, is_broken: false }, bytes)
    }

    /// `written`, or on an error `instead`.
    fn keep<T>(&mut self, cx: &Context<'_>, written: Poll<io::Result<T>>, instead: T) -> Poll<io::Result<T>> {
        let Poll::Ready(Err(error)) = written else { return written };
        (self.failure, self.is_broken) = (Some(error), true);
        // There may be something to read, for which nobody waits yet.
        cx.waker().wake_by_ref();
        Poll::Ready(Ok(instead))
    }
}

impl AsyncRead for Heard {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        let more = buf.filled().len() - before;
        if more > 0 {
            self.bytes.fetch_add(more as u64, Relaxed);
        }
        match (&read, more) {
            (Poll::Ready(Ok(())), 0) => Poll::Ready(self.failure.take().map_or(Ok(()), Err)),
            _ => read,
        }
    }
}

impl AsyncWrite for Heard {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.is_broken {
            return Poll::Ready(Ok(buf.len()));
        }
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.keep(cx, written, buf.len())
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let all = || bufs.iter().map(|buf| buf.len()).sum();
        if self.is_broken {
            return Poll::Ready(Ok(all()));
        }
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.keep(cx, written, all())
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_broken {
            return Poll::Ready(Ok(()));
        }
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.keep(cx, flushed, ())
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_broken {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn what_a_server_said_before_it_closed_is_read_by_who_writes_to_it() {
        let (ours, mut theirs) = tokio::io::duplex(100);
        let (mut heard, bytes) = Heard::new(Box::new(ours));
        theirs.write_all(b"goodbye").await.unwrap();
        drop(theirs);
        for _ in 0..2 {
            heard.write_all(b"hello").await.unwrap();
            heard.flush().await.unwrap();
        }
        let mut said = [0; 7];
        heard.read_exact(&mut said).await.unwrap();
        assert_eq!((&said, bytes.load(Relaxed)), (b"goodbye", 7));
        assert_eq!(heard.read(&mut said).await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}
