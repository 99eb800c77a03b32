//! The body of an answer that is a stream.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use campus_schema::JsonOptions;
use http::HeaderMap;
use http_body::{Body as HttpBody, Frame};
use tokio::{
    sync::oneshot,
    time::{Instant, Sleep, sleep},
};
use tonic::{Code, Status};

use super::{
    format::Format,
    source::{Next, Source},
    upload::Bad,
};
use crate::{
    gateway::{Gateway, Plan},
    route::Route,
    trouble,
    web::coding::Packer,
};

/// Records that are ready are joined up to this, in bytes; beyond it nothing is read from the server.
const SLAB: usize = 32 << 10;
/// An event stream that says nothing for so long is taken for dead by what is on the way.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Records as they come, in the form that was asked for.
pub(super) struct Reply {
    pub(super) gateway: Arc<Gateway>,
    /// Place of the route.
    pub(super) route: usize,
    /// None at its end.
    pub(super) source: Option<Source>,
    /// What was read of the source before.
    pub(super) first: Option<Next>,
    /// `None` is raw bytes.
    pub(super) format: Option<Format>,
    pub(super) options: JsonOptions,
    pub(super) packer: Option<Packer>,
    /// What is wrong with the stream that the client sends.
    pub(super) upload: Option<oneshot::Receiver<Bad>>,
    /// Until when all of it has to be over.
    pub(super) deadline: Option<Pin<Box<Sleep>>>,
    pub(super) wants_trailers: bool,
    pub(super) text: String,
    pub(super) is_first: bool,
    pub(super) heartbeat: Option<Pin<Box<Sleep>>>,
    pub(super) trailers: Option<HeaderMap>,
}

impl Reply {
    pub(super) fn heartbeat() -> Pin<Box<Sleep>> {
        Box::pin(sleep(HEARTBEAT))
    }

    fn known(&self) -> Option<(&Route, &Plan)> {
        let table = &self.gateway.table;
        table.routes.all().get(self.route).zip(table.plans.get(self.route))
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Next> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(first);
        }
        let Some(source) = &mut self.source else { return Poll::Ready(Next::End(Status::ok(""), HeaderMap::new())) };
        if let Poll::Ready(next) = source.poll_next(cx) {
            return Poll::Ready(next);
        }
        let Some(deadline) = &mut self.deadline else { return Poll::Pending };
        ready!(deadline.as_mut().poll(cx));
        Poll::Ready(Next::End(trouble::late(), HeaderMap::new()))
    }

    /// Appends one record.
    fn write(&mut self, message: &Bytes) -> Result<(), Status> {
        let Some(format) = self.format else { return Ok(()) };
        let mut text = std::mem::take(&mut self.text);
        let start = text.len();
        let written = self.known().map_or(Ok(()), |(route, plan)| {
            format.before(self.is_first, &mut text);
            route.reply(message, &self.options, &mut text)?;
            let resume = plan.resume.as_ref().filter(|_| format == Format::Events);
            let id = resume.and_then(|resume| resume.place(route.method.output, message));
            format.behind(id, &mut text);
            Ok(())
        });
        if written.is_err() {
            text.truncate(start);
        }
        self.text = text;
        self.is_first &= written.is_err();
        written.map_err(|fault: campus_schema::Malformed| {
            trouble::bad_reply(format!("the reply of the service cannot be written as JSON: {fault}"))
        })
    }

    fn end(&mut self, mut status: Status) {
        self.source = None;
        if status.code() != Code::Ok
            && let Some(bad) = self.upload.as_mut().and_then(|upload| upload.try_recv().ok())
        {
            status = bad.fault.status().clone();
        }
        if let Some(format) = self.format {
            format.end(&status, self.is_first, &self.gateway.table, &mut self.text);
        }
        if self.wants_trailers {
            let mut trailers = HeaderMap::with_capacity(3);
            // Nothing of a status of ours or of a server's is no header.
            let _ = status.add_header(&mut trailers);
            self.trailers = Some(trailers);
        }
    }

    /// What was written, to be sent.
    fn flush(&mut self) -> Result<Bytes, Status> {
        let broken = |_| trouble::bad_reply("the answer cannot be compressed");
        let text = std::mem::take(&mut self.text);
        let Some(packer) = &mut self.packer else { return Ok(text.into()) };
        packer.write(text.as_bytes()).map_err(broken)?;
        if self.source.is_some() {
            return packer.flush().map(Bytes::from).map_err(broken);
        }
        match self.packer.take() {
            Some(packer) => packer.finish().map(Bytes::from).map_err(broken),
            None => Ok(Bytes::new()),
        }
    }

    fn poll_heartbeat(&mut self, cx: &mut Context<'_>) -> bool {
        self.heartbeat.as_mut().is_some_and(|heartbeat| heartbeat.as_mut().poll(cx).is_ready())
    }

    fn sent(&mut self) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let Some(heartbeat) = &mut self.heartbeat {
            heartbeat.as_mut().reset(Instant::now() + HEARTBEAT);
        }
        Poll::Ready(Some(self.flush().map(Frame::data)))
    }
}

impl HttpBody for Reply {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        while this.source.is_some() && this.text.len() < SLAB {
            match this.poll_next(cx) {
                Poll::Ready(Next::Message(message)) if this.format.is_none() => {
                    let raw = this.known().and_then(|(route, _)| route.raw_reply(&message));
                    let data = raw.map_or_else(Bytes::new, |raw| message.slice_ref(raw.data));
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                Poll::Ready(Next::Message(message)) => {
                    if let Err(status) = this.write(&message) {
                        this.end(status);
                    }
                }
                // Raw bytes have no room for an error: the stream is cut off, so that nobody takes it for whole.
                Poll::Ready(Next::End(status, _)) if this.format.is_none() && status.code() != Code::Ok => {
                    this.source = None;
                    return Poll::Ready(Some(Err(status)));
                }
                Poll::Ready(Next::End(status, _)) => this.end(status),
                Poll::Pending if !this.text.is_empty() => break,
                Poll::Pending if this.poll_heartbeat(cx) => {
                    this.text.push_str(":\n\n");
                    break;
                }
                Poll::Pending => return Poll::Pending,
            }
        }
        if !this.text.is_empty() || this.source.is_none() && this.packer.is_some() {
            return this.sent();
        }
        Poll::Ready(this.trailers.take().map(|trailers| Ok(Frame::trailers(trailers))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Backend, RestConfig};
    use campus_schema::Schema;
    use futures_util::StreamExt;
    use http_body_util::{BodyExt, StreamBody};
    use std::convert::Infallible;
    use tonic::body::Body;

    fn reply(format: Format, frames: Vec<Frame<Bytes>>) -> Reply {
        let schema = Schema::from_descriptors(campus_proto::DESCRIPTORS).unwrap();
        let backends = [Backend::new("in-process:nobody").unwrap()];
        let gateway = Gateway::new(schema, &backends, &RestConfig::default()).unwrap();
        let routes = gateway.table.routes.all();
        let route = routes.iter().find(|route| route.template == "/v1/employees:stream").unwrap().index;
        let frames = futures_util::stream::iter(frames.into_iter().map(Ok::<_, Infallible>));
        let mut text = String::new();
        format.begin(&mut text);
        Reply {
            gateway: Arc::new(gateway),
            route,
            source: Some(Source::new(Body::new(StreamBody::new(frames.chain(futures_util::stream::pending()))))),
            first: None,
            format: Some(format),
            options: JsonOptions::default(),
            packer: None,
            upload: None,
            deadline: None,
            wants_trailers: false,
            text,
            is_first: true,
            heartbeat: (format == Format::Events).then(Reply::heartbeat),
            trailers: None,
        }
    }

    async fn next(reply: &mut Reply) -> Bytes {
        reply.frame().await.unwrap().unwrap().into_data().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn an_event_stream_that_has_nothing_to_say_says_so_every_15_seconds() {
        let mut reply = reply(Format::Events, Vec::new());
        let begun = Instant::now();
        assert_eq!(next(&mut reply).await, "retry: 2000\n\n");
        assert_eq!(begun.elapsed(), Duration::ZERO);
        for beat in 1..4 {
            assert_eq!(next(&mut reply).await, ":\n\n");
            assert_eq!(begun.elapsed().as_secs(), beat * 15);
        }
    }

    #[tokio::test]
    async fn a_piece_is_what_is_ready_up_to_a_slab_and_no_more_is_read() {
        // A name of 1,000 bytes, in frames of ten.
        let message = [&[0, 0, 0, 3, 0xeb, 0x0a, 0xe8, 7][..], &[b'x'; 1000]].concat();
        let frames = (0..100).map(|_| Frame::data(Bytes::from(message.repeat(10)))).collect();
        let mut reply = reply(Format::Lines, frames);
        let mut records = 0;
        while records < 1000 {
            let piece = next(&mut reply).await;
            assert!(piece.len() < SLAB + 2000, "{}", piece.len());
            records += piece.iter().filter(|byte| **byte == b'\n').count();
            assert!(piece.len() >= SLAB || records == 1000, "what is ready goes together: {}", piece.len());
        }
    }
}
