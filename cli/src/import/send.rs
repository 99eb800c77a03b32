//! Sends a batch of rows in one call, and finds every row of it that was rejected.

use std::collections::BTreeMap;

use bytes::Bytes;
use campus_proto::standard::{ImportRequest, ImportResponse, Rejection};
use futures_util::{StreamExt, stream};
use prost::Message;

use super::{report::Counts, row::Row};
use crate::{
    calls::Deadline,
    context::Context,
    failure::{Failure, exit},
    kind::{Call, Kind, Verb},
    progress::Progress,
    retry::Patience,
    status,
};

/// A record larger than this is refused by servers as they come (gRPC's limit on a message).
const LARGEST_RECORD: usize = 4 << 20;
/// A reply names at most so many rejections. A call with no more records than that leaves none unnamed.
const NAMED: usize = 100;

/// Sends batches.
pub(crate) struct Sender<'a> {
    context: &'a Context,
    kind: &'a Kind,
    call: &'a Call,
    by: Deadline,
}

/// What became of a batch.
pub(crate) struct Sent {
    /// Of the whole batch.
    pub(crate) counts: Counts,
    /// Why each rejected row was rejected, by its place in the batch.
    pub(crate) rejected: BTreeMap<usize, String>,
}

impl<'a> Sender<'a> {
    /// Sends records of `kind`.
    ///
    /// # Errors
    /// If the service has no such method.
    pub(crate) fn new(context: &'a Context, kind: &'a Kind) -> Result<Self, Failure> {
        Ok(Self { context, kind, call: context.call(kind, Verb::Import)?, by: context.stream_deadline() })
    }

    /// Sends the rows that can be sent. Safe to repeat.
    ///
    /// # Errors
    /// What a call ended with, after some patience if the way to the server was cut.
    pub(crate) async fn send(&self, rows: &[Row], progress: &Progress) -> Result<Sent, Failure> {
        let mut rejected = BTreeMap::new();
        let (mut places, mut records) = (Vec::new(), Vec::new());
        for (place, row) in rows.iter().enumerate() {
            match &row.record {
                Err(reason) => drop(rejected.insert(place, reason.clone())),
                Ok(record) if record.len() >= LARGEST_RECORD => {
                    let reason = format!("is {} bytes, more than a call can carry", record.len());
                    rejected.insert(place, reason);
                }
                Ok(record) => {
                    places.push(place);
                    records.push(record.clone());
                }
            }
        }
        let mut counts = Counts::default();
        if !records.is_empty() {
            let refused;
            (counts, refused) = self.records(&records, progress).await?;
            rejected.extend(refused.into_iter().filter_map(|(at, why)| places.get(at).map(|place| (*place, why))));
        }
        counts.rejected = 0;
        Ok(Sent { counts, rejected })
    }

    /// Sends records and asks again, in small calls, about those that may be rejected but are not named.
    async fn records(
        &self,
        records: &[Bytes],
        progress: &Progress,
    ) -> Result<(Counts, BTreeMap<usize, String>), Failure> {
        let first = self.import(records, progress).await?;
        let mut counts = counts(&first);
        let mut rejected = BTreeMap::new();
        let mut from = 0;
        for (at, why) in first.rejections.iter().filter_map(|rejection| self.reason(rejection)) {
            from = at + 1;
            rejected.insert(at, why);
        }
        let mut created_late = 0;
        while (rejected.len() as u64) < counts.rejected && from < records.len() {
            let to = records.len().min(from + NAMED);
            let again = self.import(records.get(from..to).unwrap_or_default(), progress).await?;
            created_late += u64::try_from(again.created_count).unwrap_or_default();
            let found = again.rejections.iter().filter_map(|rejection| self.reason(rejection));
            rejected.extend(found.map(|(at, why)| (from + at, why)));
            from = to;
        }
        // Rejected at first and taken when asked about again: what stood in the way was gone by then.
        let taken = counts.rejected.saturating_sub(rejected.len() as u64);
        counts.created += created_late.min(taken);
        counts.updated += taken.saturating_sub(created_late);
        Ok((counts, rejected))
    }

    /// Where a rejection points to, and why.
    fn reason(&self, rejection: &Rejection) -> Option<(usize, String)> {
        let why = rejection.status.as_ref().map_or_else(|| "rejected without a reason".to_owned(), status::one_line);
        // Whoever reads it knows that it is about this record.
        let why = why.replace(&format!("{}.", self.kind.singular), "");
        Some((usize::try_from(rejection.position).ok()?, why))
    }

    async fn import(&self, records: &[Bytes], progress: &Progress) -> Result<ImportResponse, Failure> {
        let mut patience = Patience::default();
        loop {
            let messages = stream::iter(records.to_vec())
                .map(|record| Bytes::from(ImportRequest { record: Some(record) }.encode_to_vec()));
            match self.context.caller.client_stream(&self.call.path, messages, self.by).await {
                Ok(reply) => {
                    return ImportResponse::decode(reply).map_err(|error| {
                        Failure::new(exit::INTERNAL, format!("the answer of {} is malformed: {error}", self.call.name))
                    });
                }
                Err(status) => {
                    if !patience.again(&status, self.by, |line| progress.say(line)).await {
                        return Err(self.context.failure(&status, self.call.name));
                    }
                }
            }
        }
    }
}

fn counts(reply: &ImportResponse) -> Counts {
    let count = |count: i32| u64::try_from(count).unwrap_or_default();
    Counts {
        created: count(reply.created_count),
        updated: count(reply.updated_count),
        unchanged: count(reply.unchanged_count),
        rejected: count(reply.rejected_count),
    }
}
