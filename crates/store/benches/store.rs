//! What the store costs, with a bare loop over SQLite beside each figure, and PostgreSQL beside both where the machine has
//! it. `cargo bench -p campus-store [-- RECORDS]`
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

mod bare;

use std::error::Error;
use std::future::Future;
use std::time::{Duration, Instant};

use bytes::Bytes;
use campus_store::{Column, ColumnKind, Config, Expect, Op, PostgresConfig, Query, Store, Table, Value};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Bytes of one body: an employee with the usual fields.
const BODY: usize = 120;
/// How many batches of an import are on their way at once.
const AHEAD: usize = 4;
/// Each figure is the best of so many rounds of this length, since a machine is seldom ours alone.
const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_millis(300);

fn main() -> Result<()> {
    let records = std::env::args().find_map(|arg| arg.parse().ok()).unwrap_or(200_000);
    let folder = tempfile::tempdir()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    println!("{records} records of {BODY} bytes in {}", folder.path().display());
    println!("{:<24} {:>12} {:>10}   {:>12} {:>10}   {:>5}", "", "store/s", "us", "bare/s", "us", "cost");
    runtime.block_on(async {
        let config = |name: &str| Config { path: folder.path().join(name), ..Config::default() };
        let bare = bare::Bare::open(&folder.path().join("bare-plain.db"), false)?;
        let store = Store::open(config("store-plain.db"), table(false)).await?;
        let ours = import(&store, records).await?;
        report("import, no other index", ours, bare.import(records, 512)?);
        store.close().await?;
        let bare = bare::Bare::open(&folder.path().join("bare.db"), true)?;
        let store = Store::open(config("store.db"), table(true)).await?;
        let ours = import(&store, records).await?;
        report("import, two indexes", ours, bare.import(records, 512)?);
        let small = records.min(5_000);
        report("get, of 5,000", reads(&store, small).await?, bare.gets(small)?);
        report("get, of all", reads(&store, records).await?, bare.gets(records)?);
        report("page of 50", pages(&store, records).await?, bare.pages(records, 50)?);
        report("scan, a record", scan(&store).await?, bare.scan()?);
        let mut next = records;
        for (name, batch) in [("write 1", 1), ("write 64", 64), ("write 512", 512)] {
            let ours = writes(&store, &mut next, batch).await?;
            report(name, ours, bare.writes(&mut next, batch)?);
        }
        let ours = callers(&store, &mut next, 64).await?;
        report("write 1 by 64 callers", ours, bare.writes(&mut next, 64)?);
        println!("{:?}", store.stats());
        let Some(server) = campus_testdb::Postgres::start(&["fsync=on", "full_page_writes=on"], &[]) else {
            return Ok(());
        };
        let postgres = Some(PostgresConfig::new(server.url().parse()?));
        let other = Store::open(Config { postgres, ..Config::default() }, table(true)).await?;
        println!("{:<24} {:>12} {:>10}   {:>12} {:>10}   {:>5}", "", "PostgreSQL/s", "us", "SQLite/s", "us", "cost");
        beside(&other, &store, records).await?;
        println!("{:?}", other.stats());
        other.close().await?;
        Ok(store.close().await?)
    })
}

/// The same on both engines, in turn.
async fn beside(postgres: &Store, sqlite: &Store, records: usize) -> Result<()> {
    import(postgres, records).await?;
    report("get, one by one", reads(postgres, records).await?, reads(sqlite, records).await?);
    report("get, by 64 callers", crowd(postgres, records, 64).await?, crowd(sqlite, records, 64).await?);
    report("page of 50", pages(postgres, records).await?, pages(sqlite, records).await?);
    report("scan, a record", scan(postgres).await?, scan(sqlite).await?);
    let mut next = 100_000_000;
    for (name, batch) in [("write 1", 1), ("write 64", 64), ("write 512", 512)] {
        let ours = writes(postgres, &mut next, batch).await?;
        report(name, ours, writes(sqlite, &mut next, batch).await?);
    }
    let ours = callers(postgres, &mut next, 64).await?;
    report("write 1 by 64 callers", ours, callers(sqlite, &mut next, 64).await?);
    Ok(())
}

/// Operations and the time they took.
type Figure = (usize, Duration);

fn report(name: &str, ours: Figure, bare: Figure) {
    let (ours, bare) = (micros(ours), micros(bare));
    println!("{name:<24} {:>12.0} {ours:>10.2}   {:>12.0} {bare:>10.2}   {:>5.2}", 1e6 / ours, 1e6 / bare, ours / bare);
}

fn table(indexes: bool) -> Table {
    let text = |name, unique, indexed| Column { name, kind: ColumnKind::Text, unique, indexed };
    Table {
        name: "employee",
        columns: vec![
            text("given_name", false, false),
            text("family_name", false, indexes),
            text("email", indexes, false),
            Column { name: "hired", kind: ColumnKind::Integer, unique: false, indexed: false },
        ],
        derive: std::sync::Arc::new(|_| Vec::new()),
        derivation: 0,
    }
}

fn key(number: usize) -> String {
    format!("employees/{number:08}")
}

fn put(number: usize) -> Op {
    Op::Put {
        key: key(number),
        expect: Expect::Absent,
        version: 1,
        body: Bytes::from(vec![u8::try_from(number % 251).unwrap_or(0); BODY]),
        values: vec![
            Value::Text("Ada".to_owned()),
            Value::Text(format!("Family{}", number * 7919 % 1000)),
            Value::Text(format!("e{number}@example.org")),
            Value::Integer(20_000),
        ],
        request: None,
    }
}

/// Repeats something, counting what each repetition says it did.
async fn repeat<F: Future<Output = Result<usize>>>(mut step: impl FnMut() -> F) -> Result<Figure> {
    let mut rounds = Rounds::default();
    while rounds.go_on() {
        rounds.count(step().await?);
    }
    Ok(rounds.best)
}

/// Keeps the best round.
struct Rounds {
    best: Figure,
    done: usize,
    now: usize,
    since: Instant,
}

impl Default for Rounds {
    fn default() -> Self {
        Self { best: (0, ROUND), done: 0, now: 0, since: Instant::now() }
    }
}

impl Rounds {
    fn go_on(&mut self) -> bool {
        let round = (self.now, self.since.elapsed());
        if round.1 >= ROUND && round.0 > 0 {
            if micros(round) < micros(self.best) {
                self.best = round;
            }
            (self.done, self.now, self.since) = (self.done + 1, 0, Instant::now());
        }
        self.done < ROUNDS
    }

    fn count(&mut self, count: usize) {
        self.now += count;
    }
}

fn micros((count, time): Figure) -> f64 {
    if count == 0 { f64::MAX } else { time.as_secs_f64() * 1e6 / count as f64 }
}

async fn import(store: &Store, records: usize) -> Result<Figure> {
    let start = Instant::now();
    let mut ahead = std::collections::VecDeque::new();
    for first in (0..records).step_by(512) {
        let (store, ops) = (store.clone(), (first..records.min(first + 512)).map(put).collect());
        ahead.push_back(tokio::spawn(async move { store.write(ops).await }));
        if ahead.len() == AHEAD
            && let Some(oldest) = ahead.pop_front()
        {
            oldest.await??;
        }
    }
    for task in ahead {
        task.await??;
    }
    Ok((records, start.elapsed()))
}

async fn reads(store: &Store, records: usize) -> Result<Figure> {
    let keys: Vec<_> = (0..4096).map(|_| key(fastrand::usize(..records))).collect();
    let keys = &keys;
    repeat(|| async move {
        for key in keys {
            store.get(key).await?.ok_or("a record is missing")?;
        }
        Ok(keys.len())
    })
    .await
}

/// Callers that each read one record at a time.
async fn crowd(store: &Store, records: usize, callers: usize) -> Result<Figure> {
    let (start, mut tasks) = (Instant::now(), Vec::new());
    for _ in 0..callers {
        let store = store.clone();
        tasks.push(tokio::spawn(async move {
            let mut count = 0;
            while start.elapsed() < 3 * ROUND {
                store.get(&key(fastrand::usize(..records))).await?;
                count += 1;
                tokio::task::consume_budget().await;
            }
            Ok::<_, campus_store::StoreError>(count)
        }));
    }
    let mut count = 0;
    for task in tasks {
        count += task.await??;
    }
    Ok((count, start.elapsed()))
}

async fn pages(store: &Store, records: usize) -> Result<Figure> {
    repeat(|| async {
        let key = key(fastrand::usize(..records));
        let after = Some(campus_store::Position { values: Vec::new(), key });
        store.page(&Query { after, ..Query::default() }, 50).await?;
        Ok(1)
    })
    .await
}

async fn scan(store: &Store) -> Result<Figure> {
    repeat(|| async {
        let (mut scan, mut count) = (store.scan(Query::default()), 0);
        while let Some(rows) = scan.next().await? {
            count += rows.len();
        }
        Ok(count)
    })
    .await
}

async fn writes(store: &Store, next: &mut usize, batch: usize) -> Result<Figure> {
    let next = std::cell::Cell::from_mut(next);
    repeat(|| async {
        let first = next.replace(next.get() + batch);
        store.write((first..first + batch).map(put).collect()).await?;
        Ok(batch)
    })
    .await
}

/// Callers that each write one record at a time, as the requests of clients do.
async fn callers(store: &Store, next: &mut usize, callers: usize) -> Result<Figure> {
    let (start, mut tasks) = (Instant::now(), Vec::new());
    for caller in 0..callers {
        let (store, first) = (store.clone(), *next + caller * 1_000_000);
        tasks.push(tokio::spawn(async move {
            let mut count = 0;
            while start.elapsed() < 3 * ROUND {
                store.write(vec![put(first + count)]).await?;
                count += 1;
            }
            Ok::<_, campus_store::StoreError>(count)
        }));
    }
    *next += callers * 1_000_000;
    let mut count = 0;
    for task in tasks {
        count += task.await??;
    }
    Ok((count, start.elapsed()))
}
