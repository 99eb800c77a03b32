use super::*;
use crate::span::Asked;
use crate::{ColumnRef, Expr, Order, Query};

/// Writes about so many MiB into the log, in transactions of four.
async fn write_mib(store: &Sqlite, mib: usize, name: &str) {
    for round in 0..mib / 4 {
        let ops = (0..256).map(|number| create(format!("{name}/{round}-{number}"), 8 << 10)).collect();
        store.write(ops, &Asked::default()).await.unwrap();
    }
}

fn wal_mib(folder: &TempDir) -> u64 {
    folder.path().join("person.db-wal").metadata().unwrap().len() >> 20
}

#[tokio::test]
async fn the_log_stays_bounded_while_a_thread_holds_an_old_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder).await;
    let (read, wait) = (std::sync::mpsc::sync_channel(0), std::sync::mpsc::sync_channel::<()>(0));
    let idle = {
        let store = Arc::clone(&store);
        std::thread::spawn(move || {
            assert_eq!(store.get("p/none").unwrap(), None);
            read.0.send(()).unwrap();
            // Holds its snapshot from here on, until the channel is closed.
            assert!(wait.1.recv().is_err());
        })
    };
    read.1.recv().unwrap();
    write_mib(&store, 120, "a").await;
    assert!(wal_mib(&folder) <= 48, "{} MiB", wal_mib(&folder));
    assert!(store.stats().checkpoints >= 4);
    drop(wait.0);
    idle.join().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_stays_bounded_while_long_queries_overlap_without_end() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder).await;
    write_mib(&store, 16, "a").await;
    let done = Arc::new(AtomicBool::new(false));
    let scans: Vec<_> = (0..4)
        .map(|_| {
            let (store, done) = (Arc::clone(&store), Arc::clone(&done));
            tokio::spawn(async move {
                let term = |number| Expr::Contains { column: ColumnRef::Column(0), text: format!("no {number}") };
                let filter = Some(Expr::Or((0..200).map(term).collect()));
                let order = vec![Order { column: ColumnRef::Column(1), descending: true }];
                let query = Query { filter, order, after: None };
                let mut scans = 0;
                while !done.load(Ordering::Relaxed) {
                    store.page(&query, 10, 1000, &Asked::default()).await.unwrap();
                    scans += 1;
                }
                scans
            })
        })
        .collect();
    write_mib(&store, 240, "b").await;
    done.store(true, Ordering::Relaxed);
    for scan in scans {
        assert!(scan.await.unwrap() > 0);
    }
    assert!(wal_mib(&folder) <= 128, "{} MiB", wal_mib(&folder));
}

#[tokio::test]
async fn a_quiet_store_copies_its_log_into_the_database() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder).await;
    store.write(vec![create("p/1".to_owned(), 10)], &Asked::default()).await.unwrap();
    assert_eq!(store.stats().checkpoints, 0);
    until("the log is copied", || store.stats().checkpoints > 0).await;
    let size = folder.path().join("person.db").metadata().unwrap().len();
    assert!(size > 4096 * 5, "{size} bytes");
}
