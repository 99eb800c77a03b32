//! HTTP as people expect it.

use std::time::Duration;

use bytes::Bytes;
use campus_chassis::config::ByteSize;
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use std::io::{Read, Write};

use crate::support::{ADA, Answer, Client, Rest};

async fn ada(rest: &Rest) -> (Client, Answer) {
    let mut client = rest.client().await;
    let created = client.json("POST /v1/employees?employee_id=ada", ADA).await;
    assert_eq!(created.code, 200, "{created:?}");
    (client, created)
}

#[tokio::test]
async fn an_etag_comes_with_a_record_and_saves_sending_it_again() {
    let rest = Rest::start();
    let (mut client, created) = ada(&rest).await;
    let etag = created.header("etag").to_owned();
    assert_eq!(etag, format!("\"{}\"", created.value()["etag"].as_str().unwrap()));
    for condition in [etag.as_str(), &format!("W/{etag}"), &format!("\"x\", {etag}"), "*"] {
        let answer = client.send("GET /v1/employees/ada", &[("if-none-match", condition)], "").await;
        assert_eq!((answer.code.as_u16(), answer.header("etag"), answer.body.len()), (304, etag.as_str(), 0));
    }
    let answer = client.send("GET /v1/employees/ada", &[("if-none-match", "\"x\"")], "").await;
    assert_eq!((answer.code.as_u16(), answer.header("etag")), (200, etag.as_str()));
    let answer = client.send("GET /v1/employees/ada", &[("if-match", "\"x\"")], "").await;
    assert_eq!(answer.fault().0, 412);
}

#[tokio::test]
async fn a_change_under_a_condition_is_made_once_and_412_after_that() {
    let rest = Rest::start();
    let (mut client, created) = ada(&rest).await;
    let etag = created.header("etag");
    let headers = [("content-type", "application/json"), ("if-match", etag)];
    let patch = "PATCH /v1/employees/ada";
    let changed = client.send(patch, &headers, r#"{"givenName": "Augusta"}"#).await;
    assert_eq!((changed.code.as_u16(), changed.value()["givenName"].as_str()), (200, Some("Augusta")));
    let again = client.send(patch, &headers, r#"{"givenName": "Other"}"#).await;
    assert_eq!(again.fault(), (412, "ABORTED".to_owned(), "ETAG_MISMATCH".to_owned()));
    // Without the header it is a conflict of the body's own etag.
    let body = format!(r#"{{"givenName": "Other", "etag": {etag}}}"#);
    assert_eq!(client.json(patch, body).await.fault().0, 409);
    let delete = "DELETE /v1/employees/ada";
    assert_eq!(client.send(delete, &[("if-match", etag)], "").await.fault().0, 412);
    assert_eq!(client.send(delete, &[("if-match", "*")], "").await.code, 200);
}

#[tokio::test]
async fn a_condition_that_cannot_be_checked_is_refused_and_not_left_out() {
    let rest = Rest::start();
    let (mut client, _) = ada(&rest).await;
    for (line, condition, says) in [
        ("POST /v1/employees", "\"x\"", "compares no etag"),
        ("DELETE /v1/employees/ada", "\"x\", \"y\"", "not several"),
        ("DELETE /v1/employees/ada", "x", "no entity tag"),
    ] {
        let answer = client.send(line, &[("if-match", condition)], "").await;
        assert_eq!(answer.fault(), (400, "INVALID_ARGUMENT".to_owned(), "INVALID_HEADER".to_owned()));
        assert!(answer.message().contains(says), "{}", answer.message());
    }
    assert_eq!(client.get("/v1/employees/ada").await.code, 200);
}

#[tokio::test]
async fn a_repeated_create_with_the_same_key_is_one() {
    let rest = Rest::start();
    let mut client = rest.client().await;
    let key = "5ff8c2b4-6d2a-4e52-9a3f-0a1b2c3d4e5f";
    for key in [key, &format!("\"{key}\"")] {
        let headers = [("content-type", "application/json"), ("idempotency-key", key)];
        assert_eq!(client.send("POST /v1/employees", &headers, ADA).await.code, 200);
    }
    let listed = client.get("/v1/employees").await.value();
    assert_eq!(listed["employees"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let rest = Rest::start();
    let (mut client, _) = ada(&rest).await;
    let get = client.get("/v1/employees/ada").await;
    let head = client.send("HEAD /v1/employees/ada", &[], "").await;
    assert_eq!((head.code, head.body.len()), (get.code, 0));
    for name in ["content-length", "content-type", "etag"] {
        assert_eq!(head.header(name), get.header(name), "{name}");
        assert!(!head.header(name).is_empty(), "{name}");
    }
    assert_eq!(client.send("HEAD /v1/employees/none", &[], "").await.code, 404);
    assert_eq!(client.send("HEAD /v1/employees:import", &[], "").await.code, 405);
}

#[tokio::test]
async fn options_and_405_tell_what_there_is() {
    let rest = Rest::start();
    let mut client = rest.client().await;
    for (path, methods) in
        [("/v1/employees/ada", "DELETE, GET, PATCH, HEAD, OPTIONS"), ("/v1/employees:import", "POST, OPTIONS")]
    {
        let answer = client.send(&format!("OPTIONS {path}"), &[], "").await;
        assert_eq!((answer.code.as_u16(), answer.header("allow")), (204, methods));
        let answer = client.send(&format!("PUT {path}"), &[], "").await;
        assert_eq!((answer.fault().0, answer.header("allow")), (405, methods));
    }
}

#[tokio::test]
async fn a_path_that_leads_nowhere_names_the_nearest_that_does() {
    let rest = Rest::start();
    let mut client = rest.client().await;
    let answer = client.get("/v1/employes:stream").await;
    assert_eq!(answer.fault(), (404, "NOT_FOUND".to_owned(), "UNKNOWN_PATH".to_owned()));
    assert!(answer.message().contains("did you mean /v1/employees:stream?"), "{}", answer.message());
    let answer = client.get("/v1/employees/").await;
    assert!(answer.message().contains("did you mean /v1/employees?"), "{}", answer.message());
    assert_eq!(client.send("OPTIONS /nothing", &[], "").await.code, 404);
}

#[tokio::test]
async fn types_that_are_not_spoken_are_406_and_415() {
    let rest = Rest::start();
    let mut client = rest.client().await;
    let answer = client.send("GET /v1/employees", &[("accept", "text/html")], "").await;
    assert_eq!(answer.fault().0, 406);
    for accept in ["*/*", "application/*", "text/html, */*;q=0.1"] {
        assert_eq!(client.send("GET /v1/employees", &[("accept", accept)], "").await.code, 200, "{accept}");
    }
    let post = "POST /v1/employees";
    for kind in ["application/x-www-form-urlencoded", "text/plain", "application/grpc"] {
        let answer = client.send(post, &[("content-type", kind)], ADA).await;
        assert_eq!((answer.fault().0, answer.header("accept")), (415, "application/json"), "{kind}");
    }
    for kind in ["application/json; charset=utf-8", "Application/JSON", "application/merge-patch+json"] {
        assert_eq!(client.send(post, &[("content-type", kind)], ADA).await.code, 200, "{kind}");
    }
    assert_eq!(client.send(post, &[], ADA).await.code, 200);
}

#[tokio::test]
async fn what_is_too_long_is_413_and_414() {
    let rest = Rest::with(|config| (config.max_body, config.max_uri) = (ByteSize::kib(1), ByteSize::kib(1)));
    let mut client = rest.client().await;
    let long = format!(r#"{{"givenName": "{}"}}"#, "x".repeat(1024));
    assert_eq!(client.json("POST /v1/employees", long).await.fault().0, 413);
    let answer = client.get(&format!("/v1/employees?filter={}", "x".repeat(1024))).await;
    assert_eq!(answer.fault().0, 414);
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = GzEncoder::new(Vec::new(), Compression::best());
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

#[tokio::test]
async fn answers_are_compressed_as_the_client_likes_best_and_only_large_ones() {
    let rest = Rest::start();
    let (mut client, _) = ada(&rest).await;
    for _ in 0..10 {
        client.json("POST /v1/employees", ADA).await;
    }
    let plain = client.get("/v1/employees").await;
    for (accept, coding) in [("gzip", "gzip"), ("gzip;q=0.5, br", "br"), ("zstd, br, gzip", "zstd"), ("identity", "")] {
        let answer = client.send("GET /v1/employees", &[("accept-encoding", accept)], "").await;
        assert_eq!(answer.header("content-encoding"), coding, "{accept}");
        assert!(answer.header("vary").contains("accept-encoding"));
        let mut unpacked = Vec::new();
        match coding {
            "gzip" => drop(GzDecoder::new(&answer.body[..]).read_to_end(&mut unpacked).unwrap()),
            "br" => drop(brotli::Decompressor::new(&answer.body[..], 4096).read_to_end(&mut unpacked).unwrap()),
            "zstd" => unpacked = zstd::decode_all(&answer.body[..]).unwrap(),
            _ => unpacked = answer.body.to_vec(),
        }
        assert_eq!(unpacked, plain.body, "{accept}");
    }
    let small = client.send("GET /v1/employees/ada", &[("accept-encoding", "gzip")], "").await;
    assert_eq!((small.header("content-encoding"), small.header("etag").starts_with('"')), ("", true));
}

#[tokio::test]
async fn a_compressed_etag_is_weak_and_as_good_as_the_other() {
    let rest = Rest::with(|config| config.compress_over = ByteSize(1));
    let (mut client, created) = ada(&rest).await;
    let read = client.send("GET /v1/employees/ada", &[("accept-encoding", "gzip")], "").await;
    assert_eq!(read.header("etag"), format!("W/{}", created.header("etag")));
    let headers = [("content-type", "application/json"), ("if-match", read.header("etag"))];
    assert_eq!(client.send("PATCH /v1/employees/ada", &headers, r#"{"givenName": "A"}"#).await.code, 200);
}

#[tokio::test]
async fn compressed_requests_are_unpacked_up_to_the_limit() {
    let rest = Rest::with(|config| config.max_body = ByteSize::kib(4));
    let mut client = rest.client().await;
    let mut send = async |coding: &str, body: Vec<u8>| {
        let headers = [("content-type", "application/json"), ("content-encoding", coding)];
        client.send("POST /v1/employees", &headers, body).await
    };
    let mut br = brotli::CompressorWriter::new(Vec::new(), 4096, 5, 20);
    br.write_all(ADA.as_bytes()).unwrap();
    for (coding, body) in [
        ("gzip", gzip(ADA.as_bytes())),
        ("br", br.into_inner()),
        ("zstd", zstd::encode_all(ADA.as_bytes(), 3).unwrap()),
        ("identity", ADA.into()),
    ] {
        assert_eq!(send(coding, body).await.code, 200, "{coding}");
    }
    assert_eq!(send("gzip", gzip(&b" ".repeat(1 << 20))).await.fault().0, 413);
    assert_eq!(send("gzip", ADA.into()).await.fault().0, 400);
    let answer = send("deflate", ADA.into()).await;
    assert_eq!((answer.fault().0, answer.header("accept-encoding")), (415, "zstd, br, gzip"));
}

#[tokio::test]
async fn pages_of_listed_origins_may_use_it() {
    let rest = Rest::with(|config| config.cors.origins = "https://a.example".parse().unwrap());
    let (mut client, _) = ada(&rest).await;
    let origin = ("origin", "https://a.example");
    let answer = client.send("GET /v1/employees/ada", &[origin], "").await;
    assert_eq!(answer.header("access-control-allow-origin"), "https://a.example");
    // Errors can be read as well.
    let answer = client.send("GET /v1/employees/none", &[origin], "").await;
    assert_eq!((answer.code.as_u16(), answer.header("access-control-allow-origin")), (404, "https://a.example"));
    let headers = [origin, ("access-control-request-method", "PATCH"), ("access-control-request-headers", "if-match")];
    let answer = client.send("OPTIONS /v1/employees/ada", &headers, "").await;
    assert_eq!(answer.code, 204);
    assert_eq!(answer.header("access-control-allow-methods"), "DELETE, GET, PATCH, HEAD, OPTIONS");
    assert!(answer.header("access-control-allow-headers").contains("if-match"));
    let answer = client.send("GET /v1/employees/ada", &[("origin", "https://b.example")], "").await;
    assert_eq!((answer.code.as_u16(), answer.header("access-control-allow-origin")), (200, ""));
}

#[tokio::test]
async fn a_time_that_is_over_is_504_and_a_malformed_one_400() {
    let rest = Rest::start();
    let (mut client, _) = ada(&rest).await;
    let answer = client.send("GET /v1/employees/ada", &[("grpc-timeout", "1n")], "").await;
    assert_eq!(answer.fault().0, 504);
    assert_eq!(client.send("GET /v1/employees/ada", &[("grpc-timeout", "5S")], "").await.code, 200);
    assert_eq!(client.send("GET /v1/employees/ada", &[("grpc-timeout", "soon")], "").await.fault().0, 400);
}

#[tokio::test]
async fn a_body_that_does_not_come_to_its_end_has_the_time_of_the_request_and_its_client_is_the_one_who_is_late() {
    let rest = Rest::start();
    let begun = std::time::Instant::now();
    let head = "POST /v1/employees HTTP/1.1\r\nhost: x\r\ngrpc-timeout: 100m\r\ncontent-length: 100\r\n\r\n{";
    let mut stream = tokio::net::TcpStream::connect(rest.addr).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stream, head.as_bytes()).await.unwrap();
    let mut start = [0; 12];
    tokio::io::AsyncReadExt::read_exact(&mut stream, &mut start).await.unwrap();
    assert_eq!(&start, b"HTTP/1.1 408");
    assert!(begun.elapsed() < Duration::from_secs(8), "the default was waited for");
}

#[tokio::test]
async fn metadata_goes_both_ways_and_names_of_grpc_do_not() {
    let rest = Rest::start();
    let (mut client, _) = ada(&rest).await;
    let answer =
        client.send("GET /v1/employees/ada", &[("grpc-metadata-tenant", "7"), ("authorization", "Bearer x")], "").await;
    assert_eq!(answer.code, 200);
    assert!(answer.header("server-timing").starts_with("total;dur="), "{answer:?}");
    assert!(!answer.header("x-request-id").is_empty());
    for name in ["grpc-status", "grpc-metadata-grpc-timeout", "grpc-metadata-host", "grpc-metadata-authorization"] {
        let answer = client.send("GET /v1/employees/ada", &[(name, "x")], "").await;
        assert_eq!(answer.fault(), (400, "INVALID_ARGUMENT".to_owned(), "INVALID_HEADER".to_owned()), "{name}");
    }
    assert_eq!(client.send("GET /v1/employees/ada", &[("x-any-bin", "~~")], Bytes::new()).await.code, 200);
}

#[tokio::test]
async fn every_error_of_the_gateway_itself_has_a_reason_for_programs() {
    let rest = Rest::with(|config| config.max_body = ByteSize::kib(1));
    let (mut client, _) = ada(&rest).await;
    let large = format!(r#"{{"givenName": "{}"}}"#, "x".repeat(1024));
    let (get, post) = ("GET /v1/employees/ada", "POST /v1/employees");
    for (line, header, body, code, reason) in [
        ("GET /nowhere", ("x", "x"), "", 404, "UNKNOWN_PATH"),
        ("PUT /v1/employees/ada", ("x", "x"), "", 405, "METHOD_NOT_ALLOWED"),
        (get, ("accept", "text/html"), "", 406, "NOT_ACCEPTABLE"),
        (post, ("x", "x"), &*large, 413, "BODY_TOO_LARGE"),
        (&*format!("GET /v1/employees?filter={}", "x".repeat(9000)), ("x", "x"), "", 414, "URI_TOO_LONG"),
        (post, ("content-type", "text/plain"), ADA, 415, "UNSUPPORTED_MEDIA_TYPE"),
        (post, ("content-encoding", "deflate"), ADA, 415, "UNSUPPORTED_CONTENT_ENCODING"),
        ("GET /v1/employees?nothing=1", ("x", "x"), "", 400, "INVALID_REQUEST"),
        (post, ("x", "x"), "{", 400, "INVALID_REQUEST"),
        (get, ("grpc-timeout", "soon"), "", 400, "INVALID_HEADER"),
        (get, ("grpc-timeout", "1n"), "", 504, "DEADLINE_EXCEEDED"),
        ("GET /v1/employees:watch", ("grpc-timeout", "1n"), "", 504, "DEADLINE_EXCEEDED"),
    ] {
        let answer = client.send(line, &[header], body.to_owned()).await;
        let (told, _, why) = answer.fault();
        assert_eq!((told, &*why), (code, reason), "{line}: {answer:?}");
    }
}
