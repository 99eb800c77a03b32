//! Import: a stream of records in, one summary out.

use std::{collections::HashSet, pin::pin};

use campus_proto::standard::{ImportRequest, ImportResponse, Rejection};
use campus_store::{Op, Outcome, Row, StoreError};
use futures_util::{Stream, StreamExt, future::try_join};

use crate::{collection::Collection, error::Error, name::Name, record};

/// Records, and bytes of them, that are written at once.
const BATCH: usize = 4096;
const BATCH_BYTES: usize = 4 << 20;
/// Rejections that the summary lists.
const LISTED: usize = 100;
/// How often a record is tried again when another writer was faster.
const ROUNDS: usize = 16;

impl Collection {
    /// Writes each record of a stream, new or replacing, and says what was done. While one batch is looked up and on its
    /// way to the disk the next is read and checked; no more than these two are held.
    ///
    /// # Errors
    /// What the stream or the store failed with; batches before that stay written.
    pub async fn import<S, E>(&self, records: S) -> Result<ImportResponse, E>
    where
        S: Stream<Item = Result<ImportRequest, E>> + Send,
        E: From<Error>,
    {
        let mut reader = Reader { records: pin!(records.fuse()), carried: None, position: 0 };
        let mut summary = ImportResponse::default();
        let mut batch = reader.batch(self, &mut summary).await?;
        while !batch.is_empty() {
            let settled = async { self.settle(batch).await.map_err(|error| E::from(cut(error))) };
            let (done, next) = try_join(settled, reader.batch(self, &mut summary)).await?;
            add(&mut summary, done);
            batch = next;
        }
        summary.rejections.truncate(LISTED);
        Ok(summary)
    }

    /// Writes a batch of different records.
    async fn settle(&self, batch: Vec<Candidate>) -> Result<ImportResponse, Error> {
        let mut summary = ImportResponse::default();
        let keys: Vec<String> = batch.iter().map(|candidate| candidate.name.as_str().to_owned()).collect();
        let stored = self.store.get_many(&keys).await?;
        let mut waiting: Vec<(Candidate, Option<Row>)> = batch.into_iter().zip(stored).collect();
        for _ in 0..ROUNDS {
            waiting.retain(|(candidate, row)| {
                let same = row.as_ref().is_some_and(|row| record::parts(&self.kind, row).content == candidate.content);
                summary.unchanged_count += i32::from(same);
                !same
            });
            if waiting.is_empty() {
                return Ok(summary);
            }
            let outcomes = self.write_in_turn(&waiting).await?;
            waiting = self.sort_out(waiting, outcomes, &mut summary);
        }
        for (candidate, _) in waiting {
            let name = candidate.name.into_string();
            reject(&mut summary, candidate.position, name.clone(), Error::Contended { name });
        }
        Ok(summary)
    }

    /// Writes a batch; while the queue is full this stream waits its turn, and so does its sender.
    async fn write_in_turn(&self, batch: &[(Candidate, Option<Row>)]) -> Result<Vec<Outcome>, Error> {
        let op = |(candidate, row): &(Candidate, Option<Row>)| -> Op {
            self.put_op(&candidate.name, &candidate.content, row.as_ref(), None).0
        };
        loop {
            match self.store.write(batch.iter().map(op).collect()).await {
                Err(StoreError::Overloaded { retry_after }) => tokio::time::sleep(retry_after).await,
                done => return done.map_err(Error::from),
            }
        }
    }

    /// Counts what was written; returns what has to be tried again on what another writer left.
    fn sort_out(
        &self,
        batch: Vec<(Candidate, Option<Row>)>,
        outcomes: Vec<Outcome>,
        summary: &mut ImportResponse,
    ) -> Vec<(Candidate, Option<Row>)> {
        let mut again = Vec::new();
        for ((candidate, _), outcome) in batch.into_iter().zip(outcomes) {
            match outcome {
                Outcome::Created => summary.created_count += 1,
                Outcome::Updated => summary.updated_count += 1,
                Outcome::Exists(row) | Outcome::Conflict(row) => again.push((candidate, Some(row))),
                Outcome::Missing => again.push((candidate, None)),
                Outcome::Taken { column } => {
                    let error = self.taken(column, candidate.name.as_str());
                    reject(summary, candidate.position, candidate.name.into_string(), error);
                }
                other => {
                    tracing::error!(outcome = ?other, "the store answered with an outcome that does not fit an import");
                    reject(summary, candidate.position, candidate.name.into_string(), Error::Internal);
                }
            }
        }
        again
    }

    fn candidate(&self, position: i32, request: &ImportRequest) -> Result<Candidate, (String, Error)> {
        let singular = self.kind.singular();
        let Some(sent) = &request.record else {
            return Err((String::new(), Error::invalid(singular, "is required")));
        };
        let text = record::text(sent, self.kind.server.name);
        let name = Name::parse(&self.kind, text, &format!("{singular}.name"));
        let content = record::content(&self.kind, sent);
        match (name, content) {
            (Ok(name), Ok(content)) => Ok(Candidate { position, name, content }),
            (Err(Error::Invalid(mut both)), Err(Error::Invalid(more))) => {
                both.extend(more);
                Err((text.to_owned(), Error::Invalid(both)))
            }
            (Err(error), _) | (_, Err(error)) => Err((text.to_owned(), error)),
        }
    }
}

/// A record that can be written.
struct Candidate {
    position: i32,
    name: Name,
    content: Vec<u8>,
}

/// Cuts a stream into batches of different records: the second of two with the same name must see the first.
struct Reader<S> {
    records: S,
    carried: Option<Candidate>,
    position: i32,
}

impl<S, E> Reader<S>
where
    S: Stream<Item = Result<ImportRequest, E>> + Unpin,
    E: From<Error>,
{
    /// The next records that can be written; those that cannot are counted in `summary`. Empty at the end.
    async fn batch(&mut self, collection: &Collection, summary: &mut ImportResponse) -> Result<Vec<Candidate>, E> {
        let (mut batch, mut names, mut bytes) = (Vec::new(), HashSet::new(), 0);
        while batch.len() < BATCH && bytes < BATCH_BYTES {
            let candidate = match self.carried.take() {
                Some(carried) => carried,
                None => {
                    let Some(request) = self.records.next().await else { break };
                    let position = self.position;
                    self.position = position.saturating_add(1);
                    match collection.candidate(position, &request?) {
                        Ok(candidate) => candidate,
                        Err((name, error)) => {
                            reject(summary, position, name, error);
                            continue;
                        }
                    }
                }
            };
            if !names.insert(candidate.name.clone()) {
                self.carried = Some(candidate);
                break;
            }
            bytes += candidate.content.len();
            batch.push(candidate);
        }
        Ok(batch)
    }
}

/// What was written before stays, and sending a record again does no harm.
fn cut(error: Error) -> Error {
    match error {
        Error::Unavailable { reason } => Error::ImportCut { reason },
        Error::Unknown => Error::ImportCut { reason: "it was lost during a write" },
        other => other,
    }
}

fn reject(summary: &mut ImportResponse, position: i32, name: String, error: Error) {
    summary.rejected_count = summary.rejected_count.saturating_add(1);
    // Those of one batch come in order, so what is beyond the list now stays beyond it.
    if summary.rejections.len() < 2 * LISTED {
        summary.rejections.push(Rejection { position, name, status: Some(error.into()) });
    }
}

fn add(sum: &mut ImportResponse, part: ImportResponse) {
    sum.created_count = sum.created_count.saturating_add(part.created_count);
    sum.updated_count = sum.updated_count.saturating_add(part.updated_count);
    sum.unchanged_count = sum.unchanged_count.saturating_add(part.unchanged_count);
    sum.rejected_count = sum.rejected_count.saturating_add(part.rejected_count);
    // A batch settles when records after it have been read and rejected already.
    sum.rejections.extend(part.rejections);
    sum.rejections.sort_by_key(|rejection| rejection.position);
    sum.rejections.truncate(LISTED);
}
