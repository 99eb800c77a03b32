//! Calls that are made again, and those that are not.

use campus_client::Channel;
use tonic::{Code, Request, Response, client::Grpc};
use tonic_prost::ProstCodec;

use crate::{
    scripted::{Act, Scripted},
    support::{Note, channel_to, note, path, unary, within},
};

const RETRIES: &str = r#"{"methodConfig":[{"name":[{}],"retryPolicy":{"maxAttempts":4,"initialBackoff":"0.03s",
    "maxBackoff":"0.2s","backoffMultiplier":2,"retryableStatusCodes":["UNAVAILABLE","RESOURCE_EXHAUSTED"]}}]}"#;

const UNAVAILABLE: Act = Act::Fail(Code::Unavailable, None);

fn channel(servers: &[&Scripted], config: &str) -> Channel {
    let addresses: Vec<_> = servers.iter().map(|server| server.address).collect();
    channel_to(&addresses).service_config(config).unwrap().build()
}

async fn call(channel: &Channel) -> Result<Note, tonic::Status> {
    unary(channel, "Echo", note(7)).await
}

fn attempts(server: &Scripted) -> usize {
    server.seen().len()
}

#[tokio::test]
async fn a_call_is_made_again_as_the_config_says_and_tells_the_server_so() {
    let server = Scripted::start([UNAVAILABLE, UNAVAILABLE]).await;
    let channel = channel(&[&server], RETRIES);
    call(&channel).await.unwrap();
    let previous = server.headers("grpc-previous-rpc-attempts");
    assert_eq!(previous, [None, Some("1".to_owned()), Some("2".to_owned())]);
    assert_eq!(channel.dump().retries, 2);
}

#[tokio::test]
async fn without_a_policy_a_call_is_made_once() {
    let server = Scripted::start([UNAVAILABLE]).await;
    let error = call(&channel(&[&server], "{}")).await.unwrap_err();
    assert_eq!((error.code(), error.message(), attempts(&server)), (Code::Unavailable, "as scripted", 1));
}

#[tokio::test]
async fn a_call_fails_with_its_last_status_after_the_last_attempt() {
    let server = Scripted::with([], UNAVAILABLE).await;
    let error = call(&channel(&[&server], RETRIES)).await.unwrap_err();
    assert_eq!((error.message(), attempts(&server)), ("as scripted", 4));
}

#[tokio::test]
async fn a_status_that_the_policy_does_not_name_ends_the_call() {
    let server = Scripted::start([Act::Fail(Code::Aborted, None)]).await;
    let error = call(&channel(&[&server], RETRIES)).await.unwrap_err();
    assert_eq!((error.code(), attempts(&server)), (Code::Aborted, 1));
}

#[tokio::test]
async fn nothing_is_made_again_once_an_answer_has_begun() {
    let server = Scripted::start([Act::HeadThenFail(Code::Unavailable)]).await;
    let error = call(&channel(&[&server], RETRIES)).await.unwrap_err();
    assert_eq!((error.code(), attempts(&server)), (Code::Unavailable, 1));
}

#[tokio::test]
async fn an_answer_that_is_none_of_grpc_is_told_as_what_it_means_and_made_again() {
    let server = Scripted::start([Act::Http(503)]).await;
    call(&channel(&[&server], RETRIES)).await.unwrap();
    let server = Scripted::start([Act::Http(404)]).await;
    let error = call(&channel(&[&server], RETRIES)).await.unwrap_err();
    assert_eq!(error.code(), Code::Unimplemented);
    let told =
        format!("{} answered HTTP 404 Not Found, which is no answer of gRPC; is it the right port?", server.address);
    assert_eq!(error.message(), told);
}

#[tokio::test]
async fn the_server_says_when_a_call_may_come_again() {
    let pushback = |wait| Act::Fail(Code::ResourceExhausted, Some(("grpc-retry-pushback-ms", wait)));
    let server = Scripted::start([pushback("300")]).await;
    let begun = tokio::time::Instant::now();
    call(&channel(&[&server], RETRIES)).await.unwrap();
    assert!(begun.elapsed().as_millis() >= 300, "{:?}", begun.elapsed());
    for never in ["-1", "later"] {
        let server = Scripted::start([pushback(never)]).await;
        call(&channel(&[&server], RETRIES)).await.unwrap_err();
        assert_eq!(attempts(&server), 1, "{never}");
    }
}

#[tokio::test]
async fn a_pushback_past_the_deadline_ends_the_call_at_once() {
    let server = Scripted::start([Act::Fail(Code::Unavailable, Some(("grpc-retry-pushback-ms", "60000")))]).await;
    let mut request = note(7);
    request.set_timeout(std::time::Duration::from_secs(30));
    let error = unary(&channel(&[&server], RETRIES), "Echo", request).await.unwrap_err();
    assert_eq!(error.code(), Code::Unavailable, "and not after half a minute");
}

#[tokio::test]
async fn a_call_that_failed_is_made_again_elsewhere() {
    for _ in 0..10 {
        let (bad, good) = (Scripted::with([], UNAVAILABLE).await, Scripted::start([]).await);
        let channel = channel(&[&bad, &good], RETRIES);
        call(&channel).await.unwrap();
        assert_eq!(attempts(&good), 1);
        assert!(attempts(&bad) <= 1, "{}", attempts(&bad));
    }
}

#[tokio::test]
async fn a_call_that_the_server_refused_is_made_again_once_without_a_policy() {
    let server = Scripted::start([Act::Refuse]).await;
    let ours = channel(&[&server], "{}");
    call(&ours).await.unwrap();
    assert_eq!(server.headers("grpc-previous-rpc-attempts"), [None, None], "the server has not begun the first");
    let server = Scripted::start([Act::Refuse, Act::Refuse]).await;
    let error = call(&channel(&[&server], "{}")).await.unwrap_err();
    assert_eq!((error.code(), attempts(&server)), (Code::Unavailable, 2));
}

#[tokio::test]
async fn a_call_whose_connection_broke_is_made_again_by_policy_alone() {
    let server = Scripted::start([Act::Lose]).await;
    call(&channel(&[&server], RETRIES)).await.unwrap();
    let server = Scripted::start([Act::Lose]).await;
    assert_eq!(call(&channel(&[&server], "{}")).await.unwrap_err().code(), Code::Unavailable);
}

#[tokio::test]
async fn a_call_is_made_again_by_policy_when_its_connection_broke_behind_the_head_of_the_answer() {
    let server = Scripted::start([Act::HeadThenLose]).await;
    call(&channel(&[&server], RETRIES)).await.unwrap();
    assert_eq!(attempts(&server), 2);
    let (broken, good) = (Scripted::start([Act::HeadThenLose]).await, Scripted::start([]).await);
    call(&first_of(&[&broken, &good], HEDGES).await).await.unwrap();
    assert_eq!((attempts(&broken), attempts(&good)), (1, 1));
    let server = Scripted::start([Act::HeadThenLose]).await;
    assert_eq!(call(&channel(&[&server], "{}")).await.unwrap_err().code(), Code::Unavailable);
}

#[tokio::test]
async fn when_too_many_calls_fail_none_is_made_again() {
    let config = RETRIES.replacen('{', r#"{"retryThrottling":{"maxTokens":4,"tokenRatio":0.5},"#, 1);
    let server = Scripted::with([], UNAVAILABLE).await;
    let channel = channel(&[&server], &config);
    for _ in 0..3 {
        call(&channel).await.unwrap_err();
    }
    assert_eq!(attempts(&server), 2 + 1 + 1, "after two failures half of the tokens are gone");
}

async fn collect(channel: &Channel, notes: Vec<Note>) -> Result<Note, tonic::Status> {
    let codec: ProstCodec<Note, Note> = ProstCodec::default();
    let notes = Request::new(tokio_stream::iter(notes));
    within(Grpc::new(channel.clone()).client_streaming(notes, path("Collect"), codec)).await.map(Response::into_inner)
}

fn notes(count: usize, size: usize) -> Vec<Note> {
    (0..count).map(|_| Note { text: "x".repeat(size), number: 0 }).collect()
}

#[tokio::test]
async fn a_short_stream_of_requests_is_sent_again_from_its_beginning() {
    let server = Scripted::start([UNAVAILABLE, Act::Refuse]).await;
    collect(&channel(&[&server], RETRIES), notes(50, 1000)).await.unwrap();
    let body = server.seen().last().unwrap().body.clone().unwrap();
    assert_eq!(body.len(), 50 * (1000 + 3 + 5), "with tag, length and prefix of each");
}

#[tokio::test]
async fn a_stream_that_is_too_long_to_keep_is_sent_once() {
    let server = Scripted::start([Act::Answer]).await;
    let long = notes(50, 10_000);
    let channel = channel(&[&server], RETRIES);
    assert_eq!(collect(&channel, long.clone()).await.unwrap().number, 50 * (10_000 + 3 + 5));
    let (server, long) = (Scripted::with([], Act::Lose).await, long);
    let lost = channel_to(&[server.address]).service_config(RETRIES).unwrap().build();
    let endless = tokio_stream::StreamExt::chain(tokio_stream::iter(long), tokio_stream::pending());
    let codec: ProstCodec<Note, Note> = ProstCodec::default();
    let calling = within(async {
        Grpc::new(lost).client_streaming::<_, Note, Note, _>(Request::new(endless), path("Collect"), codec).await
    });
    assert_eq!(calling.await.unwrap_err().code(), Code::Unavailable);
    assert_eq!(attempts(&server), 1);
}

const HEDGES: &str = r#"{"loadBalancingConfig":[{"pick_first":{}}],"methodConfig":[{"name":[{}],"hedgingPolicy":
    {"maxAttempts":3,"hedgingDelay":"0.05s","nonFatalStatusCodes":["UNAVAILABLE"]}}]}"#;

/// A channel that picks the first of these, and knows all.
async fn first_of(servers: &[&Scripted], config: &str) -> Channel {
    let channel = channel(servers, config);
    channel.connect();
    crate::support::eventually(async || {
        let dump = channel.dump();
        dump.endpoints.iter().filter(|endpoint| endpoint.phase == campus_client::Phase::Ready).count() == servers.len()
    })
    .await;
    channel
}

#[tokio::test]
async fn a_hedged_call_is_answered_by_another_server_while_the_first_says_nothing() {
    let (stalled, good) = (Scripted::with([], Act::Hang).await, Scripted::start([]).await);
    let channel = first_of(&[&stalled, &good], HEDGES).await;
    for _ in 0..5 {
        call(&channel).await.unwrap();
    }
    assert_eq!((attempts(&stalled), attempts(&good)), (5, 5));
    assert_eq!(good.headers("grpc-previous-rpc-attempts")[0].as_deref(), Some("1"));
    assert!(channel.dump().endpoints.iter().all(|endpoint| endpoint.in_flight == 0), "the late ones are cancelled");
}

#[tokio::test]
async fn a_hedged_call_that_is_answered_in_time_is_made_once() {
    let (one, other) = (Scripted::start([]).await, Scripted::start([]).await);
    let patient = HEDGES.replace("0.05s", "5s");
    call(&first_of(&[&one, &other], &patient).await).await.unwrap();
    assert_eq!((attempts(&one), attempts(&other)), (1, 0));
}

#[tokio::test]
async fn a_hedged_call_goes_on_at_once_after_a_failure_that_is_not_fatal_and_ends_with_one_that_is() {
    let patient = HEDGES.replace("0.05s", "60s");
    let (bad, good) = (Scripted::with([], UNAVAILABLE).await, Scripted::start([]).await);
    call(&first_of(&[&bad, &good], &patient).await).await.unwrap();
    let fatal = Scripted::with([], Act::Fail(Code::Internal, None)).await;
    let error = call(&first_of(&[&fatal, &good], &patient).await).await.unwrap_err();
    assert_eq!((error.code(), attempts(&good)), (Code::Internal, 1));
    let error = call(&first_of(&[&bad, &Scripted::with([], UNAVAILABLE).await], &patient).await).await.unwrap_err();
    assert_eq!((error.code(), error.message()), (Code::Unavailable, "as scripted"));
}

#[tokio::test]
async fn a_hedged_call_that_the_only_server_refused_is_made_again_there() {
    let server = Scripted::start([Act::Refuse]).await;
    call(&channel(&[&server], HEDGES)).await.unwrap();
}
