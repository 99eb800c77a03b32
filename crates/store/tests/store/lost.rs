//! Commits whose answer is lost on the way.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use campus_store::{Config, Outcome, PostgresConfig, Store, StoreError};
use campus_testdb::Postgres;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::load::{eventually, sound};
use crate::support::{body, create, delete, table, write};

/// What happens to the next commit that passes.
const PASSES: u8 = 0;
/// The server gets it, and its answer is lost with the connection.
const ANSWER_LOST: u8 = 1;
/// It is lost with the connection.
const LOST: u8 = 2;
/// Its answer is lost, and from then on nobody gets through.
const CUT_OFF: u8 = 3;
/// Nobody gets through.
const CLOSED: u8 = 4;

/// Passes connections on to a server. Gives its own port.
async fn relay(port: u16, fate: Arc<AtomicU8>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            if fate.load(Ordering::Relaxed) == CLOSED {
                continue;
            }
            let server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            tokio::spawn(pass(client, server, Arc::clone(&fate)));
        }
    });
    own
}

async fn pass(mut client: TcpStream, mut server: TcpStream, fate: Arc<AtomicU8>) {
    let (mut asked, mut answered) = (vec![0; 64 << 10], vec![0; 64 << 10]);
    loop {
        tokio::select! {
            read = client.read(&mut asked) => {
                let Ok(size @ 1..) = read else { return };
                let chunk = &asked[..size];
                let commits = chunk.windows(7).any(|part| part == b"COMMIT\0");
                let met = if commits { fate.load(Ordering::Relaxed) } else { PASSES };
                if [LOST, ANSWER_LOST, CUT_OFF].contains(&met) {
                    fate.store(if met == CUT_OFF { CLOSED } else { PASSES }, Ordering::Relaxed);
                }
                match met {
                    LOST => return,
                    ANSWER_LOST | CUT_OFF => {
                        server.write_all(chunk).await.unwrap();
                        let mut seen = Vec::new();
                        while !seen.windows(7).any(|part| part == b"COMMIT\0") {
                            assert_ne!(server.read_buf(&mut seen).await.unwrap(), 0);
                        }
                        return;
                    }
                    _ => server.write_all(chunk).await.unwrap(),
                }
            }
            read = server.read(&mut answered) => {
                let Ok(size @ 1..) = read else { return };
                if client.write_all(&answered[..size]).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// A store behind a relay.
async fn opened(server: &Postgres, connect_limit_ms: u64) -> (Store, Arc<AtomicU8>) {
    let fate = Arc::new(AtomicU8::new(PASSES));
    let port = relay(server.port(), Arc::clone(&fate)).await;
    let url = format!("postgres://postgres@127.0.0.1:{port}/postgres?sslmode=disable");
    let postgres = Some(PostgresConfig { connect_limit_ms, ..PostgresConfig::new(url.parse().unwrap()) });
    let store = Store::open(Config { postgres, ..Config::default() }, table()).await.unwrap();
    // Behind these, the writer has nothing of its own left to commit.
    for _ in 0..2 {
        write(&store, delete("p/none")).await;
        tokio::time::timeout(Duration::from_millis(300), store.changes(0).next()).await.unwrap_err();
    }
    (store, fate)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_answer_is_lost_is_found_and_one_that_is_lost_itself_is_made_again() {
    let Some(server) = Postgres::start(&[], &[]) else { return };
    let (store, fate) = opened(&server, 5_000).await;
    for (number, what) in [ANSWER_LOST, LOST, ANSWER_LOST, LOST].into_iter().enumerate() {
        let key = format!("p/{number}");
        fate.store(what, Ordering::Relaxed);
        // Without a request id: a second time it would be there already.
        assert_eq!(write(&store, create(&key, "Ada", "", 1)).await, Outcome::Created, "{what}");
        assert_eq!(fate.load(Ordering::Relaxed), PASSES, "it was met");
        assert_eq!(store.get(&key).await.unwrap().unwrap().body, body("Ada", "", 1));
    }
    sound(&store, 4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_cannot_be_looked_up_within_the_limit_is_said_to_be_unknown_and_is_there_later() {
    let Some(server) = Postgres::start(&[], &[]) else { return };
    let (store, fate) = opened(&server, 500).await;
    fate.store(CUT_OFF, Ordering::Relaxed);
    let begun = Instant::now();
    assert_eq!(store.write(vec![create("p/1", "Ada", "", 1)]).await, Err(StoreError::Unknown));
    assert!(begun.elapsed() >= Duration::from_millis(500), "it was looked for: {:?}", begun.elapsed());
    assert_eq!(fate.swap(PASSES, Ordering::Relaxed), CLOSED, "it was met");
    eventually("it is found", async || store.get("p/1").await.ok()?).await;
    sound(&store, 1).await;
}
