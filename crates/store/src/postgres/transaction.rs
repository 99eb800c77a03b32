//! One transaction of the writer: one flight of statements that read and lock, one that writes and commits.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{join, join_all, join3, join5};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Row as SqlRow, Statement};

use super::columns::array;
use super::errors::is_retryable;
use super::plan::{Found, Plan, Put, Stored, Wanted};
use super::session::Session;
use super::shared::{Head, Shared};
use crate::clock::now;
use crate::queue::Job;
use crate::{ChangeKind, Outcome, Row, StoreError, Table};

/// How many more changes than were written are dropped from a log that is too long, each time.
const SHORTEN: u64 = 256;

/// A transaction that is committed.
pub(super) struct Done {
    pub(super) outcomes: Vec<Vec<Outcome>>,
    pub(super) head: Head,
}

/// Why a transaction is not known to be committed.
pub(super) enum Failure {
    /// It left nothing behind.
    Undone(Error),
    /// The same, and without a word of the database.
    Silent,
    /// The same: it cannot be done by this program.
    Refused(StoreError),
    /// The connection was lost while it was being committed.
    Unknown(Unknown),
}

/// What it takes to find out whether a transaction was committed.
pub(super) struct Unknown {
    /// Marks its changes, and locks until it is over.
    pub(super) token: i64,
    /// Its changes are behind this position.
    pub(super) after: u64,
    /// What is so if it was.
    pub(super) outcomes: Vec<Vec<Outcome>>,
}

pub(super) async fn run(session: &Session, shared: &Shared, jobs: &[Job]) -> Result<Done, Failure> {
    let limit = shared.connector.statement_limit + shared.connector.connect_limit;
    let token = fastrand::i64(..);
    let wanted = Wanted::of(&shared.table, jobs);
    let read = tokio::time::timeout(limit, read(session, shared, &wanted, token));
    let (found, head) = read.await.unwrap_or(Err(Failure::Silent))?;
    let unique: Vec<usize> = wanted.values.iter().map(|(column, _)| *column).collect();
    let mut plan = Plan::of(&unique, found, jobs);
    let outcomes = std::mem::take(&mut plan.outcomes);
    if plan.changes.is_empty() {
        session.client().batch_execute("COMMIT").await.map_err(Failure::Undone)?;
        return Ok(Done { outcomes, head });
    }
    match write(session, shared, &plan, head, token, limit).await {
        Ok(head) => Ok(Done { outcomes, head }),
        Err(Some(error)) => Err(Failure::Undone(error)),
        Err(None) => Err(Failure::Unknown(Unknown { token, after: head.newest, outcomes })),
    }
}

/// The first flight. The lock on the token is held until the transaction is over, however it ends.
async fn read(session: &Session, shared: &Shared, wanted: &Wanted<'_>, token: i64) -> Result<(Found, Head), Failure> {
    let (client, sql) = (session.client(), &shared.sql);
    let prepared = async {
        let mut holders = Vec::new();
        for (column, values) in &wanted.values {
            if let Some(Some(sql)) = sql.holders.get(*column) {
                holders.push((session.statement(sql).await?, values));
            }
        }
        let lock = session.statement("SELECT pg_advisory_xact_lock($1)").await?;
        let (records, requests) = (session.statement(&sql.lock).await?, session.statement(&sql.requests).await?);
        Ok((lock, records, requests, session.statement(&sql.state).await?, holders))
    };
    let (lock, records, requests, state, holders) = prepared.await.map_err(Failure::Undone)?;
    let token: &(dyn ToSql + Sync) = &token;
    let token = [token];
    let keys: &[&(dyn ToSql + Sync)] = &[&wanted.keys];
    let ids: &[&(dyn ToSql + Sync)] = &[&wanted.requests];
    let holding = holders.iter().map(|(statement, values)| async move {
        let values: &(dyn ToSql + Sync) = values;
        client.query(statement, &[values]).await
    });
    let asked = async { if wanted.requests.is_empty() { Ok(Vec::new()) } else { client.query(&requests, ids).await } };
    let begun = join3(
        client.batch_execute("BEGIN ISOLATION LEVEL READ COMMITTED"),
        client.execute(&lock, &token),
        client.query(&records, keys),
    );
    // Polled, and so sent, in this order. The state is read when the records are locked: who changes the columns waits
    // for that lock.
    let ((begun, locked, records), (requests, holders, state)) =
        join(begun, join3(asked, join_all(holding), client.query_one(&state, &[]))).await;
    let all = async {
        // In the order they were sent: what comes behind a failure only says that there was one.
        begun?;
        locked?;
        let (records, requests) = (records?, requests?);
        let holders = holders.into_iter().collect::<Result<Vec<_>, _>>()?;
        found(wanted, &records, &requests, &holders).map(|found| (found, state))
    };
    let (found, state) = all.await.map_err(Failure::Undone)?;
    let state = state.map_err(Failure::Undone)?;
    let (head, columns) = (Head::of(&state), state.try_get::<_, Option<String>>(2).map_err(Failure::Undone)?);
    if columns.as_deref() != Some(&shared.signature) {
        let why = "a program of another version has changed the columns; this one can only read".to_owned();
        return Err(Failure::Refused(StoreError::Unavailable(why)));
    }
    Ok((found, head))
}

fn found(
    wanted: &Wanted<'_>,
    records: &[SqlRow],
    requests: &[SqlRow],
    holders: &[Vec<SqlRow>],
) -> Result<Found, Error> {
    let text = |row: &SqlRow, index| Ok(String::from_utf8_lossy(row.try_get::<_, &[u8]>(index)?).into_owned());
    let mut found = Found::default();
    for row in records {
        let unique = (0..wanted.values.len()).map(|index| row.try_get(3 + index)).collect::<Result<_, Error>>()?;
        let stored =
            Row { version: row.try_get::<_, i64>(1)?.cast_unsigned(), body: Bytes::copy_from_slice(row.try_get(2)?) };
        found.records.insert(text(row, 0)?, Stored { row: stored, unique });
    }
    for row in requests {
        let done = (row.try_get::<_, Vec<u8>>(1)?, Bytes::copy_from_slice(row.try_get(2)?));
        found.requests.insert(text(row, 0)?, done);
    }
    for rows in holders {
        let of = |row: &SqlRow| Ok((row.try_get::<_, String>(0)?, text(row, 1)?));
        found.holders.push(rows.iter().map(of).collect::<Result<HashMap<_, _>, Error>>()?);
    }
    Ok(found)
}

/// Prepares statements, so that nothing has to be waited for when they are sent.
async fn ready<'p>(
    session: &Session,
    steps: &'p [(&str, Params<'p>)],
) -> Result<Vec<(Statement, &'p Params<'p>)>, Error> {
    let mut ready = Vec::with_capacity(steps.len());
    for (sql, params) in steps {
        ready.push((session.statement(sql).await?, params));
    }
    Ok(ready)
}

async fn step(client: &Client, statement: &Statement, params: &Params<'_>) -> Result<u64, Error> {
    client.execute_raw(statement, params.iter().map(|param| &**param as &(dyn ToSql + Sync))).await
}

type Params<'a> = Vec<Box<dyn ToSql + Sync + Send + 'a>>;

/// The second flight. Fails with what the database said when it is certain that nothing was committed, else without.
async fn write(
    session: &Session,
    shared: &Shared,
    plan: &Plan<'_>,
    head: Head,
    token: i64,
    limit: Duration,
) -> Result<Head, Option<Error>> {
    let (sql, client) = (&shared.sql, session.client());
    let count = i64::try_from(plan.changes.len()).unwrap_or(i64::MAX);
    let before = shared.drop_before(head, plan.changes.len());
    let mut steps: Vec<(&str, Params<'_>)> = Vec::new();
    if !plan.deletes.is_empty() {
        steps.push((&sql.delete, vec![Box::new(plan.deletes.clone())]));
    }
    for (sql, puts) in [(&sql.update, &plan.updates), (&sql.insert, &plan.inserts)] {
        if !puts.is_empty() {
            steps.push((sql, records(puts, &shared.table)));
        }
    }
    if !plan.requests.is_empty() {
        steps.push((&sql.put_requests, requests(plan)));
    }
    // Behind the new changes, since some of them may be too many already.
    let mut last: Vec<(&str, Params<'_>)> = vec![(&sql.log, changes(plan, count, token))];
    if before > head.oldest {
        last.push((&sql.drop_changes, vec![Box::new(before.cast_signed())]));
    }
    let first = ready(session, &steps).await.map_err(Some)?;
    let last = ready(session, &last).await.map_err(Some)?;
    let advance = session.statement(&sql.advance).await.map_err(Some)?;
    let notify = session.statement("SELECT pg_notify($1, '')").await.map_err(Some)?;
    let moved: [&(dyn ToSql + Sync); 3] = [&count, &before.cast_signed(), &now()];
    let channel: [&(dyn ToSql + Sync); 1] = [&sql.channel];
    // The row that orders commits is changed last. The others are told when the commit is done, since telling as part
    // of it would make all commits of the database wait for each other.
    let flight = join5(
        join_all(first.iter().map(|(statement, params)| step(client, statement, params))),
        client.query_one(&advance, &moved),
        join_all(last.iter().map(|(statement, params)| step(client, statement, params))),
        client.batch_execute("COMMIT"),
        client.execute(&notify, &channel),
    );
    let Ok((steps, advanced, logged, committed, _)) = tokio::time::timeout(limit, flight).await else {
        return Err(None);
    };
    let certain = |error: Error| error.as_db_error().is_some().then_some(error);
    for step in steps {
        step.map_err(certain)?;
    }
    let advanced = advanced.map_err(certain)?;
    for step in logged {
        step.map_err(certain)?;
    }
    // An error here need not mean that it was undone, unless the database says that it was.
    committed.map_err(|error| Some(error).filter(is_retryable))?;
    Ok(Head::of(&advanced))
}

impl Shared {
    /// The oldest position to be kept once so many changes were written.
    fn drop_before(&self, head: Head, written: usize) -> u64 {
        let written = u64::try_from(written).unwrap_or(u64::MAX);
        let kept = (head.newest + written + 1).saturating_sub(head.oldest);
        head.oldest + kept.saturating_sub(self.change_rows.max(1)).min(2 * written + SHORTEN)
    }
}

fn records<'a>(puts: &'a [Put<'a>], table: &Table) -> Params<'a> {
    let mut params: Params<'a> = vec![
        Box::new(puts.iter().map(|put| put.key.as_bytes()).collect::<Vec<_>>()),
        Box::new(puts.iter().map(|put| put.version.cast_signed()).collect::<Vec<_>>()),
        Box::new(puts.iter().map(|put| &**put.body).collect::<Vec<_>>()),
    ];
    params.extend(
        table
            .columns
            .iter()
            .enumerate()
            .map(|(index, column)| array(Some(column), puts.iter().filter_map(move |put| put.values.get(index)))),
    );
    params
}

fn requests<'a>(plan: &'a Plan<'_>) -> Params<'a> {
    let each = || plan.requests.iter();
    vec![
        Box::new(each().map(|(request, _)| request.id.as_bytes()).collect::<Vec<_>>()),
        Box::new(each().map(|(request, _)| request.digest.to_be_bytes().to_vec()).collect::<Vec<_>>()),
        Box::new(each().map(|(_, body)| &***body).collect::<Vec<&[u8]>>()),
        Box::new(now()),
    ]
}

fn changes<'a>(plan: &'a Plan<'_>, count: i64, token: i64) -> Params<'a> {
    let each = || plan.changes.iter();
    vec![
        Box::new(count),
        Box::new(token),
        Box::new(each().map(|entry| kind_code(entry.kind)).collect::<Vec<_>>()),
        Box::new(each().map(|entry| entry.key.as_bytes()).collect::<Vec<_>>()),
        Box::new(each().map(|entry| &*entry.body).collect::<Vec<_>>()),
        Box::new(each().map(|entry| entry.previous.as_deref()).collect::<Vec<_>>()),
    ]
}

/// How a kind of change is stored.
fn kind_code(kind: ChangeKind) -> i16 {
    match kind {
        ChangeKind::Created => 1,
        ChangeKind::Updated => 2,
        ChangeKind::Deleted => 3,
    }
}
