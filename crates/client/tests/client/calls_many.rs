//! Many calls at once, and calls from code that is not async.

use std::{sync::atomic::Ordering::SeqCst, time::Duration};

use campus_client::{Blocking, Channel, many};
use futures_util::StreamExt;
use tonic::{Code, Response, Status, Streaming, client::Grpc};
use tonic_prost::ProstCodec;

use crate::support::{Note, PATIENCE, Server, channel_to, eventually, note, path, within};

/// A client as tonic generates it.
#[derive(Clone)]
struct Client(Grpc<Channel>);

impl Client {
    fn of(server: &Server) -> Self {
        Self(Grpc::new(channel_to(&[server.address]).build()))
    }

    async fn unary(&mut self, method: &str, number: u64) -> Result<Response<Note>, Status> {
        self.0.unary(note(number), path(method), ProstCodec::default()).await
    }

    async fn count(&mut self, method: &str, number: u64) -> Result<Response<Streaming<Note>>, Status> {
        self.0.server_streaming(note(number), path(method), ProstCodec::<Note, Note>::default()).await
    }
}

#[tokio::test]
async fn answers_come_in_the_order_of_the_requests_with_an_error_for_each_that_failed() {
    let server = Server::start().await;
    let waits = [80, 0, 40, 0, 20, 60];
    let call = |mut client: Client, wait| async move {
        if wait == 40 { client.unary("Trailers", 1).await } else { client.unary("Wait", wait).await }
    };
    let answers: Vec<_> = within(many(&Client::of(&server), waits, 3, call).collect()).await;
    let numbers: Vec<_> =
        answers.iter().map(|answer| answer.as_ref().map(|note| note.number).map_err(Status::code)).collect();
    assert_eq!(numbers, [Ok(80), Ok(0), Err(Code::NotFound), Ok(0), Ok(20), Ok(60)]);
}

#[tokio::test]
async fn no_more_calls_than_the_limit_are_under_way() {
    let server = Server::start().await;
    let call = async |mut client: Client, wait| client.unary("Wait", wait).await;
    let mut answers = Box::pin(many(&Client::of(&server), [20; 40], 5, call).count());
    let mut most = 0;
    while tokio::time::timeout(Duration::from_millis(2), &mut answers).await.is_err() {
        most = most.max(server.probe.working());
    }
    assert!((2..=5).contains(&most), "{most}");
}

#[tokio::test]
async fn dropping_the_answers_cancels_what_is_under_way_and_leaves_nothing_behind() {
    let server = Server::start().await;
    let client = Client::of(&server);
    let call = async |mut client: Client, wait| client.unary("Wait", wait).await;
    let waits = std::iter::once(0).chain(std::iter::repeat(60_000));
    let mut answers = Box::pin(many(&client, waits, 16, call));
    within(answers.next()).await.unwrap().unwrap();
    let _ = tokio::time::timeout(Duration::from_millis(1), answers.next()).await;
    eventually(async || {
        let _ = tokio::time::timeout(Duration::from_millis(1), answers.next()).await;
        server.probe.working() == 16
    })
    .await;
    drop(answers);
    eventually(async || server.probe.working.load(SeqCst) == 0).await;
}

/// What a thread without an event loop does with a server.
async fn on_a_thread<T: Send + 'static>(server: &Server, task: impl FnOnce(Client) -> T + Send + 'static) -> T {
    let client = Client::of(server);
    let (done, outcome) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || drop(done.send(task(client))));
    tokio::time::timeout(PATIENCE, outcome).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_blocking_client_calls_and_reads_streams() {
    let server = Server::start().await;
    on_a_thread(&server, |client| {
        let client = Blocking::new(client).unwrap();
        assert_eq!(client.call(async |mut client| client.unary("Echo", 7).await).unwrap().number, 7);
        let error = client.call(async |mut client| client.unary("Trailers", 1).await).unwrap_err();
        assert_eq!(error.code(), Code::NotFound);
        let counted = client.stream(async |mut client| client.count("Count", 1000).await).unwrap();
        assert_eq!(counted.map(|note| note.unwrap().number).sum::<u64>(), 999 * 1000 / 2);
        let mut failing = client.stream(async |mut client| client.count("Fail", 1).await).unwrap();
        assert!(failing.next().unwrap().is_ok());
        assert_eq!(failing.next().unwrap().unwrap_err().code(), Code::NotFound);
        assert!(failing.next().is_none());
        let many = async |client| {
            let call = |mut client: Client, number| async move { client.unary("Echo", number).await };
            many(&client, 0..100, 8, call).map(|note| note.unwrap().number).collect::<Vec<_>>().await
        };
        assert_eq!(client.wait(many).unwrap(), (0..100).collect::<Vec<_>>());
    })
    .await;
}

#[tokio::test]
async fn a_blocking_client_is_shared_by_threads_and_ends_with_all_it_began() {
    let server = Server::start().await;
    on_a_thread(&server, |client| {
        let client = Blocking::new(client).unwrap();
        std::thread::scope(|scope| {
            for number in 0..8 {
                let client = client.clone();
                scope.spawn(move || {
                    for _ in 0..20 {
                        let echo = client.call(async |mut client| client.unary("Echo", number).await);
                        assert_eq!(echo.unwrap().number, number);
                    }
                });
            }
        });
        let mut endless = client.stream(async |mut client| client.count("Endless", 1).await).unwrap();
        endless.next().unwrap().unwrap();
        drop(client);
        drop(endless);
    })
    .await;
    eventually(async || server.probe.working() == 0).await;
    let threads = || {
        std::fs::read_dir("/proc/self/task")
            .unwrap()
            .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok())
    };
    eventually(async || threads().all(|name| name.trim() != "campus-client")).await;
}

#[tokio::test]
async fn a_blocking_call_inside_of_async_code_is_refused() {
    let server = Server::start().await;
    let client = Blocking::new(Client::of(&server)).unwrap();
    let error = client.call(async |mut client| client.unary("Echo", 7).await).unwrap_err();
    assert_eq!(error.code(), Code::FailedPrecondition);
    assert!(error.message().contains("use the async client"), "{}", error.message());
}
