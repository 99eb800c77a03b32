//! Streams of a server over REST: the three forms, their end, and where they are taken up again.

use serde_json::{Value, json};

use crate::support::{ADA, Client, Open, Rest};

const STREAM: &str = "/v1/employees:stream";
const WATCH: &str = "/v1/employees:watch";
const NDJSON: (&str, &str) = ("accept", "application/x-ndjson");
const EVENTS: (&str, &str) = ("accept", "text/event-stream");

async fn people(rest: &Rest, count: usize) -> Client {
    let mut client = rest.client().await;
    let line = |at: usize| {
        json!({"employee": {"name": format!("employees/{at:05}"), "givenName": "Ada", "familyName": "L"}}).to_string()
    };
    let body: String = (0..count).map(|at| line(at) + "\n").collect();
    let imported = client.send("POST /v1/employees:import", &[], body).await;
    assert_eq!((imported.code.as_u16(), &imported.value()["createdCount"]), (200, &json!(count)), "{imported:?}");
    client
}

fn names(records: &[Value]) -> Vec<&str> {
    records.iter().map(|record| record["name"].as_str().unwrap()).collect()
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn a_stream_is_an_array_or_lines_or_events_as_accept_asks() {
    let rest = Rest::start();
    let mut client = people(&rest, 3).await;
    let array = client.get(STREAM).await;
    assert_eq!(array.header("content-type"), "application/json");
    let Value::Array(records) = array.value() else { panic!("{array:?}") };
    assert_eq!(names(&records), ["employees/00000", "employees/00001", "employees/00002"]);
    for kind in ["application/x-ndjson", "application/jsonl", "application/json;q=0.5, application/x-ndjson"] {
        let answer = client.send(&format!("GET {STREAM}"), &[("accept", kind)], "").await;
        assert_eq!(lines(answer.text()), records, "{kind}");
        assert!(answer.header("content-type").ends_with(if kind.contains("ndjson") { "ndjson" } else { "jsonl" }));
    }
    let events = client.send(&format!("GET {STREAM}"), &[EVENTS], "").await;
    assert_eq!(events.header("content-type"), "text/event-stream");
    let mut expected = String::from("retry: 2000\n\n");
    for record in array.text().lines().filter(|line| line.len() > 1) {
        let record = record.trim_end_matches(',');
        let name = serde_json::from_str::<Value>(record).unwrap()["name"].as_str().unwrap().to_owned();
        expected += &format!("data: {record}\nid: {name}\n\n");
    }
    assert_eq!(events.text(), expected + "event: end\ndata: {}\n\n");
    let refused = client.send(&format!("GET {STREAM}"), &[("accept", "text/html")], "").await;
    assert_eq!(refused.fault().0, 406);
    assert!(refused.message().contains("application/x-ndjson"), "{refused:?}");
}

#[tokio::test]
async fn a_stream_without_records_is_empty_in_each_form() {
    let rest = Rest::start();
    let mut client = rest.client().await;
    assert_eq!(client.get(STREAM).await.value(), json!([]));
    assert_eq!(client.send(&format!("GET {STREAM}"), &[NDJSON], "").await.text(), "");
    // 204 is what makes a browser stop asking again.
    assert_eq!(client.send(&format!("GET {STREAM}"), &[EVENTS], "").await.code, 204);
}

#[tokio::test]
async fn a_stream_that_fails_before_its_first_record_has_a_status_of_http() {
    let rest = Rest::start();
    let mut client = people(&rest, 1).await;
    for accept in ["application/json", "application/x-ndjson", "text/event-stream"] {
        for target in [format!("{STREAM}?filter=nothing"), format!("{WATCH}?resumeToken=none")] {
            let answer = client.send(&format!("GET {target}"), &[("accept", accept)], "").await;
            assert_eq!(answer.fault().0, 400, "{target}: {answer:?}");
            assert_eq!(answer.header("content-type"), "application/json");
        }
    }
}

#[tokio::test]
async fn a_stream_that_fails_later_ends_with_the_same_frame_in_each_form() {
    let rest = Rest::start();
    let mut frames = Vec::new();
    for (accept, frame) in [("application/json", "]\n"), ("application/x-ndjson", ""), ("text/event-stream", "\n\n")] {
        let headers = [("accept", accept), ("grpc-timeout", "400m"), ("te", "trailers")];
        let watch = Open::get(rest.addr, WATCH, &headers).await;
        assert_eq!(watch.code, 200);
        let (text, trailers) = watch.rest().await;
        assert_eq!(trailers["grpc-status"], "4", "{text}");
        let text = text.strip_suffix(frame).unwrap().trim_end();
        let last = text.lines().last().unwrap();
        if accept == "text/event-stream" {
            assert!(text.ends_with(&format!("event: error\n{last}")), "{text}");
        }
        if accept == "application/json" {
            assert_eq!(serde_json::from_str::<Vec<Value>>(&(text.to_owned() + "]")).unwrap().len(), 2);
        }
        frames.push(serde_json::from_str::<Value>(last.trim_start_matches("data: ")).unwrap());
    }
    for frame in &frames {
        let error = &frame["error"];
        assert_eq!((frame.as_object().unwrap().len(), &error["code"]), (1, &json!(504)), "{frame}");
        assert_eq!(error["status"], "DEADLINE_EXCEEDED");
    }
}

#[tokio::test]
async fn a_watch_goes_on_behind_the_last_event_that_was_taken_in() {
    let rest = Rest::start();
    let mut client = people(&rest, 1).await;
    let mut watch = Open::get(rest.addr, WATCH, &[EVENTS]).await;
    assert_eq!((watch.code.as_u16(), watch.header("cache-control")), (200, "no-store"));
    assert_eq!(watch.until("\n\n").await.unwrap(), "retry: 2000\n\n");
    let mark = watch.until("\n\n").await.unwrap();
    let id = |event: &str| event.lines().find_map(|line| line.strip_prefix("id: ")).unwrap().to_owned();
    client.json("POST /v1/employees?employee_id=ada", ADA).await;
    let first = watch.until("\n\n").await.unwrap();
    assert!(first.contains("CHANGE_TYPE_CREATED") && first.contains("employees/ada"), "{first}");
    drop(watch);
    client.json("PATCH /v1/employees/ada", r#"{"givenName": "Augusta"}"#).await;
    // A browser asks for the same URL again: what its header says counts, not the token in it.
    let target = format!("{WATCH}?resumeToken={}", id(&mark));
    let mut again = Open::get(rest.addr, &target, &[EVENTS, ("last-event-id", &id(&first))]).await;
    again.until("\n\n").await.unwrap();
    let second = loop {
        let event = again.until("\n\n").await.unwrap();
        if event.contains("changeType") {
            break event;
        }
    };
    assert!(second.contains("CHANGE_TYPE_UPDATED") && second.contains("Augusta"), "{second}");
    let refused = Open::get(rest.addr, WATCH, &[EVENTS, ("last-event-id", "none")]).await;
    assert_eq!(refused.code, 400);
}

#[tokio::test]
async fn a_stream_of_records_goes_on_behind_the_last_name() {
    let rest = Rest::start();
    let mut client = people(&rest, 5).await;
    let line = format!("GET {STREAM}");
    let rest_of = client.send(&line, &[EVENTS, ("last-event-id", "employees/00002")], "").await;
    let ids: Vec<&str> = rest_of.text().lines().filter_map(|line| line.strip_prefix("id: ")).collect();
    assert_eq!(ids, ["employees/00003", "employees/00004"]);
    assert_eq!(client.send(&line, &[EVENTS, ("last-event-id", "employees/00004")], "").await.code, 204);
}

#[tokio::test]
async fn lines_and_arrays_are_compressed_and_each_record_can_be_read_at_once() {
    let rest = Rest::start();
    let mut client = people(&rest, 200).await;
    let plain = client.send(&format!("GET {STREAM}"), &[NDJSON], "").await;
    let packed = client.send(&format!("GET {STREAM}"), &[NDJSON, ("accept-encoding", "gzip")], "").await;
    assert_eq!(packed.header("content-encoding"), "gzip");
    assert!(packed.body.len() * 4 < plain.body.len(), "{} {}", packed.body.len(), plain.body.len());
    let mut text = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&packed.body[..]), &mut text).unwrap();
    assert_eq!(text, plain.text());
    // A watch says something at once, compressed too.
    let mut watch = Open::get(rest.addr, WATCH, &[NDJSON]).await;
    assert!(watch.until("\n").await.unwrap().contains("resumeToken"));
}
