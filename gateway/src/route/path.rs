//! The path of a request: its segments, and what percent-encoding in it means.

use std::borrow::Cow;

use super::template::{Edge, Variable};

/// The path of a request that a route was found for: the values of the route's variables are parts of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Captured<'p> {
    /// Without the slash at the front and without the verb.
    path: &'p str,
}

impl<'p> Captured<'p> {
    pub(super) fn new(path: &'p str) -> Self {
        Self { path }
    }

    /// The part of the path that is a variable's value, as it is in the path.
    pub(crate) fn raw(self, variable: &Variable) -> &'p str {
        let segments = if self.path.is_empty() { 0 } else { self.path.split('/').count() };
        let place = |edge| match edge {
            Edge::Front(count) => count,
            Edge::Back(count) => segments.saturating_sub(count),
        };
        let (from, to) = (place(variable.from), place(variable.to));
        if from >= to {
            return "";
        }
        let end = if to < segments { self.start(to) - 1 } else { self.path.len() };
        self.path.get(self.start(from)..end).unwrap_or_default()
    }

    /// Where a segment begins.
    fn start(self, segment: usize) -> usize {
        let Some(slash) = segment.checked_sub(1) else { return 0 };
        self.path.match_indices('/').nth(slash).map_or(self.path.len(), |(at, _)| at + 1)
    }
}

/// Percent-decodes a part of a path; `slashes` tells whether `%2F` is decoded as well.
pub(crate) fn decode(raw: &str, slashes: bool) -> Result<Cow<'_, str>, &'static str> {
    if !raw.contains('%') {
        return Ok(Cow::Borrowed(raw));
    }
    let mut out = Vec::with_capacity(raw.len());
    let mut pieces = raw.split('%');
    out.extend_from_slice(pieces.next().unwrap_or_default().as_bytes());
    for piece in pieces {
        let byte = piece.get(..2).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let byte = byte.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match byte.ok_or("has a \"%\" that two hexadecimal digits do not follow")? {
            b'/' if !slashes => {
                out.push(b'%');
                out.extend_from_slice(piece.as_bytes());
                continue;
            }
            byte => out.push(byte),
        }
        out.extend_from_slice(piece.get(2..).unwrap_or_default().as_bytes());
    }
    String::from_utf8(out).map(Cow::Owned).map_err(|_| "is not valid UTF-8 when it is decoded")
}
