//! Much of what is allowed in small numbers.

use std::collections::HashMap;

use campus_testkit::{
    raw::{Frame, Raw, kind},
    wire::framed,
};

use super::{KINDS, get, path, same_connection_succeeds, scene};

const REFUSED_STREAM: u32 = 7;
const ENHANCE_YOUR_CALM: u32 = 11;

#[tokio::test]
async fn two_thousand_streams_opened_at_once_are_answered_or_refused() {
    const STREAMS: u32 = 2000;
    scene(async |scene| {
        for kind in KINDS {
            let mut raw = Raw::connect(scene.campus.grpc).await;
            let (path, message) = (path(kind, "Get"), framed(&get(kind)));
            let ids = (0..STREAMS).map(|n| 2 * n + 1);
            let heads = ids.clone().flat_map(|id| Frame::call(id, &path, &[]).bytes());
            let bodies = ids.clone().flat_map(|id| Frame::data(id, &message, true).bytes());
            // Every stream is open before the first one can be answered.
            let all: Vec<u8> = heads.chain(bodies).collect();
            raw.send(&all).await;
            let mut ends = HashMap::new();
            while ends.len() < STREAMS as usize {
                let frame = raw.next().await.expect("the connection stays open");
                if frame.kind == kind::GOAWAY { println!("{:?} {}", frame.code(), String::from_utf8_lossy(&frame.payload)); }
                if frame.kind == kind::RST_STREAM {
                    ends.entry(frame.stream).or_insert(frame.code());
                } else if let Some(status) = frame.grpc_status() {
                    assert_eq!(status, 0);
                    ends.entry(frame.stream).or_insert(None);
                }
            }
            let refused = ends.values().flatten().count();
            assert!(ends.values().flatten().all(|code| *code == REFUSED_STREAM), "{ends:?}");
            assert!(refused <= 1000, "1,000 are allowed at once, and {refused} were refused");
            raw.send(&Frame::call(2 * STREAMS + 1, &path, &[]).bytes()).await;
            raw.send(&Frame::data(2 * STREAMS + 1, &message, true).bytes()).await;
            assert_eq!(raw.grpc_status(2 * STREAMS + 1).await, Some(0), "and the connection is as good as before");
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
                let open_and_reset = |n: u32| [Frame::call(2 * n + 1, &path, &[]).bytes(), Frame::reset(2 * n + 1).bytes()];
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
async fn pings_and_settings_in_floods_are_answered_and_calls_go_on() {
    const COUNT: usize = 10_000;
    scene(async |scene| {
        for (flood, answer) in [
            (Frame::new(kind::PING, 0, 0, *b"hostile!"), kind::PING),
            (Frame::new(kind::SETTINGS, 0, 0, [0, 4, 0, 1, 0, 0]), kind::SETTINGS),
        ] {
            let mut raw = Raw::connect(scene.campus.grpc).await;
            raw.send(&flood.bytes().repeat(COUNT)).await;
            scene.neighbours_succeed().await;
            for at in 0..COUNT {
                let acknowledged = raw.find(|frame| frame.kind == answer && frame.flags == 1).await;
                assert!(acknowledged.is_some(), "{at} were answered");
            }
            raw.send(&Frame::call(1, &path(KINDS[0], "Get"), &[]).bytes()).await;
            raw.send(&Frame::data(1, &framed(&get(KINDS[0])), true).bytes()).await;
            assert_eq!(raw.grpc_status(1).await, Some(0));
        }
    })
    .await;
}
