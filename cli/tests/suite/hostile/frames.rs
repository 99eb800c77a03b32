//! Bytes that are no HTTP/2, and frames that break its rules: the connection ends, and nothing else.

use campus_testkit::{
    Kind, eventually, metric,
    raw::{END_HEADERS, Frame, PREFACE, Raw, hello, kind, put_header},
    wire::framed,
};

use super::{KINDS, get, path, scene, scene_with};

/// A head that goes on and on.
fn endless_head() -> Vec<u8> {
    let mut bytes = Frame::new(kind::HEADERS, 0, 1, [0x83, 0x86, 0x84]).bytes();
    let mut block = Vec::new();
    put_header(&mut block, "x-more", &"y".repeat(1000));
    for _ in 0..10_000 {
        bytes.extend(Frame::new(kind::CONTINUATION, 0, 1, block.as_slice()).bytes());
    }
    bytes
}

fn bad_beginnings() -> [Vec<u8>; 4] {
    let http1 = b"GET / HTTP/1.1\r\nhost: test\r\n\r\n".to_vec();
    let tls = [&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3][..], &[7; 500]].concat();
    let noise = (0..2000_u32).map(|n| n.wrapping_mul(0x9e37_79b9).to_be_bytes()[0]).collect();
    [http1, tls, noise, [&PREFACE[..], &[0xa5; 2000]].concat()]
}

fn bad_frames() -> Vec<(&'static str, Vec<u8>)> {
    let get = path(Kind::EMPLOYEE, "Get");
    let frame = |kind, flags, stream, payload: &[u8]| Frame::new(kind, flags, stream, payload).bytes();
    vec![
        ("a frame of 16 MiB", vec![0xff, 0xff, 0xff, kind::DATA, 0, 0, 0, 0, 1]),
        ("data of the connection", frame(kind::DATA, 0, 0, b"x")),
        ("data of a stream there is not", frame(kind::DATA, 0, 7, b"x")),
        ("a stream of the server's own", Frame::call(2, &get, &[]).bytes()),
        ("a reset of a stream there is not", Frame::reset(9).bytes()),
        ("a lone continuation", frame(kind::CONTINUATION, END_HEADERS, 1, b"\x83")),
        (
            "a head cut by another frame",
            [frame(kind::HEADERS, 0, 1, b"\x83"), frame(kind::PING, 0, 0, &[0; 8])].concat(),
        ),
        ("a head that cannot be decoded", frame(kind::HEADERS, END_HEADERS, 1, &[0xff; 40])),
        ("a window that does not grow", frame(kind::WINDOW_UPDATE, 0, 0, &[0; 4])),
        ("a window that overflows", frame(kind::WINDOW_UPDATE, 0, 0, &[0x7f, 0xff, 0xff, 0xff])),
        ("a ping of seven bytes", frame(kind::PING, 0, 0, &[0; 7])),
        ("settings of five bytes", frame(kind::SETTINGS, 0, 0, &[0; 5])),
        ("settings of a window that cannot be", frame(kind::SETTINGS, 0, 0, &[0, 4, 0xff, 0xff, 0xff, 0xff])),
        ("an endless head", endless_head()),
    ]
}

#[tokio::test]
async fn what_is_no_http2_ends_its_connection() {
    scene(async |scene| {
        for bytes in bad_beginnings() {
            let mut raw = Raw::silent(scene.campus.grpc).await;
            raw.try_send(&bytes).await;
            raw.goaway().await;
            scene.neighbours_succeed().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_frame_that_breaks_the_rules_ends_its_connection() {
    scene(async |scene| {
        for (what, bytes) in bad_frames() {
            let mut raw = Raw::connect(scene.campus.grpc).await;
            raw.try_send(&bytes).await;
            let code = raw.goaway().await;
            assert!(code.is_none_or(|code| code != 0), "{what}: it is told what was wrong, not that all is well");
        }
        scene.neighbours_succeed().await;
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_never_speaks_is_closed() {
    let limit = |settings: &mut campus_host::Settings| {
        settings.server.handshake_limit = campus_chassis::config::HumanDuration::millis(300);
    };
    scene_with(limit, async |scene| {
        let mut idle = Vec::new();
        for at in 0..100 {
            let mut raw = Raw::silent(scene.campus.grpc).await;
            raw.send(&PREFACE[..at % PREFACE.len()]).await;
            idle.push(raw);
        }
        scene.neighbours_succeed().await;
        for mut raw in idle {
            assert_eq!(raw.next().await.map(|frame| frame.kind).filter(|kind| *kind != kind::SETTINGS), None);
        }
        let open = async || metric(scene.campus.admin, "grpc_server_connections").await;
        eventually("only the neighbours are left", async || (open().await == KINDS.len() as f64).then_some(())).await;
    })
    .await;
}

#[tokio::test]
async fn a_writer_of_one_byte_at_a_time_is_served() {
    scene(async |scene| {
        for kind in KINDS {
            let mut raw = Raw::silent(scene.campus.grpc).await;
            let call = [
                hello(),
                Frame::call(1, &path(kind, "Get"), &[]).bytes(),
                Frame::data(1, &framed(&get(kind)), true).bytes(),
            ]
            .concat();
            for byte in call {
                raw.send(&[byte]).await;
            }
            assert_eq!(raw.grpc_status(1).await, Some(0));
            // Frames of one byte, and empty ones between them.
            raw.send(&Frame::call(3, &path(kind, "Lookup"), &[]).bytes()).await;
            for byte in framed(&super::lookup(kind, 1)).iter() {
                raw.send(&Frame::data(3, &[*byte], false).bytes()).await;
                raw.send(&Frame::data(3, b"", false).bytes()).await;
            }
            raw.send(&Frame::data(3, b"", true).bytes()).await;
            assert_eq!(raw.grpc_status(3).await, Some(0));
            scene.neighbours_succeed().await;
        }
    })
    .await;
}
