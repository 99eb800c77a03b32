//! What an import has come to.

use serde_json::json;

use super::{rejects::Rejects, row::Row};
use crate::{
    failure::{Failure, exit},
    output::Format,
    progress::Progress,
    terminal::printable,
};

/// Rejected rows that are shown, unless all are asked for.
const SHOWN: u64 = 20;

/// How many records had which fate.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    /// New.
    pub(crate) created: u64,
    /// Replaced a different one.
    pub(crate) updated: u64,
    /// There already.
    pub(crate) unchanged: u64,
    /// Not written.
    pub(crate) rejected: u64,
}

impl Counts {
    /// `C created, U updated, N unchanged, R rejected`.
    pub(crate) fn line(&self) -> String {
        let Self { created, updated, unchanged, rejected } = self;
        format!("{created} created, {updated} updated, {unchanged} unchanged, {rejected} rejected")
    }

    /// The same for programs; for people there is nothing to add to the line.
    pub(crate) fn text(&self, format: Format) -> String {
        let Self { created, updated, unchanged, rejected } = self;
        let object = json!({"created": created, "updated": updated, "unchanged": unchanged, "rejected": rejected});
        match format {
            Format::Table => String::new(),
            Format::Json => format!("{object:#}\n"),
            Format::Ndjson => format!("{object}\n"),
            Format::Csv => format!("created,updated,unchanged,rejected\n{created},{updated},{unchanged},{rejected}\n"),
        }
    }

    /// All records.
    pub(crate) fn total(&self) -> u64 {
        self.created + self.updated + self.unchanged + self.rejected
    }
}

/// Counts, and tells of each rejected row.
pub(crate) struct Report {
    /// So far.
    pub(crate) counts: Counts,
    verbose: bool,
    rejects: Option<Rejects>,
}

impl Report {
    /// Shows every rejected row if `verbose`, and writes them to `rejects`.
    pub(crate) fn new(verbose: bool, rejects: Option<Rejects>) -> Self {
        Self { counts: Counts::default(), verbose, rejects }
    }

    /// A row was rejected.
    ///
    /// # Errors
    /// If the file of rejects cannot be written.
    pub(crate) fn reject(&mut self, row: &Row, name: &str, reason: &str, progress: &Progress) -> Result<(), Failure> {
        self.counts.rejected += 1;
        if self.verbose || self.counts.rejected <= SHOWN {
            let name = if name.is_empty() { String::new() } else { format!("{name}: ") };
            progress.say(&printable(&format!("line {}: {name}{reason}", row.line)));
        }
        match &mut self.rejects {
            Some(rejects) => rejects.add(row, reason),
            None => Ok(()),
        }
    }

    /// Says what is still to be said, and fails if a row was rejected.
    ///
    /// # Errors
    /// If a row was rejected, or the file of rejects cannot be written.
    pub(crate) fn finish(self, done: &str, progress: &Progress) -> Result<(), Failure> {
        let hidden = self.counts.rejected.saturating_sub(SHOWN);
        if hidden > 0 && !self.verbose {
            let hint = if self.rejects.is_some() { "" } else { ", --rejects FILE keeps them" };
            progress.say(&format!("and {hidden} more rejected rows; --verbose shows all{hint}"));
        }
        if let Some(rejects) = self.rejects {
            rejects.finish()?;
        }
        progress.clear();
        progress.say(done);
        if self.counts.rejected > 0 { Err(Failure::silent(exit::RECORDS)) } else { Ok(()) }
    }
}
