//! Records out of JSON.

use std::io::BufRead;

use bytes::Bytes;
use campus_schema::nearest;
use serde_json::{Map, Value as Json};

use super::{
    mapping::{Mapping, Target},
    row::{Original, Row},
    split::{Array, Lines, Piece},
};
use crate::{failure::Failure, value};

/// Where the values of the input come from.
pub(crate) enum Pieces<R> {
    /// A JSON array.
    Array(Array<R>),
    /// One value a line.
    Lines(Lines<R>),
}

/// Reads records from JSON.
pub(crate) struct JsonRows<R> {
    pieces: Pieces<R>,
    waiting: Option<Result<Piece, Failure>>,
    mapping: Mapping,
    keep: bool,
}

impl<R: BufRead> JsonRows<R> {
    /// Looks at the first record. `keep` says whether rows keep their text.
    ///
    /// # Errors
    /// If the first record has a member that is no field.
    pub(crate) fn new(pieces: Pieces<R>, mapping: Mapping, keep: bool) -> Result<Self, Failure> {
        let mut rows = Self { pieces, waiting: None, mapping, keep };
        rows.waiting = rows.piece();
        if let Some(Ok(piece)) = &rows.waiting
            && let Ok(object) = object(&piece.text)
        {
            let unknown: Vec<&str> =
                object.keys().map(String::as_str).filter(|key| rows.mapping.target(key).is_none()).collect();
            if !unknown.is_empty() {
                return Err(rows.mapping.unknown(&unknown));
            }
        }
        Ok(rows)
    }

    fn piece(&mut self) -> Option<Result<Piece, Failure>> {
        match &mut self.pieces {
            Pieces::Array(array) => array.next(),
            Pieces::Lines(lines) => lines.next(),
        }
    }

    /// The next row.
    pub(crate) fn next(&mut self) -> Option<Result<Row, Failure>> {
        let piece = match self.waiting.take().or_else(|| self.piece())? {
            Ok(piece) => piece,
            Err(failure) => return Some(Err(failure)),
        };
        let record = self.record(&piece.text);
        let original = if self.keep { Original::Json(piece.text) } else { Original::Dropped };
        Some(Ok(Row { line: piece.line, end: piece.end, record, original }))
    }

    fn record(&self, text: &[u8]) -> Result<Bytes, String> {
        let mut record = Vec::with_capacity(text.len());
        fill(&self.mapping, &object(text)?, &mut record)?;
        self.mapping.named(record)
    }
}

/// The object in `text`.
///
/// # Errors
/// If it is not valid JSON, or not an object.
pub(crate) fn object(text: &[u8]) -> Result<Map<String, Json>, String> {
    match serde_json::from_slice(text) {
        Ok(Json::Object(object)) => Ok(object),
        Ok(_) => Err("is not a JSON object".to_owned()),
        Err(error) => Err(format!("is not valid JSON: {error}")),
    }
}

/// Appends the members of `object` to an encoded record.
///
/// # Errors
/// The first member that is no field, or whose value is not one of its field.
pub(crate) fn fill(mapping: &Mapping, object: &Map<String, Json>, record: &mut Vec<u8>) -> Result<(), String> {
    let kind = mapping.kind();
    for (key, member) in object {
        match mapping.target(key) {
            None => {
                let near = nearest(key, kind.message.fields().iter().map(|field| field.json_name));
                let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
                return Err(format!("{key}: is not a field{hint}"));
            }
            Some(Target::Ignore) => {}
            Some(Target::Name) => match member {
                Json::String(text) => value::name(kind, text, record),
                Json::Number(number) => value::name(kind, &number.to_string(), record),
                _ => return Err(format!("{key}: is not text")),
            },
            Some(Target::Field(field)) => {
                value::json(&kind.message, field, member, record).map_err(|fault| format!("{key}: {fault}"))?;
            }
        }
    }
    Ok(())
}
