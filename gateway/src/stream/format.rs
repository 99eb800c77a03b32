//! The forms that a stream of replies has, and its one terminal frame.

use http::{HeaderMap, HeaderValue};
use tonic::{Code, Status};

use crate::{fault, gateway::Table, web::accept};

/// How long a browser waits before it takes a stream up again, in milliseconds.
const RETRY: &str = "retry: 2000\n\n";

/// A form of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// A JSON array: complete only with its end, for clients that read all of it.
    Array,
    /// A JSON value on each line.
    Lines,
    /// Server-sent events (HTML Standard, 9.2).
    Events,
}

/// Every media type that a stream can have, the one for clients that do not care first.
pub(crate) const OFFERED: [&str; 5] =
    ["application/json", "application/x-ndjson", "application/ndjson", "application/jsonl", "text/event-stream"];

impl Format {
    /// What `Accept` asks for, with its media type; `None` when it is none of these.
    pub(super) fn accepted(headers: &HeaderMap) -> Option<(Self, HeaderValue)> {
        let kind = accept::media_type(headers, &OFFERED)?;
        let format = match kind {
            "application/json" => Self::Array,
            "text/event-stream" => Self::Events,
            _ => Self::Lines,
        };
        Some((format, HeaderValue::from_static(kind)))
    }

    /// What comes before everything else.
    pub(super) fn begin(self, out: &mut String) {
        match self {
            Self::Array => out.push('['),
            Self::Lines => {}
            Self::Events => out.push_str(RETRY),
        }
    }

    /// What comes before a record.
    pub(super) fn before(self, is_first: bool, out: &mut String) {
        match self {
            Self::Array => out.push_str(if is_first { "\n" } else { ",\n" }),
            Self::Lines => {}
            Self::Events => out.push_str("data: "),
        }
    }

    /// What comes behind a record; `id` is where the stream can be taken up again.
    pub(super) fn behind(self, id: Option<&str>, out: &mut String) {
        match self {
            Self::Array => {}
            Self::Lines => out.push('\n'),
            Self::Events => {
                if let Some(id) = id.filter(|id| !id.contains(['\n', '\r', '\0'])) {
                    out.push_str("\nid: ");
                    out.push_str(id);
                }
                out.push_str("\n\n");
            }
        }
    }

    /// The end. Without it a stream was cut off.
    pub(super) fn end(self, status: &Status, is_first: bool, table: &Table, out: &mut String) {
        let failed = (status.code() != Code::Ok).then(|| {
            let error = fault::error(status, None, &table.schemas);
            serde_json::json!({ "error": error }).to_string()
        });
        match (self, failed) {
            (Self::Array, None) => out.push_str(if is_first { "]\n" } else { "\n]\n" }),
            (Self::Array, Some(error)) => {
                self.before(is_first, out);
                out.push_str(&error);
                out.push_str("\n]\n");
            }
            (Self::Lines, None) => {}
            (Self::Lines, Some(error)) => {
                out.push_str(&error);
                out.push('\n');
            }
            (Self::Events, None) => out.push_str("event: end\ndata: {}\n\n"),
            (Self::Events, Some(error)) => {
                out.push_str("event: error\ndata: ");
                out.push_str(&error);
                out.push_str("\n\n");
            }
        }
    }
}
