//! Cuts a body into the JSON values it consists of, wherever its pieces are cut.

use std::ops::Range;

/// How the values stand in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// An array if it begins as one, lines if not.
    Any,
    /// An array if it begins as one, values if not.
    AnyValues,
    /// One on each line (NDJSON, JSON Lines).
    Lines,
    /// One behind the other, with white space between or none.
    Values,
    /// A JSON array.
    Array,
}

/// What an array lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    ValueOrEnd,
    Value,
    CommaOrEnd,
    Nothing,
}

/// The values of a body, one after the other. Holds what has come of the one that is not whole yet.
#[derive(Debug)]
pub(super) struct Records {
    form: Form,
    expected: Expected,
    bytes: Vec<u8>,
    /// Where what was not given out begins.
    start: usize,
    /// How far the value at `start` was looked at, and what was found.
    scan: Scan,
    /// Of `start`, from 1.
    line: u64,
    /// Given out so far.
    count: u64,
    limit: usize,
    /// Whether the first bytes were looked at.
    begun: bool,
    ended: bool,
}

/// One value of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record<'a> {
    /// From 1.
    pub(super) number: u64,
    /// The line it begins in, from 1.
    pub(super) line: u64,
    pub(super) text: &'a [u8],
}

/// Why a body cannot be cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// What is wrong, with its line.
    Malformed(String),
    /// A value is longer than it may be.
    TooLarge,
}

/// Where a value stands in the bytes, and the line it begins in.
struct Found {
    range: Range<usize>,
    line: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Scan {
    at: usize,
    depth: u32,
    in_string: bool,
    is_escaped: bool,
}

impl Records {
    /// No value may have more than `limit` bytes.
    pub(super) fn new(form: Form, limit: usize) -> Self {
        Self {
            form,
            expected: Expected::ValueOrEnd,
            bytes: Vec::new(),
            start: 0,
            scan: Scan::default(),
            line: 1,
            count: 0,
            limit,
            begun: false,
            ended: false,
        }
    }

    /// More of the body.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.start);
        self.start = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// There is no more.
    pub(super) fn end(&mut self) {
        self.ended = true;
    }

    /// The next value, if all of it is here.
    ///
    /// # Errors
    /// When the body has not the form it should have.
    pub(super) fn next(&mut self) -> Result<Option<Record<'_>>, Problem> {
        if !self.begun && !self.begin() {
            return Ok(None);
        }
        if matches!(self.form, Form::Any | Form::AnyValues) {
            self.skip_space();
            self.form = match (self.bytes.get(self.start), self.form) {
                (None, _) => return Ok(None),
                (Some(b'['), _) => {
                    self.start += 1;
                    Form::Array
                }
                (Some(_), Form::Any) => Form::Lines,
                (Some(_), _) => Form::Values,
            };
        }
        let found = match self.form {
            Form::Lines => self.line(),
            Form::Any | Form::AnyValues | Form::Values => self.value(),
            Form::Array => self.element()?,
        };
        let Some(Found { range, line }) = found else {
            return if self.bytes.len() - self.start > self.limit { Err(Problem::TooLarge) } else { self.rest() };
        };
        if range.len() > self.limit {
            return Err(Problem::TooLarge);
        }
        self.count += 1;
        let text = self.bytes.get(range).unwrap_or_default();
        Ok(Some(Record { number: self.count, line, text }))
    }

    /// Passes over a byte order mark, once it is known whether there is one.
    fn begin(&mut self) -> bool {
        const BOM: &[u8] = "\u{feff}".as_bytes();
        self.begun = self.ended || self.bytes.len() >= BOM.len() || !BOM.starts_with(&self.bytes);
        if self.bytes.starts_with(BOM) {
            self.start = BOM.len();
        }
        self.begun
    }

    /// At the end nothing may be left.
    fn rest(&self) -> Result<Option<Record<'_>>, Problem> {
        let unclosed = self.form == Form::Array && self.expected != Expected::Nothing;
        if self.ended && (unclosed || self.start < self.bytes.len()) {
            let what = if unclosed { "the array" } else { "the last value" };
            return Err(Problem::Malformed(format!("{what} has no end (line {})", self.line)));
        }
        Ok(None)
    }

    /// The next line that is not blank.
    fn line(&mut self) -> Option<Found> {
        loop {
            let begun = self.start;
            let from = begun + self.scan.at;
            let found = self.bytes.get(from..).unwrap_or_default().iter().position(|byte| *byte == b'\n');
            let end = match found {
                Some(length) => from + length,
                None if self.ended => self.bytes.len(),
                None => {
                    self.scan.at = self.bytes.len() - begun;
                    return None;
                }
            };
            (self.start, self.scan) = ((end + 1).min(self.bytes.len()), Scan::default());
            let line = self.line;
            self.line += u64::from(found.is_some());
            if !self.bytes.get(begun..end).unwrap_or_default().trim_ascii().is_empty() {
                return Some(Found { range: begun..end, line });
            }
            if self.start == self.bytes.len() {
                return None;
            }
        }
    }

    /// The next element of an array.
    fn element(&mut self) -> Result<Option<Found>, Problem> {
        loop {
            if self.scan.at == 0 {
                self.skip_space();
            }
            let Some(byte) = self.bytes.get(self.start).copied() else { return Ok(None) };
            self.expected = match (self.expected, byte) {
                (Expected::ValueOrEnd | Expected::CommaOrEnd, b']') => Expected::Nothing,
                (Expected::CommaOrEnd, b',') => Expected::Value,
                (Expected::CommaOrEnd, _) => return Err(self.malformed("expected , or ] behind a value of the array")),
                (Expected::Value, b']' | b',') | (Expected::ValueOrEnd, b',') => {
                    return Err(self.malformed("expected a value of the array"));
                }
                (Expected::Nothing, _) => return Err(self.malformed("expected nothing behind the array")),
                (Expected::Value | Expected::ValueOrEnd, _) => {
                    let found = self.value();
                    if found.is_some() {
                        self.expected = Expected::CommaOrEnd;
                    }
                    return Ok(found);
                }
            };
            self.start += 1;
        }
    }

    fn malformed(&self, expected: &str) -> Problem {
        Problem::Malformed(format!("{expected} (line {})", self.line))
    }

    /// The next value, with its line. It ends where its brackets are closed; what is in it is for others to judge.
    fn value(&mut self) -> Option<Found> {
        if self.scan.at == 0 {
            self.skip_space();
        }
        let begun = self.start;
        let rest = self.bytes.get(begun + self.scan.at..).unwrap_or_default();
        for byte in rest {
            match self.scan.step(*byte) {
                Step::On => self.scan.at += 1,
                Step::Last => return Some(self.taken(self.scan.at + 1)),
                Step::Behind => return Some(self.taken(self.scan.at)),
            }
        }
        let is_bare = self.scan.at > 0 && self.scan.depth == 0 && !self.scan.in_string;
        (self.ended && is_bare).then(|| self.taken(self.scan.at))
    }

    fn taken(&mut self, length: usize) -> Found {
        let range = self.start..self.start + length;
        let line = self.line;
        let inside = self.bytes.get(range.clone()).unwrap_or_default();
        self.line += inside.iter().map(|byte| u64::from(*byte == b'\n')).sum::<u64>();
        (self.start, self.scan) = (range.end, Scan::default());
        Found { range, line }
    }

    fn skip_space(&mut self) {
        while let Some(byte) = self.bytes.get(self.start).filter(|byte| byte.is_ascii_whitespace()) {
            self.line += u64::from(*byte == b'\n');
            self.start += 1;
        }
    }
}

enum Step {
    On,
    /// This byte is the last of the value.
    Last,
    /// The value was whole before this byte.
    Behind,
}

impl Scan {
    fn step(&mut self, byte: u8) -> Step {
        if self.in_string {
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' => self.is_escaped = true,
                b'"' => {
                    self.in_string = false;
                    return if self.depth == 0 { Step::Last } else { Step::On };
                }
                _ => {}
            }
            return Step::On;
        }
        match byte {
            b'"' if self.depth == 0 && self.at > 0 => return Step::Behind,
            b'"' => self.in_string = true,
            b'{' | b'[' if self.depth == 0 && self.at > 0 => return Step::Behind,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' if self.depth > 1 => self.depth -= 1,
            b'}' | b']' if self.depth == 1 => return Step::Last,
            b',' | b']' | b'}' if self.at > 0 && self.depth == 0 => return Step::Behind,
            _ if self.at > 0 && self.depth == 0 && byte.is_ascii_whitespace() => return Step::Behind,
            _ => {}
        }
        Step::On
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(form: Form, body: &str, piece: usize) -> Result<Vec<(u64, String)>, Problem> {
        let (mut records, mut found) = (Records::new(form, 20), Vec::new());
        let pieces: Vec<&[u8]> = body.as_bytes().chunks(piece).collect();
        for (at, piece) in pieces.iter().enumerate() {
            records.push(piece);
            if at + 1 == pieces.len() {
                records.end();
            }
            while let Some(record) = records.next()? {
                assert_eq!(usize::try_from(record.number), Ok(found.len() + 1));
                found.push((record.line, String::from_utf8(record.text.to_vec()).unwrap()));
            }
        }
        Ok(found)
    }

    #[track_caller]
    fn check(form: Form, body: &str, expected: &[(u64, &str)]) {
        let expected: Vec<(u64, String)> = expected.iter().map(|(line, text)| (*line, (*text).to_owned())).collect();
        for piece in 1..=body.len() {
            assert_eq!(cut(form, body, piece).as_ref(), Ok(&expected), "{body:?} in pieces of {piece}");
        }
    }

    #[test]
    fn values_are_found_with_their_lines_however_the_body_is_cut() {
        check(Form::Lines, "{\"a\":1}\n\n{\"b\":2}\r\n{}", &[(1, "{\"a\":1}"), (3, "{\"b\":2}\r"), (4, "{}")]);
        check(Form::Any, "\n {\"a\":1}\n{}\n", &[(2, "{\"a\":1}"), (3, "{}")]);
        check(
            Form::Any,
            " [ {\"a\":\"]\"},\n[1,\n2] , \"x\\\"y\",3]\n",
            &[(1, "{\"a\":\"]\"}"), (2, "[1,\n2]"), (3, "\"x\\\"y\""), (3, "3")],
        );
        check(Form::AnyValues, "[]", &[]);
        check(Form::Any, "[\n]\n", &[]);
        check(
            Form::AnyValues,
            "{\n\"a\":1}{}\n1 2 \"x\"true",
            &[(1, "{\n\"a\":1}"), (2, "{}"), (3, "1"), (3, "2"), (3, "\"x\""), (3, "true")],
        );
    }

    #[test]
    fn a_body_without_its_form_is_refused_with_the_line() {
        for (body, expected) in [
            ("[{},\n]", "expected a value of the array (line 2)"),
            ("[{}\n{}]", "expected , or ] behind a value of the array (line 2)"),
            ("[,{}]", "expected a value of the array (line 1)"),
            ("[{}]\n{}", "expected nothing behind the array (line 2)"),
            ("[{},\n{}", "the array has no end (line 2)"),
            ("[{},\n{", "the array has no end (line 2)"),
        ] {
            for piece in 1..=body.len() {
                assert_eq!(
                    cut(Form::Any, body, piece),
                    Err(Problem::Malformed(expected.to_owned())),
                    "{body:?} {piece}"
                );
            }
        }
        let open = cut(Form::Values, "{} {\"a\":", 3);
        assert_eq!(open, Err(Problem::Malformed("the last value has no end (line 1)".to_owned())));
    }

    #[test]
    fn a_value_over_the_limit_is_refused_before_all_of_it_is_held() {
        for form in [Form::Lines, Form::Values, Form::Any] {
            let long = format!("{{\"a\":\"{}\"}}", "x".repeat(20));
            assert_eq!(cut(form, &long, 3), Err(Problem::TooLarge), "{form:?}");
        }
    }
}
