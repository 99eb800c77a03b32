//! What is wrong with a request, all of it at once.

use std::fmt;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

/// More than anybody reads.
const MOST: usize = 16;

/// Where in a request a value stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the path.
    Path,
    /// Behind the question mark.
    Query,
    /// In the body.
    Body,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Path => "path",
            Self::Query => "query",
            Self::Body => "body",
        })
    }
}

/// One value that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Where it stands.
    pub place: Place,
    /// The key or field as the request has it; empty when it is the place as a whole.
    pub field: String,
    /// What is wrong, and what would be right.
    pub problem: String,
    /// Line and column of the body, from 1, where reading it stopped.
    pub at: Option<(usize, usize)>,
}

impl Violation {
    fn new(place: Place, field: String, problem: String) -> Self {
        Self { place, field, problem, at: None }
    }

    /// What is wrong, with the line.
    fn placed(&self) -> String {
        let at = self.at.map(|(line, column)| format!(" (line {line} column {column})"));
        format!("{}{}", self.problem, at.unwrap_or_default())
    }

    /// The same of a body that is the record `number` of a larger one, in which it begins in `line`.
    #[must_use]
    pub(crate) fn of_record(self, number: u64, line: u64) -> Self {
        let (further, column) = self.at.map_or((0, 0), |(line, column)| (line.saturating_sub(1) as u64, column));
        // Where in its own first line a record begins is not known.
        let column = if further > 0 { format!(" column {column}") } else { String::new() };
        let problem = format!("{} (record {number}, line {}{column})", self.problem, line + further);
        Self { problem, at: None, ..self }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, field, .. } = self;
        let problem = self.placed();
        if field.is_empty() { write!(f, "{place}: {problem}") } else { write!(f, "{place}: {field}: {problem}") }
    }
}

/// All that is wrong with a request, or the first 16 things of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Violations(Vec<Violation>);

impl Violations {
    pub(crate) fn one(place: Place, field: &str, problem: &str) -> Self {
        Self(vec![Violation::new(place, field.to_owned(), problem.to_owned())])
    }

    pub(crate) fn add(&mut self, place: Place, field: String, problem: String) {
        if !self.is_full() {
            self.0.push(Violation::new(place, field, problem));
        }
    }

    pub(crate) fn map(self, change: impl FnMut(Violation) -> Violation) -> Self {
        Self(self.0.into_iter().map(change).collect())
    }

    pub(crate) fn is_full(&self) -> bool {
        self.0.len() >= MOST
    }

    pub(crate) fn or<T>(self, value: T) -> Result<T, Self> {
        if self.0.is_empty() { Ok(value) } else { Err(self) }
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Violation> {
        self.0.iter()
    }

    /// `INVALID_ARGUMENT` with a `google.rpc.BadRequest` that has each of them.
    pub fn to_status(&self) -> Status {
        let violations =
            self.0.iter().map(|it| FieldViolation::new(&it.field, format!("{}: {}", it.place, it.placed())));
        let details = ErrorDetails::with_bad_request(violations.collect::<Vec<_>>());
        Status::with_error_details(Code::InvalidArgument, self.to_string(), details)
    }
}

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, violation) in self.0.iter().enumerate() {
            write!(f, "{}{violation}", if at == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

impl std::error::Error for Violations {}
