//! A service made by hand: one method for each thing a test wants to see.

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http_body::Body as HttpBody;
use prost::Message;
use prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet, MethodDescriptorProto,
    ServiceDescriptorProto,
    field_descriptor_proto::{Label, Type},
};
use std::{
    collections::HashSet,
    convert::Infallible,
    future::ready,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll},
    time::Duration,
};
use tonic::{
    Request, Response, Status, Streaming,
    body::Body,
    codegen::{BoxFuture, StdError},
    server::{Grpc, NamedService},
};
use tonic_prost::ProstCodec;
use tonic_types::{ErrorDetails, StatusExt};
use tower::{Service, service_fn};

pub(crate) const DESCRIPTOR_PACKAGE: &str = "test.v1";

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Note {
    #[prost(string, tag = "1")]
    pub(crate) text: String,
    #[prost(uint64, tag = "2")]
    pub(crate) number: u64,
}

/// Counts how many handlers are at work, and how many client streams ended as their clients meant them to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Probe {
    pub(crate) working: Arc<AtomicUsize>,
    pub(crate) collected: Arc<AtomicUsize>,
    /// The texts of the calls of `Do` that were done.
    pub(crate) done: Arc<Mutex<HashSet<String>>>,
}

/// Handlers count as long as this lives.
struct Working(Arc<AtomicUsize>);

impl Working {
    fn new(probe: &Probe) -> Self {
        probe.working.fetch_add(1, SeqCst);
        Self(Arc::clone(&probe.working))
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

impl Probe {
    pub(crate) fn working(&self) -> usize {
        self.working.load(SeqCst)
    }
}

impl NamedService for Probe {
    const NAME: &'static str = "test.v1.Probe";
}

type Notes = Pin<Box<dyn Stream<Item = Result<Note, Status>> + Send>>;

/// The answer of the unary methods.
async fn unary(method: String, note: Note, probe: Probe) -> Result<Response<Note>, Status> {
    let _working = Working::new(&probe);
    match method.as_str() {
        "Do" => {
            tokio::time::sleep(Duration::from_millis(note.number)).await;
            probe.done.lock().unwrap().insert(note.text.clone());
            Ok(Response::new(note))
        }
        "Echo" => Ok(Response::new(note)),
        "Wait" => {
            tokio::time::sleep(Duration::from_millis(note.number)).await;
            Ok(Response::new(note))
        }
        // Not how one waits in a handler: it is what a late answer looks like that no timer could stop.
        "Block" => {
            let begun = std::time::Instant::now();
            while begun.elapsed() < Duration::from_millis(note.number) {
                std::thread::yield_now();
            }
            Ok(Response::new(note))
        }
        "Big" => Ok(Response::new(Note { text: "x".repeat(usize::try_from(note.number).unwrap()), number: 0 })),
        "Panic" => panic!("{}", note.text),
        // Says who asks, and under which id.
        "Who" => {
            let call = campus_call::current().unwrap();
            let name = format!("{} {}", call.request_id(), call.peer());
            Ok(Response::new(Note { text: name, number: u64::from(call.deadline().is_some()) }))
        }
        "Trailers" => {
            let call = campus_call::current().unwrap();
            call.add_trailer("x-rows", "7").unwrap();
            call.add_binary_trailer("x-token-bin", &[0, 255]).unwrap();
            let details = ErrorDetails::with_error_info("WHY", "test", std::collections::HashMap::new());
            let failed = Status::with_error_details(tonic::Code::NotFound, "no such note", details);
            if note.number == 0 { Ok(Response::new(note)) } else { Err(failed) }
        }
        other => Err(Status::internal(format!("no {other}"))),
    }
}

fn streaming(method: &str, note: &Note, working: Working) -> Notes {
    let first = stream::iter([Ok(note.clone())]);
    let held = move |_: &Result<Note, Status>| {
        let _working = &working;
    };
    match method {
        "Count" => {
            Box::pin(stream::iter(0..note.number).map(|number| Ok(Note { text: String::new(), number })).inspect(held))
        }
        "Tick" => Box::pin(
            stream::iter(0..note.number)
                .then(|number| async move {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    Ok(Note { text: String::new(), number })
                })
                .inspect(held),
        ),
        "Endless" => Box::pin(first.chain(stream::pending()).inspect(held)),
        "Fail" => Box::pin(first.chain(stream::once(ready(Err(Status::not_found("no more notes"))))).inspect(held)),
        // As many large messages as are asked for.
        "Heap" => {
            let large = Note { text: "x".repeat(100 << 10), number: 0 };
            let count = usize::try_from(note.number).unwrap();
            Box::pin(stream::repeat(Ok(large)).take(count).inspect(held))
        }
        "Flood" => Box::pin(stream::repeat(Ok(Note { text: "x".repeat(1000), number: 0 })).inspect(held)),
        _ => {
            // Later, so that the first message is not still being gathered when the panic comes.
            let later = stream::once(async {
                tokio::time::sleep(Duration::from_millis(50)).await;
                panic!("in the stream")
            });
            Box::pin(first.chain(later).inspect(held))
        }
    }
}

async fn collect(probe: Probe, request: Request<Streaming<Note>>) -> Result<Response<Note>, Status> {
    let _working = Working::new(&probe);
    let (mut notes, mut number) = (request.into_inner(), 0);
    while notes.message().await?.is_some() {
        number += 1;
    }
    probe.collected.fetch_add(1, SeqCst);
    Ok(Response::new(Note { text: String::new(), number }))
}

impl<B> Service<http::Request<B>> for Probe
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<StdError> + Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let probe = self.clone();
        let method = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
        Box::pin(async move {
            // Larger than what the chassis allows, so that its own limit is what is seen.
            let mut grpc = Grpc::new(ProstCodec::default()).max_decoding_message_size(usize::MAX);
            Ok(match method.as_str() {
                "Count" | "Tick" | "Endless" | "Fail" | "Flood" | "Heap" | "PanicLater" => {
                    let serve = service_fn(|r: Request<Note>| {
                        ready(Ok(Response::new(streaming(&method, r.get_ref(), Working::new(&probe)))))
                    });
                    grpc.server_streaming(serve, request).await
                }
                "Collect" => grpc.client_streaming(service_fn(|r| collect(probe.clone(), r)), request).await,
                _ => {
                    let serve = service_fn(|r: Request<Note>| unary(method.clone(), r.into_inner(), probe.clone()));
                    grpc.unary(serve, request).await
                }
            })
        })
    }
}

/// What a compiler would make of the service's proto; `Echo` bears an option that no generated type knows.
pub(crate) fn descriptors() -> Vec<u8> {
    let methods = [
        ("Echo", false, false),
        ("Do", false, false),
        ("Wait", false, false),
        ("Block", false, false),
        ("Big", false, false),
        ("Panic", false, false),
        ("Who", false, false),
        ("Trailers", false, false),
        ("Count", false, true),
        ("Tick", false, true),
        ("Endless", false, true),
        ("Fail", false, true),
        ("Flood", false, true),
        ("Heap", false, true),
        ("PanicLater", false, true),
        ("Collect", true, false),
    ];
    let file = FileDescriptorProto {
        name: Some("test/v1/probe.proto".to_owned()),
        package: Some(DESCRIPTOR_PACKAGE.to_owned()),
        syntax: Some("proto3".to_owned()),
        message_type: vec![DescriptorProto {
            name: Some("Note".to_owned()),
            field: vec![field("text", 1, Type::String), field("number", 2, Type::Uint64)],
            ..Default::default()
        }],
        service: vec![ServiceDescriptorProto {
            name: Some("Probe".to_owned()),
            method: methods.map(method).into(),
            ..Default::default()
        }],
        ..Default::default()
    };
    FileDescriptorSet { file: vec![file] }.encode_to_vec()
}

fn field(name: &str, number: i32, kind: Type) -> FieldDescriptorProto {
    FieldDescriptorProto {
        name: Some(name.to_owned()),
        json_name: Some(name.to_owned()),
        number: Some(number),
        label: Some(Label::Optional.into()),
        r#type: Some(kind.into()),
        ..Default::default()
    }
}

fn method((name, client, server): (&str, bool, bool)) -> MethodDescriptorProto {
    MethodDescriptorProto {
        name: Some(name.to_owned()),
        input_type: Some(".test.v1.Note".to_owned()),
        output_type: Some(".test.v1.Note".to_owned()),
        client_streaming: Some(client),
        server_streaming: Some(server),
        ..Default::default()
    }
}
