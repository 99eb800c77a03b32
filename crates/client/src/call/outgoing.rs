//! The body of a request, as often as it has to be sent.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body as _, Frame};
use http_body_util::Full;
use tonic::{Status, body::Body};

/// Bytes of a stream that are kept for another attempt. One that is longer is sent once.
const KEPT: usize = 64 << 10;

/// What a request carries.
#[derive(Debug)]
pub(super) enum Outgoing {
    /// One message, or none, and no more.
    Whole(Bytes),
    /// Messages that come one after the other.
    Stream(Arc<Mutex<Kept>>),
}

impl Outgoing {
    /// Takes in what is there.
    ///
    /// # Errors
    /// Of the body itself.
    pub(super) async fn take(mut body: Body) -> Result<Self, Status> {
        let mut frames: Vec<Bytes> = Vec::new();
        let ended = poll_fn(|cx| {
            // Two messages that are there already are a stream.
            while frames.len() < 2 {
                match Pin::new(&mut body).poll_frame(cx) {
                    Poll::Ready(Some(Ok(frame))) => frames.extend(frame.into_data()),
                    Poll::Ready(Some(Err(status))) => return Poll::Ready(Err(status)),
                    Poll::Ready(None) => return Poll::Ready(Ok(true)),
                    Poll::Pending => break,
                }
            }
            Poll::Ready(Ok(false))
        })
        .await?;
        if ended && frames.len() < 2 {
            return Ok(Self::Whole(frames.pop().unwrap_or_default()));
        }
        let size = frames.iter().map(Bytes::len).sum();
        let source = (!ended).then_some(body);
        let kept = Kept { source, frames, size, is_kept: size <= KEPT, is_all: true, attempt: 0 };
        Ok(Self::Stream(Arc::new(Mutex::new(kept))))
    }

    /// Whether the request has come to its end.
    pub(super) fn is_whole(&self) -> bool {
        matches!(self, Self::Whole(_))
    }

    /// Whether it can be sent from its beginning.
    pub(super) fn can_be_sent(&self) -> bool {
        match self {
            Self::Whole(_) => true,
            Self::Stream(kept) => lock(kept).is_all,
        }
    }

    /// All of it, from its beginning; a body of before gives nothing more.
    pub(super) fn body(&self) -> Body {
        match self {
            Self::Whole(bytes) => Body::new(Full::new(bytes.clone())),
            Self::Stream(kept) => {
                let attempt = {
                    let mut kept = lock(kept);
                    kept.attempt += 1;
                    kept.attempt
                };
                Body::new(Again { kept: Arc::clone(kept), attempt, next: 0 })
            }
        }
    }

    /// It is not sent again: nothing more is kept.
    pub(super) fn commit(&self) {
        if let Self::Stream(kept) = self {
            lock(kept).is_kept = false;
        }
    }
}

/// A stream and what was read of it.
#[derive(Debug)]
pub(super) struct Kept {
    /// None at its end.
    source: Option<Body>,
    frames: Vec<Bytes>,
    size: usize,
    /// Whether what is read is kept.
    is_kept: bool,
    /// Whether the frames are all that was read.
    is_all: bool,
    /// Which one sends.
    attempt: u32,
}

fn lock(kept: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Kept {
    fn poll(&mut self, cx: &mut Context<'_>, next: &mut usize) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let Some(frame) = self.frames.get(*next) {
            *next += 1;
            return Poll::Ready(Some(Ok(Frame::data(frame.clone()))));
        }
        if !self.is_kept && !self.frames.is_empty() {
            self.frames = Vec::new();
            self.is_all = false;
            *next = 0;
        }
        let Some(source) = &mut self.source else { return Poll::Ready(None) };
        let frame = ready!(Pin::new(source).poll_frame(cx));
        match &frame {
            None => self.source = None,
            Some(Ok(frame)) if self.is_kept => {
                let data = frame.data_ref().cloned().unwrap_or_default();
                self.size += data.len();
                self.is_kept = self.size <= KEPT;
                self.frames.push(data);
                *next += 1;
            }
            Some(_) => self.is_all = false,
        }
        Poll::Ready(frame)
    }
}

/// One sending of a stream.
#[derive(Debug)]
struct Again {
    kept: Arc<Mutex<Kept>>,
    attempt: u32,
    next: usize,
}

impl http_body::Body for Again {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        let mut kept = lock(&this.kept);
        if kept.attempt != this.attempt {
            // Its call is cancelled already.
            return Poll::Pending;
        }
        kept.poll(cx, &mut this.next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::{StreamExt, stream};
    use http_body_util::{BodyExt, StreamBody};

    fn streamed(frames: Vec<Bytes>) -> Body {
        Body::new(StreamBody::new(stream::iter(frames).map(|frame| Ok::<_, Status>(Frame::data(frame)))))
    }

    async fn read(body: Body) -> Bytes {
        body.collect().await.unwrap().to_bytes()
    }

    #[tokio::test]
    async fn one_message_is_whole_and_several_are_a_stream() {
        assert!(Outgoing::take(Body::empty()).await.unwrap().is_whole());
        assert!(Outgoing::take(streamed(vec!["a".into()])).await.unwrap().is_whole());
        assert!(!Outgoing::take(streamed(vec!["a".into(), "b".into()])).await.unwrap().is_whole());
    }

    #[tokio::test]
    async fn a_short_stream_can_be_sent_as_often_as_need_be() {
        let outgoing = Outgoing::take(streamed(vec!["a".into(), "b".into(), "c".into()])).await.unwrap();
        let mut first = outgoing.body();
        assert_eq!(first.frame().await.unwrap().unwrap().into_data().unwrap(), "a");
        assert!(outgoing.can_be_sent());
        assert_eq!(read(outgoing.body()).await, "abc");
        assert_eq!(read(outgoing.body()).await, "abc", "also what was at its end");
    }

    #[tokio::test]
    async fn a_long_stream_is_sent_once_and_nothing_of_it_is_kept() {
        let frame = Bytes::from(vec![7; KEPT / 2]);
        let outgoing = Outgoing::take(streamed(vec![frame.clone(); 5])).await.unwrap();
        assert!(outgoing.can_be_sent());
        assert_eq!(read(outgoing.body()).await.len(), 5 * frame.len());
        assert!(!outgoing.can_be_sent());
        let Outgoing::Stream(kept) = outgoing else { panic!("it is a stream") };
        assert!(lock(&kept).frames.is_empty());
    }

    #[tokio::test]
    async fn a_stream_whose_answer_has_begun_goes_on_to_its_end() {
        let outgoing = Outgoing::take(streamed(vec!["a".into(), "b".into(), "c".into()])).await.unwrap();
        let body = outgoing.body();
        outgoing.commit();
        assert_eq!(read(body).await, "abc");
        assert!(!outgoing.can_be_sent());
    }

    #[tokio::test]
    async fn the_body_of_an_attempt_before_takes_nothing_from_the_next() {
        let outgoing = Outgoing::take(streamed(vec!["a".into(), "b".into(), "c".into()])).await.unwrap();
        let mut old = outgoing.body();
        let new = outgoing.body();
        assert!(futures_util::poll!(old.frame()).is_pending());
        assert_eq!(read(new).await, "abc");
    }
}
