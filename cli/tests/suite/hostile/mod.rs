//! Clients that do what no library does. Whatever one does ends as a status on that call, or with its own connection:
//! other connections and other calls succeed, nothing is left behind, and the server lives.

mod breaks;
mod crowds;
mod deadlines;
mod floods;
mod frames;
mod heads;

mod messages;
mod stalls;

use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use campus_host::Settings;
use campus_proto::standard::{CreateRequest, GetRequest, ImportRequest, LookupRequest, StreamRequest, WatchRequest};
use campus_testkit::{Campus, Client, Kind, admin_get, eventually, metric, wire::Wire, within};
use prost::Message;
use tonic::{Code, Status};

use crate::contract::PARTS;

const KINDS: [Kind; 2] = [Kind::EMPLOYEE, Kind::STUDENT];
/// Records of each kind that are there before a hostile client comes.
const RECORDS: usize = 300;

/// Both services, and somebody who uses them well on connections of their own.
struct Scene {
    campus: Campus,
    neighbours: Vec<Client>,
    next: AtomicUsize,
}

/// Runs a case; afterwards the server must be as if nothing had been.
async fn scene(case: impl AsyncFnOnce(&Scene)) {
    scene_with(|_| (), case).await;
}

async fn scene_with(change: impl FnOnce(&mut Settings), case: impl AsyncFnOnce(&Scene)) {
    let campus = Campus::start_with(&PARTS, change);
    let mut neighbours = Vec::new();
    for kind in KINDS {
        let client = Client::new(kind, campus.channel().await);
        client.import_all((0..RECORDS).map(|n| kind.person(n)).collect()).await.unwrap();
        neighbours.push(client);
    }
    let scene = Scene { campus, neighbours, next: AtomicUsize::new(0) };
    case(&scene).await;
    scene.neighbours_succeed().await;
    let admin = scene.campus.admin;
    assert_eq!(metric(admin, "grpc_server_panics_total").await, 0.0);
    eventually("every stream is gone", async || (metric(admin, "grpc_server_streams").await == 0.0).then_some(()))
        .await;
    assert_eq!(metric(admin, "grpc_server_in_flight").await, 0.0, "calls that nobody waits for");
    assert_eq!(admin_get(admin, "/livez").await.0, 200);
    scene.campus.stop();
}

impl Scene {
    async fn wire(&self) -> Wire {
        Wire::connect(self.campus.grpc).await
    }

    /// A call of each pattern on another connection.
    async fn neighbours_succeed(&self) {
        for client in &self.neighbours {
            within("a neighbour's calls", self.neighbour_succeeds(client)).await;
        }
    }

    async fn neighbour_succeeds(&self, client: &Client) {
        let kind = client.kind;
        let number = RECORDS + self.next.fetch_add(1, Ordering::Relaxed);
        let made = client.add(&number.to_string(), &kind.person(number)).await.unwrap();
        assert_eq!(client.get(&made.name).await.unwrap(), made);
        let summary = client.import_all(vec![kind.person(number)]).await.unwrap();
        assert_eq!(summary.unchanged_count, 1);
        let mut found = client.lookup(tokio_stream::iter([made.name.clone()])).await.unwrap();
        assert!(found.message().await.unwrap().unwrap().record.is_some());
        let only = StreamRequest { filter: format!("name = \"{}\"", made.name), ..StreamRequest::default() };
        assert_eq!(client.stream(only).await.unwrap().message().await.unwrap(), Some(made));
        let mut watch = client.watch(WatchRequest::default()).await.unwrap();
        assert!(watch.message().await.unwrap().is_some());
    }

    /// Every record that is there can be read whole, and has all its fields.
    async fn nothing_is_half_there(&self) {
        for client in &self.neighbours {
            let mut records = client.stream(StreamRequest::default()).await.unwrap();
            let mut count = 0;
            while let Some(record) = records.message().await.unwrap() {
                assert!(!record.etag.is_empty() && !record.given_name.is_empty() && !record.family_name.is_empty());
                assert_eq!(client.get(&record.name).await.unwrap(), record);
                count += 1;
            }
            assert!(count >= RECORDS);
        }
    }
}

/// The path of a method.
fn path(kind: Kind, verb: &str) -> String {
    let noun = if matches!(verb, "Create" | "Get" | "Update" | "Delete") { kind.singular } else { kind.plural };
    format!("/{}/{verb}{noun}", kind.service)
}

fn get(kind: Kind) -> Vec<u8> {
    GetRequest { name: kind.name(1), read_mask: None }.encode_to_vec()
}

fn create(kind: Kind, id: &str) -> Vec<u8> {
    let record = kind.person(1).encoded();
    CreateRequest { record, id: id.into(), request_id: String::new() }.encode_to_vec()
}

fn import(kind: Kind, number: usize) -> Vec<u8> {
    ImportRequest { record: kind.person(number).encoded() }.encode_to_vec()
}

fn lookup(kind: Kind, number: usize) -> Vec<u8> {
    LookupRequest { name: kind.name(number) }.encode_to_vec()
}

/// A good call on a connection that is also used badly.
async fn same_connection_succeeds(wire: &mut Wire, kind: Kind) {
    let (messages, status) = wire.unary(&path(kind, "Get"), &get(kind)).await;
    assert_eq!((status.code(), messages.len()), (Code::Ok, 1), "{status:?}");
}

/// The code and the reason of a status.
fn told(status: &Status) -> (Code, String) {
    (status.code(), crate::contract::reason(status))
}

/// A string field of a message, whatever its bytes.
fn field(number: u32, bytes: &[u8]) -> Bytes {
    let mut field = Vec::new();
    prost::encoding::bytes::encode(number, &bytes.to_vec(), &mut field);
    field.into()
}

/// A good record of a size, most of it in a field that this build does not know.
fn big(kind: Kind, number: usize, size: usize) -> Bytes {
    let mut record = kind.person(number).encode_to_vec();
    prost::encoding::bytes::encode(1000, &vec![b'x'; size], &mut record);
    record.into()
}
