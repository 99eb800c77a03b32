//! A stream of requests: JSON values, or raw bytes, as the messages of a gRPC call.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{BufMut, Bytes};
use campus_chassis::WebBody;
use http::{HeaderMap, StatusCode, header};
use http_body::{Body as HttpBody, Frame};
use tokio::{sync::oneshot, task, time};
use tonic::{Code, Status};

use super::records::{Form, Problem, Record, Records};
use crate::{
    bind::{Bound, Place, RawBody, Violations},
    fault::Fault,
    gateway::Gateway,
    grpc::PREFIX,
    request,
    route::Route,
    web::coding::{Coding, Unpack, Unpacker},
};

/// Messages that are ready are joined up to this, in bytes.
const SLAB: usize = 32 << 10;
/// Compressed bytes are unpacked so many at a time, and may become so many at once: memory is bounded whatever they hold.
const PACKED: usize = 512;
const UNPACKED: usize = 8 << 20;
/// And each of them so many in the long run, which no records do.
const RATIO: usize = 512;
/// When so many bytes were looked at, others on the event loop have their turn: of blank lines there is nothing to wait for.
const TURN: usize = 64 << 10;
/// So much of a bad request is read and thrown away, for so long.
const LINGER_BYTES: usize = 4 << 20;
const LINGER_TIME: Duration = Duration::from_secs(1);

/// What goes to the server. It is read no faster than the server takes it.
pub(super) struct Upload {
    gateway: Arc<Gateway>,
    route: usize,
    bound: Bound,
    /// None when it was given up.
    body: Option<WebBody>,
    /// Compressed bytes that are not unpacked yet, and what unpacks them.
    packed: Bytes,
    unpacker: Option<(Coding, Unpacker)>,
    /// What came out and was not looked at.
    unpacked: Bytes,
    /// Looked at since others had their turn.
    looked_at: usize,
    records: Records,
    /// The media type, where the messages are raw bytes.
    raw: Option<String>,
    slab: Vec<u8>,
    ended: bool,
    /// Whom a fault of the request is told to: to the server it is just a stream that was given up.
    fault: Option<oneshot::Sender<Bad>>,
}

/// A request that was found bad while it was sent.
pub(super) struct Bad {
    pub(super) fault: Fault,
    /// What its client may still be sending.
    rest: Option<WebBody>,
}

impl Bad {
    /// The fault, once the client is likely to hear it. One of HTTP/1.1 that is still sending when the connection is closed
    /// may lose the answer.
    pub(super) async fn heard(mut self) -> Fault {
        let Some(rest) = &mut self.rest else { return self.fault };
        let mut left = LINGER_BYTES;
        let drained = async {
            while let Some(Ok(frame)) = poll_fn(|cx| Pin::new(&mut *rest).poll_frame(cx)).await {
                let read = frame.data_ref().map_or(0, Bytes::len);
                match left.checked_sub(read) {
                    Some(less) => left = less,
                    None => break,
                }
            }
        };
        let _ = time::timeout(LINGER_TIME, drained).await;
        self.fault
    }
}

impl Upload {
    /// The body of a request, and who learns what is wrong with it.
    ///
    /// # Errors
    /// When the body is of a type that is not understood.
    pub(super) fn new(
        (gateway, route): (&Arc<Gateway>, &Route),
        bound: Bound,
        headers: &HeaderMap,
        body: WebBody,
    ) -> Result<(Self, oneshot::Receiver<Bad>), Fault> {
        let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let is_raw = route.raw().request;
        let form = if is_raw { Form::Any } else { form(kind)? };
        let coding = Coding::of_request(headers).map_err(|()| request::unsupported_coding())?;
        let unpacker = coding.map(|coding| Unpacker::new(coding, UNPACKED).map(|it| (coding, it))).transpose();
        let (told, learns) = oneshot::channel();
        let limit = usize::try_from(gateway.table.config.max_body.0).unwrap_or(usize::MAX);
        let upload = Self {
            gateway: Arc::clone(gateway),
            route: route.index,
            bound,
            body: Some(body),
            packed: Bytes::new(),
            unpacker: unpacker.map_err(|_| damaged())?,
            unpacked: Bytes::new(),
            looked_at: 0,
            records: Records::new(form, limit),
            raw: is_raw.then(|| kind.to_owned()),
            slab: Vec::new(),
            ended: false,
            fault: Some(told),
        };
        Ok((upload, learns))
    }

    /// Takes bytes of the body in; `None` is its end.
    fn take(&mut self, bytes: Option<&[u8]>) -> Result<(), Fault> {
        self.looked_at += bytes.map_or(0, <[u8]>::len);
        let Some(content_type) = &self.raw else {
            match bytes {
                Some(bytes) => self.records.push(bytes),
                None => self.records.end(),
            }
            return self.transcode();
        };
        let Some(data) = bytes.filter(|data| !data.is_empty()) else { return Ok(()) };
        let Some(route) = self.gateway.table.routes.all().get(self.route) else { return Ok(()) };
        message(&mut self.slab, |out| route.raw_request(&self.bound, RawBody { content_type, data }, out))
            .map_err(Fault::from)
    }

    /// Appends the messages that are whole.
    fn transcode(&mut self) -> Result<(), Fault> {
        let Some(route) = self.gateway.table.routes.all().get(self.route) else { return Ok(()) };
        while let Some(record) = self.records.next().map_err(|problem| refused(&problem, &self.gateway))? {
            let Record { number, line, text } = record;
            let place = |faults: Violations| Fault::from(faults.map(|fault| fault.of_record(number, line)));
            message(&mut self.slab, |out| route.request(&self.bound, text, out)).map_err(place)?;
        }
        Ok(())
    }

    /// Unpacks a little of what has come.
    fn unpack(&mut self) -> Result<bool, Fault> {
        let Some((_, unpacker)) = &mut self.unpacker else { return Ok(false) };
        if self.unpacked.is_empty() {
            if self.packed.is_empty() {
                return Ok(false);
            }
            let some = self.packed.split_to(self.packed.len().min(PACKED));
            self.looked_at += some.len();
            unpacker.allow(some.len() * RATIO, UNPACKED);
            self.unpacked = unpacker.write(&some).map_err(not_unpacked)?.into();
        }
        let some = self.unpacked.split_to(self.unpacked.len().min(TURN));
        self.take(Some(&some))?;
        Ok(true)
    }

    fn end(&mut self) -> Result<(), Fault> {
        self.ended = true;
        if let Some((_, unpacker)) = self.unpacker.take() {
            let bytes = unpacker.finish().map_err(not_unpacked)?;
            self.take(Some(&bytes))?;
        }
        self.take(None)
    }

    fn poll_slab(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        while self.slab.len() < SLAB && !self.ended {
            if self.looked_at >= TURN {
                self.looked_at = 0;
                // Its first poll asks to be called again, behind all others.
                let _ = pin!(task::yield_now()).poll(cx);
                return Poll::Pending;
            }
            if self.unpack()? {
                continue;
            }
            let Some(body) = &mut self.body else { break };
            let frame = match Pin::new(body).poll_frame(cx) {
                Poll::Ready(frame) => frame,
                Poll::Pending if self.slab.is_empty() => return Poll::Pending,
                Poll::Pending => break,
            };
            match frame {
                None => self.end()?,
                Some(Err(error)) => {
                    // Nothing more is to be waited for.
                    self.body = None;
                    return Poll::Ready(Err(request::broken_off(&error)));
                }
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if self.unpacker.is_some() => self.packed = data,
                    Ok(data) => self.take(Some(&data))?,
                    Err(_) => {}
                },
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl HttpBody for Upload {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        if this.ended && this.slab.is_empty() {
            return Poll::Ready(None);
        }
        if let Err(fault) = ready!(this.poll_slab(cx)) {
            this.ended = true;
            this.slab.clear();
            if let Some(told) = this.fault.take() {
                let _ = told.send(Bad { fault, rest: this.body.take() });
            }
            return Poll::Ready(Some(Err(Status::cancelled("the request was not what it should be"))));
        }
        let slab = std::mem::take(&mut this.slab);
        Poll::Ready((!slab.is_empty()).then(|| Ok(Frame::data(slab.into()))))
    }
}

/// Appends a message with its prefix.
fn message<E>(slab: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<(), E> {
    let start = slab.len();
    slab.extend_from_slice(&[0; PREFIX]);
    write(slab).inspect_err(|_| slab.truncate(start))?;
    let size = u32::try_from(slab.len() - start - PREFIX).unwrap_or(u32::MAX);
    if let Some(mut place) = slab.get_mut(start + 1..start + PREFIX) {
        place.put_u32(size);
    }
    Ok(())
}

/// How the values stand in a body of a media type. `curl -T` says none.
fn form(kind: &str) -> Result<Form, Fault> {
    request::check_charset(kind)?;
    let essence = kind.split(';').next().unwrap_or_default().trim_ascii().to_ascii_lowercase();
    match essence.as_str() {
        "" | "application/octet-stream" => Ok(Form::Any),
        "application/x-ndjson" | "application/ndjson" | "application/jsonl" => Ok(Form::Lines),
        "application/json" => Ok(Form::AnyValues),
        _ => {
            let message = format!(
                "a body of type {essence} is not understood; send records with content-type: application/x-ndjson, one a \
                 line, or an array of them with content-type: application/json"
            );
            let code = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            Err(Fault::new(code, Code::InvalidArgument, "UNSUPPORTED_MEDIA_TYPE", message))
        }
    }
}

fn refused(problem: &Problem, gateway: &Gateway) -> Fault {
    match problem {
        Problem::Malformed(problem) => Violations::one(Place::Body, "", problem).into(),
        Problem::TooLarge => {
            let limit = gateway.table.config.max_body.0;
            let message = format!("a record of the body is over the limit of {limit} bytes");
            Fault::new(StatusCode::PAYLOAD_TOO_LARGE, Code::ResourceExhausted, "BODY_TOO_LARGE", message)
        }
    }
}

fn damaged() -> Fault {
    not_unpacked(Unpack::Damaged)
}

fn not_unpacked(unpack: Unpack) -> Fault {
    Fault::header(
        "Content-Encoding",
        match unpack {
            Unpack::Damaged => "the body is not compressed in this way, or is damaged",
            Unpack::TooLarge => "the body unpacks to far more than it should; send it as it is",
        },
    )
}
