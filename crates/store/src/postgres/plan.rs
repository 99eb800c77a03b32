//! What a transaction of the writer does, decided in memory: each operation sees what those before it have done.

use std::collections::{BTreeMap, HashMap, HashSet};

use bytes::Bytes;

use crate::queue::Job;
use crate::{ChangeKind, Expect, Op, Outcome, RequestId, Row, Table, Value};

/// What two values of a unique column have in common when they count as the same: letter case of ASCII aside. `None` for
/// an unset one. Text is as `lower(encode(value, 'escape'))` gives it.
pub(super) fn folded(value: &Value) -> Option<String> {
    match value {
        Value::Integer(0) => None,
        Value::Integer(number) => Some(number.to_string()),
        Value::Text(text) if text.is_empty() => None,
        Value::Text(text) => {
            let mut folded = String::with_capacity(text.len());
            for byte in text.bytes() {
                match byte {
                    0 | 0x80.. => folded.push_str(&format!("\\{byte:03o}")),
                    b'\\' => folded.push_str("\\\\"),
                    plain => folded.push(char::from(plain.to_ascii_lowercase())),
                }
            }
            Some(folded)
        }
    }
}

/// What has to be read before anything can be decided.
pub(super) struct Wanted<'j> {
    /// In order, so that transactions take their locks in one order.
    pub(super) keys: Vec<&'j [u8]>,
    pub(super) requests: Vec<&'j [u8]>,
    /// For each unique column its index and the folded values that are to be written.
    pub(super) values: Vec<(usize, Vec<String>)>,
}

impl<'j> Wanted<'j> {
    pub(super) fn of(table: &Table, jobs: &'j [Job]) -> Self {
        let unique = table.columns.iter().enumerate().filter(|(_, column)| column.unique);
        let mut values: Vec<(usize, HashSet<String>)> = unique.map(|(index, _)| (index, HashSet::new())).collect();
        let (mut keys, mut requests) = (HashSet::new(), HashSet::new());
        for op in jobs.iter().flat_map(|job| &job.ops) {
            let (Op::Put { key, .. } | Op::Delete { key, .. }) = op;
            keys.insert(key.as_bytes());
            let Op::Put { values: own, request, .. } = op else { continue };
            requests.extend(request.as_ref().map(|request| request.id.as_bytes()));
            for (index, wanted) in &mut values {
                wanted.extend(own.get(*index).and_then(folded));
            }
        }
        let mut keys: Vec<_> = keys.into_iter().collect();
        keys.sort_unstable();
        let values = values.into_iter().map(|(index, wanted)| (index, wanted.into_iter().collect())).collect();
        Self { keys, requests: requests.into_iter().collect(), values }
    }
}

/// What was read.
#[derive(Default)]
pub(super) struct Found {
    pub(super) records: HashMap<String, Stored>,
    /// Digest and body of the requests that were done before.
    pub(super) requests: HashMap<String, (Vec<u8>, Bytes)>,
    /// For each unique column, in the order of [`Wanted::values`], the key that has a folded value.
    pub(super) holders: Vec<HashMap<String, String>>,
}

/// A record as it is stored.
pub(super) struct Stored {
    pub(super) row: Row,
    /// Its folded values, in the order of [`Wanted::values`].
    pub(super) unique: Vec<Option<String>>,
}

/// A change for the log.
pub(super) struct Entry<'j> {
    pub(super) kind: ChangeKind,
    pub(super) key: &'j str,
    pub(super) body: Bytes,
    pub(super) previous: Option<Bytes>,
}

/// A record to be written.
#[derive(Clone, Copy)]
pub(super) struct Put<'j> {
    pub(super) key: &'j str,
    pub(super) version: u64,
    pub(super) body: &'j Bytes,
    pub(super) values: &'j [Value],
}

/// What is to be written, and what each operation has come to if it is.
#[derive(Default)]
pub(super) struct Plan<'j> {
    pub(super) outcomes: Vec<Vec<Outcome>>,
    /// Comes first, so that a unique value is free before another record takes it.
    pub(super) deletes: Vec<&'j [u8]>,
    pub(super) updates: Vec<Put<'j>>,
    pub(super) inserts: Vec<Put<'j>>,
    pub(super) requests: Vec<(&'j RequestId, &'j Bytes)>,
    pub(super) changes: Vec<Entry<'j>>,
}

impl<'j> Plan<'j> {
    pub(super) fn of(unique: &[usize], found: Found, jobs: &'j [Job]) -> Self {
        let Found { records, requests, holders } = found;
        let mut planner =
            Planner { unique, records, touched: BTreeMap::new(), requests, holders, plan: Plan::default() };
        for job in jobs {
            let outcomes = job.ops.iter().map(|op| planner.apply(op)).collect();
            planner.plan.outcomes.push(outcomes);
        }
        planner.finish()
    }
}

/// A record that was written: its folded values before, if there was one, and what is there now.
struct Touched<'j> {
    before: Option<Vec<Option<String>>>,
    now: Option<Put<'j>>,
}

struct Planner<'p, 'j> {
    unique: &'p [usize],
    /// As they are now, after the operations so far.
    records: HashMap<String, Stored>,
    touched: BTreeMap<&'j str, Touched<'j>>,
    requests: HashMap<String, (Vec<u8>, Bytes)>,
    holders: Vec<HashMap<String, String>>,
    plan: Plan<'j>,
}

impl<'j> Planner<'_, 'j> {
    fn apply(&mut self, op: &'j Op) -> Outcome {
        match op {
            Op::Put { key, expect, version, body, values, request } => {
                if let Some(request) = request
                    && let Some((digest, body)) = self.requests.get(&request.id)
                {
                    let same = *digest == request.digest.to_be_bytes();
                    return if same { Outcome::Repeated(body.clone()) } else { Outcome::RequestReused };
                }
                let outcome = self.put(Put { key, version: *version, body, values }, *expect);
                if let (Some(request), Outcome::Created | Outcome::Updated) = (request, &outcome) {
                    let done = (request.digest.to_be_bytes().to_vec(), body.clone());
                    self.requests.insert(request.id.clone(), done);
                    self.plan.requests.push((request, body));
                }
                outcome
            }
            Op::Delete { key, expect } => {
                let Some(stored) = self.records.get(key) else { return Outcome::Missing };
                if expect.is_some_and(|version| version != stored.row.version) {
                    return Outcome::Conflict(stored.row.clone());
                }
                let body = stored.row.body.clone();
                self.plan.changes.push(Entry { kind: ChangeKind::Deleted, key, body, previous: None });
                self.set(key, None);
                Outcome::Deleted
            }
        }
    }

    fn put(&mut self, put: Put<'j>, expect: Expect) -> Outcome {
        let previous = match (self.records.get(put.key), expect) {
            (Some(stored), Expect::Absent) => return Outcome::Exists(stored.row.clone()),
            (None, Expect::Version(_)) => return Outcome::Missing,
            (Some(stored), Expect::Version(version)) if stored.row.version != version => {
                return Outcome::Conflict(stored.row.clone());
            }
            (stored, _) => stored.map(|stored| stored.row.body.clone()),
        };
        for (column, holders) in self.unique.iter().zip(&self.holders) {
            let holder = put.values.get(*column).and_then(folded).and_then(|value| holders.get(&value));
            if holder.is_some_and(|holder| holder != put.key) {
                return Outcome::Taken { column: *column };
            }
        }
        let (kind, outcome) = match previous {
            None => (ChangeKind::Created, Outcome::Created),
            Some(_) => (ChangeKind::Updated, Outcome::Updated),
        };
        self.plan.changes.push(Entry { kind, key: put.key, body: put.body.clone(), previous });
        self.set(put.key, Some(put));
        outcome
    }

    /// Takes note of what a record is from now on.
    fn set(&mut self, key: &'j str, put: Option<Put<'j>>) {
        let before = self.records.remove(key);
        for (holders, value) in self.holders.iter_mut().zip(before.iter().flat_map(|before| &before.unique)) {
            if let Some(value) = value {
                holders.remove(value);
            }
        }
        let unique =
            |put: &Put<'j>| self.unique.iter().map(|column| put.values.get(*column).and_then(folded)).collect();
        let now = put
            .as_ref()
            .map(|put| Stored { row: Row { version: put.version, body: put.body.clone() }, unique: unique(put) });
        if let Some(now) = &now {
            for (holders, value) in self.holders.iter_mut().zip(&now.unique) {
                if let Some(value) = value {
                    holders.insert(value.clone(), key.to_owned());
                }
            }
        }
        let first = || Touched { before: before.map(|before| before.unique), now: None };
        self.touched.entry(key).or_insert_with(first).now = put;
        self.records.extend(now.map(|now| (key.to_owned(), now)));
    }

    fn finish(self) -> Plan<'j> {
        let mut plan = self.plan;
        for (key, Touched { before, now }) in self.touched {
            match (before, now) {
                (None, None) => {}
                (None, Some(put)) => plan.inserts.push(put),
                (Some(_), None) => plan.deletes.push(key.as_bytes()),
                (Some(before), Some(put)) => {
                    // Another record may take over a unique value within this very transaction, in whatever order the
                    // database goes through them; so the old one goes first.
                    let moved = self.records.get(key).is_some_and(|now| now.unique != before);
                    if moved {
                        plan.deletes.push(key.as_bytes());
                        plan.inserts.push(put);
                    } else {
                        plan.updates.push(put);
                    }
                }
            }
        }
        plan
    }
}
