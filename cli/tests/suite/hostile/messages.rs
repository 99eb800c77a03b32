//! Messages that are none, too long, too short, or hold what they must not.

use bytes::Bytes;
use campus_proto::standard::{ImportResponse, LookupResponse};
use campus_testkit::{
    Kind,
    wire::{Wire, announced, framed, grpc_head},
};
use prost::Message;
use tonic::{Code, Status};

use super::{KINDS, create, field, get, import, lookup, path, same_connection_succeeds, scene, told};
use crate::contract::{reason, violations};

const LIMIT: u32 = 4 << 20;
/// What gRPC answers where messages are not framed as it wants ("Statuses", <https://grpc.io/docs/guides/status-codes/>).
const FRAMING: Code = Code::Internal;
const NOT_UTF8: [&[u8]; 5] = [b"\xff", b"a\xc0\xaf", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"ok\xe2\x82"];

async fn say(wire: &mut Wire, kind: Kind, verb: &str, bytes: impl Into<Bytes>) -> (Vec<Bytes>, Status) {
    let mut call = wire.call(&path(kind, verb)).await;
    call.send(bytes);
    call.end();
    call.finish().await
}

const ALL: [&str; 9] = ["Create", "Get", "BatchGet", "Update", "Delete", "Import", "Lookup", "List", "Stream"];

#[tokio::test]
async fn an_empty_message_gets_the_violations_of_what_is_missing() {
    scene(async |scene| {
        for kind in KINDS {
            let mut wire = scene.wire().await;
            let singular = kind.field;
            for (verb, missing) in
                [("Create", singular), ("Update", singular), ("Get", "name"), ("Delete", "name"), ("BatchGet", "names")]
            {
                let (_, status) = say(&mut wire, kind, verb, framed(b"")).await;
                assert_eq!((status.code(), violations(&status)), (Code::InvalidArgument, vec![missing.to_owned()]));
            }
            let (replies, status) = say(&mut wire, kind, "Import", framed(b"")).await;
            assert_eq!(status.code(), Code::Ok);
            assert_eq!(ImportResponse::decode(replies[0].clone()).unwrap().rejected_count, 1);
            let (replies, status) = say(&mut wire, kind, "Lookup", framed(b"")).await;
            assert_eq!(status.code(), Code::Ok);
            let answer = LookupResponse::decode(replies[0].clone()).unwrap();
            assert_eq!(answer.error.unwrap().code, Code::InvalidArgument as i32);
            for verb in ["List", "Stream"] {
                assert_eq!(say(&mut wire, kind, verb, framed(b"")).await.1.code(), Code::Ok, "all of it has defaults");
            }
            same_connection_succeeds(&mut wire, kind).await;
        }
    })
    .await;
}

#[tokio::test]
async fn bytes_that_are_no_protobuf_are_an_invalid_argument() {
    let deep = [0x0b; 5000];
    let bad: [&[u8]; 8] = [
        &[0xff; 7],
        &[0x00, 0x01],
        &[0x0a, 0x7f, b'x'],
        &[0x0f, 0x01],
        &[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
        &[0x0c],
        &[0x0d, 1, 2, 3, 4],
        &deep,
    ];
    scene(async |scene| {
        for kind in KINDS {
            let mut wire = scene.wire().await;
            for verb in ALL {
                for bytes in bad {
                    let (replies, status) = say(&mut wire, kind, verb, framed(bytes)).await;
                    assert_eq!((status.code(), replies.len()), (Code::InvalidArgument, 0), "{verb} {bytes:x?}");
                }
                same_connection_succeeds(&mut wire, kind).await;
            }
            scene.neighbours_succeed().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_message_of_another_length_than_announced_ends_that_call() {
    scene(async |scene| {
        for kind in KINDS {
            let mut wire = scene.wire().await;
            for (verb, message) in [
                ("Get", get(kind)),
                ("Create", create(kind, "never")),
                ("Import", import(kind, 9000)),
                ("Lookup", lookup(kind, 1)),
            ] {
                // A whole prefix begins a second message, which only a stream may have.
                let second = if ["Get", "Create"].contains(&verb) { Code::Unimplemented } else { FRAMING };
                let size = u32::try_from(message.len()).unwrap();
                let and = |more: &[u8]| [&framed(&message)[..], more].concat().into();
                for (what, bytes, code) in [
                    ("longer", announced(0, size + 10, &message), FRAMING),
                    ("shorter", announced(0, size - 3, &message), Code::InvalidArgument),
                    ("garbage behind it", and(&[0xde, 0, 0, 0, 1, 0xad]), FRAMING),
                    ("half a prefix behind it", and(&[0, 0, 0]), FRAMING),
                    ("a whole prefix behind it", and(&[0, 0, 0, 0, 10]), second),
                ] {
                    let (_, status) = say(&mut wire, kind, verb, bytes).await;
                    assert_eq!(status.code(), code, "{verb}, {what}: {status:?}");
                }
                same_connection_succeeds(&mut wire, kind).await;
            }
        }
        for client in &scene.neighbours {
            let never = client.get(client.kind.name("never")).await.unwrap_err();
            assert_eq!(never.code(), Code::NotFound, "what was refused was not done");
        }
        scene.nothing_is_half_there().await;
    })
    .await;
}

#[tokio::test]
async fn a_flag_that_the_message_has_no_right_to_ends_that_call() {
    scene(async |scene| {
        for kind in KINDS {
            let mut wire = scene.wire().await;
            for verb in ALL {
                for flag in [1, 2, 0x80, 0xff] {
                    let (_, status) = say(&mut wire, kind, verb, announced(flag, 3, b"abc")).await;
                    assert_eq!(status.code(), FRAMING, "{verb} {flag}: {status:?}");
                }
            }
            let mut call =
                wire.open(grpc_head(&path(kind, "Get")).header("grpc-encoding", "snappy").body(()).unwrap()).await;
            call.send(announced(1, 3, b"abc"));
            call.end();
            let (_, headers) = call.head().await;
            assert_eq!(headers["grpc-accept-encoding"], "identity,gzip,zstd", "what it may use instead");
            assert_eq!(call.status().await.code(), Code::Unimplemented);
            same_connection_succeeds(&mut wire, kind).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_message_over_the_limit_is_refused_when_its_prefix_is_seen() {
    scene(async |scene| {
        let too_large = (Code::ResourceExhausted, "REQUEST_TOO_LARGE".to_owned());
        for kind in KINDS {
            let mut wire = scene.wire().await;
            for verb in ALL {
                for size in [LIMIT + 1, u32::MAX] {
                    // Nothing but the prefix, and the stream stays open.
                    let mut call = wire.call(&path(kind, verb)).await;
                    call.send(announced(0, size, b""));
                    let status = call.status().await;
                    assert_eq!(told(&status), too_large, "{verb}: {status:?}");
                }
            }
            let mut call = wire.call(&path(kind, "Create")).await;
            call.send(framed(&vec![0; LIMIT as usize + 1]));
            call.end();
            // The server need not read what it has refused.
            if let Ok((_, status)) = call.try_finish().await {
                assert_eq!(told(&status), too_large);
            }
            let mut call = wire.call(&path(kind, "Import")).await;
            (0..20).for_each(|n| call.send(framed(&import(kind, 7000 + n))));
            call.send(announced(0, u32::MAX, b"x"));
            assert_eq!(told(&call.status().await), too_large, "after good ones");
            same_connection_succeeds(&mut wire, kind).await;
        }
        scene.nothing_is_half_there().await;
    })
    .await;
}

#[tokio::test]
async fn text_that_is_not_utf8_is_refused_where_it_stands() {
    scene(async |scene| {
        for kind in KINDS {
            let mut wire = scene.wire().await;
            for bad in NOT_UTF8 {
                for verb in ["Get", "Delete", "BatchGet", "Lookup"] {
                    let (_, status) = say(&mut wire, kind, verb, framed(&field(1, bad))).await;
                    assert_eq!(
                        (status.code(), reason(&status).as_str()),
                        (Code::InvalidArgument, "MALFORMED_MESSAGE"),
                        "{verb}: {status:?}"
                    );
                }
                same_connection_succeeds(&mut wire, kind).await;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn text_in_a_record_that_is_not_utf8_is_a_violation_of_its_field() {
    scene(async |scene| {
        for kind in KINDS {
            let mut wire = scene.wire().await;
            let fields = [
                (1, "name"),
                (2, "etag"),
                (3, "given_name"),
                (4, "family_name"),
                (6, "birth_date"),
                (kind.email, "email"),
            ];
            for bad in NOT_UTF8 {
                for (number, name) in fields {
                    let record = [&kind.person(9100).encode_to_vec()[..], &field(number, bad)].concat();
                    let (message, name) = (framed(&field(1, &record)), format!("{}.{name}", kind.field));
                    for verb in ["Create", "Update"] {
                        let (_, status) = say(&mut wire, kind, verb, message.clone()).await;
                        assert_eq!(status.code(), Code::InvalidArgument, "{verb}");
                        assert!(violations(&status).contains(&name), "{verb}: {status:?}");
                    }
                    let (replies, status) = say(&mut wire, kind, "Import", message).await;
                    assert_eq!(status.code(), Code::Ok);
                    let summary = ImportResponse::decode(replies[0].clone()).unwrap();
                    let rejected = summary.rejections[0].status.as_ref().unwrap();
                    assert_eq!((summary.rejected_count, rejected.code), (1, Code::InvalidArgument as i32));
                    assert!(rejected.message.contains(&name), "{rejected:?}");
                }
                same_connection_succeeds(&mut wire, kind).await;
            }
        }
        scene.nothing_is_half_there().await;
    })
    .await;
}
