//! What became of calls.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use serde_json::{Map, Value, json};
use tonic::{Response, Status};

/// Longer than anything that is asked takes, drains included.
const DEADLINE: Duration = Duration::from_secs(10);

/// The counts of one target, shared by its workers.
#[derive(Clone)]
pub(crate) struct Tally {
    kind: Arc<str>,
    pause: Duration,
    counts: Arc<Mutex<Counts>>,
}

#[derive(Default)]
struct Counts {
    calls: u64,
    lost: u64,
    latencies_us: Vec<u32>,
    /// Calls of each server, as it calls itself.
    by: BTreeMap<String, u64>,
}

/// An answer that came over HTTP or gRPC, and who gave it.
pub(crate) struct Answer<T> {
    pub(crate) body: T,
    pub(crate) by: Option<String>,
}

impl Tally {
    pub(crate) fn new(kind: &str, pause: Duration) -> Self {
        Self { kind: kind.into(), pause, counts: Arc::default() }
    }

    /// Awaits a call, counts it, and rests.
    pub(crate) async fn call<T>(&self, what: &str, call: impl Future<Output = Result<Answer<T>, String>>) -> Option<T> {
        let begun = Instant::now();
        let ended = tokio::time::timeout(DEADLINE, call).await;
        let ended = ended.unwrap_or_else(|_| Err(format!("nothing in {DEADLINE:?}")));
        let body = self.count(what, begun.elapsed(), ended);
        tokio::time::sleep(self.pause).await;
        body
    }

    /// As [`call`](Self::call), of a gRPC method.
    pub(crate) async fn grpc<T>(
        &self,
        what: &str,
        call: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Option<T> {
        self.call(what, async { call.await.map(answer).map_err(|status| words(&status)) }).await
    }

    #[expect(clippy::print_stdout, reason = "a line for each lost call")]
    fn count<T>(&self, what: &str, took: Duration, ended: Result<Answer<T>, String>) -> Option<T> {
        let mut counts = self.counts();
        counts.calls += 1;
        counts.latencies_us.push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
        match ended {
            Ok(answer) => {
                if let Some(by) = answer.by {
                    *counts.by.entry(by).or_default() += 1;
                }
                Some(answer.body)
            }
            Err(error) => {
                counts.lost += 1;
                println!("{}", json!({ "lost": &*self.kind, "call": what, "at": now(), "error": error }));
                None
            }
        }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) fn words(status: &Status) -> String {
    format!("{:?}: {}", status.code(), status.message())
}

pub(crate) fn answer<T>(response: Response<T>) -> Answer<T> {
    let by = response.metadata().get("x-served-by").and_then(|by| by.to_str().ok()).map(str::to_owned);
    Answer { body: response.into_inner(), by }
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// All counts since the start.
pub(crate) fn line(tallies: &[Tally]) -> Value {
    let mut line = Map::from_iter([("at".to_owned(), json!(now()))]);
    for tally in tallies {
        let mut counts = tally.counts();
        counts.latencies_us.sort_unstable();
        let at = |percent: usize| counts.latencies_us.get(counts.latencies_us.len() * percent / 100);
        let max = counts.latencies_us.last();
        let told = json!({
            "calls": counts.calls, "lost": counts.lost, "by": counts.by,
            "p50_us": at(50), "p99_us": at(99), "max_us": max,
        });
        line.insert(tally.kind.to_string(), told);
    }
    Value::Object(line)
}
