//! Calls and connections that end in the middle.

use campus_proto::standard::{ImportResponse, LookupResponse};
use campus_testkit::{
    Kind,
    raw::{Frame, Raw},
    wire::{Cut, Exchange, Wire, framed},
};
use h2::Reason;
use prost::Message;
use tonic::Code;

use super::{KINDS, Scene, create, get, import, lookup, path, same_connection_succeeds, scene};

#[derive(Clone, Copy, Debug)]
pub(super) enum Pattern {
    Unary,
    ServerStream,
    Watch,
    ClientStream,
    Bidirectional,
}

pub(super) const PATTERNS: [Pattern; 5] =
    [Pattern::Unary, Pattern::ServerStream, Pattern::Watch, Pattern::ClientStream, Pattern::Bidirectional];

impl Pattern {
    pub(super) fn path(self, kind: Kind) -> String {
        let verb = match self {
            Self::Unary => "Create",
            Self::ServerStream => "Stream",
            Self::Watch => "Watch",
            Self::ClientStream => "Import",
            Self::Bidirectional => "Lookup",
        };
        path(kind, verb)
    }

    /// Brings a call to its middle: something was said and, where the pattern has it, something answered.
    pub(super) async fn to_the_middle(self, kind: Kind, exchange: &mut Exchange) {
        match self {
            Self::Unary => exchange.send(half(&create(kind, "half"))),
            Self::ServerStream | Self::Watch => {
                exchange.send(framed(b""));
                exchange.end();
                exchange.message().await;
            }
            Self::ClientStream => {
                (0..3).for_each(|n| exchange.send(framed(&import(kind, 9000 + n))));
                exchange.send(half(&import(kind, 9003)));
            }
            Self::Bidirectional => {
                for n in [1, 2] {
                    exchange.send(framed(&lookup(kind, n)));
                    exchange.message().await;
                }
                exchange.send(half(&lookup(kind, 3)));
            }
        }
    }
}

fn half(message: &[u8]) -> Vec<u8> {
    let whole = framed(message);
    whole[..whole.len() / 2].to_vec()
}

/// A connection whose windows are so small that a stream of records stops early.
pub(super) async fn narrow(scene: &Scene, cut: Cut) -> Wire {
    let mut settings = h2::client::Builder::new();
    settings.initial_window_size(1024);
    Wire::connect_with(scene.campus.grpc, cut, &settings).await
}

#[tokio::test]
async fn a_half_close_at_once_ends_that_call() {
    scene(async |scene| {
        for kind in KINDS {
            let mut wire = scene.wire().await;
            for verb in ["Create", "Get", "BatchGet", "List", "Update", "Delete", "Stream", "Watch"] {
                let mut call = wire.call(&path(kind, verb)).await;
                call.end();
                assert_eq!(call.status().await.code(), Code::Internal, "{verb}: a request is missing");
            }
            let mut call = wire.call(&path(kind, "Import")).await;
            call.end();
            let (replies, status) = call.finish().await;
            assert_eq!(status.code(), Code::Ok, "no record is no error");
            assert_eq!(ImportResponse::decode(replies[0].clone()).unwrap(), ImportResponse::default());
            let mut call = wire.call(&path(kind, "Lookup")).await;
            call.end();
            let (replies, status) = call.finish().await;
            assert_eq!((status.code(), replies.len()), (Code::Ok, 0));
            same_connection_succeeds(&mut wire, kind).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_half_close_in_the_middle_of_a_lookup_still_answers_what_was_asked() {
    scene(async |scene| {
        for kind in KINDS {
            let mut wire = scene.wire().await;
            for (last, code) in [(Vec::new(), Code::Ok), (half(&lookup(kind, 9)), Code::Internal)] {
                let mut call = wire.call(&path(kind, "Lookup")).await;
                (0..20).for_each(|n| call.send(framed(&lookup(kind, n))));
                call.send(last);
                call.end();
                let (replies, status) = call.finish().await;
                assert_eq!((replies.len(), status.code()), (20, code), "{status:?}");
                let names = replies.into_iter().map(|reply| LookupResponse::decode(reply).unwrap().name);
                assert!(names.eq((0..20).map(|n| kind.name(n))));
                same_connection_succeeds(&mut wire, kind).await;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_half_close_in_the_middle_of_an_import_keeps_whole_records_only() {
    scene(async |scene| {
        for kind in KINDS {
            let mut wire = scene.wire().await;
            let mut call = wire.call(&path(kind, "Import")).await;
            (0..20).for_each(|n| call.send(framed(&import(kind, 5000 + n))));
            call.end();
            let (replies, status) = call.finish().await;
            assert_eq!(status.code(), Code::Ok);
            assert_eq!(ImportResponse::decode(replies[0].clone()).unwrap().created_count, 20);
            let mut call = wire.call(&path(kind, "Import")).await;
            (0..20).for_each(|n| call.send(framed(&import(kind, 6000 + n))));
            call.send(half(&import(kind, 6020)));
            call.end();
            assert_eq!(call.status().await.code(), Code::Internal, "the last message is cut short");
            let mut call = wire.call(&path(kind, "Import")).await;
            call.send(framed(&import(kind, 6000)));
            call.send(half(&import(kind, 6001)));
            call.end_with_trailers();
            assert_eq!(call.status().await.code(), Code::Internal, "also where trailers follow");
            same_connection_succeeds(&mut wire, kind).await;
        }
        scene.nothing_is_half_there().await;
    })
    .await;
}

#[tokio::test]
async fn a_reset_in_the_middle_of_each_pattern_ends_that_call() {
    scene(async |scene| {
        for kind in KINDS {
            let mut wire = narrow(scene, Cut::Close).await;
            for pattern in PATTERNS {
                for reason in [Reason::CANCEL, Reason::NO_ERROR, Reason::INTERNAL_ERROR] {
                    let mut call = wire.call(&pattern.path(kind)).await;
                    pattern.to_the_middle(kind, &mut call).await;
                    call.reset(reason);
                    same_connection_succeeds(&mut wire, kind).await;
                }
                scene.neighbours_succeed().await;
            }
        }
        scene.nothing_is_half_there().await;
    })
    .await;
}

#[tokio::test]
async fn a_connection_cut_in_the_middle_of_each_pattern_hurts_nobody_else() {
    scene(async |scene| {
        for kind in KINDS {
            for cut in [Cut::Close, Cut::Reset] {
                for pattern in PATTERNS {
                    let mut wire = narrow(scene, cut).await;
                    let mut call = wire.call(&pattern.path(kind)).await;
                    pattern.to_the_middle(kind, &mut call).await;
                    wire.cut().await;
                }
                scene.neighbours_succeed().await;
            }
        }
        scene.nothing_is_half_there().await;
    })
    .await;
}

#[tokio::test]
async fn a_connection_cut_in_the_middle_of_a_frame_hurts_nobody_else() {
    scene(async |scene| {
        for kind in KINDS {
            for cut in [Cut::Close, Cut::Reset] {
                for pattern in PATTERNS {
                    let mut raw = Raw::connect(scene.campus.grpc).await;
                    if cut == Cut::Reset {
                        raw.socket.set_zero_linger().unwrap();
                    }
                    raw.send(&Frame::call(1, &path(kind, "Get"), &[]).bytes()).await;
                    raw.send(&Frame::data(1, &framed(&get(kind)), true).bytes()).await;
                    assert_eq!(raw.grpc_status(1).await, Some(0), "the connection is a good one until then");
                    raw.send(&Frame::call(3, &pattern.path(kind), &[]).bytes()).await;
                    let message = framed(&import(kind, 9000)).repeat(20);
                    let data = Frame::data(3, &message, false).bytes();
                    raw.send(&data[..data.len() / 2]).await;
                }
                // A head that is cut as well.
                let mut raw = Raw::connect(scene.campus.grpc).await;
                raw.send(&Frame::call(1, &path(kind, "Get"), &[]).bytes()[..20]).await;
                drop(raw);
                scene.neighbours_succeed().await;
            }
        }
        scene.nothing_is_half_there().await;
    })
    .await;
}
