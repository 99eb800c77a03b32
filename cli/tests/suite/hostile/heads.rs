//! Heads of calls that are none.

use campus_testkit::wire::{framed, grpc_head};
use h2::Reason;
use http::Request;
use tonic::Code;

use super::{KINDS, get, path, same_connection_succeeds, scene, told};

#[tokio::test]
async fn what_is_not_there_is_unimplemented_and_named() {
    scene(async |scene| {
        for kind in KINDS {
            let mut wire = scene.wire().await;
            let service = kind.service;
            for (path, reason) in [
                (format!("/{service}/Drop{}", kind.plural), "UNKNOWN_METHOD"),
                (format!("/{service}/"), "UNKNOWN_METHOD"),
                (format!("/{service}/get{}", kind.singular), "UNKNOWN_METHOD"),
                (format!("/{service}x/Get{}", kind.singular), "UNKNOWN_SERVICE"),
                ("/".to_owned(), "UNKNOWN_SERVICE"),
                (format!("/{}", "x".repeat(4000)), "UNKNOWN_SERVICE"),
                (format!("/{service}/%ff%00%0a"), "UNKNOWN_METHOD"),
            ] {
                let status = wire.call(&path).await.status().await;
                assert_eq!(told(&status), (Code::Unimplemented, reason.to_owned()), "{path}: {status:?}");
                same_connection_succeeds(&mut wire, kind).await;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_no_call_gets_an_http_status() {
    scene(async |scene| {
        for kind in KINDS {
            let mut wire = scene.wire().await;
            for verb in ["GET", "PUT", "DELETE", "OPTIONS", "BREW"] {
                let head = Request::builder().method(verb).uri(format!("http://test{}", path(kind, "Get")));
                let mut call = wire.open(head.header("content-type", "application/grpc").body(()).unwrap()).await;
                let (status, headers) = call.head().await;
                assert_eq!((status.as_u16(), headers["allow"].to_str().unwrap()), (405, "POST"), "{verb}");
            }
            for content_type in ["application/json", "application/grpc-web", "text/plain", "application/grpcx", ""] {
                let head = Request::post(format!("http://test{}", path(kind, "Get")));
                let mut call = wire.open(head.header("content-type", content_type).body(()).unwrap()).await;
                assert_eq!(call.head().await.0.as_u16(), 415, "{content_type:?}");
            }
            same_connection_succeeds(&mut wire, kind).await;
        }
    })
    .await;
}

#[tokio::test]
async fn headers_over_the_limit_end_their_call() {
    scene(async |scene| {
        for kind in KINDS {
            let mut wire = scene.wire().await;
            let many = (0..600).fold(grpc_head(&path(kind, "Get")), |head, n| head.header(format!("x-{n}"), "y"));
            let large = grpc_head(&path(kind, "Get")).header("x-large", "y".repeat(20 << 10));
            for head in [many, large] {
                let (status, _) = wire.open(head.body(()).unwrap()).await.head().await;
                assert_eq!(status.as_u16(), 431);
                same_connection_succeeds(&mut wire, kind).await;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn headers_far_over_the_limit_end_their_connection() {
    scene(async |scene| {
        for kind in KINDS {
            let mut wire = scene.wire().await;
            let head = grpc_head(&path(kind, "Get")).header("x-large", "y".repeat(1 << 20));
            let ended =
                wire.open(head.body(()).unwrap()).await.try_head().await.map(|reply| reply.status()).unwrap_err();
            // The socket may be reset before the reason is read.
            assert!(ended.is_io() || ended.reason() == Some(Reason::ENHANCE_YOUR_CALM), "{ended:?}");
            scene.neighbours_succeed().await;
        }
    })
    .await;
}

#[tokio::test]
async fn headers_of_strange_content_are_no_matter() {
    scene(async |scene| {
        for kind in KINDS {
            let mut wire = scene.wire().await;
            let strange = http::HeaderValue::from_bytes(b"\xff\xfe\x80").unwrap();
            let head = grpc_head(&path(kind, "Get"))
                .header("x-strange", strange.clone())
                .header("user-agent", strange.clone())
                .header("traceparent", strange)
                .body(())
                .unwrap();
            let mut call = wire.open(head).await;
            call.send(framed(&get(kind)));
            call.end();
            assert_eq!(call.status().await.code(), Code::Ok);
        }
    })
    .await;
}
