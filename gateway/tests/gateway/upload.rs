//! Streams of a client over REST.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use bytes::Bytes;
use campus_chassis::config::ByteSize;
use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};

use crate::support::{ADA, Open, Rest};

const IMPORT: &str = "POST /v1/employees:import";
const LOOKUP: &str = "/v1/employees:lookup";

fn record(at: usize) -> String {
    json!({"employee": {"name": format!("employees/{at:05}"), "givenName": "Ada", "familyName": "L"}}).to_string()
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

/// Kilobytes of blank lines, of which a few hold a space.
fn blank(count: u32) -> Vec<u8> {
    let one = |at: u32| {
        let mut lines = [b'\n'; 1024];
        let bits = at.wrapping_mul(2_654_435_761);
        (0..8).filter(|bit| bits >> (24 + bit) & 1 == 1).for_each(|bit| lines[bit] = b' ');
        lines
    };
    (0..count).flat_map(one).collect()
}

#[tokio::test]
async fn records_are_imported_from_lines_and_from_an_array() {
    let rest = Rest::start();
    let mut client = rest.client().await;
    let lines = format!("{}\n\n{}\r\n{}", record(1), record(2), record(3));
    let array = format!("[{},\n  {}, {}]\n", record(1), record(2), record(3));
    let values = format!("{} {}{}", record(1), record(2), record(3));
    for (kind, body, counted) in [
        (None, &lines, "createdCount"),
        (Some("application/x-ndjson"), &lines, "unchangedCount"),
        (Some("application/jsonl; charset=utf-8"), &lines, "unchangedCount"),
        (None, &array, "unchangedCount"),
        (Some("application/json"), &array, "unchangedCount"),
        (Some("application/json"), &values, "unchangedCount"),
    ] {
        let headers: Vec<_> = kind.map(|kind| ("content-type", kind)).into_iter().collect();
        let answer = client.send(IMPORT, &headers, body.clone()).await;
        assert_eq!((answer.code.as_u16(), &answer.value()[counted]), (200, &json!(3)), "{kind:?} {answer:?}");
    }
    let refused = client.send(IMPORT, &[("content-type", "application/x-www-form-urlencoded")], lines).await;
    assert_eq!(refused.fault().0, 415);
    assert!(refused.message().contains("application/x-ndjson"), "{refused:?}");
    assert_eq!(client.send(IMPORT, &[], "").await.value(), json!({}));
}

#[tokio::test]
async fn a_file_is_imported_by_curl() {
    let rest = Rest::start();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    (0..5000).for_each(|at| writeln!(file, "{}", record(at)).unwrap());
    let url = format!("http://{}/v1/employees:import", rest.addr);
    let mut curl = Command::new("curl");
    curl.args(["-sS", "--max-time", "30", "-X", "POST", "-T"]).arg(file.path()).arg(url).stdin(Stdio::null());
    let done = tokio::task::spawn_blocking(move || curl.output()).await.unwrap().unwrap();
    let summary: Value = serde_json::from_slice(&done.stdout).unwrap_or_else(|error| panic!("{error}: {done:?}"));
    assert_eq!(summary, json!({"createdCount": 5000}));
}

#[tokio::test]
async fn a_broken_record_is_named_by_place_and_line() {
    let rest = Rest::start();
    let mut client = rest.client().await;
    for (body, place, says) in [
        (format!("{}\n\n{{\"employee\": {{\"givenNam\": \"A\"}}}}\n", record(1)), "(record 2, line 3)", "givenName"),
        (format!("{}\n{{\"employee\": \n{}", record(1), record(2)), "(record 2, line 2)", "EOF"),
        (format!("[{},\n\n{{\"employee\": 7}}]", record(1)), "(record 2, line 3)", "employee"),
        (format!("[{},", record(1)), "line 1", "the array has no end"),
        (
            format!("[{},\n{{\"employee\":\n {{\"givenNam\": 1}}}}]", record(1)),
            "(record 2, line 3 column 12)",
            "givenName",
        ),
        ("{\"employee\": {\"givenName\": \"\u{1}\"}}".to_owned(), "(record 1, line 1)", "employee"),
    ] {
        let answer = client.send(IMPORT, &[], body.clone()).await;
        assert_eq!(answer.fault().0, 400, "{body}: {answer:?}");
        let message = answer.message();
        assert!(message.contains(place) && message.contains(says), "{body}: {message}");
        assert!(answer.text().contains("fieldViolations"), "{answer:?}");
    }
    let answer = client.send(IMPORT, &[], &b"{\"employee\": {\"givenName\": \"\xff\"}}"[..]).await;
    assert_eq!(answer.fault().0, 400);
    // Records that the service itself refuses are in the summary, and the others are kept.
    let body = format!("{}\n{}\n", record(1), json!({"employee": {"name": "employees/x"}}));
    let summary = client.send(IMPORT, &[], body).await.value();
    assert_eq!((&summary["rejectedCount"], &summary["rejections"][0]["position"]), (&json!(1), &json!(1)), "{summary}");
}

#[tokio::test]
async fn a_record_over_the_limit_is_413_and_a_body_of_many_records_is_not() {
    let rest = Rest::with(|config| config.max_body = ByteSize::kib(1));
    let mut client = rest.client().await;
    let body: String = (0..100).map(|at| record(at) + "\n").collect();
    assert_eq!(client.send(IMPORT, &[], body.clone()).await.value(), json!({"createdCount": 100}));
    let long = json!({"employee": {"name": "employees/x", "givenName": "x".repeat(2000)}});
    assert_eq!(client.send(IMPORT, &[], format!("{body}{long}\n")).await.fault().0, 413);
}

#[tokio::test]
async fn a_compressed_body_is_unpacked_as_it_comes_and_what_it_becomes_is_bounded() {
    let rest = Rest::start();
    let mut client = rest.client().await;
    let body: String = (0..2000).map(|at| record(at) + "\n").collect();
    let gzip = [("content-encoding", "gzip")];
    let answer = client.send(IMPORT, &gzip, packed(body.as_bytes())).await;
    assert_eq!(answer.value(), json!({"createdCount": 2000}));
    assert_eq!(client.send(IMPORT, &gzip, body.clone()).await.fault().0, 400);
    let cut = packed(body.as_bytes());
    assert_eq!(client.send(IMPORT, &gzip, cut[..cut.len() - 9].to_vec()).await.fault().0, 400);
    assert_eq!(client.send(IMPORT, &gzip, packed(&vec![b'1'; 64 << 20])).await.fault().0, 413);
}

#[tokio::test]
async fn a_compressed_body_of_next_to_nothing_is_refused_and_holds_nobody_up() {
    // Packing takes its time, which a connection that says nothing does not have.
    let (bomb, blank) = (packed(&vec![b'\n'; 64 << 20]), packed(&blank(48 << 10)));
    let rest = Rest::with_server(|settings| settings.server.shards = 1);
    let (mut client, mut neighbour) = (rest.client().await, rest.client().await);
    let gzip = [("content-encoding", "gzip")];
    let bomb = client.send(IMPORT, &gzip, bomb).await;
    assert_eq!((bomb.code.as_u16(), bomb.message().contains("far more than it should")), (400, true), "{bomb:?}");
    // This one unpacks to no more than it may.
    let mut client = rest.client().await;
    let upload = tokio::spawn(async move { client.send(IMPORT, &gzip, blank).await });
    let mut served = 0;
    while !upload.is_finished() {
        assert_eq!(neighbour.get("/v1/employees").await.code, 200);
        served += 1;
    }
    assert_eq!(upload.await.unwrap().value(), json!({}));
    assert!(served > 20, "{served} requests beside the upload");
}

#[tokio::test]
async fn names_are_looked_up_line_by_line_while_the_client_still_sends() {
    let rest = Rest::start();
    rest.client().await.json("POST /v1/employees?employee_id=ada", ADA).await;
    let headers = [("accept", "application/x-ndjson"), ("content-type", "application/x-ndjson")];
    let (pieces, mut answer) = Open::post(rest.addr, LOOKUP, &headers).await;
    assert_eq!(answer.code, 200);
    for (name, says) in [("employees/ada", "Lovelace"), ("employees/none", "NOT_FOUND"), ("employees/ada", "Ada")] {
        pieces.send(Bytes::from(json!({ "name": name }).to_string() + "\n")).await.unwrap();
        let line = answer.until("\n").await.unwrap();
        let found: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(found["name"], name);
        assert!(line.contains(says) || found["error"]["code"] == 5, "{line}");
    }
    // What is wrong later ends the stream with the frame for it.
    pieces.send(Bytes::from_static(b"{\"nam\": 1}\n")).await.unwrap();
    let last: Value = serde_json::from_str(&answer.until("\n").await.unwrap()).unwrap();
    assert_eq!((&last["error"]["status"], &last["error"]["code"]), (&json!("INVALID_ARGUMENT"), &json!(400)));
    assert!(last.to_string().contains("(record 4, line 4)"), "{last}");
    assert_eq!(answer.rest().await.0, "");
}

#[tokio::test]
async fn names_are_looked_up_over_http_1_as_an_array_too() {
    let rest = Rest::start();
    let mut client = rest.client().await;
    let body = r#"[{"name": "employees/a"}, {"name": "employees/b"}]"#;
    let answer = client.json(&format!("POST {LOOKUP}"), body).await;
    let found = answer.value();
    assert_eq!((&found[0]["name"], &found[1]["error"]["code"]), (&json!("employees/a"), &json!(5)), "{found}");
    let refused = client.json(&format!("POST {LOOKUP}"), r#"[{"nam": 1}]"#).await;
    assert_eq!(refused.fault().0, 400, "{refused:?}");
}

#[tokio::test]
async fn a_record_without_what_is_around_it_is_told_what_was_meant() {
    let rest = Rest::start();
    let mut client = rest.client().await;
    let record = r#"{"name": "employees/a", "givenName": "A"}"#;
    let (import, create) = (IMPORT, "POST /campus.employee.v1.EmployeeService/CreateEmployee");
    for line in [import, create] {
        let message = client.send(line, &[], record).await.message();
        assert!(message.contains(r#"name: is a field of campus.employee.v1.Employee"#), "{message}");
        assert!(message.contains(r#"did you mean {"employee": {…}}?"#), "{message}");
    }
    let message = client.send(import, &[], r#"{"nam": "employees/a"}"#).await.message();
    assert!(!message.contains('…'), "{message}");
}

#[tokio::test]
async fn a_byte_order_mark_is_passed_over_and_another_charset_refused() {
    let rest = Rest::start();
    let mut client = rest.client().await;
    let mark = |body: &str| format!("\u{feff}{body}");
    for body in [record(1), format!("[{}]", record(2))] {
        assert_eq!(client.send(IMPORT, &[], mark(&body)).await.value(), json!({"createdCount": 1}));
    }
    assert_eq!(client.json("POST /v1/employees", mark(ADA)).await.code, 200);
    for (line, body) in [(IMPORT, record(3)), ("POST /v1/employees", ADA.to_owned())] {
        for (charset, code) in [("latin1", 415), ("\"utf-16\"", 415), ("UTF-8", 200)] {
            let kind = format!("application/json; charset={charset}");
            let answer = client.send(line, &[("content-type", &kind)], body.clone()).await;
            assert_eq!(answer.code.as_u16(), code, "{line} {charset}: {answer:?}");
        }
    }
}
