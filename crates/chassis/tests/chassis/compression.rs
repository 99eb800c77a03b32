//! gzip and zstd, both ways.

use crate::support::{
    Answer, Bare, Client, Note, Server, eventually, framed, metric, note, number, path, reason, server_config, within,
};
use bytes::Bytes;
use campus_chassis::{CompressReplies, ServerConfig, config::ByteSize};
use prost::Message;
use std::io::{Read, Write};
use tonic::{Code, Request, client::Grpc, codec::CompressionEncoding};
use tonic_prost::ProstCodec;

const BOTH: [&str; 2] = ["gzip", "zstd"];

fn pack(encoding: &str, message: &[u8]) -> Vec<u8> {
    match encoding {
        "gzip" => {
            let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            out.write_all(message).unwrap();
            out.finish().unwrap()
        }
        _ => zstd::bulk::compress(message, 1).unwrap(),
    }
}

fn unpack(encoding: &str, message: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    match encoding {
        "gzip" => flate2::read::GzDecoder::new(message).read_to_end(&mut out).map(|_| ()).unwrap(),
        _ => zstd::stream::copy_decode(message, &mut out).unwrap(),
    }
    out
}

fn text(text: &str) -> Note {
    Note { text: text.to_owned(), number: 0 }
}

fn packed_note(encoding: &str, note: &Note) -> Bytes {
    framed(1, &pack(encoding, &note.encode_to_vec()))
}

async fn replying(compress_replies: CompressReplies) -> Server {
    Server::with(ServerConfig { compress_replies, ..server_config() }).await
}

fn check(answer: &Answer, code: Code, why: &str) {
    let status = answer.status();
    assert_eq!((status.code(), reason(&status).as_str()), (code, why), "{status:?}");
}

#[tokio::test]
async fn clients_that_compress_are_understood_and_answered_alike() {
    let server = Server::start().await;
    for encoding in [CompressionEncoding::Gzip, CompressionEncoding::Zstd] {
        let large = Note { text: "campus ".repeat(10_000), number: 7 };
        let before = traffic(&server).await;
        let mut grpc = Grpc::new(server.channel().await).send_compressed(encoding).accept_compressed(encoding);
        grpc.ready().await.unwrap();
        let codec: ProstCodec<Note, Note> = ProstCodec::default();
        let reply = within(grpc.unary(Request::new(large.clone()), path("Echo"), codec)).await.unwrap();
        assert_eq!(*reply.get_ref(), large);
        let after = traffic(&server).await;
        assert!(after.0 - before.0 < 10_000.0 && after.1 - before.1 < 10_000.0, "{before:?} {after:?}");
        grpc.ready().await.unwrap();
        let codec: ProstCodec<Note, Note> = ProstCodec::default();
        let notes = tokio_stream::iter(vec![large.clone(); 50]);
        let reply = within(grpc.client_streaming(Request::new(notes), path("Collect"), codec)).await.unwrap();
        assert_eq!(reply.get_ref().number, 50);
        grpc.ready().await.unwrap();
        let codec: ProstCodec<Note, Note> = ProstCodec::default();
        let mut heap = within(grpc.server_streaming(number(30), path("Heap"), codec)).await.unwrap().into_inner();
        for _ in 0..30 {
            assert_eq!(within(heap.message()).await.unwrap().unwrap().text.len(), 100 << 10);
        }
        assert!(within(heap.message()).await.unwrap().is_none());
    }
    server.stop().await;
}

/// Bytes received and sent.
async fn traffic(server: &Server) -> (f64, f64) {
    (metric(server, "grpc_server_received_bytes_total").await, metric(server, "grpc_server_sent_bytes_total").await)
}

#[tokio::test]
async fn a_reply_mirrors_the_request_where_the_client_accepts_it_and_small_messages_stay_as_they_are() {
    let server = replying(CompressReplies::Mirror).await;
    let mut bare = Bare::to(&server).await;
    let (small, large) = (text(&"x".repeat(500)), text(&"campus ".repeat(500)));
    for encoding in BOTH {
        let headers = [("grpc-encoding", encoding), ("grpc-accept-encoding", "identity, gzip ,zstd")];
        let answer = bare.call("Echo", &headers, packed_note(encoding, &large)).await;
        assert_eq!(answer.head("grpc-encoding"), encoding);
        assert_eq!(answer.head("grpc-accept-encoding"), "identity,gzip,zstd");
        let [(1, message)] = &answer.messages[..] else { panic!("{answer:?}") };
        assert!(message.len() < 300);
        assert_eq!(unpack(encoding, message), large.encode_to_vec());
        let answer = bare.call("Echo", &headers, packed_note(encoding, &small)).await;
        assert_eq!(answer.notes().remove(0), small);
        // It does not accept what it sends.
        let answer = bare.call("Echo", &headers[..1], packed_note(encoding, &large)).await;
        assert!(!answer.head.contains_key("grpc-encoding"));
        assert_eq!(answer.notes().remove(0), large);
    }
    // It accepts, and does not compress.
    let answer = bare.note("Echo", &[("grpc-accept-encoding", "gzip,zstd")], large.clone()).await;
    assert_eq!((answer.notes(), answer.head.contains_key("grpc-encoding")), (vec![large.clone()], false));
    // Nothing is said of compression to who says nothing of it.
    assert!(!bare.note("Echo", &[], large).await.head.contains_key("grpc-accept-encoding"));
    server.stop().await;
}

#[tokio::test]
async fn replies_can_be_compressed_for_all_who_accept_it_or_for_nobody() {
    let large = text(&"campus ".repeat(500));
    for (compress, accepts, found) in [
        (CompressReplies::Accepted, "identity,gzip,zstd", Some("zstd")),
        (CompressReplies::Accepted, "identity,gzip", Some("gzip")),
        (CompressReplies::Accepted, "identity,deflate", None),
        (CompressReplies::Off, "identity,gzip,zstd", None),
    ] {
        let server = replying(compress).await;
        let mut bare = Bare::to(&server).await;
        let headers = [("grpc-encoding", "gzip"), ("grpc-accept-encoding", accepts)];
        for headers in [&headers[..], &headers[1..]] {
            let answer = bare.note("Echo", headers, large.clone()).await;
            assert_eq!(answer.head.get("grpc-encoding").map(|name| name.to_str().unwrap()), found, "{accepts}");
            assert_eq!(answer.messages[0].0, u8::from(found.is_some()), "{accepts}");
        }
        server.stop().await;
    }
}

#[tokio::test]
async fn each_message_of_a_stream_is_compressed_by_itself() {
    let config =
        ServerConfig { compress_replies: CompressReplies::Accepted, compress_over: ByteSize(0), ..server_config() };
    let server = Server::with(config).await;
    let mut bare = Bare::to(&server).await;
    for encoding in BOTH {
        let answer = bare.note("Heap", &[("grpc-accept-encoding", encoding)], number(20).into_inner()).await;
        assert_eq!(answer.messages.len(), 20);
        for (flag, message) in &answer.messages {
            assert!(*flag == 1 && message.len() < 1000);
            assert_eq!(Note::decode(&*unpack(encoding, message)).unwrap().text.len(), 100 << 10);
        }
        // What would not be smaller is not compressed, although it may be.
        let answer = bare.note("Count", &[("grpc-accept-encoding", encoding)], number(100).into_inner()).await;
        let numbers: Vec<u64> = answer.notes().iter().map(|note| note.number).collect();
        assert_eq!(numbers, (0..100).collect::<Vec<_>>());
    }
    server.stop().await;
}

#[tokio::test]
async fn compressed_and_plain_messages_may_alternate_and_come_in_any_pieces() {
    let server = Server::start().await;
    let mut bare = Bare::to(&server).await;
    for encoding in BOTH {
        let note = text(&"campus ".repeat(50));
        let mut bytes = Vec::new();
        for _ in 0..20 {
            bytes.extend_from_slice(&packed_note(encoding, &note));
            bytes.extend_from_slice(&framed(0, &note.encode_to_vec()));
        }
        for piece in [1, 7, 1000, bytes.len()] {
            let (response, mut body) = bare.open("Collect", &[("grpc-encoding", encoding)]).await;
            for chunk in bytes.chunks(piece) {
                body.send_data(Bytes::copy_from_slice(chunk), false).unwrap();
            }
            body.send_data(Bytes::new(), true).unwrap();
            assert_eq!(Answer::to(response).await.notes()[0].number, 40, "{encoding} in pieces of {piece}");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn a_message_that_unpacks_to_more_than_the_limit_is_refused_and_one_at_the_limit_passes() {
    let config = ServerConfig { max_message_in: ByteSize::kib(1), ..server_config() };
    let server = Server::with(config).await;
    let mut bare = Bare::to(&server).await;
    for encoding in BOTH {
        let headers = [("grpc-encoding", encoding)];
        // Three bytes of tag and length beside the text.
        let answer = bare.call("Echo", &headers, packed_note(encoding, &text(&"x".repeat(1024 - 3)))).await;
        assert_eq!(answer.status().code(), Code::Ok);
        let answer = bare.call("Echo", &headers, packed_note(encoding, &text(&"x".repeat(1024 - 2)))).await;
        check(&answer, Code::ResourceExhausted, "REQUEST_TOO_LARGE");
        let bomb = framed(1, &pack(encoding, &vec![0; 500_000]));
        check(&bare.call("Echo", &headers, bomb).await, Code::ResourceExhausted, "REQUEST_TOO_LARGE");
    }
    server.stop().await;
}

#[tokio::test]
async fn many_small_bombs_in_one_stream_are_unpacked_one_by_one() {
    let config = ServerConfig { max_buffered: ByteSize::mib(16), ..server_config() };
    let server = Server::with(config).await;
    let mut bare = Bare::to(&server).await;
    // 100 times 3 MiB in a few hundred bytes each: all at once would be over what the server may hold.
    let note = Note { text: "x".repeat(3 << 20), number: 0 };
    let bombs = packed_note("zstd", &note).repeat(100);
    let answer = bare.call("Collect", &[("grpc-encoding", "zstd")], bombs).await;
    assert_eq!(answer.notes()[0].number, 100, "{answer:?}");
    eventually(async || metric(&server, "grpc_server_buffered_bytes").await == 0.0).await;
    server.stop().await;
}

#[tokio::test]
async fn an_encoding_that_is_not_understood_is_unimplemented_and_what_is_understood_is_told() {
    let server = Server::start().await;
    let mut bare = Bare::to(&server).await;
    for encoding in ["deflate", "snappy", "GZIP", ""] {
        let answer = bare.call("Panic", &[("grpc-encoding", encoding)], framed(1, b"abc")).await;
        check(&answer, Code::Unimplemented, "UNKNOWN_ENCODING");
        assert_eq!(answer.head("grpc-accept-encoding"), "identity,gzip,zstd");
    }
    let plain = bare.note("Echo", &[("grpc-encoding", "identity")], text("x")).await;
    assert_eq!(plain.notes(), [text("x")]);
    server.stop().await;
}

#[tokio::test]
async fn flags_and_bytes_that_break_the_protocol_are_internal_and_end_their_call_only() {
    let server = Server::start().await;
    let mut bare = Bare::to(&server).await;
    let good = pack("gzip", &text(&"campus ".repeat(500)).encode_to_vec());
    let cut = framed(1, &good);
    for (encoding, body, why) in [
        (None, framed(1, &good), "INVALID_MESSAGE_FLAG"),
        (Some("identity"), framed(1, &good), "INVALID_MESSAGE_FLAG"),
        (None, framed(2, &good), "INVALID_MESSAGE_FLAG"),
        (Some("gzip"), framed(2, &good), "INVALID_MESSAGE_FLAG"),
        (Some("gzip"), framed(0xff, &good), "INVALID_MESSAGE_FLAG"),
        (Some("gzip"), framed(1, b"no gzip at all"), "INVALID_COMPRESSION"),
        (Some("gzip"), framed(1, &good[..good.len() - 1]), "INVALID_COMPRESSION"),
        (Some("zstd"), framed(1, &good), "INVALID_COMPRESSION"),
        (Some("gzip"), framed(1, b""), "INVALID_COMPRESSION"),
        (Some("gzip"), cut.slice(..cut.len() - 1), "REQUEST_CUT_SHORT"),
        (Some("gzip"), cut.slice(..3), "REQUEST_CUT_SHORT"),
    ] {
        let headers: Vec<_> = encoding.map(|encoding| ("grpc-encoding", encoding)).into_iter().collect();
        for method in ["Echo", "Count", "Collect"] {
            check(&bare.call(method, &headers, body.clone()).await, Code::Internal, why);
        }
    }
    assert!(Client::from(server.channel().await).unary("Echo", note("still here")).await.is_ok());
    server.stop().await;
}
