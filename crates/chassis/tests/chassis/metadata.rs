//! What calls and replies say of themselves beside their messages.

use crate::support::{Answer, Bare, Note, Server, reason, server_config};
use campus_chassis::ServerConfig;
use tonic::{Code, Status};
use tonic_types::StatusExt;

fn note(number: u64) -> Note {
    Note { text: String::new(), number }
}

fn id(answer: &Answer) -> &str {
    answer.head("x-request-id")
}

fn named(status: &Status) -> String {
    status.get_details_request_info().expect("an error names its request").request_id
}

#[tokio::test]
async fn the_request_id_of_a_client_reaches_the_handler_and_comes_back() {
    let server = Server::start().await;
    let mut bare = Bare::to(&server).await;
    for given in ["order-7/x", "x", &"y".repeat(128)] {
        let answer = bare.note("Who", &[("x-request-id", given)], note(0)).await;
        assert_eq!(id(&answer), given);
        let who = answer.notes().remove(0).text;
        assert!(who.starts_with(&format!("{given} 127.0.0.1:")), "{who}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_call_with_no_usable_request_id_gets_one_of_its_own() {
    let server = Server::start().await;
    let mut bare = Bare::to(&server).await;
    let mut seen = std::collections::HashSet::new();
    for given in [None, None, Some(""), Some("a b"), Some(&*"y".repeat(129))] {
        let headers: Vec<_> = given.map(|given| ("x-request-id", given)).into_iter().collect();
        let answer = bare.note("Who", &headers, note(0)).await;
        assert!(id(&answer).len() == 16 && id(&answer).bytes().all(|byte| byte.is_ascii_hexdigit()), "{}", id(&answer));
        assert!(answer.notes()[0].text.starts_with(id(&answer)));
        assert!(seen.insert(id(&answer).to_owned()));
    }
    server.stop().await;
}

#[tokio::test]
async fn every_error_names_its_request_and_keeps_its_details() {
    let server = Server::start().await;
    let mut bare = Bare::to(&server).await;
    for (method, code, why) in [
        // Of the handler, in the head and behind messages; of the chassis; of no method at all.
        ("Trailers", Code::NotFound, Some("WHY")),
        ("Fail", Code::NotFound, None),
        ("Panic", Code::Internal, Some("PANIC")),
        ("PanicLater", Code::Internal, Some("PANIC")),
        ("Nope", Code::Unimplemented, Some("UNKNOWN_METHOD")),
    ] {
        let answer = bare.note(method, &[("x-request-id", "r-1")], note(1)).await;
        let status = answer.status();
        assert_eq!((status.code(), named(&status).as_str(), id(&answer)), (code, "r-1", "r-1"), "{method}");
        assert_eq!(status.get_details_error_info().map(|info| info.reason).as_deref(), why, "{method}");
    }
    let late = bare.note("Wait", &[("x-request-id", "r-2"), ("grpc-timeout", "20m")], note(60_000)).await;
    assert_eq!((late.status().code(), named(&late.status()).as_str()), (Code::DeadlineExceeded, "r-2"));
    let fine = bare.note("Echo", &[], note(1)).await;
    assert!(!fine.end.contains_key("grpc-status-details-bin"));
    server.stop().await;
}

#[tokio::test]
async fn every_reply_says_who_served_it_and_how_long_it_took() {
    let config = ServerConfig { name: Some("campus-7".to_owned()), ..server_config() };
    let server = Server::with(config).await;
    let mut bare = Bare::to(&server).await;
    for (method, number, at_least) in [("Wait", 30, 30.0), ("Count", 3, 0.0), ("Trailers", 1, 0.0), ("Nope", 0, 0.0)] {
        let answer = bare.note(method, &[], note(number)).await;
        assert_eq!(answer.head("x-served-by"), "campus-7", "{method}");
        let timing = answer.end("server-timing");
        let milliseconds: f64 = timing.strip_prefix("total;dur=").unwrap().parse().unwrap();
        assert!((at_least..10_000.0).contains(&milliseconds), "{method}: {timing}");
    }
    server.stop().await;
}

#[tokio::test]
async fn what_a_handler_adds_is_in_the_trailers_of_a_success_and_of_a_failure() {
    let server = Server::start().await;
    let mut bare = Bare::to(&server).await;
    for number in [0, 1] {
        let answer = bare.note("Trailers", &[], note(number)).await;
        assert_eq!(answer.end("x-rows"), "7");
        assert_eq!(answer.end("x-token-bin"), "AP8");
        assert_eq!(answer.end("grpc-status"), if number == 0 { "0" } else { "5" });
    }
    server.stop().await;
}

#[tokio::test]
async fn metadata_of_names_that_are_grpcs_own_is_refused_by_name() {
    let server = Server::start().await;
    let mut bare = Bare::to(&server).await;
    for name in ["grpc-status", "grpc-message", "grpc-mine", "grpc-status-details-bin"] {
        let status = bare.note("Panic", &[(name, "0")], note(0)).await.status();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "RESERVED_METADATA"), "{name}");
        assert!(status.message().contains(name), "{}", status.message());
    }
    for name in ["grpc-previous-rpc-attempts", "grpc-message-type", "grpc-trace-bin", "grpc-tags-bin", "x-grpc-mine"] {
        assert_eq!(bare.note("Echo", &[(name, "AAAA")], note(0)).await.status().code(), Code::Ok, "{name}");
    }
    server.stop().await;
}

#[tokio::test]
async fn binary_metadata_must_be_base64() {
    let server = Server::start().await;
    let mut bare = Bare::to(&server).await;
    for good in ["AP8", "AP8=", "AP8=,AAAA"] {
        assert_eq!(bare.note("Echo", &[("x-token-bin", good)], note(0)).await.status().code(), Code::Ok, "{good}");
    }
    for bad in ["A", "-_-_", "AP 8"] {
        let status = bare.note("Panic", &[("x-token-bin", bad)], note(0)).await.status();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "INVALID_METADATA"), "{bad}");
        assert!(status.message().contains("x-token-bin"), "{}", status.message());
    }
    server.stop().await;
}

#[tokio::test]
async fn the_deadline_of_a_call_is_known_below() {
    let server = Server::start().await;
    let mut bare = Bare::to(&server).await;
    assert_eq!(bare.note("Who", &[], note(0)).await.notes()[0].number, 0);
    assert_eq!(bare.note("Who", &[("grpc-timeout", "5S")], note(0)).await.notes()[0].number, 1);
    server.stop().await;
}
