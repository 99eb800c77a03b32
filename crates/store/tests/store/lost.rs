//! Commits whose answer is lost on the way.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use campus_store::{Config, Outcome, PostgresConfig, Store};
use campus_testdb::Postgres;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::load::sound;
use crate::support::{body, create, delete, table, write};

/// What happens to the next commit that passes.
const PASSES: u8 = 0;
/// The server gets it, and its answer is lost with the connection.
const ANSWER_LOST: u8 = 1;
/// It is lost with the connection.
const LOST: u8 = 2;

/// Passes connections on to a server. Gives its own port.
async fn relay(port: u16, fate: Arc<AtomicU8>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
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
                match if commits { fate.swap(PASSES, Ordering::Relaxed) } else { PASSES } {
                    LOST => return,
                    ANSWER_LOST => {
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_answer_is_lost_is_found_and_one_that_is_lost_itself_is_made_again() {
    let Some(server) = Postgres::start(&[], &[]) else { return };
    let fate = Arc::new(AtomicU8::new(PASSES));
    let port = relay(server.port(), Arc::clone(&fate)).await;
    let url = format!("postgres://postgres@127.0.0.1:{port}/postgres?sslmode=disable");
    let postgres = Some(PostgresConfig::new(url.parse().unwrap()));
    let store = Store::open(Config { postgres, ..Config::default() }, table()).await.unwrap();
    // Behind these, the writer has nothing of its own left to commit.
    for _ in 0..2 {
        write(&store, delete("p/none")).await;
        tokio::time::timeout(std::time::Duration::from_millis(300), store.changes(0).next()).await.unwrap_err();
    }
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
