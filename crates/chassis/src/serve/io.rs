//! A connection's bytes: counted, and held to the rules that hyper has no say in.

use super::{
    activity::Activity,
    frames::{Frames, KIND_FROM_END, kind},
    heads::Heads,
    pings::Pings,
};
use crate::{transport::Io, web};
use bytes::{Buf, Bytes, BytesMut};
use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep},
};

/// The client preface (RFC 9113, 3.4), which is no frame.
const PREFACE: usize = 24;
/// Marks the answer to a PING.
const ACK: u8 = 1;
/// The first byte of the PING by which h2 learns that the client has heard of the first GOAWAY; no other of its PINGs has it.
const HEARD: u8 = 0x0b;
/// What the first GOAWAY names as the last stream (RFC 9113, 6.8).
const ANY_STREAM: u32 = u32::MAX >> 1;
/// GOAWAY with ENHANCE_YOUR_CALM; all streams may have been served, so none of them may be repeated unasked.
const CALM: &[u8] = b"\0\0\x16\x07\0\0\0\0\0\x7f\xff\xff\xff\0\0\0\x0btoo_many_pings";

/// A connection whose frames are followed.
pub(super) struct Counted {
    io: Io,
    /// What was read already, to be read again.
    begun: BytesMut,
    activity: Arc<Activity>,
    incoming: Frames,
    outgoing: Frames,
    /// Where no frames tell requests apart.
    heads: Heads,
    pings: Pings,
    /// PINGs of the server that the client has not answered yet.
    asked: u32,
    /// The last stream that is served, as the last GOAWAY says.
    last_stream: Option<u32>,
    /// The last stream that the client has opened.
    opened: u32,
    /// Set when the client has pinged too often, or sent a head that cannot be read: what it sends is thrown away from then
    /// on, and it is told nothing more than these bytes.
    last_words: Option<Bytes>,
    /// How many requests had come when all was answered and on its way.
    answered: Option<u64>,
    /// Runs while the client says nothing, once the server has said all it had to say.
    silence: Option<Pin<Box<Sleep>>>,
}

impl Counted {
    pub(super) fn new(io: Io, begun: BytesMut, activity: Arc<Activity>) -> Self {
        let (incoming, outgoing) = (Frames::after(PREFACE), Frames::default());
        let heads = Heads::new(activity.shard.plan.max_header_list as usize);
        Self {
            io,
            begun,
            activity,
            heads,
            incoming,
            outgoing,
            pings: Pings::default(),
            asked: 0,
            last_stream: None,
            opened: 0,
            last_words: None,
            answered: Some(0),
            silence: None,
        }
    }

    /// Follows what was read. A client may have opened a stream before it hears of a GOAWAY that leaves it out, and speak of
    /// its window: h2 takes such a WINDOW_UPDATE, unlike other frames of the stream, for an offence that ends the connection
    /// with all its calls. So it is made a frame of no kind. Which stream is the last is settled as soon as the client's
    /// answer to the PING after the first GOAWAY is read, or else known when the second is written. An answer to a PING that
    /// was never sent counts as a ping.
    fn came(&mut self, bytes: &mut [u8]) {
        self.activity.read(bytes.len() as u64);
        if !self.activity.framed {
            let (activity, idle) = (&self.activity, self.activity.idle());
            let odd = |number, odd| activity.odd(number, odd);
            self.heads.feed(bytes, idle.then(|| activity.calls()), odd);
            activity.head_begins(self.heads.has_begun());
            return;
        }
        let (mut pings, mut late, len) = (0, Vec::new(), bytes.len());
        let (mut last_stream, mut opened, mut asked) = (self.last_stream, self.opened, self.asked);
        self.incoming.feed(bytes, |head, rest| match head.kind {
            kind::HEADERS => opened = opened.max(head.stream),
            kind::PING if head.flags & ACK == 0 || asked == 0 => pings += 1,
            kind::PING => {
                asked -= 1;
                if last_stream == Some(ANY_STREAM) && rest.first() == Some(&HEARD) {
                    last_stream = Some(opened);
                }
            }
            kind::WINDOW_UPDATE if last_stream.is_some_and(|last| head.stream > last) => {
                late.push((len - rest.len()).checked_sub(KIND_FROM_END));
            }
            _ => {}
        });
        (self.last_stream, self.opened, self.asked) = (last_stream, opened, asked);
        for place in late.into_iter().flatten() {
            if let Some(kind) = bytes.get_mut(place) {
                *kind = kind::NONE;
            }
        }
        for _ in 0..pings {
            if self.pings.ping(&self.activity.shard.plan, self.activity.idle(), Instant::now()) {
                self.last_words = Some(Bytes::from_static(CALM));
                self.activity.flood();
            }
        }
    }

    /// Follows what was written out of `slices`.
    fn went<'a>(&mut self, written: usize, slices: impl IntoIterator<Item = &'a [u8]>) {
        self.activity.wrote(written as u64);
        if !self.activity.framed {
            return;
        }
        let (mut left, mut answered) = (written, false);
        let (mut last_stream, mut asked) = (self.last_stream, self.asked);
        for slice in slices {
            let sent = slice.get(..left).unwrap_or(slice);
            self.outgoing.feed(sent, |head, rest| {
                answered |= head.kind <= kind::HEADERS;
                asked += u32::from(head.kind == kind::PING && head.flags & ACK == 0);
                if let (kind::GOAWAY, Some(id)) = (head.kind, rest.first_chunk()) {
                    last_stream = Some(u32::from_be_bytes(*id));
                }
            });
            left -= sent.len();
            if left == 0 {
                break;
            }
        }
        (self.last_stream, self.asked) = (last_stream, asked);
        if answered {
            self.pings.forgive();
        }
    }

    /// Says the last words, as soon as a frame that was begun is through.
    fn poll_last_words(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(words) = &mut self.last_words
            && self.outgoing.missing() == 0
            && !words.is_empty()
        {
            let said = ready!(Pin::new(&mut self.io).poll_write(cx, words))?;
            words.advance(said);
            if words.is_empty() && self.activity.framed {
                ready!(Pin::new(&mut self.io).poll_shutdown(cx))?;
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Reads, and throws away.
    fn poll_drop(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let _ = self.poll_last_words(cx)?;
        let before = buf.filled().len();
        loop {
            ready!(Pin::new(&mut self.io).poll_read(cx, buf))?;
            if buf.filled().len() == before {
                return Poll::Ready(Ok(()));
            }
            buf.set_filled(before);
        }
    }

    /// hyper answers a head that it cannot read by itself, and without a word. That is what it writes where no request has
    /// begun since the last answer was on its way.
    fn reword(&mut self, written: &[u8]) {
        let shard = &self.activity.shard;
        if let (Some(web), false) = (&shard.web, self.activity.framed)
            && self.answered == Some(self.activity.calls())
            && self.last_words.is_none()
        {
            let limit = shard.plan.max_header_list;
            self.last_words = web::reworded(web, &self.activity.caller, written, limit);
        }
    }

    /// Takes what the client still says; 0 bytes when it has left.
    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut scratch = [0; 1024];
        let mut buf = ReadBuf::new(&mut scratch);
        ready!(Pin::new(&mut self.io).poll_read(cx, &mut buf))?;
        self.activity.read(buf.filled().len() as u64);
        Poll::Ready(Ok(buf.filled().len()))
    }

    /// Lets the end of the frame out that was begun, and takes the rest for nothing.
    fn poll_end(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match buf.get(..self.outgoing.missing()).unwrap_or(buf) {
            [] => {
                let _ = self.poll_last_words(cx)?;
                Poll::Ready(Ok(buf.len()))
            }
            end => {
                let written = ready!(Pin::new(&mut self.io).poll_write(cx, end))?;
                self.went(written, [end]);
                Poll::Ready(Ok(written))
            }
        }
    }
}

impl AsyncRead for Counted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.last_words.is_some() {
            return self.poll_drop(cx, buf);
        }
        let before = buf.filled().len();
        if self.begun.is_empty() {
            ready!(Pin::new(&mut self.io).poll_read(cx, buf))?;
        } else {
            let begun = self.begun.len().min(buf.remaining());
            buf.put_slice(&self.begun.split_to(begun));
        }
        self.came(buf.filled_mut().get_mut(before..).unwrap_or_default());
        if self.last_words.is_some() {
            buf.set_filled(before);
            return self.poll_drop(cx, buf);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.reword(buf);
        if self.last_words.is_some() {
            return self.poll_end(cx, buf);
        }
        let written = ready!(Pin::new(&mut self.io).poll_write(cx, buf))?;
        self.went(written, [buf]);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let [only] = slices {
            self.reword(only);
        }
        if self.last_words.is_some() {
            let first = slices.iter().find(|slice| !slice.is_empty());
            return self.poll_end(cx, first.map_or(&[], |slice| slice));
        }
        let written = ready!(Pin::new(&mut self.io).poll_write_vectored(cx, slices))?;
        self.went(written, slices.iter().map(|slice| &**slice));
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.activity.framed {
            ready!(self.poll_last_words(cx))?;
            self.answered = self.activity.idle().then(|| self.activity.calls());
        }
        Pin::new(&mut self.io).poll_flush(cx)
    }

    /// Says that nothing more comes, and waits until the client leaves too, or falls silent: where a socket is closed while
    /// its client still speaks, the kernel answers with a reset, and forgets what of the last reply is still on its way.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.silence.is_none() {
            if !self.activity.framed {
                ready!(self.poll_last_words(cx))?;
            }
            ready!(Pin::new(&mut self.io).poll_shutdown(cx))?;
        }
        loop {
            match self.poll_rest(cx) {
                Poll::Ready(Ok(read)) if read > 0 => self.silence = None,
                Poll::Ready(_) => return Poll::Ready(Ok(())),
                Poll::Pending => break,
            }
        }
        let limit = self.activity.shard.plan.flush_limit;
        self.silence.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit))).as_mut().poll(cx).map(Ok)
    }
}
