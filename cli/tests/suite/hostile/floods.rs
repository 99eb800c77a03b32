//! Much of what is allowed in small numbers.

use std::{collections::HashMap, sync::atomic::Ordering, time::Duration};

use campus_proto::standard::ImportResponse;
use campus_testkit::{
    Client,
    raw::{Frame, Raw, kind},
    wire::framed,
    within,
};
use prost::Message;
use tonic::Code;

use super::{KINDS, RECORDS, get, import, path, same_connection_succeeds, scene};

const PATIENCE: Duration = Duration::from_secs(30);
const REFUSED_STREAM: u32 = 7;
const ENHANCE_YOUR_CALM: u32 = 11;

#[tokio::test]
async fn two_thousand_calls_at_once_on_one_connection_all_succeed() {
    scene(async |scene| {
        for kind in KINDS {
            let client = Client::new(kind, scene.campus.channel().await);
            let calls = (0..2000).map(|n| {
                let client = client.clone();
                tokio::spawn(async move { client.get(client.kind.name(n % RECORDS)).await.unwrap() })
            });
            for call in calls.collect::<Vec<_>>() {
                within("a call", call).await.unwrap();
            }
        }
    })
    .await;
}

#[tokio::test]
async fn two_thousand_streams_opened_before_any_is_answered_are_answered_or_refused() {
    const STREAMS: u32 = 2000;
    scene(async |scene| {
        for kind in KINDS {
            let mut raw = Raw::connect(scene.campus.grpc).await;
            let (path, message) = (path(kind, "Get"), framed(&get(kind)));
            let ids = (0..STREAMS).map(|n| 2 * n + 1);
            let heads = ids.clone().flat_map(|id| Frame::call(id, &path, &[]).bytes());
            let bodies = ids.flat_map(|id| Frame::data(id, &message, true).bytes());
            raw.try_send(&heads.chain(bodies).collect::<Vec<u8>>()).await;
            let mut ends = HashMap::new();
            while ends.len() < STREAMS as usize {
                let Some(frame) = raw.next().await else { break };
                match frame.kind {
                    // So many refusals that the server has had enough of this client.
                    kind::GOAWAY => assert_eq!(frame.code(), Some(ENHANCE_YOUR_CALM)),
                    kind::RST_STREAM => {
                        assert_eq!(frame.code(), Some(REFUSED_STREAM));
                        ends.insert(frame.stream, None);
                    }
                    _ => ends.extend(frame.grpc_status().map(|status| (frame.stream, Some(status)))),
                }
            }
            assert!(ends.values().flatten().all(|status| *status == 0), "{ends:?}");
            scene.neighbours_succeed().await;
        }
    })
    .await;
}

#[tokio::test]
async fn streams_reset_as_soon_as_they_are_opened_end_their_connection() {
    scene(async |scene| {
        for kind in KINDS {
            for verb in ["Get", "Watch", "Import", "Lookup"] {
                let mut raw = Raw::connect(scene.campus.grpc).await;
                let path = path(kind, verb);
                let open_and_reset =
                    |n: u32| [Frame::call(2 * n + 1, &path, &[]).bytes(), Frame::reset(2 * n + 1).bytes()];
                let flood: Vec<u8> = (0..5000).flat_map(open_and_reset).flatten().collect();
                raw.try_send(&flood).await;
                let code = raw.goaway().await;
                // The socket may be reset before the reason is read.
                assert!(code.is_none_or(|code| code == ENHANCE_YOUR_CALM), "{code:?}");
            }
            scene.neighbours_succeed().await;
        }
    })
    .await;
}

#[tokio::test]
async fn streams_reset_one_after_the_other_leave_nothing_behind() {
    scene(async |scene| {
        for kind in KINDS {
            let mut wire = scene.wire().await;
            for at in 0..1000 {
                let verb = ["Get", "Watch", "Import", "Lookup"][at % 4];
                let mut call = wire.call(&path(kind, verb)).await;
                call.send(framed(b""));
                call.reset(h2::Reason::CANCEL);
                if at % 10 == 0 {
                    same_connection_succeeds(&mut wire, kind).await;
                }
            }
            scene.neighbours_succeed().await;
        }
    })
    .await;
}

#[tokio::test]
async fn settings_in_floods_are_answered_and_calls_go_on() {
    const COUNT: usize = 10_000;
    scene(async |scene| {
        let mut raw = Raw::connect(scene.campus.grpc).await;
        raw.send(&Frame::new(kind::SETTINGS, 0, 0, [0, 4, 0, 1, 0, 0]).bytes().repeat(COUNT)).await;
        scene.neighbours_succeed().await;
        for at in 0..COUNT {
            let acknowledged = raw.find(|frame| frame.kind == kind::SETTINGS && frame.flags == 1).await;
            assert!(acknowledged.is_some(), "{at} were answered");
        }
        raw.send(&Frame::call(1, &path(KINDS[0], "Get"), &[]).bytes()).await;
        raw.send(&Frame::data(1, &framed(&get(KINDS[0])), true).bytes()).await;
        assert_eq!(raw.grpc_status(1).await, Some(0));
    })
    .await;
}

#[tokio::test]
async fn pings_in_floods_end_their_connection() {
    scene(async |scene| {
        let mut raw = Raw::connect(scene.campus.grpc).await;
        raw.send(&Frame::new(kind::PING, 0, 0, *b"hostile!").bytes().repeat(10_000)).await;
        scene.neighbours_succeed().await;
        let told = raw.find(|frame| frame.kind == kind::GOAWAY).await.expect("it is told why");
        assert!(told.payload.ends_with(b"\x0btoo_many_pings"), "{told:?}");
        assert!(raw.find(|_| true).await.is_none(), "and then nothing more");
    })
    .await;
}

/// A client library that puts each message into a frame of its own does nothing wrong.
#[tokio::test]
async fn an_import_of_many_small_frames_is_done() {
    const COUNT: usize = 20_000;
    scene(async |scene| {
        for kind in KINDS {
            let mut wire = scene.wire().await;
            let mut call = wire.call(&path(kind, "Import")).await;
            for number in 0..COUNT {
                let message = framed(&import(kind, RECORDS + number));
                assert!(call.send_within(&message, PATIENCE).await, "{number} were sent");
            }
            call.end();
            let (replies, status) = call.finish().await;
            assert_eq!(status.code(), Code::Ok);
            let created = ImportResponse::decode(replies[0].clone()).unwrap().created_count;
            assert_eq!(usize::try_from(created), Ok(COUNT));
        }
        scene.next.store(COUNT, Ordering::Relaxed);
    })
    .await;
}
